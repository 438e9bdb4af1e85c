"""What holds for the whole frame: how urgent it is and how sure the network may be."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from engines.maxsight.backbones.fpn import PYRAMID_CHANNELS, PyramidFeatures

URGENCIES = ("safe", "caution", "warning", "danger")
HIDDEN = 128


class FramePredictions(NamedTuple):
    """urgency_logits: (B, 4), safe, caution, warning, danger. uncertainty_logits: (B, 1).

    The sigmoid of the latter is the chance that something in the frame is missed.
    """

    urgency_logits: Tensor
    uncertainty_logits: Tensor


class FrameHead(nn.Module):
    """Mean and maximum of each channel of P3 to P5, then one hidden layer for each answer."""

    def __init__(self) -> None:
        super().__init__()
        pooled = 2 * 3 * PYRAMID_CHANNELS
        self.urgency_hidden = nn.Linear(pooled, HIDDEN)
        self.urgency_out = nn.Linear(HIDDEN, len(URGENCIES))
        self.uncertainty_hidden = nn.Linear(pooled, HIDDEN)
        self.uncertainty_out = nn.Linear(HIDDEN, 1)

    def forward(self, pyramid: PyramidFeatures) -> FramePredictions:
        """Judge the frame; doubting does not shape the features, it only reads them."""
        pooled = torch.cat(
            [p.mean(dim=(2, 3)) for p in pyramid] + [p.amax(dim=(2, 3)) for p in pyramid], dim=1
        )
        urgency = self.urgency_out(relu(self.urgency_hidden(pooled)))
        doubt = self.uncertainty_out(relu(self.uncertainty_hidden(pooled.detach())))
        return FramePredictions(urgency, doubt)
