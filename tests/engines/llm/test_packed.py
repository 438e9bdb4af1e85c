"""Decoding with int8 weights: close to bfloat16, and only where it is meant to be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from engines.llm.model import LanguageModel
from engines.llm.packed import MAX_ROWS, PackedLinear, pack_for_decoding, quantize_rows
from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from tests.engines.llm.conftest import network_of


@pytest.fixture
def linear() -> nn.Linear:
    """Return a layer in bfloat16 whose rows differ much in size."""
    torch.manual_seed(0)
    layer = nn.Linear(256, 96, bias=False)
    with torch.no_grad():
        layer.weight *= torch.logspace(-2, 1, 96)[:, None]
    return layer.bfloat16()


def test_rounding_is_off_by_half_a_step_at_most(linear: nn.Linear) -> None:
    packed, scale = quantize_rows(linear.weight.detach())
    error = (packed.float() * scale.float()[:, None] - linear.weight.float()).abs()
    # bfloat16 scales are themselves rounded to 8 bits.
    assert (error <= scale.float()[:, None] * (0.5 + 127 / 256)).all()
    assert packed.dtype == torch.int8
    assert packed.abs().amax(dim=1).min() >= 126


def test_a_row_of_zeros_stays_zero() -> None:
    packed, scale = quantize_rows(torch.zeros(4, 32, dtype=torch.bfloat16))
    assert not packed.any()
    assert torch.isfinite(scale).all()


@pytest.mark.parametrize("shape", [(1, 256), (1, 1, 256), (MAX_ROWS, 256)])
def test_few_rows_come_out_close_to_the_plain_layer(
    linear: nn.Linear, shape: tuple[int, ...]
) -> None:
    x = torch.randn(shape, dtype=torch.bfloat16)
    expected, found = linear(x).float(), PackedLinear(linear)(x).float()
    assert found.shape == expected.shape
    off = (found - expected).norm(dim=-1) / expected.norm(dim=-1)
    assert off.max() < 0.02
    assert not torch.equal(found, expected)  # so it was the int8 path that answered


def test_many_rows_are_computed_by_the_plain_layer(linear: nn.Linear) -> None:
    x = torch.randn(MAX_ROWS + 1, 256, dtype=torch.bfloat16)
    torch.testing.assert_close(PackedLinear(linear)(x), linear(x), rtol=0, atol=0)


def test_only_bfloat16_layers_without_bias_are_packed() -> None:
    network = nn.Sequential(
        nn.Linear(32, 32, bias=False).bfloat16(), nn.Linear(32, 32).bfloat16(), nn.Linear(32, 8)
    )
    assert pack_for_decoding(network) == 1
    assert isinstance(network[0], PackedLinear)
    assert pack_for_decoding(network) == 0


def test_the_shipped_model_predicts_nearly_the_same(cache_dir: Path, tmp_path: Path) -> None:
    model = LanguageModel(
        Settings(cache_dir=cache_dir, checkpoints_dir=tmp_path, llm_engine="transformers"),
        Placement(torch.device("cpu"), torch.bfloat16, "a test"),
    )
    model.load()
    network = network_of(model)
    ids = model.tokenizer(
        "Glass jars go into the glass bank, without", return_tensors="pt"
    ).input_ids
    with torch.inference_mode():
        whole = network(input_ids=ids).logits[0, -1].float().softmax(-1)
        cache = network(input_ids=ids[:, :-1], use_cache=True).past_key_values
        last = network(input_ids=ids[:, -1:], past_key_values=cache).logits[0, -1]
    packed = last.float().softmax(-1)
    assert 0.5 * (whole - packed).abs().sum() < 0.08  # total variation distance
    assert whole.argmax() == packed.argmax()
