"""Whatever becomes of Stage B, Stage A answers on every frame, and the same."""

from __future__ import annotations

import dataclasses
import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from engines.maxsight.context_worker import ContextBox, StageB
from engines.maxsight.frames import Pixels
from engines.maxsight.stage_a_runner import StageARunner
from engines.maxsight.tiers import Tier1
from engines.runtime.device import Placement
from engines.runtime.lane import CpuLane
from engines.runtime.settings import Settings
from tests.engines.maxsight.stages import FromFunction, pipeline_of, run, runs, wait_until, works
from tests.engines.maxsight.test_frames import noise, read_photo


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
    # All frames may be done before the worker's thread gets its first turn on a busy machine.
    wait_until(lambda: bool(stage_b.frame_ids))


def test_a_hanging_stage_b_changes_nothing_and_is_started_only_once(lane: CpuLane) -> None:
    never = threading.Event()
    stage_b = FromFunction(lambda *_: never.wait() and {})
    before = threading.active_count()
    alone, _ = run(pipeline_of(lane, None), 300)
    beside, steps = run(pipeline_of(lane, stage_b), 300)
    assert beside == alone
    wait_until(lambda: stage_b.frame_ids == [0])
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
