"""The language model: read from its file or its copy, and honest when something is wrong."""

from __future__ import annotations

import logging
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from engines.llm.gguf_file import write_gguf
from engines.llm.model import LanguageModel
from engines.llm.prompt import encode_chat
from engines.llm.reading import read_gguf
from engines.llm.source import CHATML
from engines.runtime.device import Placement
from engines.runtime.errors import (
    EngineUnavailableError,
    WeightsCorruptError,
    WeightsMissingError,
)
from engines.runtime.settings import Settings
from engines.runtime.weights import find_weights
from tests.engines.llm.conftest import CHAT, Make, network_of, next_logits


def copy_in(cache_dir: Path) -> Path:
    """Return the folder of the unpacked model; one of ONNX may stand beside it."""
    (weights,) = (cache_dir / "llm").glob("*/model.safetensors")
    return weights.parent


def test_the_model_of_the_app_is_unpacked_once_and_kept(
    llm: LanguageModel, cache_dir: Path
) -> None:
    folder = copy_in(cache_dir)
    assert folder.name.startswith("SmolLM2-135M-Instruct")
    tensors = load_file(folder / "model.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    health = llm.health()
    assert health.is_ready
    assert "135 million parameters in float32" in health.detail


def test_the_copy_answers_as_the_file_itself(
    llm: LanguageModel, own_cache: Path, make: Make
) -> None:
    template = copy_in(own_cache) / "chat_template.jinja"
    marked = template.read_text() + "{# read from the copy #}"
    template.write_text(marked)
    model = make(cache_dir=own_cache)
    model.load()
    assert model.tokenizer.chat_template == marked
    assert torch.equal(next_logits(model), next_logits(llm))


def test_the_model_completes_a_sentence_sensibly(llm: LanguageModel) -> None:
    loaded = llm.loaded()
    network = network_of(llm)
    ids = loaded.tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    with torch.inference_mode():
        best = int(network(ids).logits[0, -1].argmax())
    assert loaded.tokenizer.decode([best]).strip() == "Paris"


@pytest.fixture(scope="module")
def small_gguf(small_tokenizer: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of a quantised model of two thin layers that nobody trained."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(small_tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=256,
    )  # fmt: skip
    path = tmp_path_factory.mktemp("gguf") / "small.gguf"
    write_gguf(LlamaForCausalLM(config), small_tokenizer, path, name="small", kind="q8_0")
    return path


def weights_of(network: Any) -> dict[str, torch.Tensor]:
    return {name: weight.float() for name, weight in network.named_parameters()}


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_damaged_copy_is_made_again(
    small_gguf: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, file: str
) -> None:
    first, tokenizer = read_gguf(small_gguf, tmp_path, torch.float32)
    damaged = copy_in(tmp_path) / file
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:100])
    for is_damaged in (True, False):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            again, read = read_gguf(small_gguf, tmp_path, torch.float32)
        assert ("is made again" in caplog.text) == is_damaged
        assert (copy_in(tmp_path) / file).read_bytes() == whole
        assert encode_chat(read, CHAT) == encode_chat(tokenizer, CHAT)
        torch.testing.assert_close(weights_of(again), weights_of(first), rtol=0, atol=0)


def test_a_cache_that_cannot_be_written_only_costs_time(
    small_gguf: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept, tokenizer = read_gguf(small_gguf, tmp_path / "cache", torch.float32)
    (tmp_path / "file").write_text("no folder")
    with caplog.at_level(logging.WARNING):
        network, read = read_gguf(small_gguf, tmp_path / "file" / "cache", torch.float32)
    assert "could not keep a copy" in caplog.text
    assert encode_chat(read, CHAT) == encode_chat(tokenizer, CHAT)
    torch.testing.assert_close(weights_of(network), weights_of(kept), rtol=0, atol=0)


def test_a_copy_without_weights_is_not_filled_with_random_ones(own_cache: Path, make: Make) -> None:
    folder = copy_in(own_cache)
    weights = load_file(folder / "model.safetensors")
    weights.pop("model.layers.3.mlp.up_proj.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    model = make(llm_model=str(folder))
    with pytest.raises(WeightsCorruptError, match="missing"):
        model.load()


@pytest.mark.parametrize("size", [0, 3, 1000, 3_000_000])
def test_a_damaged_file_is_reported(tmp_path: Path, size: int) -> None:
    source = find_weights("smollm2_135m_instruct", settings=Settings())
    broken = tmp_path / "broken.gguf"
    with source.path.open("rb") as file:
        broken.write_bytes(file.read(size))
    with pytest.raises(WeightsCorruptError, match=r"broken\.gguf"):
        read_gguf(broken, tmp_path / "cache", torch.float32)
    assert not list((tmp_path / "cache").glob("llm/*"))


def test_a_file_without_a_template_gets_the_one_it_was_trained_with(
    llm: LanguageModel, own_cache: Path, make: Make
) -> None:
    (copy_in(own_cache) / "chat_template.jinja").unlink()
    model = make(cache_dir=own_cache)
    model.load()
    assert model.tokenizer.chat_template == CHATML
    for chat in (CHAT, CHAT[1:]):
        assert encode_chat(model.tokenizer, chat) == encode_chat(llm.tokenizer, chat)


def test_answers_end_where_a_turn_ends(llm: LanguageModel) -> None:
    loaded = llm.loaded()
    ends = {loaded.tokenizer.decode([token]) for token in loaded.stop_ids}
    assert {"<|im_end|>", "<|im_start|>", "<|endoftext|>"} <= ends
    assert loaded.max_context == 8192


def test_precision_is_the_placements(own_cache: Path, make: Make) -> None:
    placement = Placement(torch.device("cpu"), torch.bfloat16, "a test")
    model = make(placement, cache_dir=own_cache)
    model.load()
    assert network_of(model).dtype == torch.bfloat16
    assert "bfloat16" in model.health().detail
    # The angles of positions are not rounded with the weights.
    rotary = network_of(model).get_submodule("model.rotary_emb")
    head = network_of(model).config.head_dim
    expected = 100_000.0 ** -(torch.arange(0, head, 2) / head)
    assert torch.allclose(rotary.get_buffer("inv_freq"), expected, rtol=1e-6)


def test_a_folder_can_be_the_model(small_folder: Path, make: Make) -> None:
    model = make(llm_model=str(small_folder))
    model.load()
    model.warmup()
    assert model.health().detail.startswith("small-chat")


def test_a_model_without_a_chat_template_is_no_chat_model(small_folder: Path, make: Make) -> None:
    (small_folder / "chat_template.jinja").unlink()
    with pytest.raises(WeightsCorruptError, match="no chat template"):
        make(llm_model=str(small_folder)).load()


def test_an_empty_folder_is_reported(tmp_path: Path, make: Make) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(WeightsCorruptError, match="empty"):
        make(llm_model=str(tmp_path / "empty")).load()


def test_a_hub_model_that_is_not_here_says_what_to_do_and_asks_no_other_machine(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Any] = []

    def refuse(host: Any, *_: Any, **__: Any) -> None:
        asked.append(host)
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)  # as the app does
    model = make(llm_model="nobody/no-such-model", is_hub_allowed=False)
    with pytest.raises(WeightsMissingError, match="RELEAF_LLM_MODEL"):
        model.load()
    assert asked == []
    assert not model.health().is_ready


def test_an_unloaded_model_says_so(small_folder: Path, make: Make) -> None:
    model = make(llm_model=str(small_folder))
    assert not model.health().is_ready
    model.load()
    assert model.health().is_ready
    model.unload()
    assert not model.health().is_ready
    with pytest.raises(EngineUnavailableError, match="not loaded"):
        model.warmup()
