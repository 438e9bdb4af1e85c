"""Where the network looked: a heat map over the picture, by Captum."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from captum.attr import LayerGradientXActivation
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.waste.model import MultiHeadClassifier


def last_feature_layer(backbone: Any) -> nn.Module:
    """Return the layer whose output still has places: the last convolution or the last block.

    Raises:
        ValueError: if the backbone is neither a convolutional network nor a transformer of timm.
    """
    if hasattr(backbone, "conv_head"):  # EfficientNet
        layer: nn.Module = backbone.bn2
        return layer
    if hasattr(backbone, "blocks"):  # ViT
        layer = backbone.blocks[-1].norm1
        return layer
    raise ValueError(f"no layer with places is known for {type(backbone).__name__}")


def heat_map(model: MultiHeadClassifier, pixels: Tensor, item_index: int) -> NDArray[np.float32]:
    """Compute how much each place speaks for an item: gradient × activation, summed, above zero.

    For a network that averages its last feature map this equals Grad-CAM; Draelos & Carin 2020
    (HiResCAM) show why the sum is taken after, not before, the product.

    Args:
        pixels: (1, 3, S, S), normalised.

    Returns:
        (h, w) of the last feature map, scaled to [0, 1]; all zero if no place speaks for it.
    """

    def item_logits(batch: Tensor) -> Tensor:
        return model(batch).item

    with torch.enable_grad():
        attribution = LayerGradientXActivation(item_logits, last_feature_layer(model.backbone))
        # A fresh tensor that wants gradients: the weights themselves are frozen.
        source = pixels.detach().clone().requires_grad_(True)
        found = attribution.attribute(source, target=item_index).detach().float()
    if found.ndim == 3:  # (1, tokens, width): drop what is no place, then a square grid
        places = found.sum(dim=2)[0, getattr(model.backbone, "num_prefix_tokens", 0) :]
        side = int(places.numel() ** 0.5)
        heat = places[: side * side].reshape(side, side)
    else:
        heat = found.sum(dim=1)[0]
    heat = heat.clamp_(min=0)
    return (heat / heat.max().clamp(min=1e-12)).cpu().numpy()
