"""Stage B's parts together: what they find, what they survive, and whose frames they compare."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from engines.maxsight import stage_b
from engines.maxsight.context_memory import ContextMemory
from engines.maxsight.frames import Pixels
from engines.maxsight.ocr import Quads
from engines.maxsight.stage_b import LONGEST_FLOW_S, OUTPUT, Context, ContextPass
from engines.maxsight.text_lines import Reading
from engines.maxsight.text_watch import TEXT_LASTS_S
from engines.maxsight.tiers import SeenObject, Tier1, Urgency, Zone
from engines.runtime.errors import EngineUnavailableError, WeightsMissingError

SIZE = (240, 320)
QUAD = np.array(((10, 10), (50, 10), (50, 20), (10, 20)), np.float32)
CAR = SeenObject("car", 0.9, (200.0, 100.0, 300.0, 160.0), Zone.MEDIUM, 6.0, False, Urgency.WARNING)


def noise(seed: int) -> Pixels:
    small = np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)
    return np.asarray(np.kron(small, np.ones((10, 10, 1), np.uint8)), np.uint8)


def tier1_of(frame_id: int, at_s: float, *objects: SeenObject) -> Tier1:
    return Tier1(frame_id, at_s, SIZE, objects, Urgency.SAFE, 0.2, 20.0)


def never() -> bool:
    return False


class FakeReader:
    """Reads one sign, or does not even load."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.problem, self.loads = problem, 0
        self.frames: list[Pixels] = []

    def load(self) -> None:
        self.loads += 1
        if self.problem is not None:
            raise self.problem

    def find(self, pixels: Pixels) -> Quads:
        self.frames.append(pixels)
        return QUAD[None]

    def line_picture(self, pixels: Pixels, quad: Quads) -> Pixels:
        return pixels[10:20, 10:50]

    def read_line(self, crop: Pixels) -> Reading | None:
        return Reading("EXIT", 0.9, False)


def look(
    stage: ContextPass,
    frame: Pixels,
    tier1: Tier1,
    memory: ContextMemory,
    is_late: Callable[[], bool] = never,
) -> Context:
    (name, context), *rest = stage.look(frame, tier1, memory, is_late).items()
    assert name == OUTPUT and not rest
    assert isinstance(context, Context)
    return context


def test_every_part_speaks_of_the_objects_in_their_order() -> None:
    chair = replace(CAR, class_id="chair", box=(20.0, 120.0, 80.0, 230.0), distance_m=1.5)
    stage, memory = ContextPass(FakeReader()), ContextMemory()
    look(stage, noise(0), tier1_of(1, 0.0, CAR, chair), memory)
    found = look(stage, noise(0), tier1_of(2, 0.1, CAR, chair), memory)
    assert found.frame_id == 2
    assert found.objects == (CAR, chair)
    assert len(found.distances) == len(found.findabilities) == len(found.priorities) == 2
    assert len(found.motions) == 2
    assert [one.box for one in found.findabilities] == [CAR.box, chair.box]
    assert found.distances[0].low_m <= found.distances[0].metres <= found.distances[0].high_m
    assert found.picture is not None and found.path is not None and found.difficulty is not None
    assert found.graph is not None
    assert {node.class_id for node in found.graph.nodes} == {"car", "chair", "text"}
    assert found.problems == ()


def test_movement_is_told_only_where_the_last_look_was_a_moment_ago() -> None:
    stage = ContextPass()
    for elapsed_s, is_told in ((0.1, True), (LONGEST_FLOW_S + 0.1, False), (-1.0, False)):
        memory = ContextMemory()
        first = look(stage, noise(1), tier1_of(1, 5.0, CAR), memory)
        assert first.motions == ()
        second = look(stage, noise(1), tier1_of(2, 5.0 + elapsed_s, CAR), memory)
        assert bool(second.motions) is is_told


def test_two_peoples_frames_are_never_compared() -> None:
    stage, mine, yours = ContextPass(), ContextMemory(), ContextMemory()
    still = noise(2)
    look(stage, still, tier1_of(1, 0.0, CAR), mine)
    assert look(stage, np.roll(still, 8, axis=1), tier1_of(1, 0.1, CAR), yours).motions == ()
    (motion,) = look(stage, still, tier1_of(2, 0.2, CAR), mine).motions
    assert motion is not None
    assert not motion.is_moving


def test_text_is_read_now_and_then_and_lasts_a_while() -> None:
    reader = FakeReader()
    stage, memory = ContextPass(reader), ContextMemory()
    for step in range(10):
        found = look(stage, noise(step), tier1_of(step, step / 10), memory)
        assert [line.text for line in found.lines] == ["EXIT"]
        assert found.lines[0].box == (10.0, 10.0, 50.0, 20.0)
    assert reader.loads == 1
    assert 1 <= len(reader.frames) <= 3
    quiet = ContextPass(None)
    assert look(quiet, noise(0), tier1_of(11, 1.1), memory).lines == ()
    late_s = 1.0 + TEXT_LASTS_S + 5.0
    reader.find = lambda pixels: QUAD[None][:0]  # type: ignore[method-assign]
    assert look(stage, noise(0), tier1_of(12, late_s), memory).lines == ()


def test_text_of_a_frame_that_was_made_smaller_lies_where_it_is_in_the_frame() -> None:
    tier1 = replace(tier1_of(1, 0.0), frame_size=(480, 640))
    (line,) = look(ContextPass(FakeReader()), noise(0), tier1, ContextMemory()).lines
    assert line.box == (20.0, 20.0, 100.0, 40.0)


def test_a_look_that_has_no_time_left_reads_no_line_and_the_next_one_does() -> None:
    now_s = iter(np.arange(0.0, 100.0, 0.3))
    stage, memory = ContextPass(FakeReader(), clock=lambda: float(next(now_s))), ContextMemory()
    assert look(stage, noise(0), tier1_of(1, 0.0), memory).lines == ()
    assert len(look(stage, noise(1), tier1_of(2, 0.1), memory).lines) == 1


def test_a_reader_that_does_not_load_is_named_and_not_asked_again() -> None:
    reader = FakeReader(WeightsMissingError("No networks.", "Install them."))
    stage, memory = ContextPass(reader), ContextMemory()
    for step in range(3):
        found = look(stage, noise(step), tier1_of(step, float(step)), memory)
        assert found.problems == ("No networks. Install them.",)
        assert found.graph is not None
    assert reader.loads == 1


def test_preparing_loads_the_reader_before_the_first_look_and_never_raises() -> None:
    reader = FakeReader()
    stage = ContextPass(reader)
    stage.prepare()
    assert reader.loads == 1
    assert len(look(stage, noise(0), tier1_of(1, 0.0), ContextMemory()).lines) == 1
    assert reader.loads == 1
    broken = ContextPass(FakeReader(WeightsMissingError("No networks.", "Install them.")))
    broken.prepare()
    found = look(broken, noise(0), tier1_of(1, 0.0), ContextMemory())
    assert found.problems == ("No networks. Install them.",)
    ContextPass(None).prepare()


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (EngineUnavailableError("It failed.", "Try again."), "It failed. Try again."),
        (RuntimeError("boom"), "The part “path” broke off; the log says more."),
    ],
    ids=["known", "unknown"],
)
def test_a_part_that_fails_is_named_and_the_others_go_on(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(stage_b, "free_path", fail)
    found = look(ContextPass(), noise(0), tier1_of(1, 0.0, CAR), ContextMemory())
    assert found.problems == (said,)
    assert found.path is None and found.difficulty is None
    assert found.graph is not None and found.picture is not None


def test_parts_that_there_is_no_time_for_are_left_out() -> None:
    asked = 0

    def is_late() -> bool:
        nonlocal asked
        asked += 1
        return asked > 2

    found = look(ContextPass(), noise(0), tier1_of(1, 0.0, CAR), ContextMemory(), is_late)
    assert len(found.distances) == 1
    assert found.path is None and found.graph is None


def test_a_frame_without_things_has_a_context_too() -> None:
    found = look(ContextPass(FakeReader()), noise(0), tier1_of(1, 0.0), ContextMemory())
    assert found.problems == ()
    assert found.graph is not None and found.path is not None
