from __future__ import annotations

import contextlib
import functools
import gc
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator

import pytest
import torch

from engines.runtime.device import limit_threads
from engines.runtime.errors import BusyError, EngineUnavailableError
from engines.runtime.lane import CpuLane, Priority
from engines.runtime.settings import Settings

PATIENCE_S = 5.0


@pytest.fixture
def lane() -> Iterator[CpuLane]:
    lane = CpuLane(queue_limit=3, timeout_s=PATIENCE_S)
    yield lane
    lane.close()


class Blocker:
    """Keep the lane busy until released."""

    def __init__(self, lane: CpuLane) -> None:
        self._begun, self._go = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: lane.run(self._job))
        self._thread.start()
        assert self._begun.wait(PATIENCE_S)

    def _job(self) -> None:
        self._begun.set()
        assert self._go.wait(PATIENCE_S)

    def release(self) -> None:
        self._go.set()
        self._thread.join(PATIENCE_S)


def start(job: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=job)
    thread.start()
    return thread


def wait_for_depth(lane: CpuLane, depth: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while lane.depth != depth:
        assert time.monotonic() < deadline_s, f"depth stays {lane.depth}, not {depth}"
        time.sleep(0.001)


def test_a_job_returns_its_result_from_another_thread(lane: CpuLane) -> None:
    assert lane.run(lambda: threading.current_thread().name) == "cpu-lane"
    assert not lane.is_current_thread
    assert lane.run(lambda: lane.is_current_thread)


def test_an_exception_reaches_the_caller_with_the_place_it_came_from(lane: CpuLane) -> None:
    def breaks_here() -> None:
        raise KeyError("no such thing")

    with pytest.raises(KeyError) as caught:
        lane.run(breaks_here)
    assert "breaks_here" in "".join(traceback.format_tb(caught.value.__traceback__))


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, TimeoutError])
def test_no_exception_kills_the_worker(lane: CpuLane, kind: type[BaseException]) -> None:
    def breaks() -> None:
        raise kind()

    with pytest.raises(kind):
        lane.run(breaks)
    assert lane.run(lambda: 7) == 7


def test_two_jobs_never_run_at_once() -> None:
    lane = CpuLane(queue_limit=100)
    running: list[int] = []
    most = 0

    def job() -> None:
        nonlocal most
        running.append(1)
        most = max(most, len(running))
        time.sleep(0.001)
        running.pop()

    threads = [start(lambda: [lane.run(job) for _ in range(5)]) for _ in range(10)]
    for thread in threads:
        thread.join()
    assert most == 1
    assert lane.wait_times.count == 50
    lane.close()


def test_urgent_jobs_overtake_and_equals_keep_their_order() -> None:
    lane = CpuLane(queue_limit=10, timeout_s=PATIENCE_S)
    blocker = Blocker(lane)
    order: list[str] = []
    threads = []
    jobs = [
        ("batch 1", Priority.BATCH),
        ("batch 2", Priority.BATCH),
        ("person 1", Priority.INTERACTIVE),
        ("safety 1", Priority.SAFETY),
        ("person 2", Priority.INTERACTIVE),
        ("batch 3", Priority.BATCH),
        ("safety 2", Priority.SAFETY),
    ]

    def send(name: str, priority: Priority) -> None:
        lane.run(lambda: order.append(name), priority=priority)

    for depth, job in enumerate(jobs, start=1):
        threads.append(start(functools.partial(send, *job)))
        wait_for_depth(lane, depth)
    blocker.release()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert order == [
        "safety 1",
        "safety 2",
        "person 1",
        "person 2",
        "batch 1",
        "batch 2",
        "batch 3",
    ]
    lane.close()


def test_beyond_the_limit_a_job_is_refused_but_a_safety_job_is_not(lane: CpuLane) -> None:
    blocker = Blocker(lane)
    waiting = [start(lambda: lane.run(lambda: None)) for _ in range(3)]
    wait_for_depth(lane, 3)
    for priority in (Priority.INTERACTIVE, Priority.BATCH):
        with pytest.raises(BusyError, match="3 jobs wait already"):
            lane.run(lambda: None, priority=priority)
    results: list[str] = []
    safety = start(lambda: results.append(lane.run(lambda: "safe", priority=Priority.SAFETY)))
    wait_for_depth(lane, 4)
    blocker.release()
    for thread in [*waiting, safety]:
        thread.join(PATIENCE_S)
    assert results == ["safe"]


def test_a_job_that_waited_too_long_is_withdrawn_and_never_runs() -> None:
    lane = CpuLane(timeout_s=0.05)
    blocker = Blocker(lane)
    ran: list[str] = []
    with pytest.raises(BusyError, match="did not come in time"):
        lane.run(lambda: ran.append("late"))
    assert lane.depth == 0
    blocker.release()
    lane.run(lambda: ran.append("next"))
    assert ran == ["next"]
    lane.close()


def test_a_job_that_has_begun_may_take_longer_than_the_longest_wait() -> None:
    lane = CpuLane(timeout_s=0.02)

    def slow() -> str:
        time.sleep(0.1)
        return "done"

    assert lane.run(slow) == "done"
    lane.close()


def test_a_job_may_send_another_job_without_waiting_for_itself(lane: CpuLane) -> None:
    assert lane.run(lambda: lane.run(lambda: "inner") + " and outer") == "inner and outer"


def test_the_wait_is_recorded(lane: CpuLane) -> None:
    blocker = Blocker(lane)
    late = start(lambda: lane.run(lambda: None))
    wait_for_depth(lane, 1)
    time.sleep(0.03)
    blocker.release()
    late.join(PATIENCE_S)
    assert lane.wait_times.count == 2
    longest_ms = lane.wait_times.percentile_ms(100)
    assert longest_ms is not None
    assert longest_ms >= 29.0


def test_a_closed_lane_lets_the_running_job_finish_and_refuses_the_rest() -> None:
    lane = CpuLane(timeout_s=PATIENCE_S)
    blocker = Blocker(lane)
    outcomes: list[str] = []

    def wait_in_vain() -> None:
        try:
            lane.run(lambda: None)
        except EngineUnavailableError as error:
            outcomes.append(error.what)

    waiting = start(wait_in_vain)
    wait_for_depth(lane, 1)
    closing = start(lane.close)
    waiting.join(PATIENCE_S)
    assert outcomes == ["The app is shutting down."]
    blocker.release()
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    with pytest.raises(EngineUnavailableError):
        lane.run(lambda: None)
    lane.close()


def test_neither_results_nor_errors_stay_in_memory_after_a_job(lane: CpuLane) -> None:
    class Result:
        pass

    def fail() -> None:
        tensor = torch.zeros(10)
        alive.append(weakref.ref(tensor))
        raise ValueError(tensor.shape)

    alive: list[weakref.ref[object]] = []
    gc.collect()
    gc.disable()
    try:
        result = lane.run(Result)
        alive.append(weakref.ref(result))
        del result
        with contextlib.suppress(ValueError):
            lane.run(fail)
        # The worker lets go of a job just after its caller has the answer.
        lane.run(lambda: None)
        assert [reference() for reference in alive] == [None, None]
    finally:
        gc.enable()


def test_the_lane_computes_with_the_threads_it_was_given() -> None:
    before = torch.get_num_threads()
    lane = CpuLane.from_settings(Settings(cpu_threads=1, queue_limit=2))
    try:
        assert lane.run(torch.get_num_threads) == 1
    finally:
        lane.close()
        torch.set_num_threads(before)


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one thread"):
        limit_threads(0)
