"""Feature pyramid (Lin et al. 2017, "Feature Pyramid Networks for Object Detection")."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.functional import interpolate

from engines.maxsight.backbones.resnet50v2 import BackboneFeatures

PYRAMID_CHANNELS = 256


class PyramidFeatures(NamedTuple):
    """Features of a batch, float, 256 channels at strides 8, 16 and 32.

    p3: (B, 256, H/8, W/8). p4: (B, 256, H/16, W/16). p5: (B, 256, H/32, W/32).
    """

    p3: Tensor
    p4: Tensor
    p5: Tensor


class FeaturePyramid(nn.Module):
    """C3 to C5 in, P3 to P5 out: each scale sees the coarser ones, upsampled twice."""

    def __init__(self) -> None:
        super().__init__()
        self.lateral = nn.ModuleList(nn.Conv2d(c, PYRAMID_CHANNELS, 1) for c in (512, 1024, 2048))
        self.smooth = nn.ModuleList(
            nn.Conv2d(PYRAMID_CHANNELS, PYRAMID_CHANNELS, 3, padding=1) for _ in range(3)
        )

    def forward(self, features: BackboneFeatures) -> PyramidFeatures:
        """Merge the scales from coarse to fine."""
        m5 = self.lateral[2](features.c5)
        m4 = self.lateral[1](features.c4) + interpolate(m5, scale_factor=2.0, mode="nearest")
        m3 = self.lateral[0](features.c3) + interpolate(m4, scale_factor=2.0, mode="nearest")
        p3, p4, p5 = (smooth(m) for smooth, m in zip(self.smooth, (m3, m4, m5), strict=True))
        return PyramidFeatures(p3, p4, p5)
