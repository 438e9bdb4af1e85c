"""Write tokens faster on a CPU: weights in int8 for the one-row products of decoding.

A token of one answer reads every weight once, so decoding is as fast as memory gives the weights:
in int8 they are half of bfloat16. Activations stay in bfloat16, each output channel has a scale of
its own. Reading a prompt has many rows and is faster in bfloat16, so both copies are kept.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# One row per answer that is written; with more rows bfloat16 is the faster one.
MAX_ROWS = 2


class PackedLinear(nn.Module):
    """Compute as the linear layer it is made from, with int8 weights for up to `MAX_ROWS` rows.

    Args:
        linear: in bfloat16, without bias.
    """

    packed: Tensor
    scale: Tensor

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.weight = linear.weight
        packed, scale = quantize_rows(linear.weight.detach())
        self.register_buffer("packed", packed, persistent=False)
        self.register_buffer("scale", scale, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return x W^T for x (..., in_features), (..., out_features) in bfloat16."""
        rows = x.reshape(-1, self.in_features)
        if len(rows) > MAX_ROWS:
            return nn.functional.linear(x, self.weight)
        # PyTorch's own kernel for int8 weights, as its gpt-fast uses it; it has no public name.
        out = torch._weight_int8pack_mm(rows.contiguous(), self.packed, self.scale)
        return out.reshape(*x.shape[:-1], self.out_features)


def quantize_rows(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Round each row to 255 steps, symmetric about 0.

    Returns:
        (out, in) int8 and (out,) scales in the weight's dtype; row = int8 * scale.
    """
    scale = weight.abs().amax(dim=1).float().clamp(min=1e-8) / 127.0
    scale = scale.to(weight.dtype)
    packed = (weight.float() / scale.float()[:, None]).round().clamp(-127, 127)
    return packed.to(torch.int8), scale


def pack_for_decoding(network: nn.Module) -> int:
    """Replace every bfloat16 linear layer without bias, in place, and return how many.

    Does nothing (0) where PyTorch lacks the kernel or the weights are not bfloat16 on a CPU.
    """
    if not hasattr(torch, "_weight_int8pack_mm"):
        return 0
    found = [
        (name, module)
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear)
        and [key for key, _ in module.named_parameters(recurse=False)] == ["weight"]
        and module.weight.dtype == torch.bfloat16
        and module.weight.device.type == "cpu"
    ]
    for name, module in found:
        parent, _, own = name.rpartition(".")
        setattr(network.get_submodule(parent), own, PackedLinear(module))
    return len(found)
