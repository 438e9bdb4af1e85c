from __future__ import annotations

import math
import threading
import time

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from engines.runtime.timing import LatencyWindow, Stopwatch

latencies = st.floats(min_value=0.0, max_value=1e6)


@given(st.lists(latencies, min_size=1, max_size=300), st.integers(1, 250))
def test_percentiles_of_the_window_equal_those_of_numpy(values: list[float], size: int) -> None:
    window = LatencyWindow(size)
    for value in values:
        window.add(value)
    kept = values[-size:]
    assert window.count == len(kept)
    assert window.mean_ms == pytest.approx(np.mean(kept))
    for percent, measured in ((50, window.p50_ms), (95, window.p95_ms), (99, window.p99_ms)):
        assert measured == pytest.approx(np.percentile(kept, percent, method="linear"))


@given(st.lists(latencies, min_size=1, max_size=50))
def test_percentiles_rise_and_stay_within_the_window(values: list[float]) -> None:
    window = LatencyWindow()
    for value in values:
        window.add(value)
    assert window.percentile_ms(0) == min(values)
    assert window.percentile_ms(100) == max(values)
    assert window.p50_ms is not None
    assert window.p95_ms is not None
    assert window.p99_ms is not None
    slack = 1e-9 * max(values)
    assert window.p50_ms <= window.p95_ms + slack
    assert window.p95_ms <= window.p99_ms + slack


def test_an_empty_window_has_no_percentiles() -> None:
    window = LatencyWindow()
    assert window.count == 0
    assert window.mean_ms is window.p50_ms is window.p95_ms is window.p99_ms is None


@pytest.mark.parametrize("value", [-1.0, -1e-9, math.nan, math.inf, -math.inf])
def test_a_latency_that_cannot_be_is_refused(value: float) -> None:
    window = LatencyWindow()
    with pytest.raises(ValueError, match="latency"):
        window.add(value)
    assert window.count == 0


@pytest.mark.parametrize("percent", [-0.1, 100.1, math.nan])
def test_a_percentile_outside_its_range_is_refused(percent: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        LatencyWindow().percentile_ms(percent)


def test_a_window_of_no_size_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        LatencyWindow(0)


def test_no_latency_is_lost_when_threads_add_at_once() -> None:
    window = LatencyWindow(size=4000)

    def add_many() -> None:
        for _ in range(500):
            window.add(1.0)
            assert window.p50_ms == 1.0

    threads = [threading.Thread(target=add_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert window.count == 2000


def test_a_stopwatch_measures_at_least_the_time_that_passed() -> None:
    with Stopwatch(torch.device("cpu")) as watch:
        time.sleep(0.02)
    assert watch.elapsed_ms >= 19.0


def test_a_stopwatch_stops_when_the_block_breaks_off() -> None:
    watch = Stopwatch(torch.device("cpu"))
    with pytest.raises(KeyError), watch:
        raise KeyError("broken")
    assert watch.elapsed_ms >= 0.0


def test_a_running_stopwatch_has_no_reading() -> None:
    with Stopwatch(torch.device("cpu")) as watch, pytest.raises(RuntimeError, match="stopped"):
        _ = watch.elapsed_ms


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_stopwatch_waits_for_the_work_it_timed_on_cuda() -> None:
    device = torch.device("cuda")
    matrix = torch.randn(4096, 4096, device=device)
    matrix @ matrix
    torch.cuda.synchronize()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    with Stopwatch(device) as watch:
        begin.record()
        for _ in range(20):
            matrix @ matrix
        end.record()
    assert watch.elapsed_ms >= begin.elapsed_time(end)
