"""The language model: found, read and kept ready to write."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from engines.llm.adapter import ADAPTER_FILE, with_adapter
from engines.llm.converted import Kind, Plain, folder_for, open_converted
from engines.llm.decoding import Decoder, TransformersDecoder
from engines.llm.llama_cpp import has_llama_cpp
from engines.llm.packed import pack_for_decoding
from engines.llm.prefix import shared_tokens
from engines.llm.reading import read_folder, read_gguf
from engines.runtime.device import Placement
from engines.runtime.errors import (
    EngineUnavailableError,
    ReleafError,
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
# Larger models are not converted unasked: that holds them in float32, twice or four times as large.
MAX_CONVERTED_BYTES = 2_000_000_000

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
    """A model with its tokenizer; replaced as a whole, never changed.

    Attributes:
        decoder: computes with its weights.
        stop_ids: tokens at which an answer ends.
        max_context: most tokens of prompt and answer together.
        name, origin: which model it is and where it was found, for a person.
        has_adapter: whether a PEFT adapter is merged into it.
    """

    decoder: Decoder
    tokenizer: PreTrainedTokenizerBase
    stop_ids: frozenset[int]
    max_context: int
    name: str
    origin: str
    has_adapter: bool


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
        loaded = self._load_converted(adapter) or self._load_network(adapter)
        with self._lock:
            self._loaded = loaded

    def warmup(self) -> None:
        """Read what all prompts begin with, which is kept; then one token, as in writing."""
        loaded = self.loaded()
        loaded.decoder.keep(shared_tokens(loaded.tokenizer))
        ids = range(WARMUP_TOKENS)
        reading = loaded.decoder.begin(ids, WARMUP_TOKENS + 1)
        reading.logits(ids)
        reading.logits(ids[:1])

    def health(self) -> EngineHealth:
        """Say which model it runs."""
        loaded = self._loaded
        if loaded is None:
            return EngineHealth(is_ready=False, detail="No language model is loaded.")
        adapter = ", with an adapter" if loaded.has_adapter else ""
        return EngineHealth(
            is_ready=True,
            detail=f"{loaded.name}, {loaded.decoder.detail}, from {loaded.origin}{adapter}",
        )

    def unload(self) -> None:
        """Give the memory back; an answer that is being written keeps it until its end."""
        with self._lock:
            self._loaded = None

    def loaded(self) -> Loaded:
        """Return decoder and tokenizer.

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
        network, tokenizer, name, _ = self._read_chat_model(self.placement.dtype)
        return network, tokenizer, name

    def names_of(self, found: str) -> tuple[str, ...]:
        """Return all that the model may be called: as it was found, in settings, on the Hub."""
        name = self.settings.llm_model
        packaged = PACKAGED_WEIGHTS.get(name)
        return (found, name) if packaged is None else (found, name, packaged.hub_repo)

    def _load_network(self, adapter: Path | None) -> Loaded:
        network, tokenizer, name, origin = self._read_chat_model(self.placement.dtype)
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
        return Loaded(
            decoder=TransformersDecoder(network),
            tokenizer=tokenizer,
            stop_ids=_stop_ids(network, tokenizer),
            max_context=_max_context(network),
            name=name,
            origin=origin,
            has_adapter=adapter is not None,
        )

    def _load_converted(self, adapter: Path | None) -> Loaded | None:
        """Read the model for the fastest engine; None if transformers has to compute."""
        is_asked = self.settings.llm_engine != "auto"
        for kind in self._engines():
            try:
                return self._read_converted(kind, adapter)
            except MemoryError:
                raise
            except Exception as error:
                # A machine, a model or a disk that doesn't allow it raises errors of many kinds.
                if not is_asked:
                    log.warning("%s can't compute the language model: %s", kind, error)
                elif isinstance(error, ReleafError):
                    raise
                else:
                    raise EngineUnavailableError(
                        f"{kind} can't compute the language model: {error}",
                        "Set RELEAF_LLM_ENGINE to auto.",
                    ) from error
        return None

    def _engines(self) -> tuple[Kind, ...]:
        """Return which engines to try before transformers."""
        chosen = self.settings.llm_engine
        if chosen == "transformers":
            return ()
        if chosen == "onnx":
            return ("onnx",)
        if chosen == "llama.cpp":
            if has_llama_cpp():
                return ("llama.cpp",)
            raise EngineUnavailableError(
                "The package llama-cpp-python, which RELEAF_LLM_ENGINE asks for, is not installed.",
                "Run: pip install llama-cpp-python, or set RELEAF_LLM_ENGINE to auto.",
            )
        # Someone who asks for a precision gets it.
        if self.placement.device.type != "cpu" or self.settings.dtype != "auto":
            return ()
        source = self._source()
        if source is None or _bytes_of(source[0]) > MAX_CONVERTED_BYTES:
            return ()
        return ("llama.cpp", "onnx") if has_llama_cpp() else ("onnx",)

    def _read_converted(self, kind: Kind, adapter: Path | None) -> Loaded:
        source = self._source()
        if source is None:
            raise EngineUnavailableError(
                f"{kind} computes models that are on this machine, and {self.settings.llm_model} "
                "is on the Hub.",
                "Set RELEAF_LLM_ENGINE to auto, or RELEAF_LLM_MODEL to the model's folder.",
            )
        path, origin = source

        def read_plain() -> Plain:
            network, tokenizer, name, _ = self._read_chat_model(torch.float32)
            if adapter is not None:
                network = with_adapter(network, adapter, names=self.names_of(name))
            return Plain(
                network=network.eval(),
                tokenizer=tokenizer,
                stop_ids=_stop_ids(network, tokenizer),
                max_context=_max_context(network),
                gguf=path if path.is_file() else None,
            )

        found = open_converted(
            kind,
            folder_for(kind, path, adapter, self.settings.cache_dir),
            read_plain,
            threads=self.settings.cpu_threads,
        )
        return Loaded(
            decoder=found.decoder,
            tokenizer=found.tokenizer,
            stop_ids=frozenset(found.about.stop_ids),
            max_context=found.about.max_context,
            name=path.stem if path.is_file() else path.name,
            origin=origin,
            has_adapter=adapter is not None,
        )

    def _source(self) -> tuple[Path, str] | None:
        """Return the model's GGUF file or its folder, and where that was found; None on the Hub."""
        name = self.settings.llm_model
        if name in PACKAGED_WEIGHTS:
            found = find_weights(name, settings=self.settings)
            path = found.path if found.path.suffix == ".gguf" else found.path.parent
            return path, found.detail
        folder = Path(name).expanduser()
        return (folder, "its folder") if folder.is_dir() else None

    def _read_chat_model(
        self, dtype: torch.dtype
    ) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str, str]:
        network, tokenizer, name, origin = self._read(dtype)
        if tokenizer.chat_template is None:
            if self.settings.llm_model != SHIPPED_MODEL:
                raise WeightsCorruptError(
                    f"The language model {name} has no chat template, so it is no chat model.",
                    "Set RELEAF_LLM_MODEL to a model made for chat, often called “Instruct”.",
                )
            tokenizer.chat_template = CHATML
        return network, tokenizer, name, origin

    def _read(
        self, dtype: torch.dtype
    ) -> tuple[PreTrainedModel, PreTrainedTokenizerBase, str, str]:
        """Return network, tokenizer, name and origin of the model that the settings name."""
        source = self._source()
        if source is None:
            name = self.settings.llm_model
            network, tokenizer = self._read_from_hub(name, dtype)
            return network, tokenizer, name, "the Hugging Face Hub"
        path, origin = source
        if path.suffix == ".gguf":
            network, tokenizer = read_gguf(path, self.settings.cache_dir, dtype)
            return network, tokenizer, path.stem, origin
        try:
            network, tokenizer = read_folder(path, dtype, local_files_only=True)
        except Exception as error:
            # Damaged files raise many kinds: OSError, ValueError, KeyError, SafetensorError, ...
            raise WeightsCorruptError(
                f"The language model in {path} cannot be read: {error}",
                "Restore the folder, or set RELEAF_LLM_MODEL to another model.",
            ) from error
        return network, tokenizer, path.name, origin

    def _read_from_hub(
        self, repo: str, dtype: torch.dtype
    ) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        try:
            return read_folder(
                repo,
                dtype,
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


def _max_context(network: PreTrainedModel) -> int:
    return int(getattr(network.config, "max_position_embeddings", 2048))


def _bytes_of(source: Path) -> int:
    files = source.iterdir() if source.is_dir() else [source]
    return sum(path.stat().st_size for path in files if path.is_file())
