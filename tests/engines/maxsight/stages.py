"""Stages made by hand, a pipeline of them, and frames for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from engines.maxsight.context_memory import ContextMemory
from engines.maxsight.context_worker import ContextBox, StageB
from engines.maxsight.frames import Pixels
from engines.maxsight.pipeline import MaxSightPipeline, PipelineStep
from engines.maxsight.stage_a_runner import StageARunner
from engines.maxsight.tiers import SeenObject, Tier1, Urgency, Zone
from engines.runtime.errors import InputError
from engines.runtime.gate import StageGate
from engines.runtime.health import EngineHealth
from engines.runtime.lane import CpuLane

PATIENCE_S = 10.0
GATE = StageGate(max_latency_ms=200.0, max_uncertainty=0.7)


class CornerStage:
    """A Stage A that is quick: what it says follows from the frame's corner pixel alone."""

    name = "corner"

    def __init__(self, latency_ms: float = 20.0, uncertainty: float = 0.25) -> None:
        self.latency_ms, self.uncertainty = latency_ms, uncertainty
        self.threads: set[str] = set()

    def load(self) -> None: ...
    def warmup(self) -> None: ...
    def unload(self) -> None: ...

    def health(self) -> EngineHealth:
        return EngineHealth(True, "Corner.")

    def look(self, frame: Any, frame_id: int, captured_s: float) -> Tier1:
        if frame is None:
            raise InputError("The frame is not a picture.", "Send one.")
        self.threads.add(threading.current_thread().name)
        red, green, blue = (int(value) for value in frame[0, 0])
        seen = SeenObject(
            class_id="car",
            score=(red + 1) / 256,
            box=(0.0, 0.0, green + 1.0, blue + 1.0),
            zone=Zone(red % 3),
            distance_m=green / 7,
            is_cut=bool(blue % 2),
            urgency=Urgency(red % 4),
        )
        size = (frame.shape[0], frame.shape[1])
        return Tier1(
            frame_id, captured_s, size, (seen,), Urgency(green % 4), self.uncertainty,
            self.latency_ms,
        )  # fmt: skip


class FromFunction:
    """A Stage B made of a function of the frame, Tier 1 and is_late."""

    def __init__(self, fn: Callable[[Pixels, Tier1, Callable[[], bool]], Any]) -> None:
        self.fn = fn
        self.frame_ids: list[int] = []

    def prepare(self) -> None:
        pass

    def look(
        self, frame: Pixels, tier1: Tier1, memory: ContextMemory, is_late: Callable[[], bool]
    ) -> Mapping[str, Any]:
        self.frame_ids.append(tier1.frame_id)
        result: Mapping[str, Any] = self.fn(frame, tier1, is_late)
        return result


def works(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
    """Be a Stage B that tells frames apart."""
    return {"scene": int(frame.sum())}


def pipeline_of(
    lane: CpuLane,
    stage_b: StageB | None,
    *,
    stage_a: CornerStage | StageARunner | None = None,
    gate: Any = GATE,
    clock: Callable[[], float] = time.perf_counter,
) -> MaxSightPipeline:
    """Return a pipeline; its Stage A is quick unless another is given."""
    return MaxSightPipeline(stage_a or CornerStage(), stage_b, gate, clock, lane)


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait, but not for ever."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.001)


def runs(pipeline: MaxSightPipeline) -> int:
    """Count the runs of Stage B that have ended."""
    counts = pipeline.context_counts
    return counts.in_time + counts.late + counts.failed


def frames(count: int) -> Iterator[Pixels]:
    """Yield random frames, each time the same."""
    pixels = np.random.default_rng(0)
    for _ in range(count):
        yield pixels.integers(0, 256, (48, 64, 3), dtype=np.uint8)


def run(pipeline: MaxSightPipeline, count: int) -> tuple[list[bytes], list[PipelineStep]]:
    """Take frames through a pipeline; return Tier 1 as delivered, in bytes, and the steps."""
    delivered: list[bytes] = []
    steps, box = [], ContextBox()
    for frame_id, frame in enumerate(frames(count)):
        steps.append(
            pipeline.step(
                frame,
                frame_id=frame_id,
                captured_s=frame_id / 12,
                box=box,
                deliver=lambda tier1: delivered.append(repr(tier1).encode()),
            )
        )
    return delivered, steps
