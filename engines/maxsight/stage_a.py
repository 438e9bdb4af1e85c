"""Stage A: the network that looks at every frame. Always ResNet-50 and FPN; nothing is optional."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from engines.maxsight.backbones.fpn import FeaturePyramid
from engines.maxsight.backbones.resnet50v2 import ResNet50V2
from engines.maxsight.heads.detection import STRIDES, DetectionHead
from engines.maxsight.heads.frame import FrameHead

# Mean and standard deviation of ImageNet's pixels, RGB, in [0, 255].
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_STD = (58.395, 57.12, 57.375)


class StageAOutput(NamedTuple):
    """Tier 1 of a batch, float32. A cells as in `heads.detection`, C trained classes.

    class_logits: (B, A, C). objectness_logits: (B, A). sides: (B, A, 4), logarithms of left, top,
    right, bottom in strides. zone_logits: (B, A, 3). urgency_logits: (B, 4).
    uncertainty_logits: (B, 1).
    """

    class_logits: Tensor
    objectness_logits: Tensor
    sides: Tensor
    zone_logits: Tensor
    urgency_logits: Tensor
    uncertainty_logits: Tensor


class StageA(nn.Module):
    """ResNet-50 v2, feature pyramid, one head for the cells and one for the frame."""

    strides: tuple[int, ...] = STRIDES
    pixel_mean: Tensor
    pixel_std: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.backbone = ResNet50V2()
        self.pyramid = FeaturePyramid()
        self.detection = DetectionHead(classes)
        self.frame = FrameHead()
        self.register_buffer("pixel_mean", torch.tensor(PIXEL_MEAN).view(1, 3, 1, 1), False)
        self.register_buffer("pixel_std", torch.tensor(PIXEL_STD).view(1, 3, 1, 1), False)

    def forward(self, pixels: Tensor) -> StageAOutput:
        """Look at pixels (B, 3, H, W), RGB in [0, 255]; H and W are multiples of 32."""
        normalised = (pixels - self.pixel_mean) / self.pixel_std
        pyramid = self.pyramid(self.backbone(normalised))
        return StageAOutput(*self.detection(pyramid), *self.frame(pyramid))
