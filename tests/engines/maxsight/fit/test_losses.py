"""The losses: published formulas, hand-worked values, and what must not count."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.ops import generalized_box_iou_loss, sigmoid_focal_loss

from engines.maxsight.decode import boxes_of, cell_grid
from engines.maxsight.fit.losses import (
    Losses,
    LossWeights,
    focal_loss,
    giou_loss,
    losses_of,
    urgency_loss,
)
from engines.maxsight.fit.targets import pairwise_iou
from engines.maxsight.stage_a import StageAOutput
from tests.engines.maxsight.fit.test_targets import BOX, CELLS, CLASSES, LEFT, SIDE, batch_of

EVEN = torch.ones(3)
LOGITS = st.floats(-15, 15)


# Focal loss


@given(logit=LOGITS, is_object=st.booleans())
@settings(deadline=None)
def test_focal_loss_of_yes_and_no_is_lin_s_formula(logit: float, is_object: bool) -> None:
    chance = 1 / (1 + math.exp(-logit))
    right, alpha = (chance, 0.25) if is_object else (1 - chance, 0.75)
    expected = -alpha * (1 - right) ** 2 * math.log(right)
    logits, wanted = torch.tensor([[logit], [is_object]], dtype=torch.float64)
    found = focal_loss(logits, wanted)
    assert float(found) == pytest.approx(expected, rel=1e-5, abs=1e-12)


def test_focal_loss_equals_torchvision_s() -> None:
    torch.manual_seed(0)
    logits, wanted = torch.randn(200) * 4, (torch.rand(200) < 0.3).float()
    torch.testing.assert_close(focal_loss(logits, wanted), sigmoid_focal_loss(logits, wanted))


@pytest.mark.parametrize("wanted", [0.1, 0.5, 0.9])
def test_focal_loss_of_a_score_between_is_least_at_that_score(wanted: float) -> None:
    chances = torch.tensor([wanted - 0.05, wanted, wanted + 0.05])
    low, at, high = focal_loss(chances.logit(), torch.full((3,), wanted)).tolist()
    assert at == pytest.approx(0, abs=1e-9)
    assert low > at < high


@given(logit=LOGITS, wanted=st.floats(0, 1, width=32))
@settings(deadline=None)
def test_focal_loss_is_finite_and_so_is_its_slope(logit: float, wanted: float) -> None:
    logits = torch.tensor([logit * 10], requires_grad=True)
    loss = focal_loss(logits, torch.tensor([wanted]))
    loss.sum().backward()
    assert logits.grad is not None
    assert float(loss.detach()) >= 0 and bool(loss.isfinite()) and bool(logits.grad.isfinite())


# Boxes

GIOU = {
    "the same": ((0, 0, 2, 2), (0, 0, 2, 2), 0.0),
    "corner over corner": ((0, 0, 2, 2), (1, 1, 3, 3), 1 - 1 / 7 + 2 / 9),
    "inside": ((0, 0, 4, 4), (1, 1, 3, 3), 1 - 4 / 16),
    "edge to edge": ((0, 0, 1, 1), (1, 0, 2, 1), 1.0),
    "a gap of one": ((0, 0, 1, 1), (2, 0, 3, 1), 1 + 1 / 3),
    "far apart": ((0, 0, 1, 1), (99, 99, 100, 100), 1 + 9998 / 10000),
}


@pytest.mark.parametrize(("first", "second", "expected"), GIOU.values(), ids=GIOU.keys())
def test_giou_loss_equals_the_value_worked_by_hand(
    first: tuple[float, ...], second: tuple[float, ...], expected: float
) -> None:
    one, other = torch.tensor([first]).float(), torch.tensor([second]).float()
    assert giou_loss(one, other).tolist() == [pytest.approx(expected)]
    assert giou_loss(other, one).tolist() == [pytest.approx(expected)]


def test_giou_loss_equals_torchvision_s() -> None:
    torch.manual_seed(0)
    corners = torch.rand(2, 100, 2, 2) * 50
    low, high = corners.amin(dim=2), corners.amax(dim=2) + 1
    boxes = torch.cat([low, high], dim=2)
    torch.testing.assert_close(giou_loss(*boxes), generalized_box_iou_loss(*boxes))


# Urgency


def test_urgency_loss_of_a_guess_is_the_focal_loss_of_one_in_four() -> None:
    for wanted in range(4):
        found = urgency_loss(torch.zeros(2, 4), torch.tensor([wanted, wanted]))
        assert float(found) == pytest.approx(0.75**2 * math.log(4))


def test_a_missed_danger_weighs_three_times_a_false_alarm() -> None:
    says_safe, says_danger = torch.tensor([[4.0, 0, 0, 0], [0, 0, 0, 4.0]])
    safe, danger = torch.tensor([0, 3])

    def loss(wrong: Tensor, truth: Tensor) -> float:
        """Return the loss of one wrong frame of two; the right one costs next to nothing."""
        right = says_danger * 5 if truth == safe else says_safe * 5
        other = danger if truth == safe else safe
        return float(urgency_loss(torch.stack([wrong, right]), torch.stack([truth, other])))

    assert loss(says_safe, danger) == pytest.approx(3 * loss(says_danger, safe), rel=1e-3)


# All of them


def output_of(pictures: int = 1) -> StageAOutput:
    """Make a network's output that says nothing much, ready to be differentiated."""
    torch.manual_seed(0)
    shapes = [
        (CELLS, CLASSES), (CELLS,), (CELLS, 4), (CELLS, 3), (4,), (1,),
    ]  # fmt: skip
    return StageAOutput(
        *((torch.randn(pictures, *shape) * 0.1).requires_grad_() for shape in shapes)
    )


def slopes(loss: Tensor, output: StageAOutput) -> StageAOutput:
    """Return the gradient of a loss by each part of the output."""
    found = torch.autograd.grad(loss, tuple(output), allow_unused=True, retain_graph=True)
    parts = [torch.zeros_like(o) if one is None else one for one, o in zip(found, output)]
    return StageAOutput(*parts)


def perfect_output(box: list[float], class_index: int, zone: int) -> StageAOutput:
    """Make the output of a network that is right about one thing in an otherwise empty frame."""
    centres, strides = cell_grid(SIDE, SIDE)
    low, high = torch.tensor(box).view(2, 2)
    sides = (
        torch.cat([centres - low, high - centres], dim=1).clamp(min=1) / strides[:, None]
    ).log()
    inside = ((centres > low) & (centres < high)).all(dim=1)
    chosen = torch.nonzero(inside).flatten()[:10]
    classes, objectness = torch.full((1, CELLS, CLASSES), -20.0), torch.full((1, CELLS), -20.0)
    classes[0, chosen, class_index] = objectness[0, chosen] = 20.0
    zones = torch.full((1, CELLS, 3), -20.0)
    zones[..., zone] = 20.0
    frame = torch.tensor([[20.0, -20, -20, -20]]), torch.tensor([[-20.0]])
    return StageAOutput(classes, objectness, sides[None], zones, *frame)


def its_cells(output: StageAOutput, box: list[float] = BOX) -> Tensor:
    """Return which cells' boxes are those of the thing in `box`, (CELLS,)."""
    boxes = boxes_of(output.sides.detach(), *cell_grid(SIDE, SIDE))[0]
    return pairwise_iou(torch.tensor([box]), boxes)[0] >= 0.5


def test_a_perfect_answer_costs_nothing() -> None:
    batch = batch_of({"box": BOX, "class_index": 1, "zone": 2})
    losses = losses_of(perfect_output(BOX, 1, 2), batch, EVEN)
    for name, loss in losses._asdict().items():
        assert float(loss) == pytest.approx(0, abs=1e-5), name


@pytest.mark.parametrize(
    ("change", "part"),
    [
        ({"class_index": 2}, "classes"), ({"zone": 0}, "zone"),
        ({"box": [8.0, 8.0, 40.0, 36.0]}, "box"),
    ],
    ids=["another class", "another zone", "another box"],
)  # fmt: skip
def test_each_mistake_costs_in_its_own_part(change: dict[str, object], part: str) -> None:
    batch = batch_of({"box": BOX, "class_index": 1, "zone": 2, **change})
    losses = losses_of(perfect_output(BOX, 1, 2), batch, EVEN)
    assert float(getattr(losses, part)) > 0.1


def test_an_empty_picture_teaches_only_emptiness() -> None:
    output = output_of()
    losses = losses_of(output, batch_of(), EVEN)
    assert float(losses.box.detach()) == float(losses.zone.detach()) == 0
    found = slopes(losses.total(LossWeights()), output)
    assert (found.class_logits > 0).all() and (found.objectness_logits > 0).all()
    assert all(part.isfinite().all() for part in found)


def test_a_class_that_nobody_marked_in_a_photo_learns_nothing_from_its_background() -> None:
    batch = batch_of({"box": BOX, "class_index": 0})
    batch.known[..., 1] = 1
    batch.known[..., 2] = 0
    output = output_of()
    found = slopes(losses_of(output, batch, EVEN).classes, output).class_logits[0]
    whole = batch_of({"box": BOX, "class_index": 0})
    marked = slopes(losses_of(output, whole, EVEN).classes, output).class_logits[0]
    elsewhere = ~its_cells(output)
    assert not found[elsewhere, 2].any()
    assert (marked[:, 2] > 0).all()
    torch.testing.assert_close(found[elsewhere, 1], marked[elsewhere, 1] / 2)
    torch.testing.assert_close(found[:, 0], marked[:, 0])


def test_a_marked_thing_is_learnt_even_where_its_background_is_unknown() -> None:
    batch = batch_of({"box": BOX, "class_index": 2})
    batch.known.zero_()
    output = output_of()
    found = slopes(losses_of(output, batch, EVEN).classes, output).class_logits[0]
    elsewhere = ~its_cells(output)
    assert 0 < int((found[elsewhere, 2] != 0).sum()) <= 10
    assert not found[elsewhere, :2].any()


def test_a_thing_has_one_name_also_where_a_class_was_not_marked() -> None:
    batch = batch_of({"box": BOX, "class_index": 0})
    batch.known[..., 2] = 0
    said = perfect_output(BOX, 0, 0)
    said.class_logits[..., 2] = 3.0
    output = StageAOutput(*(part.requires_grad_() for part in said))
    is_its_box = its_cells(output)
    found = slopes(losses_of(output, batch, EVEN).classes, output).class_logits[0, :, 2]
    assert 0 < int(is_its_box.sum()) < CELLS
    assert (found[is_its_box] > 0).all() and not found[~is_its_box].any()
    # The teacher's boxes are not that sure.
    unsure = batch_of({"box": BOX, "class_index": 0, "chance": 0.9})
    unsure.known[..., 2] = 0
    assert not slopes(losses_of(output, unsure, EVEN).classes, output).class_logits[0, :, 2].any()


def test_cells_that_may_hold_something_are_not_taught_to_be_empty() -> None:
    batch = batch_of({"box": LEFT})
    is_right = cell_grid(SIDE, SIDE)[0][:, 0] > 32
    batch.is_seen[:, is_right] = False
    output = output_of()
    found = slopes(losses_of(output, batch, EVEN).objectness, output).objectness_logits[0]
    assert not found[is_right].any()
    assert found[~is_right].all()


def test_an_unsure_thing_weighs_as_much_as_it_is_sure() -> None:
    output, second = output_of(), [44.0, 44.0, 64.0, 64.0]
    surely, unsurely = (
        slopes(losses_of(output, batch_of({"box": BOX}, thing), EVEN).box, output).sides[0]
        for thing in ({"box": second}, {"box": second, "chance": 0.5})
    )
    share = unsurely.abs().sum(dim=1) / surely.abs().sum(dim=1)  # 0 / 0 where nothing is learnt
    is_second = (cell_grid(SIDE, SIDE)[0] > 42).all(dim=1)
    # The sum is shared among all that is sure, so only the ratio tells.
    ratio = share[is_second].nanmean() / share[~is_second].nanmean()
    assert float(ratio) == pytest.approx(0.5, rel=1e-4)


def test_padding_changes_no_loss() -> None:
    output = output_of()
    short, long = (losses_of(output, batch_of({"box": BOX}, places=n), EVEN) for n in (1, 5))
    for one, other in zip(short, long, strict=True):
        assert torch.equal(one, other)


def test_zones_weigh_as_told() -> None:
    output, batch = output_of(), batch_of({"box": BOX, "zone": 1})
    even = losses_of(output, batch, EVEN).zone
    told = losses_of(output, batch, torch.tensor([9.0, 3.0, 9.0])).zone
    torch.testing.assert_close(told, 3 * even)


@pytest.mark.parametrize(("has_thing", "wanted"), [(False, 0.0), (True, 1.0)])
def test_doubt_is_the_chance_that_something_is_missed(has_thing: bool, wanted: float) -> None:
    output = output_of()
    output = output._replace(class_logits=torch.full((1, CELLS, CLASSES), -20.0))
    batch = batch_of({"box": BOX}) if has_thing else batch_of()
    found = losses_of(output, batch, EVEN).uncertainty
    doubt = output.uncertainty_logits.sigmoid()
    expected = -(doubt if wanted else 1 - doubt).log().squeeze()
    torch.testing.assert_close(found, expected)


def test_the_sum_counts_each_part_with_its_weight() -> None:
    losses = Losses(*(torch.tensor(10.0**power) for power in range(6)))
    weights = LossWeights(classes=1, objectness=2, box=3, zone=4, urgency=5, uncertainty=6)
    assert float(losses.total(weights)) == 654321
