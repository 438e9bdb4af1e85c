"""Stage B's results: which frame they belong to, when they come, whose they are."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from engines.maxsight.context_worker import DEADLINE_MS, ContextBox
from engines.maxsight.frames import Pixels
from engines.maxsight.tiers import ContextResult, Tier1
from engines.runtime.lane import CpuLane
from tests.engines.maxsight.stages import (
    PATIENCE_S,
    FromFunction,
    frames,
    pipeline_of,
    runs,
    wait_until,
    works,
)
from tests.engines.maxsight.test_frames import noise


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


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
