"""The language model: found, read and kept ready to write."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from engines.llm.adapter import ADAPTER_FILE, with_adapter
from engines.llm.packed import pack_for_decoding
from engines.llm.prefix import PromptPrefix, read_prefix
from engines.llm.reading import read_folder, read_gguf
from engines.runtime.device import Placement
from engines.runtime.errors import (
    EngineUnavailableError,
    WeightsCorruptError,
    WeightsMissingError,
)
from engines.runtime.health import EngineHealth
from engines.runtime.settings import Settings
from engines.runtime.torchvision_compat import ensure_torchvision
from engines.runtime.weights import PACKAGED_WEIGHTS, find_weights, load_card
from engines.runtime.weights_hashes import check_checkpoint

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

SHIPPED_MODEL = "smollm2_135m_instruct"
# What RELEAF_LLM_ADAPTER says to leave the project's own adapter out.
ADAPTER_OFF = "off"
SHIPPED_ADAPTER = "llm-lora"
WARMUP_TOKENS = 16

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
class Loaded:
    """A network with its tokenizer; replaced as a whole, never changed.

    Attributes:
        stop_ids: tokens at which an answer ends.
        max_context: most tokens of prompt and answer together.
        name, origin: which model it is and where it was found, for a person.
        has_adapter: whether a PEFT adapter is merged into it.
        prefix: what all prompts begin with, already read; None before the warm-up.
    """

    network: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    stop_ids: frozenset[int]
    max_context: int
    name: str
    origin: str
    has_adapter: bool
    prefix: PromptPrefix | None = None


class LanguageModel:
    """Hold a chat model: SmolLM2-135M-Instruct, or one that the settings name."""

    name = "llm"

    def __init__(self, settings: Settings, placement: Placement) -> None:
        self.settings, self.placement = settings, placement
        self._loaded: Loaded | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        """Read the model, apply the adapter if there is one, and place it on the device.

        Raises:
            WeightsMissingError: if the model or the adapter is not there.
            WeightsCorruptError: if one of them is damaged or does not fit.
            InputError: if the adapter was made for another model.
            EngineUnavailableError: if a package that reads them is missing.
        """
        ensure_torchvision()
        adapter = self._adapter_folder()
        network, tokenizer, name, origin = self._read_chat_model()
        if adapter is not None:
            network = with_adapter(network, adapter, names=self.names_of(name))
        module: nn.Module = network
        # Not `module.to(dtype)`: it would round the rotary frequencies too, and a position of 500
        # would be turned by most of a radian.
        for parameter in module.parameters():
            parameter.data = parameter.data.to(self.placement.dtype)
        module.to(self.placement.device)
        module.eval().requires_grad_(False)
        pack_for_decoding(module)
        loaded = Loaded(
            network=network,
            tokenizer=tokenizer,
            stop_ids=_stop_ids(network, tokenizer),
            max_context=int(getattr(network.config, "max_position_embeddings", 2048)),
            name=name,
            origin=origin,
            has_adapter=adapter is not None,
        )
        with self._lock:
            self._loaded = loaded

    def warmup(self) -> None:
        """Read what all prompts begin with, and keep it; then one token, as in writing."""
        loaded = self.loaded()
        prefix = read_prefix(loaded.network, loaded.tokenizer)
        network: Any = loaded.network
        ids = torch.arange(WARMUP_TOKENS, device=network.device).unsqueeze(0)
        with torch.inference_mode():
            cache = network(input_ids=ids, use_cache=True, logits_to_keep=1).past_key_values
            network(input_ids=ids[:, :1], past_key_values=cache, use_cache=True, logits_to_keep=1)
        with self._lock:
            if self._loaded is loaded:
                self._loaded = replace(loaded, prefix=prefix)

    def health(self) -> EngineHealth:
        """Say which model it runs."""
        loaded = self._loaded
        if loaded is None:
            return EngineHealth(is_ready=False, detail="No language model is loaded.")
        size = round(sum(p.numel() for p in loaded.network.parameters()) / 1e6)
        dtype = str(loaded.network.dtype).removeprefix("torch.")
        adapter = ", with an adapter" if loaded.has_adapter else ""
        return EngineHealth(
            is_ready=True,
            detail=f"{loaded.name}, {size} million parameters in {dtype}, from {loaded.origin}"
            f"{adapter}",
        )

    def unload(self) -> None:
        """Give the memory back; an answer that is being written keeps it until its end."""
        with self._lock:
            self._loaded = None

    def loaded(self) -> Loaded:
        """Return network and tokenizer.

        Raises:
            EngineUnavailableError: if the model is not loaded.
        """
        loaded = self._loaded
        if loaded is None:
            raise EngineUnavailableError(
                "The language model is not loaded.", "Try again in a few seconds."
            )
        return loaded

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's tokenizer, with its chat template."""
        return self.loaded().tokenizer

    def read_plain(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str]:
        """Return network, tokenizer and name for training: on the CPU, without any adapter.

        Raises:
            As `load`.
        """
        ensure_torchvision()
        network, tokenizer, name, _ = self._read_chat_model()
        return network, tokenizer, name

    def names_of(self, found: str) -> tuple[str, ...]:
        """Return all that the model may be called: as it was found, in settings, on the Hub."""
        name = self.settings.llm_model
        packaged = PACKAGED_WEIGHTS.get(name)
        return (found, name) if packaged is None else (found, name, packaged.hub_repo)

    def _read_chat_model(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str, str]:
        network, tokenizer, name, origin = self._read()
        if tokenizer.chat_template is None:
            if self.settings.llm_model != SHIPPED_MODEL:
                raise WeightsCorruptError(
                    f"The language model {name} has no chat template, so it is no chat model.",
                    "Set RELEAF_LLM_MODEL to a model made for chat, often called “Instruct”.",
                )
            tokenizer.chat_template = CHATML
        return network, tokenizer, name, origin

    def _read(self) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str, str]:
        """Return network, tokenizer, name and origin of the model that the settings name."""
        name, dtype = self.settings.llm_model, self.placement.dtype
        folder = Path(name).expanduser()
        if name in PACKAGED_WEIGHTS:
            source = find_weights(name, settings=self.settings)
            if source.path.suffix == ".gguf":
                network, tokenizer = read_gguf(source.path, self.settings.cache_dir, dtype)
                return network, tokenizer, source.path.stem, source.detail
            folder, origin = source.path.parent, source.detail
        elif folder.is_dir():
            origin = "its folder"
        else:
            network, tokenizer = self._read_from_hub(name)
            return network, tokenizer, name, "the Hugging Face Hub"
        try:
            network, tokenizer = read_folder(folder, dtype, local_files_only=True)
        except Exception as error:
            # Damaged files raise many kinds: OSError, ValueError, KeyError, SafetensorError, ...
            raise WeightsCorruptError(
                f"The language model in {folder} cannot be read: {error}",
                "Restore the folder, or set RELEAF_LLM_MODEL to another model.",
            ) from error
        return network, tokenizer, folder.name, origin

    def _read_from_hub(self, repo: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        try:
            return read_folder(
                repo,
                self.placement.dtype,
                local_files_only=not self.settings.is_hub_allowed,
                cache_dir=str(self.settings.cache_dir / "hub"),
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

    def _adapter_folder(self) -> Path | None:
        chosen = self.settings.llm_adapter
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
        shipped = self.settings.checkpoints_dir / SHIPPED_ADAPTER
        if self.settings.llm_model != SHIPPED_MODEL or not (shipped / ADAPTER_FILE).is_file():
            return None
        card = load_card(shipped)
        # Its card says whether it was measured to be better than the model alone.
        inference = card.raw.get("inference") if card is not None else None
        is_on = isinstance(inference, dict) and inference.get("is_on_by_default") is True
        if is_on:
            check_checkpoint(shipped, cache_dir=self.settings.cache_dir)
        return shipped if is_on else None


def _stop_ids(network: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    vocabulary = tokenizer.get_vocab()
    ends = {vocabulary[token] for token in TURN_ENDS if token in vocabulary}
    generation = getattr(network, "generation_config", None)
    for known in (tokenizer.eos_token_id, getattr(generation, "eos_token_id", None)):
        ends.update(known if isinstance(known, list) else [] if known is None else [known])
    return frozenset(ends)
