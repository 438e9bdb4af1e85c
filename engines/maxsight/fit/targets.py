"""Which cell learns which object: task-aligned assignment (Feng et al. 2021, TOOD)."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from engines.maxsight.fit.data import Batch

# alignment = score^1 * iou^6; the ten best cells of each object learn it (TOOD; YOLOv8's values).
IOU_POWER = 6.0
CELLS_PER_OBJECT = 10
# Things smaller than a cell of P3 still own the cell they lie in.
MIN_SIDE_PX = 8.0
# From here on a predicted box counts as that of the thing it overlaps.
FITTING_IOU = 0.5


class CellTargets(NamedTuple):
    """What the cells of one picture learn; A cells, C classes.

    owner: (A,) index of the object, or -1 for background. quality: (A,) in [0, 1], how good a
    detection the cell can be, 0 for background.
    """

    owner: Tensor
    quality: Tensor


def pairwise_iou(first: Tensor, second: Tensor) -> Tensor:
    """Return intersection over union (N, M) of boxes (N, 4) and (M, 4)."""
    low = torch.maximum(first[:, None, :2], second[None, :, :2])
    high = torch.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = (high - low).clamp_(min=0).prod(dim=2)
    area_first = (first[:, 2:] - first[:, :2]).clamp(min=0).prod(dim=1)
    area_second = (second[:, 2:] - second[:, :2]).clamp(min=0).prod(dim=1)
    return shared / (area_first[:, None] + area_second[None] - shared).clamp_(min=1e-6)


@torch.no_grad()
def assign(
    scores: Tensor, predicted: Tensor, centres: Tensor, boxes: Tensor, classes: Tensor
) -> CellTargets:
    """Give each object the cells that already detect it best.

    Args:
        scores: (A, C) class scores in [0, 1].
        predicted: (A, 4) boxes in pixels.
        centres: (A, 2) of the cells, pixels.
        boxes, classes: (N, 4) in pixels and (N,), the objects.
    """
    cells, count = len(centres), len(boxes)
    owner = torch.full((cells,), -1, dtype=torch.long, device=scores.device)
    quality = scores.new_zeros(cells)
    if count == 0:
        return CellTargets(owner, quality)
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    half = half.clamp(min=MIN_SIDE_PX / 2)
    inside = ((centres[None] - middle[:, None]).abs() <= half[:, None]).all(dim=2)  # (N, A)
    overlap = pairwise_iou(boxes, predicted)
    alignment = scores[:, classes].T * overlap.pow(IOU_POWER)
    alignment = torch.where(inside, alignment + 1e-12, torch.zeros_like(alignment))
    best = alignment.topk(min(CELLS_PER_OBJECT, cells), dim=1)
    chosen = torch.zeros_like(inside).scatter_(1, best.indices, best.values > 0)
    # A cell that two objects want learns the one it overlaps more.
    rival = torch.where(chosen, overlap, torch.full_like(overlap, -1.0))
    best_object = rival.argmax(dim=0)
    is_taken = chosen.any(dim=0)
    owner[is_taken] = best_object[is_taken]
    mine = chosen & (best_object[None] == torch.arange(count, device=scores.device)[:, None])
    alignment = torch.where(mine, alignment, torch.zeros_like(alignment))
    peak = alignment.amax(dim=1).clamp(min=1e-12)
    best_overlap = torch.where(mine, overlap, torch.zeros_like(overlap)).amax(dim=1)
    scaled = alignment * (best_overlap / peak)[:, None]
    quality[is_taken] = scaled.amax(dim=0)[is_taken]
    return CellTargets(owner, quality)


class BatchTargets(NamedTuple):
    """Targets of a batch, B pictures of A cells.

    quality: (B, A). wanted: (B, A, C) class scores. is_object: (B, A). boxes: (B, A, 4), pixels.
    chances: (B, A). zones: (B, A). worst_found: (B,) score of the object that is found worst.
    is_named: (B, A) whether the cell's box is that of a surely marked object, which has one name:
    no other class is there, also where nobody marked that class in the photo.
    """

    quality: Tensor
    wanted: Tensor
    is_object: Tensor
    boxes: Tensor
    chances: Tensor
    zones: Tensor
    worst_found: Tensor
    is_named: Tensor


@torch.no_grad()
def assign_batch(scores: Tensor, predicted: Tensor, centres: Tensor, batch: Batch) -> BatchTargets:
    """Assign cells in every picture of a batch; scores (B, A, C), predicted (B, A, 4)."""
    rows: list[tuple[Tensor, ...]] = []
    for index in range(len(scores)):
        real = batch.chances[index] > 0
        boxes, classes = batch.boxes[index][real], batch.classes[index][real]
        chances = batch.chances[index][real]
        target = assign(scores[index], predicted[index], centres, boxes, classes)
        is_object = target.owner >= 0
        place = target.owner.clamp(min=0)
        if len(boxes) == 0:  # one empty object, so that indexing holds
            boxes, classes = boxes.new_zeros(1, 4), classes.new_zeros(1)
            chances = chances.new_zeros(1)
            wanted, zones = batch.wanted[index][:1] * 0, batch.zones[index][:1] * 0
        else:
            wanted, zones = batch.wanted[index][real], batch.zones[index][real]
        rows.append(
            (
                target.quality,
                wanted[place] * target.quality[:, None],
                is_object,
                boxes[place],
                chances[place] * is_object,
                zones[place],
                *_how_found(scores[index], predicted[index], boxes, classes, chances),
            )
        )
    return BatchTargets(*(torch.stack(parts) for parts in zip(*rows, strict=True)))


def _how_found(
    scores: Tensor, predicted: Tensor, boxes: Tensor, classes: Tensor, chances: Tensor
) -> tuple[Tensor, Tensor]:
    """Return how well the sure objects are found, and where.

    First the best score of a fitting box for the object where that is lowest, () and 1 if there is
    none; then whether each cell's box fits any of them, (A,).
    """
    is_sure = (chances == 1) & ((boxes[:, 2:] - boxes[:, :2]).amin(dim=1) >= MIN_SIDE_PX)
    fits = pairwise_iou(boxes[is_sure], predicted) >= FITTING_IOU
    if not is_sure.any():
        return scores.new_ones(()), fits.any(dim=0)
    found = (scores[:, classes[is_sure]].T * fits).amax(dim=1)
    return found.min(), fits.any(dim=0)
