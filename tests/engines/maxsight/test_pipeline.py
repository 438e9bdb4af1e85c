"""The two stages: whatever becomes of Stage B, Stage A answers on every frame, and the same."""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from engines.maxsight.context_memory import ContextMemory
from engines.maxsight.context_worker import DEADLINE_MS, ContextBox, StageB
from engines.maxsight.frames import Pixels
from engines.maxsight.pipeline import MaxSightPipeline, PipelineStep
from engines.maxsight.stage_a_runner import StageARunner
from engines.maxsight.tiers import ContextResult, SeenObject, Tier1, Urgency, Zone
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, InputError
from engines.runtime.gate import GateDecision, StageGate
from engines.runtime.health import EngineHealth
from engines.runtime.lane import CpuLane, Priority
from engines.runtime.settings import Settings
from tests.engines.maxsight.test_frames import noise, read_photo

PATIENCE_S = 10.0
GATE = StageGate(max_latency_ms=200.0, max_uncertainty=0.7)


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


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


@pytest.fixture
def lane() -> Iterator[CpuLane]:
    lane = CpuLane(timeout_s=PATIENCE_S)
    yield lane
    lane.close()


def pipeline_of(
    lane: CpuLane,
    stage_b: StageB | None,
    *,
    stage_a: CornerStage | StageARunner | None = None,
    gate: Any = GATE,
    clock: Callable[[], float] = time.perf_counter,
) -> MaxSightPipeline:
    return MaxSightPipeline(stage_a or CornerStage(), stage_b, gate, clock, lane)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline_s, "it did not happen in time"
        time.sleep(0.001)


def runs(pipeline: MaxSightPipeline) -> int:
    """Count the runs of Stage B that have ended."""
    counts = pipeline.context_counts
    return counts.in_time + counts.late + counts.failed


def frames(count: int) -> Iterator[Pixels]:
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


# What Stage B can do to Stage A: nothing


def raises(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
    raise RuntimeError("out of memory")


def leaves(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
    raise SystemExit(1)


def answers_nonsense(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
    return 42


def scribbles(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
    frame[:] = 0
    return {}


def is_slow(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
    time.sleep(0.02)
    return {"scene": "street"}


def works(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
    return {"scene": int(frame.sum())}


FAULTS = {
    "raises": raises, "leaves": leaves, "answers nonsense": answers_nonsense,
    "scribbles on its frame": scribbles, "is slow": is_slow, "works": works,
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_stage_b_changes_nothing_of_stage_a(
    lane: CpuLane, fault: Callable[..., Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    alone, _ = run(pipeline_of(lane, None), 300)
    stage_b = FromFunction(fault)
    beside, steps = run(pipeline_of(lane, stage_b), 300)
    assert beside == alone
    assert [repr(step.tier1).encode() for step in steps] == alone
    assert stage_b.frame_ids, "Stage B was never started"


def test_a_hanging_stage_b_changes_nothing_and_is_started_only_once(lane: CpuLane) -> None:
    never = threading.Event()
    stage_b = FromFunction(lambda *_: never.wait() and {})
    before = threading.active_count()
    alone, _ = run(pipeline_of(lane, None), 300)
    beside, steps = run(pipeline_of(lane, stage_b), 300)
    assert beside == alone
    assert stage_b.frame_ids == [0]
    assert [step.gate.code for step in steps] == ["ran"] + ["busy"] * 299
    assert all(step.context is None for step in steps)
    assert threading.active_count() <= before + 1
    never.set()


def test_10000_frames_with_stage_b_dying_at_random_are_all_answered(
    lane: CpuLane, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    count, dice = 10_000, random.Random(0)
    deaths = (RuntimeError, MemoryError, SystemExit, KeyboardInterrupt, ValueError)

    def dies_at_random(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
        if dice.random() < 0.5:
            raise dice.choice(deaths)("dead")
        return {"corner": frame[0, 0].tolist()}

    alone, _ = run(pipeline_of(lane, None), count)
    pipeline = pipeline_of(lane, FromFunction(dies_at_random))
    beside, steps = run(pipeline, count)
    assert len(beside) / count == 1.0
    assert beside == alone
    wait_until(lambda: runs(pipeline) == sum(step.gate.code == "ran" for step in steps))
    assert pipeline.context_counts.failed > 100 and pipeline.context_counts.in_time > 100


def test_stage_b_changes_nothing_of_the_network_either(
    lane: CpuLane, random_settings: Settings, placement: Placement
) -> None:
    stage_a = StageARunner(random_settings, placement)
    stage_a.load()
    photos = [read_photo(), noise(480, 640), np.rot90(read_photo()).copy()]

    def look(stage_b: StageB | None) -> list[Tier1]:
        pipeline, box = pipeline_of(lane, stage_b, stage_a=stage_a), ContextBox()
        steps = [
            pipeline.step(photo, frame_id=number, captured_s=0.0, box=box)
            for number, photo in enumerate(photos)
        ]
        return [dataclasses.replace(step.tier1, latency_ms=0.0) for step in steps]

    alone = look(None)
    assert any(tier1.objects for tier1 in alone)
    for fault in (raises, scribbles, works):
        assert repr(look(FromFunction(fault))).encode() == repr(alone).encode()


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


# Stage B's results


def test_a_result_carries_the_frame_it_belongs_to_and_comes_with_a_later_one(
    lane: CpuLane,
) -> None:
    pipeline, box = pipeline_of(lane, FromFunction(works)), ContextBox()
    first, second = frames(2)
    before = pipeline.step(first, frame_id=10, captured_s=0.0, box=box)
    wait_until(lambda: runs(pipeline) == 1)
    after = pipeline.step(second, frame_id=11, captured_s=0.1, box=box)
    assert before.context is None
    assert after.tier1.frame_id == 11
    assert after.context is not None
    assert after.context.frame_id in (10, 11)
    sums = {10: int(first.sum()), 11: int(second.sum())}
    assert after.context.outputs == {"scene": sums[after.context.frame_id]}


def test_a_busy_stage_b_skips_frames_and_goes_on_with_the_latest(lane: CpuLane) -> None:
    go_on = threading.Semaphore(0)
    stage_b = FromFunction(lambda *_: {"went": go_on.acquire(timeout=PATIENCE_S)})
    pipeline, box = pipeline_of(lane, stage_b), ContextBox()
    codes = [
        pipeline.step(frame, frame_id=frame_id, captured_s=0.0, box=box).gate.code
        for frame_id, frame in enumerate(frames(6))
    ]
    assert codes == ["ran"] + ["busy"] * 5
    assert box.latest is None
    go_on.release()
    wait_until(lambda: runs(pipeline) == 1)
    step = pipeline.step(noise(48, 64), frame_id=6, captured_s=0.0, box=box)
    assert step.gate.code == "ran"
    go_on.release()
    wait_until(lambda: runs(pipeline) == 2)
    assert stage_b.frame_ids == [0, 6]


@pytest.mark.parametrize(
    ("took_ms", "is_kept"),
    [(0.0, True), (499.0, True), (501.0, False), (60_000.0, False), (-5.0, True)],
    ids=["at once", "just in time", "just late", "a minute", "the clock jumped back"],
)
def test_what_comes_after_the_deadline_is_thrown_away(
    lane: CpuLane, took_ms: float, is_kept: bool
) -> None:
    clock, box = Clock(), ContextBox()
    lateness: list[bool] = []

    def takes(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
        lateness.append(is_late())
        clock.now_s += took_ms / 1000
        lateness.append(is_late())
        return {"scene": "street"}

    pipeline = pipeline_of(lane, FromFunction(takes), clock=clock)
    pipeline.step(noise(48, 64), frame_id=5, captured_s=0.0, box=box)
    wait_until(lambda: runs(pipeline) == 1)
    assert DEADLINE_MS == 500.0
    assert lateness == [False, not is_kept]
    if is_kept:
        assert box.latest is not None
        assert (box.latest.frame_id, box.latest.outputs) == (5, {"scene": "street"})
        assert box.latest.latency_ms == pytest.approx(max(0.0, took_ms))
    else:
        assert box.latest is None
    counts = pipeline.context_counts
    assert (counts.in_time, counts.late, counts.failed) == (int(is_kept), int(not is_kept), 0)


def test_a_run_past_its_deadline_is_named_and_stage_b_is_used_again_when_it_ends(
    lane: CpuLane,
) -> None:
    clock, ends = Clock(), threading.Event()
    stage_b = FromFunction(lambda *_: {"ended": ends.wait(PATIENCE_S)})
    pipeline, box = pipeline_of(lane, stage_b, clock=clock), ContextBox()

    def reason(frame_id: int) -> str:
        step = pipeline.step(noise(48, 64), frame_id=frame_id, captured_s=0.0, box=box)
        return step.gate.reason

    assert reason(0).startswith("Ran")
    clock.now_s += 0.4
    assert reason(1) == "Skipped: the context pass still works on another frame."
    clock.now_s += 2.1
    assert reason(2) == "Skipped: the context pass has not come back for 2.5 s."
    ends.set()
    wait_until(lambda: pipeline.context_counts.late == 1)
    assert box.latest is None
    assert reason(3).startswith("Ran")
    wait_until(lambda: box.latest is not None)
    assert box.latest is not None and box.latest.frame_id == 3


def test_stage_b_sees_the_frame_as_it_was_though_the_caller_reuses_its_memory(
    lane: CpuLane,
) -> None:
    overwritten = threading.Event()

    def sums(frame: Pixels, tier1: Tier1, is_late: Callable[[], bool]) -> Any:
        overwritten.wait(PATIENCE_S)
        return {"sum": int(frame.sum()), "is_writeable": frame.flags.writeable}

    pipeline, box, memory = pipeline_of(lane, FromFunction(sums)), ContextBox(), noise(48, 64)
    expected = int(memory.sum())
    pipeline.step(memory, frame_id=0, captured_s=0.0, box=box)
    memory[:] = 0
    overwritten.set()
    wait_until(lambda: box.latest is not None)
    assert box.latest is not None
    assert box.latest.outputs == {"sum": expected, "is_writeable": False}


def test_each_persons_results_go_into_their_own_box(lane: CpuLane) -> None:
    pipeline = pipeline_of(lane, FromFunction(works))
    boxes = [ContextBox() for _ in range(3)]
    own = list(frames(3))
    for number, (frame, box) in enumerate(zip(own, boxes, strict=True)):
        pipeline.step(frame, frame_id=0, captured_s=0.0, box=box)
        ended = number + 1
        wait_until(lambda: runs(pipeline) == ended)  # noqa: B023
    for frame, box in zip(own, boxes, strict=True):
        assert box.latest is not None
        assert box.latest.outputs == {"scene": int(frame.sum())}


def test_a_box_keeps_the_result_of_the_newest_frame() -> None:
    box = ContextBox()
    for frame_id in (3, 9, 7):
        box.put(ContextResult(frame_id, 1.0, {"number": frame_id}))
    assert box.latest == ContextResult(9, 1.0, {"number": 9})


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
