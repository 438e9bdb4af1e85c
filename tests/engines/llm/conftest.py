"""The language model that comes with the app, unpacked once, and a very small one of no use."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.llm.decoding import TransformersDecoder
from engines.llm.model import LanguageModel
from engines.llm.reading import fingerprint_of
from engines.llm.source import SHIPPED_MODEL
from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from engines.runtime.torchvision_compat import ensure_torchvision
from engines.runtime.weights import find_weights

PLAIN_CPU = Placement(torch.device("cpu"), torch.float32, "a test")
SMALL_MERGES = 2000


def network_of(model: LanguageModel) -> Any:
    """Return the network of a model that transformers computes."""
    decoder = model.loaded().decoder
    assert isinstance(decoder, TransformersDecoder)
    return decoder.network


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the cache folder of the model `llm`.

    It begins with what `make install` unpacked of the model, where it did: that takes long.
    """
    folder = tmp_path_factory.mktemp("cache")
    settings = Settings()
    path = find_weights(SHIPPED_MODEL, settings=settings).path
    kept = settings.cache_dir / "llm" / f"{path.stem}-{fingerprint_of(path)}"
    if kept.is_dir():
        shutil.copytree(kept, folder / "llm" / kept.name)
    return folder


@pytest.fixture(scope="session")
def llm(cache_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    """Return the model of the app without an adapter, in float32 so that results are exact."""
    settings = Settings(
        cache_dir=cache_dir,
        checkpoints_dir=tmp_path_factory.mktemp("none"),
        llm_engine="transformers",
    )
    model = LanguageModel(settings, PLAIN_CPU)
    model.load()
    model.warmup()
    return model


@pytest.fixture(scope="session")
def tokenizer(llm: LanguageModel) -> Any:
    """Return the tokenizer of the model of the app."""
    return llm.tokenizer


@pytest.fixture(scope="session")
def small_tokenizer(tokenizer: Any) -> Any:
    """Return that tokenizer with its first merges alone: 49,000 words take long to read as GGUF."""
    from tokenizers import Tokenizer
    from transformers import PreTrainedTokenizerFast

    description = json.loads(tokenizer.backend_tokenizer.to_str())
    model, added = description["model"], description["added_tokens"]
    model["merges"] = model["merges"][:SMALL_MERGES]
    kept = {left + right for left, right in model["merges"]}
    kept |= {token["content"] for token in added}
    words = sorted(model["vocab"], key=model["vocab"].__getitem__)
    words = [word for word in words if len(word) == 1 or word in kept]
    model["vocab"] = {word: number for number, word in enumerate(words)}
    for token in added:
        token["id"] = model["vocab"][token["content"]]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(description)),
        chat_template=tokenizer.chat_template,
        **tokenizer.special_tokens_map,
    )


@pytest.fixture
def small_folder(tokenizer: Any, tmp_path: Path) -> Path:
    """Return the folder of a chat model of two thin layers that nobody trained."""
    ensure_torchvision()
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=256,
        eos_token_id=tokenizer.eos_token_id,
    )
    folder = tmp_path / "small-chat"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
