"""The model that is taught: read for training, with its tokenizer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from engines.llm.model import LanguageModel
from engines.runtime.device import Placement
from engines.runtime.settings import Settings, load_settings

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def read_base(
    settings: Settings | None = None, *, dtype: torch.dtype = torch.bfloat16
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str]:
    """Return network, tokenizer and name of the model that the settings name, without adapter.

    It stays on the CPU; its weights can be trained.

    Raises:
        WeightsMissingError, WeightsCorruptError: if the model is not there or damaged.
    """
    settings = settings or load_settings()
    model = LanguageModel(settings, Placement(torch.device("cpu"), dtype, "training"))
    return model.read_plain()


def read_tokenizer(settings: Settings | None = None) -> PreTrainedTokenizerBase:
    """Return the tokenizer of that model, with its chat template; raises as `read_base`."""
    return read_base(settings)[1]


def pad_token_of(tokenizer: PreTrainedTokenizerBase) -> None:
    """Give the tokenizer something to pad with, where it has nothing; labels never hold it."""
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token


def trainable_share(network: Any) -> tuple[int, int]:
    """Return how many parameters are trained, and how many there are."""
    parameters = list(network.parameters())
    return sum(p.numel() for p in parameters if p.requires_grad), sum(p.numel() for p in parameters)


def adapter_file(folder: Path) -> Path:
    """Return where PEFT keeps an adapter's weights."""
    return folder / "adapter_model.safetensors"
