"""A Stage B that is killed, hangs and is slow, at random: Stage A says the same, and in time."""

from __future__ import annotations

import logging
import random
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pytest

from engines.maxsight import context_worker
from engines.maxsight.context_memory import ContextMemory
from engines.maxsight.context_worker import ContextBox, ContextWorker
from engines.maxsight.frames import Pixels
from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.tiers import Tier1
from engines.runtime.device import process_rss_mb
from engines.runtime.lane import CpuLane
from tests.engines.maxsight.stages import GATE, CornerStage, wait_until

FRAMES = 2000
SIZE = (240, 320, 3)
# Frames come so far apart; a slow run takes longer than B may, so its result is thrown away.
FRAME_S, DEADLINE_MS, SLOW_S = 0.0005, 4.0, (0.005, 0.015)
# A run that hangs is let go so many frames later.
HANGS_FOR = 30
# 2000 frames that somebody keeps take 460 MB.
MOST_MORE_MB = 100.0
ON_TIME_MS = 200.0
PATIENCE_S = 20.0


class FaultyStage:
    """A Stage B that works, dies, hangs or is slow, as seeded dice say."""

    def __init__(self, seed: int) -> None:
        self._dice = random.Random(seed)
        self.did: Counter[str] = Counter()
        self.frames: list[weakref.ref[Pixels]] = []
        self.may_go_on, self.is_hanging = threading.Event(), threading.Event()
        self.is_well = False

    def prepare(self) -> None: ...

    def look(
        self, frame: Pixels, tier1: Tier1, memory: ContextMemory, is_late: Callable[[], bool]
    ) -> Mapping[str, Any]:
        self.frames.append(weakref.ref(frame))
        fate = "works" if self.is_well else self._dice.choice(("works", "dies", "hangs", "slow"))
        self.did[fate] += 1
        if fate == "dies":
            raise self._dice.choice((RuntimeError, MemoryError, SystemExit, KeyboardInterrupt))
        if fate == "hangs":
            self.may_go_on.clear()
            self.is_hanging.set()
            self.may_go_on.wait(PATIENCE_S)
        if fate == "slow":
            time.sleep(self._dice.uniform(*SLOW_S))
        return {"corner": frame[0, 0].tolist()}


def frames(count: int) -> Iterator[Pixels]:
    """Yield frames that differ in their corner, from which `CornerStage` says all."""
    dice = np.random.default_rng(1)
    frame = dice.integers(0, 256, SIZE, dtype=np.uint8)
    for _ in range(count):
        frame[0, 0] = dice.integers(0, 256, 3)
        yield frame


@pytest.fixture
def lane() -> Iterator[CpuLane]:
    lane = CpuLane(timeout_s=PATIENCE_S)
    yield lane
    lane.close()


def test_2000_frames_with_stage_b_killed_hung_and_slowed_at_random(
    lane: CpuLane, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    alone = MaxSightPipeline(CornerStage(), None, GATE, time.perf_counter, lane)
    expected = [
        alone.step(frame, frame_id=number, captured_s=number / 12, box=ContextBox()).tier1
        for number, frame in enumerate(frames(FRAMES))
    ]

    stage_b, box = FaultyStage(seed=7), ContextBox()
    pipeline = MaxSightPipeline(
        CornerStage(), stage_b, GATE, time.perf_counter, lane, deadline_ms=DEADLINE_MS
    )
    threads_before, memory_before_mb = threading.active_count(), process_rss_mb()
    delivered: list[Tier1] = []
    took_ms: list[float] = []
    while_b_worked, hung_since = 0, 0
    for number, frame in enumerate(frames(FRAMES)):
        # Set before the step and cleared by nobody but this thread: if the step waited for a
        # hanging B, it would never come back.
        was_hanging = stage_b.is_hanging.is_set()
        began_s = time.perf_counter()
        pipeline.step(
            frame, frame_id=number, captured_s=number / 12, box=box, deliver=delivered.append
        )
        took_ms.append((time.perf_counter() - began_s) * 1000)
        while_b_worked += was_hanging
        hung_since = hung_since + 1 if was_hanging else 0
        if hung_since == HANGS_FOR:
            stage_b.is_hanging.clear()
            stage_b.may_go_on.set()
        time.sleep(FRAME_S)
    assert delivered == expected
    assert while_b_worked > 100
    assert min(stage_b.did[fate] for fate in ("works", "dies", "hangs", "slow")) >= 5, stage_b.did
    assert np.percentile(took_ms, 95) < ON_TIME_MS

    # B comes back: once nothing is wrong with it, the next frame has a context.
    stage_b.is_well = True
    stage_b.may_go_on.set()
    wait_until(lambda: sum(_endings(pipeline)) == sum(stage_b.did.values()))
    (last,) = frames(1)
    step = pipeline.step(last, frame_id=FRAMES, captured_s=FRAMES / 12, box=box)
    assert step.gate.code == "ran"
    wait_until(lambda: sum(_endings(pipeline)) == sum(stage_b.did.values()))
    in_time, late, failed = _endings(pipeline)
    assert failed == stage_b.did["dies"] and late >= stage_b.did["slow"] and in_time > 0

    # Nothing is left of it all: one thread, and no frame but those that the last run may hold.
    assert threading.active_count() <= threads_before + 1
    assert sum(frame() is not None for frame in stage_b.frames) <= 1
    assert process_rss_mb() - memory_before_mb < MOST_MORE_MB
    pipeline.unload()


def _endings(pipeline: MaxSightPipeline) -> tuple[int, int, int]:
    counts = pipeline.context_counts
    return counts.in_time, counts.late, counts.failed


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_is_killed_is_replaced_with_the_next_frame(
    lane: CpuLane, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage_b, box = FaultyStage(seed=0), ContextBox()
    stage_b.is_well = True
    pipeline = MaxSightPipeline(CornerStage(), stage_b, GATE, time.perf_counter, lane)
    (frame,) = frames(1)

    def killed(*_: Any) -> Any:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(ContextWorker, "_look", killed)
        before = set(threading.enumerate())
        pipeline.step(frame, frame_id=0, captured_s=0.0, box=box)
        wait_until(
            lambda: all(one.name != "stage-b" for one in set(threading.enumerate()) - before)
        )
    assert pipeline.step(frame, frame_id=1, captured_s=0.1, box=box).gate.code == "ran"
    wait_until(lambda: box.latest is not None)
    assert box.latest is not None and box.latest.frame_id == 1
    wait_until(lambda: sum(_endings(pipeline)) == 2)
    assert _endings(pipeline) == (1, 0, 1)


def test_a_box_that_refuses_a_result_is_a_failure_of_that_run_alone(
    lane: CpuLane, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, logger=context_worker.__name__)

    class FullBox(ContextBox):
        def put(self, result: Any) -> None:
            raise MemoryError

    stage_b = FaultyStage(seed=0)
    stage_b.is_well = True
    pipeline = MaxSightPipeline(CornerStage(), stage_b, GATE, time.perf_counter, lane)
    (frame,) = frames(1)
    box = ContextBox()
    for number, one in enumerate((FullBox(), box)):
        pipeline.step(frame, frame_id=number, captured_s=0.0, box=one)
        wait_until(lambda: sum(_endings(pipeline)) == number + 1)  # noqa: B023
    assert _endings(pipeline) == (1, 0, 1)
    assert box.latest is not None and box.latest.frame_id == 1
