"""Stage B's own thread: one frame at a time, a deadline, and nothing that anyone waits for."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from engines.maxsight.context_memory import ContextMemory
from engines.maxsight.frames import Pixels
from engines.maxsight.tiers import ContextResult, Tier1

log = logging.getLogger(__name__)

# How a run ends; the names of `ContextCounts`.
Ending = Literal["in_time", "late", "failed"]

# Specification: B answers within this or not at all.
DEADLINE_MS = 500.0
# Native code that is at work while Python is taken down can crash or complain. The end of the
# process waits for runs under way, for all of them together no longer than this.
END_WAIT_S = 1.0
# Linux: share of the cores that B's thread, and those it starts, get next to A's.
NICENESS = 15


class StageB(Protocol):
    """Describe what Stage B offers to the pipeline."""

    def prepare(self) -> None:
        """Get ready before the first look; never raises."""

    def look(
        self, frame: Pixels, tier1: Tier1, memory: ContextMemory, is_late: Callable[[], bool]
    ) -> Mapping[str, Any]:
        """Add what a frame means: name of a part -> its result.

        Args:
            frame: (H, W, 3) uint8 RGB, read-only and its own.
            tier1: what Stage A said of it.
            memory: what was kept of this person's earlier frames.
            is_late: whether the deadline has passed or the worker was closed. What comes later is
                thrown away, so a part that has not begun by then need not begin.
        """


class ContextBox:
    """Hold Stage B's newest result for one person; safe to use from several threads.

    Attributes:
        memory: of this person's frames; for Stage B alone.
    """

    def __init__(self) -> None:
        self.memory = ContextMemory()
        self._lock = threading.Lock()
        self._latest: ContextResult | None = None

    @property
    def latest(self) -> ContextResult | None:
        """The result of the newest frame that has one, or None."""
        with self._lock:
            return self._latest

    def put(self, result: ContextResult) -> None:
        """Keep a result unless one of a newer frame is here."""
        with self._lock:
            if self._latest is None or result.frame_id >= self._latest.frame_id:
                self._latest = result


@dataclass(frozen=True)
class ContextCounts:
    """How Stage B's runs ended so far: in time, after the deadline, or with an error."""

    in_time: int = 0
    late: int = 0
    failed: int = 0


@dataclass(frozen=True)
class _Job:
    frame: Pixels
    tier1: Tier1
    box: ContextBox
    started_s: float


_workers: weakref.WeakSet[ContextWorker] = weakref.WeakSet()


class ContextWorker:
    """Run Stage B in one thread of its own.

    There is never a queue and never a second run beside the first: a frame that finds B at work is
    skipped, and B begins again on whichever frame is the latest when it is free. A run that never
    ends therefore costs one thread, and B stays busy until it does. If the thread itself dies, the
    next frame gets a new one.

    Nobody waits for B but the end of the process, and that at most END_WAIT_S.

    Args:
        stage_b: what looks at the frames.
        clock: seconds, rising.
        deadline_ms: what takes longer is thrown away.
    """

    def __init__(
        self, stage_b: StageB, *, clock: Callable[[], float], deadline_ms: float = DEADLINE_MS
    ) -> None:
        self._stage_b, self._clock = stage_b, clock
        self.deadline_ms = deadline_ms
        self._changed = threading.Condition()
        self._job: _Job | None = None
        self._is_closed = False
        self._is_failing = False
        self._counts = ContextCounts()
        self._thread: threading.Thread | None = None
        _workers.add(self)

    @property
    def counts(self) -> ContextCounts:
        """How the runs so far ended."""
        with self._changed:
            return self._counts

    @property
    def running_ms(self) -> float | None:
        """How long B has been at work on its frame, or None if it rests."""
        with self._changed:
            self._let_go_of_the_dead()
            job = self._job
        return None if job is None else self._since_ms(job)

    def prepare(self) -> None:
        """Let Stage B get ready, in the caller's thread."""
        self._stage_b.prepare()

    def offer(self, frame: Pixels, tier1: Tier1, box: ContextBox) -> bool:
        """Start B on a frame unless it is at work; answer at once whether it was started.

        Args:
            frame: belongs to B from now on; nobody may write to it.
            box: gets the result, if it comes in time.
        """
        with self._changed:
            self._let_go_of_the_dead()
            if self._job is not None or self._is_closed:
                return False
            if self._thread is None:
                thread = threading.Thread(target=self._work, name="stage-b", daemon=True)
                thread.start()
                self._thread = thread
            self._job = _Job(frame, tier1, box, self._clock())
            self._changed.notify_all()
            return True

    def close(self) -> None:
        """Refuse new frames and throw away what is still running, without waiting for it."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def wait(self, timeout_s: float) -> bool:
        """Wait for the thread of a closed worker to end; say whether it has, or never began."""
        thread = self._thread
        if thread is None:
            return True
        thread.join(timeout_s)
        return not thread.is_alive()

    def _work(self) -> None:
        step_back()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._job is not None or self._is_closed)
                job = self._job
                if job is None or self._is_closed:
                    return
            ending = self._look(job)
            with self._changed:
                self._count(ending)
                self._job = None
            # While B rests it must not keep the last frame in memory.
            del job

    def _let_go_of_the_dead(self) -> None:
        """Forget a thread that was killed, and the frame it had; the caller holds the lock."""
        thread = self._thread
        if thread is None or thread.is_alive() or self._is_closed:
            return
        self._thread = None
        if self._job is not None:
            self._count("failed")
            self._job = None

    def _count(self, ending: Ending) -> None:
        counts = self._counts
        self._counts = replace(counts, **{ending: getattr(counts, ending) + 1})

    def _look(self, job: _Job) -> Ending:
        """Run B once; return which of the counts it belongs to."""
        try:
            outputs = dict(
                self._stage_b.look(
                    job.frame,
                    job.tier1,
                    job.box.memory,
                    lambda: self._is_too_late(self._since_ms(job)),
                )
            )
            latency_ms = self._since_ms(job)
            is_late = self._is_too_late(latency_ms)
            if not is_late:
                job.box.put(ContextResult(job.tier1.frame_id, latency_ms, outputs))
        except BaseException:
            # Even SystemExit: this thread has to live on. The first of a row of failures says all.
            if not self._is_failing:
                log.exception("the context pass of MaxSight broke off")
            self._is_failing = True
            return "failed"
        self._is_failing = False
        return "late" if is_late else "in_time"

    def _is_too_late(self, latency_ms: float) -> bool:
        # Once it is closed nobody takes a result, and the sooner B ends the better.
        return self._is_closed or latency_ms > self.deadline_ms

    def _since_ms(self, job: _Job) -> float:
        return max(0.0, (self._clock() - job.started_s) * 1000.0)


def step_back() -> None:
    """Let Stage A's threads go before the one that calls.

    Elsewhere than on Linux niceness is of the whole process, so it stays as it is.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


@atexit.register
def _end_with_process() -> None:
    """Close all workers and wait a moment for the runs under way; the process is ending."""
    workers = list(_workers)
    for worker in workers:
        worker.close()
    until_s = time.monotonic() + END_WAIT_S
    for worker in workers:
        worker.wait(max(0.0, until_s - time.monotonic()))
