"""Which chat model and which adapter the settings name, and how the model is read."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from engines.llm.adapter import ADAPTER_FILE
from engines.llm.reading import read_folder, read_gguf
from engines.runtime.errors import WeightsCorruptError, WeightsMissingError
from engines.runtime.settings import Settings
from engines.runtime.weights import PACKAGED_WEIGHTS, find_weights, load_card
from engines.runtime.weights_hashes import check_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

SHIPPED_MODEL = "smollm2_135m_instruct"
# What RELEAF_LLM_ADAPTER says to leave the project's own adapter out.
ADAPTER_OFF = "off"
SHIPPED_ADAPTER = "llm-lora"

# ChatML with the system text that SmolLM2 was trained with, as in its GGUF file.
CHATML = (
    "{% for message in messages %}"
    "{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\n"
    "You are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n' }}"
    "{% endif %}"
    "{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
# What ends a turn or begins another one in the common chat formats.
TURN_ENDS = (
    "<|im_end|>",
    "<|im_start|>",
    "<|endoftext|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|end|>",
    "<end_of_turn>",
    "</s>",
)


@dataclass(frozen=True)
class ChatModel:
    """A chat model as its files hold it.

    Attributes:
        name, origin: which model it is and where it was found, for a person.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    origin: str

    @property
    def stop_ids(self) -> frozenset[int]:
        """Tokens at which an answer ends."""
        vocabulary = self.tokenizer.get_vocab()
        ends = {vocabulary[token] for token in TURN_ENDS if token in vocabulary}
        generation = getattr(self.network, "generation_config", None)
        for known in (self.tokenizer.eos_token_id, getattr(generation, "eos_token_id", None)):
            ends.update(known if isinstance(known, list) else [] if known is None else [known])
        return frozenset(ends)

    @property
    def max_context(self) -> int:
        """Most tokens of prompt and answer together."""
        return int(getattr(self.network.config, "max_position_embeddings", 2048))


def find_source(settings: Settings) -> tuple[Path, str] | None:
    """Return the model's GGUF file or its folder, and where that was found; None on the Hub."""
    name = settings.llm_model
    if name in PACKAGED_WEIGHTS:
        found = find_weights(name, settings=settings)
        path = found.path if found.path.suffix == ".gguf" else found.path.parent
        return path, found.detail
    folder = Path(name).expanduser()
    return (folder, "its folder") if folder.is_dir() else None


def read_chat_model(settings: Settings, dtype: torch.dtype) -> ChatModel:
    """Read the chat model that the settings name, on the CPU, without any adapter.

    Raises:
        WeightsMissingError: if it is not there.
        WeightsCorruptError: if it is damaged, does not fit or is no chat model.
        EngineUnavailableError: if a package that reads it is missing.
    """
    model = _read(settings, dtype)
    if model.tokenizer.chat_template is None:
        if settings.llm_model != SHIPPED_MODEL:
            raise WeightsCorruptError(
                f"The language model {model.name} has no chat template, so it is no chat model.",
                "Set RELEAF_LLM_MODEL to a model made for chat, often called “Instruct”.",
            )
        model.tokenizer.chat_template = CHATML
    return model


def _read(settings: Settings, dtype: torch.dtype) -> ChatModel:
    source = find_source(settings)
    if source is None:
        name = settings.llm_model
        return ChatModel(*_read_from_hub(settings, dtype), name, "the Hugging Face Hub")
    path, origin = source
    if path.suffix == ".gguf":
        return ChatModel(*read_gguf(path, settings.cache_dir, dtype), path.stem, origin)
    try:
        return ChatModel(*read_folder(path, dtype, local_files_only=True), path.name, origin)
    except Exception as error:
        # Damaged files raise many kinds: OSError, ValueError, KeyError, SafetensorError, ...
        raise WeightsCorruptError(
            f"The language model in {path} cannot be read: {error}",
            "Restore the folder, or set RELEAF_LLM_MODEL to another model.",
        ) from error


def _read_from_hub(
    settings: Settings, dtype: torch.dtype
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    repo = settings.llm_model
    try:
        return read_folder(
            repo,
            dtype,
            local_files_only=not settings.is_hub_allowed,
            cache_dir=str(settings.cache_dir / "hub"),
        )
    except OSError as error:
        # No such repository, no right to use it, no network: transformers raises one kind.
        log.warning("could not read %s from the Hub: %s", repo, error)
        raise WeightsMissingError(
            f"The language model {repo} could not be read from the Hugging Face Hub.",
            "Check the network, log in with “hf auth login” if the model asks for consent, or "
            f"set RELEAF_LLM_MODEL to {SHIPPED_MODEL}.",
        ) from error
    except Exception as error:
        raise WeightsCorruptError(
            f"The language model {repo} cannot be used: {error}",
            f"Set RELEAF_LLM_MODEL to another chat model, such as {SHIPPED_MODEL}.",
        ) from error


def find_adapter(settings: Settings) -> Path | None:
    """Return the folder of the adapter to merge, None for the model alone.

    Raises:
        WeightsMissingError: if the settings name a folder without an adapter.
        WeightsCorruptError: if the project's own adapter is not the one that was published.
    """
    chosen = settings.llm_adapter
    if chosen == Path(ADAPTER_OFF):
        return None
    if chosen is not None:
        chosen = chosen.expanduser()
        if not (chosen / ADAPTER_FILE).is_file():
            raise WeightsMissingError(
                f"There is no {ADAPTER_FILE} in {chosen}.",
                "Set RELEAF_LLM_ADAPTER to the folder of a PEFT adapter, or leave it empty.",
            )
        return chosen
    # The project's own adapter was trained for the model that comes with it, and no other.
    shipped = settings.checkpoints_dir / SHIPPED_ADAPTER
    if settings.llm_model != SHIPPED_MODEL or not (shipped / ADAPTER_FILE).is_file():
        return None
    card = load_card(shipped)
    # Its card says whether it was measured to be better than the model alone.
    inference = card.raw.get("inference") if card is not None else None
    is_on = isinstance(inference, dict) and inference.get("is_on_by_default") is True
    if is_on:
        check_checkpoint(shipped, cache_dir=settings.cache_dir)
    return shipped if is_on else None
