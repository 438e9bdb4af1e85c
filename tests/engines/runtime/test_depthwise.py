"""Depthwise convolutions that leave autocast: what they compute, and what stays as it was."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from engines.runtime.depthwise import depthwise_in_float32

CHANNELS = 8


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, CHANNELS, 1),
        nn.Conv2d(CHANNELS, CHANNELS, 5, padding=2, groups=CHANNELS),
        nn.Conv2d(CHANNELS, 4, 1),
    )


def kinds_inside(model: nn.Module, pixels: Tensor) -> list[torch.dtype]:
    """The kind of number that each convolution hands on under bfloat16 autocast."""
    seen: list[torch.dtype] = []
    hooks = [
        module.register_forward_hook(lambda _module, _inputs, output: seen.append(output.dtype))
        for module in model
    ]
    with torch.autocast("cpu", torch.bfloat16):
        model(pixels)
    for hook in hooks:
        hook.remove()
    return seen


def test_only_depthwise_convolutions_change_and_only_once() -> None:
    model = network()
    names = list(model.state_dict())
    assert depthwise_in_float32(model) == 1
    assert depthwise_in_float32(model) == 0
    assert list(model.state_dict()) == names
    assert [type(module) is nn.Conv2d for module in model] == [True, False, True]


def test_under_autocast_the_convolution_rounds_nothing_but_its_input_and_its_result() -> None:
    model = network()
    depthwise = model[1]
    pixels = torch.randn(2, CHANNELS, 9, 9).bfloat16()
    exact = depthwise(pixels.float()).bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        rounded = depthwise(pixels)
    depthwise_in_float32(model)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(depthwise(pixels), exact)
    assert not torch.equal(rounded, exact)


def test_what_follows_still_gets_bfloat16_and_gradients_reach_every_weight() -> None:
    model = network()
    depthwise_in_float32(model)
    pixels = torch.randn(2, 3, 9, 9)
    assert kinds_inside(model, pixels) == [torch.bfloat16] * 3
    with torch.autocast("cpu", torch.bfloat16):
        model(pixels).float().square().mean().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in model.parameters())


def test_without_autocast_nothing_changes_in_either_precision() -> None:
    model, plain = network(), network()
    depthwise_in_float32(model)
    pixels = torch.randn(1, 3, 9, 9)
    assert torch.equal(model(pixels), plain(pixels))
    assert torch.equal(model.bfloat16()(pixels.bfloat16()), plain.bfloat16()(pixels.bfloat16()))


def test_a_copy_computes_with_its_own_weights() -> None:
    model = network()
    depthwise_in_float32(model)
    twin = copy.deepcopy(model)
    with torch.no_grad():
        twin[1].weight.zero_()
        twin[1].bias.zero_()
    pixels = torch.randn(1, CHANNELS, 5, 5)
    with torch.autocast("cpu", torch.bfloat16):
        assert model[1](pixels).abs().sum() > 0
        assert twin[1](pixels).abs().sum() == 0
