"""The engines that compute the language model: the same next words, in whatever pieces."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.llm.converted import FILES, QUESTIONS, difference
from engines.llm.decoding import Decoder, OnnxDecoder, TransformersDecoder, starts_with
from engines.llm.gguf_file import write_gguf
from engines.llm.llama_cpp import LlamaCppDecoder
from engines.llm.onnx_file import BLOCK, quantise_blocks, write_onnx
from engines.llm.prompt import encode_chat
from engines.runtime.errors import InputError

KINDS = (
    "transformers",
    "onnx",
    pytest.param(
        "llama.cpp",
        marks=pytest.mark.skipif(
            importlib.util.find_spec("llama_cpp") is None,
            reason="llama-cpp-python is not installed",
        ),
    ),
)
Open = Callable[[str], Decoder]


@pytest.fixture
def network(small_tokenizer: Any) -> Any:
    """Return a model of two layers that nobody trained; its rows are whole blocks."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(small_tokenizer), hidden_size=64, intermediate_size=96,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        max_position_embeddings=256, initializer_range=0.2,
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


@pytest.fixture
def opened(network: Any, small_tokenizer: Any, tmp_path: Path) -> Open:
    """Open that network with one of the engines, in its full precision."""

    def build(kind: str) -> Decoder:
        if kind == "onnx":
            write_onnx(network, tmp_path / FILES["onnx"])
            return OnnxDecoder(tmp_path / FILES["onnx"], threads=1)
        if kind == "llama.cpp":
            path = tmp_path / FILES["llama.cpp"]
            write_gguf(network, small_tokenizer, path, name="small", cutter="smollm")
            return LlamaCppDecoder(path, threads=1)
        return TransformersDecoder(network)

    return build


@pytest.fixture
def ids(small_tokenizer: Any) -> list[int]:
    """Return the tokens of a chat."""
    return encode_chat(small_tokenizer, [{"role": "user", "content": QUESTIONS[0]}])


def expected(network: Any, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        logits: torch.Tensor = network(torch.tensor([ids])).logits[:, -1]
    return logits


def close(found: torch.Tensor, right: torch.Tensor, kind: str) -> None:
    assert found.shape == right.shape
    assert found.dtype == torch.float32
    # llama.cpp's file is in float16, and so are its keys and values.
    tolerance = 0.02 if kind == "llama.cpp" else 1e-4
    torch.testing.assert_close(found, right, atol=tolerance, rtol=tolerance)


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_read_in_pieces_is_read_as_one(
    opened: Open, network: Any, ids: list[int], kind: str
) -> None:
    reading = opened(kind).begin(ids, len(ids))
    assert reading.known == 0
    for start, end in ((0, 1), (1, 9), (9, 10), (10, len(ids))):
        found = reading.logits(ids[start:end])
        close(found, expected(network, ids[:end]), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_needs_no_reading(
    opened: Open, network: Any, ids: list[int], kind: str
) -> None:
    decoder = opened(kind)
    decoder.keep(ids[:7])
    for _ in range(2):  # and using it does not use it up
        reading = decoder.begin(ids, len(ids))
        assert reading.known == 7
        close(reading.logits(ids[7:]), expected(network, ids), kind)
    other = [*ids[:6], *ids[7:]]
    assert decoder.begin(other, len(other)).known == 0
    close(decoder.begin(other, len(other)).logits(other), expected(network, other), kind)
    assert decoder.begin(ids[:7], 7).known == 0  # the last token's logits are asked for


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_to_keep_changes_nothing(
    opened: Open, network: Any, ids: list[int], kind: str
) -> None:
    decoder = opened(kind)
    decoder.keep(())
    reading = decoder.begin(ids, len(ids))
    assert reading.known == 0
    close(reading.logits(ids), expected(network, ids), kind)


@pytest.mark.parametrize("kind", KINDS)
def test_texts_that_take_turns_do_not_disturb_each_other(
    opened: Open, network: Any, ids: list[int], kind: str
) -> None:
    decoder = opened(kind)
    decoder.keep(ids[:3])
    texts = [ids, ids[::-1], ids[5:]]
    running = [decoder.begin(text, len(text)) for text in texts]
    middle = [max(reading.known, 4) for reading in running]
    for text, reading, end in zip(texts, running, middle):
        close(reading.logits(text[reading.known : end]), expected(network, text[:end]), kind)
    del running[2]  # one that is dropped half way disturbs nobody either
    for text, reading, start in zip(texts, running, middle):
        for end in range(start, start + 4):
            found = reading.logits(text[end : end + 1])
            close(found, expected(network, text[: end + 1]), kind)


def test_onnx_takes_no_more_tokens_than_there_is_room_for(opened: Open, ids: list[int]) -> None:
    reading = opened("onnx").begin(ids, len(ids) + 1)
    reading.logits(ids)
    reading.logits([1])
    with pytest.raises(ValueError, match=f"{len(ids) + 1} tokens only"):
        reading.logits([1])


def test_a_graph_in_int8_foresees_nearly_the_same_words(
    network: Any, tmp_path: Path, ids: list[int]
) -> None:
    path = tmp_path / "int8.onnx"
    write_onnx(network, path, weights="int8")
    decoder, own = OnnxDecoder(path, threads=1), TransformersDecoder(network)
    apart = difference(own, decoder, [ids, ids[:9]])
    assert 0 < apart < 0.05
    assert difference(own, own, [ids]) == 0
    other = ids[:-1]
    logits = decoder.begin(other, len(other)).logits(other)
    # Another text's words are further away than rounding takes them.
    chances = [torch.softmax(each, -1) for each in (logits, expected(network, ids))]
    assert float((chances[0] - chances[1]).abs().sum()) / 2 > 3 * apart
    # Three bytes of four are gone, but for the table of words, in float16 here.
    weights = sum(parameter.numel() for parameter in network.parameters())
    words = network.model.embed_tokens.weight.numel()
    assert path.with_name(path.name + ".data").stat().st_size < weights * 1.2 + words * 2 + 4e5


def test_rounding_in_blocks_is_off_by_half_a_step_at_most() -> None:
    torch.manual_seed(0)
    weight = torch.randn(5, 4 * BLOCK) * torch.logspace(-3, 2, 4 * BLOCK)
    steps, scales = quantise_blocks(weight)
    assert steps.shape == (5, 4, BLOCK)
    assert scales.shape == (5, 4)
    back = (steps.astype("float32") - 128) * scales[..., None]
    off = abs(back - weight.reshape(5, 4, BLOCK).numpy())
    assert (off <= scales[..., None] * 0.5001).all()
    assert quantise_blocks(torch.zeros(1, BLOCK))[0].tolist() == [[[128] * BLOCK]]


def test_rows_that_are_no_whole_blocks_are_refused(small_tokenizer: Any, tmp_path: Path) -> None:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(small_tokenizer), hidden_size=64, intermediate_size=100,
        num_hidden_layers=1, num_attention_heads=4,
    )  # fmt: skip
    with pytest.raises(InputError, match="multiple of 32"):
        write_onnx(LlamaForCausalLM(config), tmp_path / "a.onnx", weights="int8")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("prompt", "kept", "answer"),
    [([1, 2, 3], [1, 2], True), ([1, 2], [1, 2], False), ([1, 3, 2], [1, 2], False),
     ([1, 2], [], False), ([], [], False)],
)  # fmt: skip
def test_what_starts_with_what(prompt: list[int], kept: list[int], answer: bool) -> None:
    assert starts_with(prompt, kept) is answer
