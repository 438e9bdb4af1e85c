"""Measure how long things take, truthfully on accelerators too."""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Sequence
from types import TracebackType

import torch

from engines.runtime.device import synchronize


class Stopwatch:
    """Time a block of code, waiting for the device before both readings of the clock.

    CUDA and MPS return from a call before the work is done; without the wait the time would be
    that of handing the work over.

    Example:
        >>> with Stopwatch(torch.device("cpu")) as watch:
        ...     _ = torch.ones(2, 2) @ torch.ones(2, 2)
        >>> watch.elapsed_ms >= 0
        True
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._start_s = 0.0
        self._elapsed_ms: float | None = None

    def __enter__(self) -> Stopwatch:
        self._elapsed_ms = None
        synchronize(self._device)
        self._start_s = time.perf_counter()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # After an error the device may be unusable, and waiting for it would hide that error.
        if error is None:
            synchronize(self._device)
        self._elapsed_ms = (time.perf_counter() - self._start_s) * 1000.0

    @property
    def elapsed_ms(self) -> float:
        """How long the block took, in milliseconds.

        Raises:
            RuntimeError: if the block has not ended yet.
        """
        if self._elapsed_ms is None:
            raise RuntimeError("the stopwatch has not been stopped yet")
        return self._elapsed_ms


class LatencyWindow:
    """Keep the last `size` latencies and their percentiles; safe to use from several threads.

    Percentiles interpolate linearly between the two nearest ranks, as `numpy.percentile` does by
    default (method 7 of Hyndman & Fan, 1996). They are None while the window is empty.

    Raises:
        ValueError: if size is below 1.
    """

    def __init__(self, size: int = 200) -> None:
        if size < 1:
            raise ValueError(f"a window holds at least one latency, not {size}")
        self._values_ms: deque[float] = deque(maxlen=size)
        self._lock = threading.Lock()

    def add(self, latency_ms: float) -> None:
        """Add one latency in milliseconds; the oldest leaves when the window is full.

        Raises:
            ValueError: if it is negative, infinite or not a number.
        """
        if not math.isfinite(latency_ms) or latency_ms < 0:
            raise ValueError(f"a latency is a finite number from 0 up, not {latency_ms}")
        with self._lock:
            self._values_ms.append(float(latency_ms))

    @property
    def count(self) -> int:
        """How many latencies are in the window."""
        with self._lock:
            return len(self._values_ms)

    @property
    def mean_ms(self) -> float | None:
        """The mean of the window."""
        values_ms = self._snapshot()
        return math.fsum(values_ms) / len(values_ms) if values_ms else None

    @property
    def p50_ms(self) -> float | None:
        """The median of the window."""
        return self.percentile_ms(50.0)

    @property
    def p95_ms(self) -> float | None:
        """The latency that 95 % of the window do not exceed."""
        return self.percentile_ms(95.0)

    @property
    def p99_ms(self) -> float | None:
        """The latency that 99 % of the window do not exceed."""
        return self.percentile_ms(99.0)

    def percentile_ms(self, percent: float) -> float | None:
        """Interpolate the percentile of the window at `percent`, from 0 to 100.

        Raises:
            ValueError: if percent lies outside 0 to 100.
        """
        if not 0.0 <= percent <= 100.0:
            raise ValueError(f"a percentile lies from 0 to 100, not at {percent}")
        values_ms = self._snapshot()
        return _percentile(sorted(values_ms), percent) if values_ms else None

    def _snapshot(self) -> list[float]:
        with self._lock:
            return list(self._values_ms)


def _percentile(ordered: Sequence[float], percent: float) -> float:
    rank = (len(ordered) - 1) * percent / 100.0
    below = ordered[math.floor(rank)]
    above = ordered[math.ceil(rank)]
    return below + (above - below) * (rank - math.floor(rank))
