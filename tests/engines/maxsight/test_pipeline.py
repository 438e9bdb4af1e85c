"""The two stages: order and priority, the gate between them, and the engine they make."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest

from engines.maxsight.context_worker import ContextBox
from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.tiers import Tier1
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, InputError
from engines.runtime.gate import GateDecision
from engines.runtime.health import EngineHealth
from engines.runtime.lane import CpuLane, Priority
from engines.runtime.settings import Settings
from tests.engines.maxsight.stages import (
    GATE,
    PATIENCE_S,
    CornerStage,
    FromFunction,
    frames,
    pipeline_of,
    run,
    runs,
    wait_until,
    works,
)
from tests.engines.maxsight.test_frames import noise, read_photo

# Order and priority


class RecordingGate:
    """A gate that writes down when it is asked."""

    def __init__(self, events: list[str]) -> None:
        self.events = events

    def decide(self, latency_ms: float, uncertainty: float) -> GateDecision:
        self.events.append("gate")
        return GATE.decide(latency_ms, uncertainty)


def test_the_gate_is_asked_only_after_tier_1_was_delivered(lane: CpuLane) -> None:
    events: list[str] = []

    class RecordingStage(CornerStage):
        def look(self, frame: Any, frame_id: int, captured_s: float) -> Tier1:
            tier1 = super().look(frame, frame_id, captured_s)
            events.append("a")
            return tier1

    def note(*_: Any) -> Any:
        events.append("b")
        return {}

    pipeline = pipeline_of(
        lane, FromFunction(note), stage_a=RecordingStage(), gate=RecordingGate(events)
    )
    for frame_id, frame in enumerate(frames(20)):
        pipeline.step(
            frame, frame_id=frame_id, captured_s=0.0, box=ContextBox(),
            deliver=lambda tier1: events.append("delivered"),
        )  # fmt: skip
        ended = frame_id + 1
        wait_until(lambda: runs(pipeline) == ended)  # noqa: B023
    assert events == ["a", "delivered", "gate", "b"] * 20


def test_stage_a_computes_on_the_lane_before_all_other_jobs() -> None:
    asked: list[Priority] = []

    class SpyLane(CpuLane):
        def run(self, fn: Callable[[], Any], *, priority: Priority = Priority.INTERACTIVE) -> Any:
            asked.append(priority)
            return super().run(fn, priority=priority)

    lane, stage_a = SpyLane(), CornerStage()
    pipeline = pipeline_of(lane, FromFunction(works), stage_a=stage_a)
    pipeline.warmup()
    run(pipeline, 5)
    lane.close()
    assert asked == [Priority.SAFETY] * 6
    assert stage_a.threads == {"cpu-lane"}


def test_a_frame_that_stage_a_refuses_is_the_callers_to_know(lane: CpuLane) -> None:
    pipeline = pipeline_of(lane, FromFunction(works))
    with pytest.raises(InputError):
        pipeline.step(None, frame_id=0, captured_s=0.0, box=ContextBox())
    assert runs(pipeline) == 0


# The gate


@pytest.mark.parametrize(
    ("latency_ms", "uncertainty", "code", "words"),
    [
        (20.0, 0.2, "ran", "Ran"),
        (200.0, 0.7, "ran", "Ran"),
        (200.1, 0.2, "slow", "more than 200 ms"),
        (20.0, 0.71, "unsure", "uncertainty was 0.71"),
        (float("nan"), 0.2, "slow", "not timed"),
    ],
    ids=["fine", "at the limits", "slow", "unsure", "not timed"],
)
def test_the_gate_decides_from_latency_and_uncertainty(
    lane: CpuLane, latency_ms: float, uncertainty: float, code: str, words: str
) -> None:
    stage_b = FromFunction(works)
    pipeline = pipeline_of(lane, stage_b, stage_a=CornerStage(latency_ms, uncertainty))
    step = pipeline.step(noise(48, 64), frame_id=3, captured_s=0.0, box=ContextBox())
    assert step.gate.code == code
    assert words in step.gate.reason
    if code == "ran":
        wait_until(lambda: runs(pipeline) == 1)
    assert stage_b.frame_ids == ([3] if code == "ran" else [])


@pytest.mark.parametrize(
    ("latency_ms", "code"), [(20.0, "absent"), (300.0, "slow")], ids=["quick", "slow"]
)
def test_without_stage_b_the_report_says_so_unless_the_gate_is_shut(
    lane: CpuLane, latency_ms: float, code: str
) -> None:
    pipeline = pipeline_of(lane, None, stage_a=CornerStage(latency_ms))
    step = pipeline.step(noise(48, 64), frame_id=0, captured_s=0.0, box=ContextBox())
    assert (step.gate.code, step.context) == (code, None)


def test_a_broken_gate_does_not_cost_tier_1(
    lane: CpuLane, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    pipeline = pipeline_of(lane, FromFunction(works), stage_a=CornerStage(latency_ms=-1.0))
    step = pipeline.step(noise(48, 64), frame_id=8, captured_s=0.0, box=ContextBox())
    assert step.tier1.frame_id == 8
    assert step.gate.code == "absent"
    assert runs(pipeline) == 0


# As an engine


def test_an_unloaded_pipeline_throws_away_what_stage_b_still_does(lane: CpuLane) -> None:
    ends = threading.Event()
    stage_b = FromFunction(lambda *_: {"ended": ends.wait(PATIENCE_S)})
    pipeline, box = pipeline_of(lane, stage_b), ContextBox()
    before = set(threading.enumerate())
    pipeline.step(noise(48, 64), frame_id=0, captured_s=0.0, box=box)
    wait_until(lambda: stage_b.frame_ids == [0])
    (worker,) = set(threading.enumerate()) - before
    pipeline.unload()
    ends.set()
    worker.join(PATIENCE_S)
    assert not worker.is_alive()
    assert runs(pipeline) == 1 and box.latest is None


def test_health_tells_how_both_stages_fare(lane: CpuLane) -> None:
    pipeline = pipeline_of(lane, FromFunction(works))
    assert pipeline_of(lane, None).health().detail == "Corner."
    run(pipeline, 1)
    wait_until(lambda: runs(pipeline) == 1)
    assert pipeline.health() == EngineHealth(
        True, "Corner. Context pass: 1 in time, 0 late, 0 failed."
    )


def test_without_a_checkpoint_the_pipeline_says_so(
    lane: CpuLane, placement: Placement, tmp_path: Any
) -> None:
    settings = Settings(checkpoints_dir=tmp_path)
    pipeline = MaxSightPipeline.from_settings(settings, placement, lane)
    with pytest.raises(EngineUnavailableError, match="checkpoints/maxsight-a"):
        pipeline.load()
    assert not pipeline.health().is_ready
    with pytest.raises(EngineUnavailableError, match="not loaded"):
        pipeline.step(noise(48, 64), frame_id=0, captured_s=0.0, box=ContextBox())


def test_from_settings_builds_the_trained_stage_a_with_the_limits_of_the_gate(
    lane: CpuLane, random_settings: Settings, placement: Placement
) -> None:
    settings = random_settings.model_copy(update={"gate_max_latency_ms": 0.0})
    pipeline = MaxSightPipeline.from_settings(settings, placement, lane)
    pipeline.load()
    pipeline.warmup()
    step = pipeline.step(read_photo(), frame_id=1, captured_s=2.0, box=ContextBox())
    assert step.tier1.objects
    assert step.gate.code == "slow"
    pipeline.unload()
    assert not pipeline.health().is_ready
