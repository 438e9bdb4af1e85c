"""The reference design's head, one grid instead of three: trained to compare, never shipped.

    for each of "", "--gradnorm" and "--single-grid":
        python -m engines.maxsight.fit.train --data DIR --backbone NPZ --teacher DIR --run RUN \\
          --plan compare ...
    python -m engines.maxsight.fit.compare --data DIR --runs RUN RUN --single-grid RUN
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from engines.maxsight.backbones.fpn import PYRAMID_CHANNELS, PyramidFeatures
from engines.maxsight.heads.detection import (
    TOWER_CHANNELS,
    ZONES,
    CellPredictions,
    as_rows,
    start_outputs,
)
from engines.maxsight.stage_a import StageA

STRIDE = 16


class SingleGridHead(nn.Module):
    """P3 to P5 brought to P4's grid and joined (768 channels), then towers as on three grids."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.class_tower, self.box_tower = _tower(), _tower()
        self.class_out = nn.Conv2d(TOWER_CHANNELS, classes, 1)
        self.objectness_out = nn.Conv2d(TOWER_CHANNELS, 1, 1)
        self.sides_out = nn.Conv2d(TOWER_CHANNELS, 4, 1)
        self.zone_out = nn.Conv2d(2 * TOWER_CHANNELS, len(ZONES), 1)
        start_outputs(self.class_out, self.objectness_out, self.sides_out, self.zone_out)

    def forward(self, pyramid: PyramidFeatures) -> CellPredictions:
        """Predict for every cell of P4's grid: as `DetectionHead`, with A = (H/16)(W/16)."""
        coarse = interpolate(pyramid.p5, scale_factor=2.0, mode="nearest")
        joined = torch.cat([avg_pool2d(pyramid.p3, 2), pyramid.p4, coarse], dim=1)
        what, where = self.class_tower(joined), self.box_tower(joined)
        return CellPredictions(
            as_rows(self.class_out(what)),
            as_rows(self.objectness_out(where)).squeeze(-1),
            as_rows(self.sides_out(where)),
            as_rows(self.zone_out(torch.cat([what, where], dim=1))),
        )


class SingleGridStageA(StageA):
    """Stage A with the reference design's head."""

    strides = (STRIDE,)

    def __init__(self, classes: int) -> None:
        super().__init__(classes)
        self.detection = SingleGridHead(classes)  # type: ignore[assignment]


def _tower() -> nn.Sequential:
    """(B, 768, h, w) -> (B, 128, h, w)."""
    layers: list[nn.Module] = []
    for before in (3 * PYRAMID_CHANNELS, TOWER_CHANNELS):
        layers += [
            nn.Conv2d(before, TOWER_CHANNELS, 3, padding=1, bias=False),
            nn.BatchNorm2d(TOWER_CHANNELS),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers)
