"""ResNet-50 v2 (He et al. 2016, "Identity Mappings in Deep Residual Networks").

Pre-activation blocks as in Gluon: also a normalisation of the input and one after the stem.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import relu

BLOCKS_PER_STAGE = (3, 4, 6, 3)
BN_EPSILON = 1e-5
GLUON_PREFIX = "resnetv24_"
# The published file ends inside stage 4; its running statistics describe the published weights, so
# they only hold as far as every convolution before them is there.
COMPLETE_STAGES = 3


class BackboneFeatures(NamedTuple):
    """Features of a batch, float.

    c3: (B, 512, H/8, W/8). c4: (B, 1024, H/16, W/16). c5: (B, 2048, H/32, W/32).
    """

    c3: Tensor
    c4: Tensor
    c5: Tensor


class PreActivationBottleneck(nn.Module):
    """One block: (B, C_in, H, W) -> (B, 4·width, H/stride, W/stride)."""

    def __init__(self, channels_in: int, width: int, *, stride: int, is_first: bool) -> None:
        super().__init__()
        channels_out = 4 * width
        self.bn1 = nn.BatchNorm2d(channels_in, eps=BN_EPSILON)
        self.conv1 = nn.Conv2d(channels_in, width, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width, eps=BN_EPSILON)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(width, eps=BN_EPSILON)
        self.conv3 = nn.Conv2d(width, channels_out, 1, bias=False)
        self.downsample = (
            nn.Conv2d(channels_in, channels_out, 1, stride=stride, bias=False) if is_first else None
        )

    def forward(self, x: Tensor) -> Tensor:
        """Add the block's branch to its shortcut."""
        activated = relu(self.bn1(x))
        shortcut = x if self.downsample is None else self.downsample(activated)
        branch = self.conv1(activated)
        branch = self.conv2(relu(self.bn2(branch)))
        branch = self.conv3(relu(self.bn3(branch)))
        return shortcut + branch


class ResNet50V2(nn.Module):
    """The backbone of Stage A, without pooling and classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.input_bn = nn.BatchNorm2d(3, eps=BN_EPSILON)
        self.stem_conv = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False)
        self.stem_bn = nn.BatchNorm2d(64, eps=BN_EPSILON)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        stages, channels = [], 64
        for index, depth in enumerate(BLOCKS_PER_STAGE):
            width = 64 * 2**index
            blocks = [
                PreActivationBottleneck(
                    channels if block == 0 else 4 * width,
                    width,
                    stride=2 if block == 0 and index > 0 else 1,
                    is_first=block == 0,
                )
                for block in range(depth)
            ]
            stages.append(nn.Sequential(*blocks))
            channels = 4 * width
        self.stage1, self.stage2, self.stage3, self.stage4 = stages
        self.last_bn = nn.BatchNorm2d(channels, eps=BN_EPSILON)

    def forward(self, pixels: Tensor) -> BackboneFeatures:
        """Compute features of pixels (B, 3, H, W), RGB, normalised as for ImageNet.

        H and W are multiples of 32.
        """
        x = self.pool(relu(self.stem_bn(self.stem_conv(self.input_bn(pixels)))))
        c3 = self.stage2(self.stage1(x))
        c4 = self.stage3(c3)
        c5 = relu(self.last_bn(self.stage4(c4)))
        return BackboneFeatures(c3, c4, c5)


def gluon_name(key: str) -> str | None:
    """Translate a Gluon parameter name to ours; None for the classifier, which is not kept.

    Gluon counts in order of creation: bn1, conv1, bn2, conv2, bn3, conv3 in each block, and a
    stage's downsampling convolution after the first block's three.

    Raises:
        KeyError: if the name is none of ResNet-50 v2.
    """
    leaf = {
        "weight": "weight",
        "gamma": "weight",
        "beta": "bias",
        "running_mean": "running_mean",
        "running_var": "running_var",
    }
    parts = key.removeprefix(GLUON_PREFIX).split("_", 1)
    if parts[0].startswith("dense"):
        return None
    if parts[0].startswith("stage"):
        stage, (layer, kind) = int(parts[0].removeprefix("stage")), parts[1].split("_", 1)
        if layer.startswith("batchnorm"):
            block, place = divmod(int(layer.removeprefix("batchnorm")), 3)
            return f"stage{stage}.{block}.bn{place + 1}.{leaf[kind]}"
        number = int(layer.removeprefix("conv"))
        if number == 3:
            return f"stage{stage}.0.downsample.{leaf[kind]}"
        block, place = divmod(number - (number > 3), 3)
        return f"stage{stage}.{block}.conv{place + 1}.{leaf[kind]}"
    layer, kind = parts
    names = {
        "batchnorm0": "input_bn", "conv0": "stem_conv", "batchnorm1": "stem_bn",
        "batchnorm2": "last_bn",
    }  # fmt: skip
    return f"{names[layer]}.{leaf[kind]}"


def load_gluon(backbone: ResNet50V2, arrays: Mapping[str, np.ndarray]) -> frozenset[str]:
    """Copy what the published file holds into the backbone, in place.

    Normalisations that follow a convolution which is missing from the file start fresh: their
    statistics would describe another convolution's output.

    Returns:
        The names of our parameters and buffers that were loaded.

    Raises:
        KeyError: if a name of the file is unknown, or stages 1 to 3 are not whole.
        ValueError: if a shape does not fit.
    """
    found = {name: array for key, array in arrays.items() if (name := gluon_name(key))}
    own = backbone.state_dict()
    unknown = found.keys() - own.keys()
    if unknown:
        raise KeyError(f"not part of ResNet-50 v2: {sorted(unknown)[:3]}")
    orphaned = {name for name in found if _follows_missing(name, found)}
    for name in found.keys() - orphaned:
        if tuple(found[name].shape) != tuple(own[name].shape):
            raise ValueError(f"{name} is {found[name].shape}, not {tuple(own[name].shape)}")
        with torch.no_grad():
            own[name].copy_(torch.from_numpy(np.ascontiguousarray(found[name])))
    loaded = frozenset(found.keys() - orphaned)
    missing = {
        name
        for name in own
        if not name.startswith(("stage4", "last_bn"))
        and not name.endswith("num_batches_tracked")
        and name not in loaded
    }
    if missing:
        raise KeyError(f"the file lacks {sorted(missing)[:3]}")
    return loaded


def _follows_missing(name: str, found: Mapping[str, object]) -> bool:
    """Say whether a normalisation's input comes from a convolution that is not in the file."""
    if name.startswith("last_bn"):
        return "stage4.2.conv3.weight" not in found
    stage, *rest = name.split(".")
    if not stage.startswith("stage") or not rest[1].startswith("bn"):
        return False
    block, place = int(rest[0]), int(rest[1][2:])
    if place > 1:
        return f"{stage}.{block}.conv{place - 1}.weight" not in found
    return block > 0 and f"{stage}.{block - 1}.conv3.weight" not in found
