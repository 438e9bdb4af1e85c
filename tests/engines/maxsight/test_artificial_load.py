from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from engines.maxsight.artificial_load import MAX_LOAD_MS, work_for
from engines.maxsight.context_worker import ContextBox
from engines.maxsight.pipeline import MaxSightPipeline, PipelineStep
from engines.maxsight.tiers import Tier1, Urgency
from engines.runtime.errors import InputError
from engines.runtime.gate import StageGate
from engines.runtime.health import EngineHealth
from engines.runtime.lane import CpuLane

FRAME = np.full((64, 64, 3), 90, np.uint8)


class StageA:
    """A Stage A that always takes 20 ms and can refuse a frame."""

    name = "stage a"
    is_refusing = False

    def look(self, frame: Any, frame_id: int, captured_s: float) -> Tier1:
        if self.is_refusing:
            raise InputError("No.", "Send another.")
        return Tier1(frame_id, captured_s, (64, 64), (), Urgency.SAFE, 0.1, 20.0)

    def load(self) -> None: ...
    def warmup(self) -> None: ...
    def unload(self) -> None: ...

    def health(self) -> EngineHealth:
        return EngineHealth(is_ready=True, detail="well")


@pytest.fixture
def lane() -> Iterator[CpuLane]:
    lane = CpuLane(threads=1)
    yield lane
    lane.close()


def pipeline_on(lane: CpuLane, stage_a: StageA) -> MaxSightPipeline:
    return MaxSightPipeline(stage_a, None, StageGate(200, 0.7), time.perf_counter, lane)


def step(pipeline: MaxSightPipeline, **given: Any) -> PipelineStep:
    return pipeline.step(FRAME, frame_id=1, captured_s=0.0, box=ContextBox(), **given)


def test_the_work_lasts_as_long_as_asked_by_the_clock() -> None:
    now_s = [5.0]

    def clock() -> float:
        now_s[0] += 0.003
        return now_s[0]

    assert 40 <= work_for(40, clock) <= 44


@pytest.mark.parametrize("load_ms", [0.0, -10.0])
def test_no_load_is_no_work(load_ms: float) -> None:
    assert work_for(load_ms, lambda: 1.0) == 0.0


def test_the_work_is_real_and_has_a_limit() -> None:
    begun_s = time.thread_time()
    # Without the limit it would go on for days.
    assert work_for(1e9) >= MAX_LOAD_MS
    assert time.thread_time() > begun_s


@pytest.mark.parametrize(
    ("spent_ms", "code"), [(0.0, "absent"), (180.0, "absent"), (180.5, "slow")]
)
def test_time_already_spent_counts_as_stage_as_and_the_gate_decides_on_the_sum(
    lane: CpuLane, spent_ms: float, code: str
) -> None:
    seen = step(pipeline_on(lane, StageA()), spent_ms=spent_ms)
    assert seen.tier1.latency_ms == 20.0 + spent_ms
    assert seen.gate.code == code


def test_it_counts_for_one_frame_alone_even_if_that_one_is_refused(lane: CpuLane) -> None:
    stage_a = StageA()
    pipeline = pipeline_on(lane, stage_a)
    stage_a.is_refusing = True
    with pytest.raises(InputError):
        step(pipeline, spent_ms=500.0)
    stage_a.is_refusing = False
    assert step(pipeline).tier1.latency_ms == 20.0
