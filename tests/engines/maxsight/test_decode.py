"""From rows of the network to detections: one row made by hand, and what holds for all."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.decode import (
    MAX_CANDIDATES,
    MAX_DETECTIONS,
    Detections,
    boxes_of,
    cell_grid,
    decode,
)
from engines.maxsight.stage_a import StageAOutput

# 8 × 12 cells of P3, 4 × 6 of P4 and 2 × 3 of P5.
SIZE = (64, 96)
CELLS = 96 + 24 + 6
CLASSES = 9
# Row 1, column 2 of P4: its centre is x = 40, y = 24, its stride 16.
ROW = 96 + 1 * 6 + 2


def nothing(batch: int = 1) -> StageAOutput:
    """Make the output of a network that sees nothing anywhere."""
    return StageAOutput(
        torch.full((batch, CELLS, CLASSES), -20.0),
        torch.full((batch, CELLS), -20.0),
        torch.zeros(batch, CELLS, 4),
        torch.zeros(batch, CELLS, 3),
        torch.zeros(batch, 4),
        torch.zeros(batch, 1),
    )


def with_one_thing(output: StageAOutput, picture: int = 0, row: int = ROW) -> StageAOutput:
    """Let a cell see class 3, chance 0.8, objectness 0.5, zone 2, box (24, 16, 72, 40) if P4's."""
    output.class_logits[picture, row, 3] = math.log(0.8 / 0.2)
    output.objectness_logits[picture, row] = 0.0
    output.sides[picture, row] = torch.tensor([1.0, 0.5, 2.0, 1.0]).log()
    output.zone_logits[picture, row] = torch.tensor([0.1, 0.2, 0.3])
    return output


def decode_one(
    output: StageAOutput,
    *,
    scale: float = 1.0,
    frame_size: tuple[int, int] = SIZE,
    min_score: float = 0.05,
    objectness_power: float = 0.0,
) -> Detections:
    (found,) = decode(
        output,
        input_size=SIZE,
        scales=[scale],
        frame_sizes=[frame_size],
        min_score=min_score,
        objectness_power=objectness_power,
    )
    return found


def test_cells_come_row_by_row_from_fine_to_coarse() -> None:
    centres, strides = cell_grid(*SIZE)
    assert centres.shape == (CELLS, 2)
    assert strides.tolist() == [8.0] * 96 + [16.0] * 24 + [32.0] * 6
    assert centres[[0, 1, 12, ROW, -1]].tolist() == [
        [4, 4], [12, 4], [4, 12], [40, 24], [80, 48],
    ]  # fmt: skip


def test_a_row_made_by_hand_becomes_its_box() -> None:
    found = decode_one(with_one_thing(nothing()))
    assert found.boxes.tolist() == [pytest.approx([24, 16, 72, 40])]
    assert found.boxes.dtype == np.float32
    assert found.scores.tolist() == [pytest.approx(0.8)]
    assert found.classes.tolist() == [3]
    assert found.zones.tolist() == [2]


def test_boxes_are_in_pixels_of_the_frame_and_end_at_its_edge() -> None:
    found = decode_one(with_one_thing(nothing()), scale=0.5, frame_size=(70, 120))
    assert found.boxes.tolist() == [pytest.approx([48, 32, 120, 70])]


@pytest.mark.parametrize(
    ("power", "score"),
    [(0.0, 0.8), (1.0, 0.4), (0.5, 0.8 * math.sqrt(0.5))],
    ids=["class alone", "times objectness", "times its root"],
)
def test_objectness_counts_with_its_power(power: float, score: float) -> None:
    found = decode_one(with_one_thing(nothing()), objectness_power=power)
    assert found.scores.tolist() == [pytest.approx(score, rel=1e-5)]


@pytest.mark.parametrize(("least", "count"), [(0.79, 1), (0.81, 0)], ids=["above", "below"])
def test_a_score_below_the_least_is_nothing(least: float, count: int) -> None:
    found = decode_one(with_one_thing(nothing()), min_score=least)
    assert len(found.scores) == count
    assert found.boxes.shape == (count, 4)


def test_nothing_is_an_empty_list_and_no_error() -> None:
    found = decode_one(nothing())
    assert found.boxes.shape == (0, 4)
    assert [len(part) for part in (found.scores, found.classes, found.zones)] == [0, 0, 0]


def test_a_thing_that_two_cells_see_is_named_once_by_the_surer_one() -> None:
    output = with_one_thing(with_one_thing(nothing()), row=ROW + 1)
    # The next cell lies one stride to the right: the same box from there.
    output.sides[0, ROW + 1] = torch.tensor([1.0 + 1, 0.5, 2.0 - 1, 1.0]).log()
    output.class_logits[0, ROW + 1, 3] += 1
    output.zone_logits[0, ROW + 1] = torch.tensor([1.0, 0.0, 0.0])
    found = decode_one(output)
    assert found.boxes.tolist() == [pytest.approx([24, 16, 72, 40])]
    assert found.zones.tolist() == [0]


def test_cells_that_see_a_thing_agree_on_its_box() -> None:
    output = with_one_thing(with_one_thing(nothing()), row=ROW + 1)
    # The next cell, as sure, lets it begin at 40 instead of 24.
    output.sides[0, ROW + 1] = torch.tensor([1.0, 0.5, 2.0 - 1, 1.0]).log()
    found = decode_one(output)
    assert found.boxes.tolist() == [pytest.approx([32, 16, 72, 40])]


def test_one_cell_may_see_two_classes() -> None:
    output = with_one_thing(nothing())
    output.class_logits[0, ROW, 1] = 3.0
    found = decode_one(output)
    assert found.classes.tolist() == [1, 3]
    assert found.boxes[0].tolist() == found.boxes[1].tolist()


def test_each_frame_of_a_batch_has_its_own_things_scale_and_size() -> None:
    output = with_one_thing(nothing(3), picture=2)
    found = decode(
        output, input_size=SIZE, scales=[1.0, 1.0, 2.0], frame_sizes=[SIZE, SIZE, (32, 48)]
    )
    assert [len(one.scores) for one in found] == [0, 0, 1]
    assert found[2].boxes.tolist() == [pytest.approx([12, 8, 36, 20])]


def test_every_frame_needs_its_scale_and_size() -> None:
    with pytest.raises(ValueError):
        decode(nothing(2), input_size=SIZE, scales=[1.0, 1.0], frame_sizes=[SIZE])


def test_a_crowd_is_cut_to_the_best_hundred() -> None:
    output = nothing()
    # Every cell sees all classes in a box of its own: more than may be compared or returned.
    output.class_logits.copy_(torch.linspace(-1, 1, CELLS * CLASSES).view(1, CELLS, CLASSES))
    output.sides.fill_(math.log(0.4))
    assert CELLS * CLASSES > MAX_CANDIDATES > MAX_DETECTIONS
    found = decode_one(output)
    best = output.class_logits.sigmoid().flatten().sort(descending=True).values
    assert found.scores.tolist() == pytest.approx(best[:MAX_DETECTIONS].tolist())


def test_boxes_stay_finite_whatever_the_network_says() -> None:
    output = with_one_thing(nothing())
    output.sides.fill_(1e30)
    found = decode_one(output)
    assert found.boxes.tolist() == [[0, 0, SIZE[1], SIZE[0]]]


@settings(deadline=None)
@given(
    row=st.integers(0, CELLS - 1),
    reach_px=st.lists(st.floats(0.5, 500.0), min_size=4, max_size=4),
)
def test_log_sides_and_boxes_are_each_other_s_inverse(row: int, reach_px: list[float]) -> None:
    centres, strides = cell_grid(*SIZE)
    reach = torch.tensor(reach_px)
    box = torch.cat([centres[row] - reach[:2], centres[row] + reach[2:]])
    sides = (reach / strides[row]).log()
    found = boxes_of(sides[None], centres[row : row + 1], strides[row : row + 1])
    torch.testing.assert_close(found[0], box, rtol=1e-4, atol=1e-3)


def test_a_grid_that_was_first_needed_in_use_also_serves_a_training() -> None:
    cell_grid.cache_clear()
    with torch.inference_mode():
        centres, strides = cell_grid(64, 96)
    assert not centres.is_inference()
    sides = torch.zeros(len(centres), 4, requires_grad=True)
    boxes_of(sides, centres, strides).sum().backward()
    assert sides.grad is not None
