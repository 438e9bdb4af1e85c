"""Stage B's own thread: one frame at a time, a deadline, and nothing that anyone waits for."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from engines.maxsight.frames import Pixels
from engines.maxsight.tiers import ContextResult, Tier1

log = logging.getLogger(__name__)

# Specification: B answers within this or not at all.
DEADLINE_MS = 500.0
# Linux: share of the cores that B's thread, and those it starts, get next to A's.
NICENESS = 15


class StageB(Protocol):
    """Describe what Stage B offers to the pipeline."""

    def look(self, frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Mapping[str, Any]:
        """Add what a frame means: name of a part -> its result.

        Args:
            frame: (H, W, 3) uint8 RGB, read-only and its own.
            tier1: what Stage A said of it.
            is_late: whether the deadline has passed. What comes later is thrown away, so a part
                that has not begun by then need not begin.
        """


class ContextBox:
    """Hold Stage B's newest result for one person; safe to use from several threads."""

    def __init__(self) -> None:
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


class ContextWorker:
    """Run Stage B in one thread of its own.

    There is never a queue and never a second run beside the first: a frame that finds B at work is
    skipped, and B begins again on whichever frame is the latest when it is free. A run that never
    ends therefore costs one thread, and B stays busy until it does.

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

    @property
    def counts(self) -> ContextCounts:
        """How the runs so far ended."""
        with self._changed:
            return self._counts

    @property
    def running_ms(self) -> float | None:
        """How long B has been at work on its frame, or None if it rests."""
        with self._changed:
            job = self._job
        return None if job is None else self._since_ms(job)

    def offer(self, frame: Pixels, tier1: Tier1, box: ContextBox) -> bool:
        """Start B on a frame unless it is at work; answer at once whether it was started.

        Args:
            frame: belongs to B from now on; nobody may write to it.
            box: gets the result, if it comes in time.
        """
        with self._changed:
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

    def _work(self) -> None:
        _step_back()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._job is not None or self._is_closed)
                job = self._job
                if job is None or self._is_closed:
                    return
            ending = self._look(job)
            with self._changed:
                counts = self._counts
                self._counts = ContextCounts(
                    in_time=counts.in_time + (ending == "in_time"),
                    late=counts.late + (ending == "late"),
                    failed=counts.failed + (ending == "failed"),
                )
                self._job = None
            # While B rests it must not keep the last frame in memory.
            del job

    def _look(self, job: _Job) -> str:
        """Run B once; return which of the counts it belongs to."""
        try:
            outputs = dict(
                self._stage_b.look(
                    job.frame, job.tier1, lambda: self._since_ms(job) > self.deadline_ms
                )
            )
        except BaseException:
            # Even SystemExit: this thread has to live on. The first of a row of failures says all.
            if not self._is_failing:
                log.exception("the context pass of MaxSight broke off")
            self._is_failing = True
            return "failed"
        self._is_failing = False
        latency_ms = self._since_ms(job)
        if latency_ms > self.deadline_ms or self._is_closed:
            return "late"
        job.box.put(ContextResult(job.tier1.frame_id, latency_ms, outputs))
        return "in_time"

    def _since_ms(self, job: _Job) -> float:
        return max(0.0, (self._clock() - job.started_s) * 1000.0)


def _step_back() -> None:
    """Let Stage A's threads go first. Elsewhere than on Linux niceness is of the whole process."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
