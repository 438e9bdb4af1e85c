"""What Stage A is trained to make small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from engines.maxsight.decode import boxes_of, cell_grid
from engines.maxsight.fit.data import Batch
from engines.maxsight.fit.targets import assign_batch
from engines.maxsight.heads.detection import STRIDES
from engines.maxsight.stage_a import StageAOutput

# Lin et al. 2017, "Focal Loss for Dense Object Detection".
FOCAL_ALPHA, FOCAL_GAMMA = 0.25, 2.0
# Reference design: how much more a missed warning or danger weighs.
URGENCY_WEIGHTS = (1.0, 1.5, 2.0, 3.0)


@dataclass(frozen=True)
class LossWeights:
    """How much each part counts in the sum."""

    classes: float = 2.0
    objectness: float = 1.0
    box: float = 2.0
    zone: float = 0.3
    urgency: float = 0.2
    uncertainty: float = 0.1


class Losses(NamedTuple):
    """The parts, each a scalar; box, class and zone per object's quality, not per cell."""

    classes: Tensor
    objectness: Tensor
    box: Tensor
    zone: Tensor
    urgency: Tensor
    uncertainty: Tensor

    def total(self, weights: LossWeights) -> Tensor:
        """Sum the parts with their weights."""
        return torch.stack(
            [part * getattr(weights, name) for name, part in self._asdict().items()]
        ).sum()


def focal_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the focal loss of each element, for wanted scores in [0, 1].

    For 0 and 1 it is Lin's: -alpha_t (1 - p_t)^gamma log p_t. In between, |wanted - p|^gamma times
    cross-entropy (Li et al. 2020, quality focal loss), with alpha running between its two values.
    """
    chance = logits.sigmoid()
    alpha = FOCAL_ALPHA * wanted + (1 - FOCAL_ALPHA) * (1 - wanted)
    cross = binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return alpha * (wanted - chance).abs().pow(FOCAL_GAMMA) * cross


def giou_loss(predicted: Tensor, wanted: Tensor) -> Tensor:
    """Return 1 - generalised IoU (N,) of boxes (N, 4) pairwise (Rezatofighi et al. 2019)."""
    low = torch.maximum(predicted[:, :2], wanted[:, :2])
    high = torch.minimum(predicted[:, 2:], wanted[:, 2:])
    shared = (high - low).clamp(min=0).prod(dim=1)
    areas = [(b[:, 2:] - b[:, :2]).clamp(min=0).prod(dim=1) for b in (predicted, wanted)]
    union = (areas[0] + areas[1] - shared).clamp(min=1e-6)
    hull_low = torch.minimum(predicted[:, :2], wanted[:, :2])
    hull_high = torch.maximum(predicted[:, 2:], wanted[:, 2:])
    hull = (hull_high - hull_low).prod(dim=1).clamp(min=1e-6)
    return 1 - shared / union + (hull - union) / hull


def urgency_loss(logits: Tensor, wanted: Tensor) -> Tensor:
    """Return the class-weighted focal loss of the frames' urgency: (B, 4), (B,) -> scalar."""
    cross = cross_entropy(logits, wanted, reduction="none")
    weight = logits.new_tensor(URGENCY_WEIGHTS)[wanted]
    return (weight * (1 - (-cross).exp()).pow(FOCAL_GAMMA) * cross).sum() / weight.sum()


def losses_of(
    output: StageAOutput,
    batch: Batch,
    zone_weights: Tensor,
    strides: tuple[int, ...] = STRIDES,
) -> Losses:
    """Compute all parts for a batch.

    Args:
        output: of a network with grids of `strides`.
        batch: says for the cells of all STRIDES what is known there.
        zone_weights: (3,), they even out how common the zones are.
    """
    height, width = batch.pixels.shape[-2:]
    device = output.sides.device
    centres, stride_of = (part.to(device) for part in cell_grid(height, width, strides))
    is_own = torch.isin(cell_grid(height, width)[1].to(device), stride_of.unique())
    batch = batch._replace(known=batch.known[:, is_own], is_seen=batch.is_seen[:, is_own])
    boxes = boxes_of(output.sides, centres, stride_of)
    target = assign_batch(output.class_logits.detach().sigmoid(), boxes.detach(), centres, batch)
    weight = target.quality * target.chances
    mass = weight.sum().clamp(min=1.0)

    known = batch.known.float() / 2
    known = torch.maximum(known, (target.wanted > 0).float())
    known = torch.maximum(known, target.is_named[..., None].float())
    class_loss = (focal_loss(output.class_logits, target.wanted) * known).sum() / mass

    is_counted = batch.is_seen | target.is_object
    objectness = focal_loss(output.objectness_logits, weight) * is_counted
    chosen = target.is_object
    share = weight[chosen]
    box_loss = (giou_loss(boxes[chosen], target.boxes[chosen]) * share).sum() / mass
    zones = cross_entropy(
        output.zone_logits[chosen],
        target.zones[chosen],
        weight=zone_weights.to(output.zone_logits),
        reduction="none",
    )
    return Losses(
        classes=class_loss,
        objectness=objectness.sum() / mass,
        box=box_loss,
        zone=(zones * share).sum() / mass,
        urgency=urgency_loss(output.urgency_logits, batch.urgency),
        uncertainty=binary_cross_entropy_with_logits(
            output.uncertainty_logits.squeeze(-1), 1 - target.worst_found
        ),
    )
