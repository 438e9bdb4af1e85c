"""Read a base model and merge a LoRA adapter into it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from engines.llm.adapter import ADAPTER_CONFIG, ADAPTER_FILE, put_beside
from engines.llm.fit.base import read_base
from engines.llm.prompt import encode_chat
from engines.runtime.errors import WeightsCorruptError
from engines.runtime.settings import Settings
from engines.runtime.weights import PACKAGED_WEIGHTS, find_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

# Ten questions whose answers every format has to write in the same words.
CHECK_QUESTIONS = (
    "Where does a glass jar with its lid on go?",
    "Can I put a pizza box with grease on it into the paper bin?",
    "What do I do with an empty spray can?",
    "How do I throw away 3 AA batteries?",
    "Is bubble wrap recycled?",
    "My phone's battery is swollen. What now?",
    "Name two things that may go on a compost heap.",
    "Why are receipts no waste paper?",
    "Where can I take 12 litres of old motor oil?",
    "What is the difference between PET and HDPE?",
)


@dataclass(frozen=True)
class Base:
    """A model as it was before it was taught.

    Attributes:
        network: in float32 on the CPU.
        names: what the settings call it, then other names that an adapter may know it by.
        gguf: the file it was read from, None if that was a folder.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    names: tuple[str, ...]
    gguf: Path | None = None


@dataclass(frozen=True)
class Merged:
    """A base with the adapter in it, rounded to float16 and held in float32.

    Attributes:
        merge_difference: largest difference of a logit to the network with the adapter beside it.
        rounding_difference: the same after rounding to float16.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    merge_difference: float
    rounding_difference: float


def load_base(settings: Settings, name: str) -> Base:
    """Read the model called `name`, as the app finds it, in float32 on the CPU.

    Args:
        name: a known name such as smollm2_135m_instruct, a folder, or a Hub repository.

    Raises:
        WeightsMissingError: if it is not there. WeightsCorruptError: if it cannot be used.
    """
    chosen = settings.model_copy(update={"llm_model": name})
    network, tokenizer, found = read_base(chosen, dtype=torch.float32)
    names, gguf = [name, found], None
    if name in PACKAGED_WEIGHTS:
        names.append(PACKAGED_WEIGHTS[name].hub_repo)
        path = find_weights(name, settings=settings).path
        gguf = path if path.suffix == ".gguf" else None
    return Base(network.eval(), tokenizer, tuple(names), gguf)


def merge(base: Base, adapter: Path) -> Merged:
    """Add the adapter's products to the base's weights, in place, and round them to float16.

    Both differences are taken over every position of `CHECK_QUESTIONS`.

    Raises:
        InputError: if the adapter was made for another model.
        WeightsMissingError: if there is no adapter. WeightsCorruptError: if it is damaged, or its
            weights become too large for float16.
    """
    beside: Any = put_beside(base.network, adapter, names=base.names)
    beside.eval()
    prompts = check_prompts(base.tokenizer)
    with torch.inference_mode():
        before = logits_of(beside, prompts)
        network: PreTrainedModel = beside.merge_and_unload(safe_merge=True)
        merged = largest_difference(before, logits_of(network, prompts))
        round_to_half(network)
        rounded = largest_difference(before, logits_of(network, prompts))
    return Merged(network.requires_grad_(False), base.tokenizer, merged, rounded)


def round_to_half(network: nn.Module) -> None:
    """Round the weights to float16 in place and keep them in float32, so that all formats agree.

    Buffers stay as they are: rounded rotation frequencies would turn far positions wrongly.

    Raises:
        WeightsCorruptError: if a weight is too large.
    """
    for name, weight in network.named_parameters():
        rounded = weight.data.half().float()
        if not bool(torch.isfinite(rounded).all()):
            raise WeightsCorruptError(
                f"The weight {name} does not fit into float16.",
                "Train the adapter again with a lower learning rate.",
            )
        weight.data = rounded


def fingerprint(adapter: Path) -> str:
    """Tell one adapter from another by its configuration and its weights."""
    digest = hashlib.sha256()
    for name in (ADAPTER_CONFIG, ADAPTER_FILE):
        digest.update((adapter / name).read_bytes())
    return digest.hexdigest()


def check_prompts(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    """Return the tokens of `CHECK_QUESTIONS`, each up to where its answer begins."""
    return [
        encode_chat(tokenizer, [{"role": "user", "content": question}])
        for question in CHECK_QUESTIONS
    ]


def logits_of(network: Any, prompts: Sequence[list[int]]) -> list[Tensor]:
    """Return the logits (tokens, vocabulary) of each prompt in float32."""
    with torch.inference_mode():
        return [network(input_ids=torch.tensor([ids])).logits[0].float() for ids in prompts]


def largest_difference(first: Sequence[Tensor], second: Sequence[Tensor]) -> float:
    """Return the largest absolute difference between tensors of the same shapes."""
    return max(float((one - other).abs().max()) for one, other in zip(first, second))
