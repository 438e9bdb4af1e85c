"""Artificial load, so that anyone can watch the gate protect Stage A."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from engines.maxsight.context_worker import ContextBox
from engines.maxsight.pipeline import Gate, MaxSightPipeline, PipelineStep, StageA, StageB
from engines.maxsight.tiers import Tier1
from engines.runtime.health import EngineHealth
from engines.runtime.lane import CpuLane, Priority

# Well above the gate's usual limit; more would only keep the person waiting.
MAX_LOAD_MS = 400.0
_BLOCK = bytes(256 * 1024)


def work_for(load_ms: float, clock: Callable[[], float] = time.perf_counter) -> float:
    """Compute for a while to no purpose, and return what it took in milliseconds.

    It hashes zeros: real work of one core, during which Python's other threads go on.

    Args:
        load_ms: how long; brought between 0 and `MAX_LOAD_MS`.
        clock: seconds, rising.
    """
    started_s = clock()
    limit_ms = min(max(load_ms, 0.0), MAX_LOAD_MS)
    spent_ms = 0.0
    while spent_ms < limit_ms:
        hashlib.sha256(_BLOCK)
        spent_ms = max(0.0, (clock() - started_s) * 1000.0)
    return spent_ms


class LoadablePipeline(MaxSightPipeline):
    """The pipeline, told of time that was already spent on a frame.

    That time counts as Stage A's: the gate decides on the sum, and Tier 1 reports it.
    """

    def __init__(
        self,
        stage_a: StageA,
        stage_b: StageB | None,
        gate: Gate,
        clock: Callable[[], float],
        lane: CpuLane,
        **limits: float,
    ) -> None:
        self._burdened = _BurdenedStageA(stage_a)
        super().__init__(self._burdened, stage_b, gate, clock, lane, **limits)

    def step(
        self,
        frame: Any,
        *,
        frame_id: int,
        captured_s: float,
        box: ContextBox,
        deliver: Callable[[Tier1], None] | None = None,
        spent_ms: float = 0.0,
    ) -> PipelineStep:
        """Take one frame through, as `MaxSightPipeline.step` does.

        Args:
            spent_ms: milliseconds already spent on this frame.
        """
        look = super().step

        def job() -> PipelineStep:
            # On the lane there is one job at a time, so nobody else's frame counts this.
            with self._burdened.counting(spent_ms):
                return look(
                    frame, frame_id=frame_id, captured_s=captured_s, box=box, deliver=deliver
                )

        return self._lane.run(job, priority=Priority.SAFETY)


class _BurdenedStageA:
    """Stage A, with a time that is added to its own."""

    def __init__(self, stage_a: StageA) -> None:
        self.name = stage_a.name
        self._stage_a, self._spent_ms = stage_a, 0.0

    @contextmanager
    def counting(self, spent_ms: float) -> Iterator[None]:
        """Add a time to each frame's within this block."""
        self._spent_ms = spent_ms
        try:
            yield
        finally:
            self._spent_ms = 0.0

    def look(self, frame: Any, frame_id: int, captured_s: float) -> Tier1:
        tier1 = self._stage_a.look(frame, frame_id, captured_s)
        return replace(tier1, latency_ms=tier1.latency_ms + self._spent_ms)

    def load(self) -> None:
        self._stage_a.load()

    def warmup(self) -> None:
        self._stage_a.warmup()

    def health(self) -> EngineHealth:
        return self._stage_a.health()

    def unload(self) -> None:
        self._stage_a.unload()
