"""One thread through which all engines compute, most urgent job first."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, TypeVar

from engines.runtime.device import limit_threads
from engines.runtime.errors import BusyError, EngineUnavailableError
from engines.runtime.settings import Settings
from engines.runtime.timing import LatencyWindow

T = TypeVar("T")


class Priority(IntEnum):
    """Order jobs; the lower number goes first."""

    SAFETY = 0
    INTERACTIVE = 1
    BATCH = 2


@dataclass(order=True)
class _Job:
    priority: Priority
    # Numbers jobs in the order they came, so that jobs of one priority keep it.
    sequence: int
    fn: Callable[[], Any] = field(compare=False)
    future: Future[Any] = field(compare=False)
    queued_s: float = field(compare=False)


class CpuLane:
    """Run jobs one at a time in one worker thread.

    Two engines that compute at once with all cores each slow each other down, and every new
    thread that computes grows its own team of OpenMP threads; one lane has one team.

    Args:
        queue_limit: how many jobs may wait; more are refused, but never a safety job.
        timeout_s: how long a job may wait, in seconds. A job that has begun is never cut off.
        threads: CPU threads that one job may use; None leaves PyTorch's choice.
    """

    def __init__(
        self, *, queue_limit: int = 40, timeout_s: float = 60.0, threads: int | None = None
    ) -> None:
        self._queue_limit = queue_limit
        self._timeout_s = timeout_s
        self._threads = threads
        self._waiting: list[_Job] = []
        self._changed = threading.Condition()
        self._sequence = itertools.count()
        self._is_closed = False
        self._wait_times = LatencyWindow()
        self._worker = threading.Thread(target=self._work, name="cpu-lane", daemon=True)
        self._worker.start()

    @classmethod
    def from_settings(cls, settings: Settings) -> CpuLane:
        """Build the lane with the limits of the settings."""
        return cls(
            queue_limit=settings.queue_limit,
            timeout_s=settings.lane_timeout_s,
            threads=settings.cpu_threads,
        )

    @property
    def depth(self) -> int:
        """How many jobs wait; the one that runs is not counted."""
        with self._changed:
            return len(self._waiting)

    @property
    def wait_times(self) -> LatencyWindow:
        """How long recent jobs waited before they began."""
        return self._wait_times

    @property
    def is_current_thread(self) -> bool:
        """Whether the caller is itself a job on this lane."""
        return threading.current_thread() is self._worker

    def run(self, fn: Callable[[], T], *, priority: Priority = Priority.INTERACTIVE) -> T:
        """Run `fn` on the lane, wait for it, and return its result.

        Called from a job on this lane, `fn` runs at once: waiting for oneself would never end.

        Raises:
            BusyError: if too many jobs wait, or this one waited too long; it is then withdrawn.
            EngineUnavailableError: if the lane is closed.
            BaseException: whatever `fn` raises, with its traceback.
        """
        if self.is_current_thread:
            return fn()
        job = self._enqueue(fn, priority)
        future = job.future
        try:
            wait([future], timeout=self._timeout_s)
            # cancel() answers no once the job has begun, and then its result is worth the wait.
            if future.cancel():
                raise BusyError(
                    "Others are being served, and your turn did not come in time.",
                    "Please try again in a minute.",
                )
            result: T = future.result()
            return result
        except BaseException:
            self._withdraw(job)
            raise
        finally:
            # An exception's traceback holds this frame; without this, frame, future and exception
            # would keep each other and the job's tensors alive.
            del job, future

    def close(self) -> None:
        """Refuse new jobs, send the waiting ones away, and let the running one finish."""
        with self._changed:
            self._is_closed = True
            dismissed = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
        for job in dismissed:
            if job.future.set_running_or_notify_cancel():
                job.future.set_exception(_closed())
        if not self.is_current_thread:
            self._worker.join()

    def _enqueue(self, fn: Callable[[], T], priority: Priority) -> _Job:
        with self._changed:
            if self._is_closed:
                raise _closed()
            if len(self._waiting) >= self._queue_limit and priority != Priority.SAFETY:
                raise BusyError(
                    f"Many people are using the app: {len(self._waiting)} jobs wait already.",
                    "Please try again in a minute.",
                )
            job = _Job(priority, next(self._sequence), fn, Future(), time.perf_counter())
            heapq.heappush(self._waiting, job)
            self._changed.notify()
            return job

    def _withdraw(self, job: _Job) -> None:
        """Take a job off the queue if it is still there, so that it neither runs nor counts."""
        job.future.cancel()
        with self._changed:
            if job in self._waiting:
                self._waiting.remove(job)
                heapq.heapify(self._waiting)

    def _work(self) -> None:
        if self._threads is not None:
            limit_threads(self._threads)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closed)
                if not self._waiting:
                    return
                job = heapq.heappop(self._waiting)
            if job.future.set_running_or_notify_cancel():
                self._wait_times.add((time.perf_counter() - job.queued_s) * 1000.0)
                _finish(job)
            # While the lane rests it must not keep the last job's result or engine in memory.
            del job


def _finish(job: _Job) -> None:
    try:
        result = job.fn()
    except BaseException as error:
        # Even SystemExit belongs to the caller who sent the job; the worker has to live on.
        job.future.set_exception(error)
    else:
        job.future.set_result(result)
    finally:
        # The traceback holds this frame: see `CpuLane.run`.
        del job


def _closed() -> EngineUnavailableError:
    return EngineUnavailableError("The app is shutting down.", "Start it again.")
