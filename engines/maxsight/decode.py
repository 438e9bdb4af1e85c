"""From Stage A's rows to a list of things: boxes in pixels, then one box per thing.

What several cells see of one thing is suppressed but for the surest, whose box they then vote on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engines.maxsight.boxes import suppress, vote
from engines.maxsight.heads.detection import STRIDES
from engines.maxsight.stage_a import StageAOutput

NMS_IOU = 0.5
MAX_CANDIDATES = 1000
MAX_DETECTIONS = 100
# Keeps exp() finite; e^5 strides of 8 are 1,187 pixels, more than any input.
MAX_LOG_SIDE = 5.0


@dataclass(frozen=True)
class Detections:
    """What is seen in one frame, best first.

    Attributes:
        boxes: (N, 4) float32, x0, y0, x1, y1 in pixels of the frame.
        scores: (N,) in [0, 1].
        classes: (N,) indices of trained classes.
        zones: (N,) indices into ZONES: 0 near, 1 medium, 2 far.
    """

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray
    zones: np.ndarray


@lru_cache(maxsize=16)
# What is kept must also serve a training, whichever of the two asks first.
@torch.inference_mode(False)
def cell_grid(height: int, width: int, strides: tuple[int, ...] = STRIDES) -> tuple[Tensor, Tensor]:
    """Return centres (A, 2), x and y in pixels, and strides (A,) of all cells, in row order."""
    centres, stride_of = [], []
    for stride in strides:
        rows, columns = height // stride, width // stride
        y, x = torch.meshgrid(
            (torch.arange(rows) + 0.5) * stride, (torch.arange(columns) + 0.5) * stride,
            indexing="ij",
        )  # fmt: skip
        centres.append(torch.stack([x.reshape(-1), y.reshape(-1)], dim=1))
        stride_of.append(torch.full((rows * columns,), float(stride)))
    return torch.cat(centres), torch.cat(stride_of)


def boxes_of(sides: Tensor, centres: Tensor, strides: Tensor) -> Tensor:
    """Turn log sides (..., A, 4) into boxes (..., A, 4), x0, y0, x1, y1 in pixels."""
    reach = sides.clamp(max=MAX_LOG_SIDE).exp() * strides[:, None]
    return torch.cat([centres - reach[..., :2], centres + reach[..., 2:]], dim=-1)


def decode(
    output: StageAOutput,
    *,
    input_size: tuple[int, int],
    scales: Sequence[float],
    frame_sizes: Sequence[tuple[int, int]],
    min_score: float = 0.05,
    objectness_power: float = 0.0,
    nms_iou: float = NMS_IOU,
    strides: tuple[int, ...] = STRIDES,
) -> list[Detections]:
    """Turn a batch's rows into detections.

    Args:
        input_size: height and width of the network's input, pixels.
        scales: for each frame, input pixels per frame pixel; the frame lies at the top left.
        frame_sizes: height and width of each frame, pixels; boxes are cut at its edges.
        objectness_power: a score is class · objectness^power.
        strides: of the network's grids.
    """
    boxes = boxes_of(output.sides.float(), *cell_grid(*input_size, strides)).numpy()
    scores = output.class_logits.float().sigmoid()
    if objectness_power:
        scores = scores * output.objectness_logits.float().sigmoid()[..., None] ** objectness_power
    zones = output.zone_logits.float().argmax(dim=-1).numpy()
    return [
        _decode_one(
            boxes[index] / scale, scores[index].numpy(), zones[index], size, min_score, nms_iou
        )
        for index, (scale, size) in enumerate(zip(scales, frame_sizes, strict=True))
    ]


def _decode_one(
    boxes: np.ndarray,
    scores: np.ndarray,
    zones: np.ndarray,
    size: tuple[int, int],
    min_score: float,
    nms_iou: float,
) -> Detections:
    cells, classes = np.nonzero(scores >= min_score)
    found = scores[cells, classes]
    if len(found) > MAX_CANDIDATES:
        best = np.argsort(-found, kind="stable")[:MAX_CANDIDATES]
        cells, classes, found = cells[best], classes[best], found[best]
    edges = np.array([size[1], size[0]] * 2, np.float32)
    cut = np.clip(boxes[cells], 0, edges)
    kept = suppress(cut, found, classes, iou=nms_iou)[:MAX_DETECTIONS]
    # A mean of edges may be rounded to beyond the edge.
    agreed = np.minimum(vote(cut, found, classes, kept, iou=nms_iou), edges)
    return Detections(agreed, found[kept], classes[kept], zones[cells[kept]])
