"""Read a base model and merge a LoRA adapter into it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import safe_open
from torch import Tensor, nn

from engines.llm.fit.base import read_base
from engines.llm.model import ADAPTER_FILE
from engines.llm.prompt import encode_chat
from engines.runtime.errors import InputError, WeightsCorruptError, WeightsMissingError
from engines.runtime.settings import Settings
from engines.runtime.weights import PACKAGED_WEIGHTS, find_weights

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

ADAPTER_CONFIG = "adapter_config.json"

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
        name: what the settings call it. aliases: other names that an adapter may know it by.
        gguf: the file it was read from, None if that was a folder.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    aliases: tuple[str, ...] = ()
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
    aliases, gguf = [found], None
    if name in PACKAGED_WEIGHTS:
        aliases.append(PACKAGED_WEIGHTS[name].hub_repo)
        path = find_weights(name, settings=settings).path
        gguf = path if path.suffix == ".gguf" else None
    return Base(network.eval(), tokenizer, name, tuple(aliases), gguf)


def merge(base: Base, adapter: Path) -> Merged:
    """Add the adapter's products to the base's weights, in place, and round them to float16.

    Both differences are taken over every position of `CHECK_QUESTIONS`.

    Raises:
        InputError: if the adapter was made for another model.
        WeightsMissingError: if there is no adapter. WeightsCorruptError: if it is damaged, or its
            weights become too large for float16.
    """
    from peft import PeftModel, get_peft_model_state_dict

    check_base(adapter, base)
    prompts = check_prompts(base.tokenizer)
    try:
        with safe_open(adapter / ADAPTER_FILE, framework="pt") as file:
            found = set(file.keys())
        beside = PeftModel.from_pretrained(base.network, str(adapter)).eval()
        # PEFT only warns where an adapter lacks a layer, or has one that the model lacks. Left to
        # itself, it asks the Hub whether the table of words has grown.
        if found != set(get_peft_model_state_dict(beside, save_embedding_layers=False)):
            raise ValueError("its layers are not those of the model")
    except Exception as error:
        # A damaged file and other shapes raise SafetensorError, RuntimeError, ValueError, KeyError.
        raise WeightsCorruptError(
            f"The adapter in {adapter} does not fit {base.name}: {error}",
            "Use an adapter that was trained for this model, or name its model with --model.",
        ) from error
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


def check_base(adapter: Path, base: Base) -> None:
    """See that the adapter says it was made for this model.

    Raises:
        WeightsMissingError: if there is no adapter. WeightsCorruptError: if it cannot be read.
        InputError: if it names another model, or none.
    """
    for needed in (ADAPTER_CONFIG, ADAPTER_FILE):
        if not (adapter / needed).is_file():
            raise WeightsMissingError(
                f"There is no {needed} in {adapter}.", "Name the folder of a PEFT adapter."
            )
    try:
        config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        made_for = config["base_model_name_or_path"] or ""
        kind = config["peft_type"]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsCorruptError(
            f"{adapter / ADAPTER_CONFIG} is no configuration of a PEFT adapter.",
            "Restore the adapter's folder, or train it again.",
        ) from error
    if kind != "LORA":
        raise InputError(f"The adapter in {adapter} is of the kind {kind}.", "Use a LoRA adapter.")
    if not _is_same(str(made_for), (base.name, *base.aliases)):
        named = f"for {made_for}" if made_for else "for a model that it does not name"
        raise InputError(
            f"The adapter in {adapter} was trained {named}, not for {base.name}.",
            f"Name that model with --model, or use an adapter that was trained for {base.name}.",
        )


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


def _is_same(named: str, known: Sequence[str]) -> bool:
    """Compare names of models: whole, or their last part, since copies lie in other places."""

    def last(name: str) -> str:
        return name.rstrip("/").rsplit("/", 1)[-1].casefold()

    return bool(named) and last(named) in {last(name) for name in known}
