"""Which cell learns which thing: toy pictures worked by hand, and what always holds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from engines.maxsight.boxes import iou_matrix
from engines.maxsight.decode import cell_grid
from engines.maxsight.fit.data import Batch
from engines.maxsight.fit.targets import (
    CELLS_PER_OBJECT,
    CellTargets,
    assign,
    assign_batch,
    pairwise_iou,
)

# 8 × 8 cells of P3, 4 × 4 of P4 and 2 × 2 of P5.
SIDE, CELLS, CLASSES = 64, 84, 3
CENTRES = cell_grid(SIDE, SIDE)[0]
LEFT, RIGHT = [0.0, 0.0, 32.0, 64.0], [32.0, 0.0, 64.0, 64.0]
BOX = [8.0, 8.0, 40.0, 40.0]


def fresh(*, chance: float = 0.5, box: list[float] = BOX) -> tuple[Tensor, Tensor]:
    """Return scores and boxes of a network that says the same in every cell."""
    return torch.full((CELLS, CLASSES), chance), torch.tensor(box).expand(CELLS, 4).clone()


def owners(
    boxes: list[list[float]], classes: list[int], scores: Tensor, predicted: Tensor
) -> CellTargets:
    return assign(
        scores, predicted, CENTRES, torch.tensor(boxes).view(-1, 4), torch.tensor(classes)
    )


def cells_in(box: list[float]) -> Tensor:
    low, high = torch.tensor(box).view(2, 2)
    return ((CENTRES - low >= 0) & (high - CENTRES >= 0)).all(dim=1)


def test_without_things_every_cell_is_background() -> None:
    target = assign(*fresh(), CENTRES, torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    assert (target.owner == -1).all() and not target.quality.any()


def test_the_ten_cells_that_see_a_thing_best_learn_it() -> None:
    scores, predicted = fresh()
    inside = torch.nonzero(cells_in(BOX)).flatten()
    assert len(inside) == 16 + 9 + 1
    best = inside[torch.tensor([0, 2, 4, 6, 8, 10, 12, 14, 16, 20])]
    scores[best, 1] = 0.8
    target = owners([BOX], [1], scores, predicted)
    assert torch.nonzero(target.owner == 0).flatten().tolist() == best.tolist()
    assert target.quality[best].tolist() == pytest.approx([1] * 10)
    assert target.quality.sum() == pytest.approx(10)


def test_a_cell_outside_a_thing_never_learns_it_however_well_it_sees_it() -> None:
    scores, predicted = fresh()
    outside = ~cells_in(BOX)
    scores[outside] = 1.0
    target = owners([BOX], [0], scores, predicted)
    assert (target.owner[outside] == -1).all()
    assert (target.owner == 0).sum() == CELLS_PER_OBJECT


def test_quality_is_the_best_overlap_and_falls_with_alignment() -> None:
    scores, predicted = fresh(box=[0.0, 0.0, 1.0, 1.0])
    first, second, third = torch.nonzero(cells_in(BOX)).flatten()[[0, 5, 7]].tolist()
    predicted[[first, second]] = torch.tensor([8.0, 8.0, 40.0, 24.0])  # overlap 1/2
    predicted[third] = torch.tensor([8.0, 8.0, 40.0, 32.0])  # overlap 3/4
    scores[second, 0] = 0.25
    target = owners([BOX], [0], scores, predicted)
    half, most = 0.5 * 0.5**6, 0.5 * 0.75**6
    assert target.quality[third] == pytest.approx(0.75)
    assert target.quality[first] == pytest.approx(0.75 * half / most)
    assert target.quality[second] == pytest.approx(0.75 * half / 2 / most)


def test_a_cell_that_two_things_want_learns_the_one_it_overlaps_more() -> None:
    small = [8.0, 8.0, 24.0, 24.0]
    scores, predicted = fresh(box=small)
    target = owners([BOX, small], [0, 0], scores, predicted)
    assert (target.owner[cells_in(small)] == 1).all()
    predicted = torch.tensor(BOX).expand(CELLS, 4).clone()
    target = owners([BOX, small], [0, 0], scores, predicted)
    assert (target.owner == 0).sum() == CELLS_PER_OBJECT
    assert not (target.owner[~cells_in(small)] == 1).any()


def test_a_thing_smaller_than_a_cell_owns_the_cell_it_lies_in() -> None:
    tiny = [1.0, 1.0, 3.0, 3.0]  # the nearest centre, (4, 4), lies outside it
    target = owners([tiny], [0], *fresh())
    (cell,) = torch.nonzero(target.owner == 0).flatten().tolist()
    assert CENTRES[cell].tolist() == [4, 4]


boxes = st.lists(
    st.tuples(*[st.integers(0, 56)] * 2, *[st.integers(2, 40)] * 2).map(
        lambda one: [one[0], one[1], min(64, one[0] + one[2]), min(64, one[1] + one[3])]
    ),
    min_size=1,
    max_size=6,
)


@given(boxes=boxes, predicted=boxes, seed=st.integers(0, 999))
@settings(deadline=None)
def test_every_assignment_stays_inside_its_thing_and_its_limits(
    boxes: list[list[int]], predicted: list[list[int]], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(CELLS, CLASSES, generator=generator)
    guesses = torch.tensor(predicted).float()
    guesses = guesses[torch.randint(len(guesses), (CELLS,), generator=generator)]
    things = torch.tensor(boxes).float()
    classes = torch.randint(CLASSES, (len(things),), generator=generator)
    target = assign(scores, guesses, CENTRES, things, classes)
    assert (target.quality >= 0).all() and (target.quality <= 1 + 1e-5).all()
    assert not target.quality[target.owner == -1].any()
    for index, (low, high) in enumerate(things.view(-1, 2, 2)):
        own = CENTRES[target.owner == index]
        assert len(own) <= CELLS_PER_OBJECT
        assert len(own) or len(things) > 1
        half = ((high - low) / 2).clamp(min=4)
        assert ((own - (low + high) / 2).abs() <= half).all()


@given(first=boxes, second=boxes)
@settings(deadline=None)
def test_overlap_in_torch_equals_overlap_in_numpy(
    first: list[list[int]], second: list[list[int]]
) -> None:
    one, other = torch.tensor(first).float(), torch.tensor(second).float()
    expected = torch.from_numpy(iou_matrix(one.numpy(), other.numpy()))
    torch.testing.assert_close(pairwise_iou(one, other), expected)


# Batches


def batch_of(*things: dict[str, Any], pictures: int = 1, places: int = 2) -> Batch:
    """Make a batch with these things in its first picture."""
    values: dict[str, Tensor] = {
        "boxes": torch.zeros(pictures, places, 4),
        "classes": torch.zeros(pictures, places, dtype=torch.long),
        "chances": torch.zeros(pictures, places),
        "wanted": torch.zeros(pictures, places, CLASSES),
        "zones": torch.zeros(pictures, places, dtype=torch.long),
    }
    for place, thing in enumerate(things):
        class_index = thing.get("class_index", 0)
        values["boxes"][0, place] = torch.tensor(thing["box"])
        values["classes"][0, place] = class_index
        values["chances"][0, place] = thing.get("chance", 1.0)
        values["wanted"][0, place, class_index] = thing.get("chance", 1.0)
        values["zones"][0, place] = thing.get("zone", 0)
    return Batch(
        pixels=torch.zeros(pictures, 3, SIDE, SIDE, dtype=torch.uint8),
        known=torch.full((pictures, CELLS, CLASSES), 2, dtype=torch.uint8),
        is_seen=torch.ones(pictures, CELLS, dtype=torch.bool),
        urgency=torch.zeros(pictures, dtype=torch.long),
        **values,
    )


def test_cells_learn_the_class_box_chance_and_zone_of_their_thing() -> None:
    scores, predicted = fresh()
    batch = batch_of(
        {"box": LEFT, "class_index": 1, "zone": 2}, {"box": RIGHT, "class_index": 2, "chance": 0.5}
    )
    is_left = CENTRES[:, 0] < 32
    predicted = torch.where(is_left[:, None], torch.tensor(LEFT), torch.tensor(RIGHT))
    target = assign_batch(scores[None], predicted[None], CENTRES, batch)
    for is_side, box, class_index, chance, zone in (
        (is_left, LEFT, 1, 1.0, 2), (~is_left, RIGHT, 2, 0.5, 0),
    ):  # fmt: skip
        own = target.is_object[0] & is_side
        assert own.sum() == CELLS_PER_OBJECT
        assert (target.boxes[0][own] == torch.tensor(box)).all()
        assert (target.chances[0][own] == chance).all() and (target.zones[0][own] == zone).all()
        assert target.quality[0][own].tolist() == pytest.approx([1] * CELLS_PER_OBJECT)
        expected = torch.zeros(CLASSES)
        expected[class_index] = chance
        torch.testing.assert_close(target.wanted[0][own], expected.expand(CELLS_PER_OBJECT, -1))
    is_background = ~target.is_object
    assert not target.wanted[is_background].any() and not target.chances[is_background].any()


def test_padding_is_no_thing() -> None:
    scores, predicted = (part[None].expand(2, -1, -1) for part in fresh())
    batch = batch_of({"box": BOX}, pictures=2)
    target = assign_batch(scores, predicted, CENTRES, batch)
    assert target.is_object.sum(dim=1).tolist() == [CELLS_PER_OBJECT, 0]
    assert not target.wanted[1].any()
    alone = assign_batch(scores[:1], predicted[:1], CENTRES, batch_of({"box": BOX}, places=1))
    for one, other in zip(target, alone, strict=True):
        assert torch.equal(one[:1], other)


FOUND = {
    "both found": (LEFT, RIGHT, 1.0, 1.0, 0.3),
    "one has no fitting box": (LEFT, [40.0, 0.0, 48.0, 64.0], 1.0, 1.0, 0.0),
    "an unsure thing does not count": (LEFT, [40.0, 0.0, 48.0, 64.0], 1.0, 0.9, 0.6),
    "a tiny thing does not count": (LEFT, [40.0, 0.0, 47.0, 64.0], 1.0, 1.0, 0.6),
    "nothing sure": (LEFT, RIGHT, 0.9, 0.9, 1.0),
}


@pytest.mark.parametrize(
    ("first", "second", "chance", "other_chance", "expected"), FOUND.values(), ids=FOUND.keys()
)
def test_a_frame_is_as_doubtful_as_its_worst_found_thing(
    first: list[float], second: list[float], chance: float, other_chance: float, expected: float
) -> None:
    is_left = CENTRES[:, 0] < 32
    predicted = torch.where(is_left[:, None], torch.tensor(LEFT), torch.tensor(RIGHT))
    scores = torch.zeros(CELLS, CLASSES)
    scores[:, 0] = torch.where(is_left, 0.6, 0.3)
    batch = batch_of({"box": first, "chance": chance}, {"box": second, "chance": other_chance})
    target = assign_batch(scores[None], predicted[None], CENTRES, batch)
    assert target.worst_found.tolist() == [pytest.approx(expected)]
