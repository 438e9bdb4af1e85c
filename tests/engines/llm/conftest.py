"""The language model that comes with the app, unpacked once, and a very small one of no use."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.llm.decoding import TransformersDecoder
from engines.llm.fit.merging import Base, load_base, round_to_half
from engines.llm.model import LanguageModel
from engines.llm.prompt import encode_chat
from engines.llm.reading import fingerprint_of
from engines.llm.source import SHIPPED_MODEL
from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from engines.runtime.torchvision_compat import ensure_torchvision
from engines.runtime.weights import find_weights

PLAIN_CPU = Placement(torch.device("cpu"), torch.float32, "a test")
SMALL_MERGES = 2000
CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]

Make = Callable[..., LanguageModel]


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


def next_logits(model: LanguageModel) -> torch.Tensor:
    loaded = model.loaded()
    network = network_of(model)
    with torch.inference_mode():
        logits: torch.Tensor = network(torch.tensor([encode_chat(loaded.tokenizer, CHAT)])).logits[
            :, -1
        ]
    return logits.float()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Build a model whose cache and checkpoints are this test's own."""

    def build(placement: Placement = PLAIN_CPU, **settings: Any) -> LanguageModel:
        own = {
            "cache_dir": tmp_path / "cache",
            "checkpoints_dir": tmp_path / "checkpoints",
            "llm_engine": "transformers",
        }
        return LanguageModel(Settings(**{**own, **settings}), placement)

    return build


@pytest.fixture
def own_cache(llm: LanguageModel, cache_dir: Path, tmp_path: Path) -> Path:
    """Return a cache folder with a copy of the unpacked model that the test may change."""
    assert llm.health().is_ready
    shutil.copytree(cache_dir, tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def thin_folder(small_tokenizer: Any, tmp_path: Path) -> Path:
    """Return the folder of an untrained model of two layers whose words are not tied."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(small_tokenizer), hidden_size=64, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=256,
        tie_word_embeddings=False, eos_token_id=small_tokenizer.eos_token_id,
    )  # fmt: skip
    folder = tmp_path / "thin-chat"
    LlamaForCausalLM(config).save_pretrained(folder)
    small_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def thin(thin_folder: Path) -> Base:
    """Return that model, rounded to float16."""
    base = load_base(Settings(), str(thin_folder))
    round_to_half(base.network)
    return base
