"""A GGUF file as we write it: it reads back alike, and llama.cpp reads the same in it as we do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from engines.llm.fit.merging import (
    Base,
    check_prompts,
    logits_of,
)
from engines.llm.gguf_file import cutter_for, interleave, write_gguf
from engines.llm.onnx_file import write_onnx
from engines.llm.reading import read_folder
from engines.runtime.errors import InputError

BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False)
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        ([BYTES], "gpt-2"),
        ([pre_tokenizers.Digits(True), BYTES], "smollm"),
        ([pre_tokenizers.Split(Regex(LLAMA3), "isolated"), BYTES], "llama-bpe"),
        ([pre_tokenizers.Split(Regex(r"\p{N}{1,3}"), "isolated"), BYTES], None),
        ([pre_tokenizers.Whitespace()], None),
    ],
    ids=["GPT-2", "SmolLM", "Llama 3", "nearly Llama 3", "words"],
)
def test_the_way_of_cutting_text_is_named_or_refused(parts: list[Any], name: str | None) -> None:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = parts[0] if len(parts) == 1 else pre_tokenizers.Sequence(parts)
    description = json.loads(tokenizer.to_str())
    if name is None:
        with pytest.raises(InputError, match="cuts text"):
            cutter_for(description)
    else:
        assert cutter_for(description) == name


@pytest.mark.parametrize("kind", ["f16", "q8_0"])
def test_a_gguf_file_loads_back_with_close_logits(thin: Base, tmp_path: Path, kind: Any) -> None:
    write_gguf(thin.network, thin.tokenizer, tmp_path / "a.gguf", name="thin", kind=kind)
    again, tokenizer = read_folder(tmp_path, torch.float32, gguf_file="a.gguf")
    prompts = check_prompts(thin.tokenizer)
    assert check_prompts(tokenizer) == prompts
    (expected,), (found,) = logits_of(thin.network, prompts[:1]), logits_of(again, prompts[:1])
    off = (expected - found).norm() / expected.norm()
    assert off < (1e-5 if kind == "f16" else 0.02)


def test_a_model_that_llama_cpp_would_read_otherwise_is_refused(thin: Base, tmp_path: Path) -> None:
    thin.network.config.rope_parameters["rope_type"] = "yarn"
    for written in (
        lambda: write_gguf(thin.network, thin.tokenizer, tmp_path / "a.gguf", name="thin"),
        lambda: write_onnx(thin.network, tmp_path / "a.onnx"),
    ):
        with pytest.raises(InputError, match="yarn"):
            written()
    assert not list(tmp_path.glob("a.*"))


@given(heads=st.integers(1, 4), half=st.integers(1, 4), inputs=st.integers(1, 3))
def test_interleaved_rows_hold_the_pairs_that_turn_together(
    heads: int, half: int, inputs: int
) -> None:
    weight = np.arange(heads * 2 * half * inputs, dtype=np.float32).reshape(-1, inputs)
    turned = interleave(weight, heads).reshape(heads, half, 2, inputs)
    rows = weight.reshape(heads, 2, half, inputs)
    for pair in range(half):
        np.testing.assert_array_equal(turned[:, pair], rows[:, :, pair])
