"""Depthwise convolutions in float32 where the rest of a network trains in bfloat16 on a CPU.

oneDNN's backward pass of a depthwise convolution is slow in bfloat16: with it a training step of
EfficientNet-Lite2 takes half as long again (`python -m tests.benchmarks training-step`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn


class _Float32Under:
    """Mixed in before a convolution's class: under autocast its forward pass is float32."""

    if TYPE_CHECKING:

        def forward(self, pixels: Tensor) -> Tensor: ...

    else:

        def forward(self, pixels: Tensor) -> Tensor:
            if not torch.is_autocast_enabled(pixels.device.type):
                return super().forward(pixels)
            with torch.autocast(pixels.device.type, enabled=False):
                return super().forward(pixels.float()).to(pixels.dtype)


def depthwise_in_float32(model: nn.Module) -> int:
    """Let the depthwise convolutions of a model leave autocast, in place.

    The class is changed rather than `forward`, so that a copy of the model (the moving average)
    has its own. Names and weights stay.

    Returns:
        How many convolutions that are.
    """
    changed = 0
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            own: type[Any] = type(module)
            if not issubclass(own, _Float32Under):
                module.__class__ = type(own.__name__, (_Float32Under, own), {})
                changed += 1
    return changed
