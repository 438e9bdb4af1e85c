"""What is in each cell of P3 to P5: class, objectness, box and distance zone."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from engines.maxsight.backbones.fpn import PYRAMID_CHANNELS, PyramidFeatures

STRIDES = (8, 16, 32)
TOWER_CHANNELS = 128
TOWER_DEPTH = 2
ZONES = ("near", "medium", "far")
# Share of cells that hold an object at the start of training (Lin et al. 2017, focal loss).
PRIOR = 0.01
# A box starts out as twice its cell's stride to each side.
FIRST_SIDE_IN_STRIDES = 2.0


class CellPredictions(NamedTuple):
    """One row per cell, P3 first, row by row; A = (H/8)(W/8) + (H/16)(W/16) + (H/32)(W/32).

    class_logits: (B, A, C). objectness_logits: (B, A). sides: (B, A, 4), left, top, right, bottom
    from the cell's centre, in strides, as logarithms. zone_logits: (B, A, 3), near, medium, far.
    """

    class_logits: Tensor
    objectness_logits: Tensor
    sides: Tensor
    zone_logits: Tensor


class _Tower(nn.Module):
    """Convolutions shared by the scales, with a normalisation of its own for each scale."""

    def __init__(self) -> None:
        super().__init__()
        widths = [PYRAMID_CHANNELS] + [TOWER_CHANNELS] * TOWER_DEPTH
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 3, padding=1, bias=False) for before, after in pairwise(widths)
        )
        self.norms = nn.ModuleList(
            nn.ModuleList(nn.BatchNorm2d(TOWER_CHANNELS) for _ in range(TOWER_DEPTH))
            for _ in STRIDES
        )

    def forward(self, x: Tensor, scale: int) -> Tensor:
        """(B, 256, h, w) -> (B, 128, h, w)."""
        own = self.norms[scale]
        assert isinstance(own, nn.ModuleList)
        for conv, norm in zip(self.convs, own, strict=True):
            x = relu(norm(conv(x)))
        return x


class DetectionHead(nn.Module):
    """Two towers over each scale: one for what it is, one for where it is."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.class_tower, self.box_tower = _Tower(), _Tower()
        self.class_out = nn.Conv2d(TOWER_CHANNELS, classes, 1)
        self.objectness_out = nn.Conv2d(TOWER_CHANNELS, 1, 1)
        self.sides_out = nn.Conv2d(TOWER_CHANNELS, 4, 1)
        # The zone follows from what it is and how large it is, so it sees both towers.
        self.zone_out = nn.Conv2d(2 * TOWER_CHANNELS, len(ZONES), 1)
        self.scales = nn.Parameter(torch.ones(len(STRIDES)))
        start_outputs(self.class_out, self.objectness_out, self.sides_out, self.zone_out)

    def forward(self, pyramid: PyramidFeatures) -> CellPredictions:
        """Predict for every cell of the three scales."""
        rows: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        for index, level in enumerate(pyramid):
            what, where = self.class_tower(level, index), self.box_tower(level, index)
            rows.append(
                (
                    as_rows(self.class_out(what)),
                    as_rows(self.objectness_out(where)).squeeze(-1),
                    as_rows(self.sides_out(where)) * self.scales[index],
                    as_rows(self.zone_out(torch.cat([what, where], dim=1))),
                )
            )
        joined = [torch.cat(parts, dim=1) for parts in zip(*rows, strict=True)]
        return CellPredictions(*joined)


def start_outputs(
    class_out: nn.Conv2d, objectness_out: nn.Conv2d, sides_out: nn.Conv2d, zone_out: nn.Conv2d
) -> None:
    """Let untrained outputs say that there is hardly anything, and that it is small."""
    rare = -math.log((1 - PRIOR) / PRIOR)
    for layer, start in (
        (class_out, rare),
        (objectness_out, rare),
        (sides_out, math.log(FIRST_SIDE_IN_STRIDES)),
        (zone_out, 0.0),
    ):
        nn.init.normal_(layer.weight, std=0.01)
        layer.bias = nn.Parameter(torch.full((layer.out_channels,), start))


def as_rows(grid: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, h·w, C)."""
    return grid.flatten(2).transpose(1, 2)
