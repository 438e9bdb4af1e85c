"""The language model: found, read and kept ready to write."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from engines.llm.adapter import with_adapter
from engines.llm.converted import Kind, Plain, folder_for, open_converted
from engines.llm.decoding import Decoder, TransformersDecoder
from engines.llm.llama_cpp import has_llama_cpp
from engines.llm.packed import pack_for_decoding
from engines.llm.prefix import shared_tokens
from engines.llm.source import ChatModel, find_adapter, find_source, read_chat_model
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, ReleafError
from engines.runtime.health import EngineHealth
from engines.runtime.settings import Settings
from engines.runtime.torchvision_compat import ensure_torchvision
from engines.runtime.weights import PACKAGED_WEIGHTS

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

log = logging.getLogger(__name__)

WARMUP_TOKENS = 16
# Larger models are not converted unasked: that holds them in float32, twice or four times as large.
MAX_CONVERTED_BYTES = 2_000_000_000


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
        adapter = find_adapter(self.settings)
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
        model = read_chat_model(self.settings, self.placement.dtype)
        return model.network, model.tokenizer, model.name

    def names_of(self, found: str) -> tuple[str, ...]:
        """Return all that the model may be called: as it was found, in settings, on the Hub."""
        name = self.settings.llm_model
        packaged = PACKAGED_WEIGHTS.get(name)
        return (found, name) if packaged is None else (found, name, packaged.hub_repo)

    def _adapted(self, model: ChatModel, adapter: Path | None) -> PreTrainedModel:
        if adapter is None:
            return model.network
        return with_adapter(model.network, adapter, names=self.names_of(model.name))

    def _load_network(self, adapter: Path | None) -> Loaded:
        model = read_chat_model(self.settings, self.placement.dtype)
        network = self._adapted(model, adapter)
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
            tokenizer=model.tokenizer,
            stop_ids=model.stop_ids,
            max_context=model.max_context,
            name=model.name,
            origin=model.origin,
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
        source = find_source(self.settings)
        if source is None or _bytes_of(source[0]) > MAX_CONVERTED_BYTES:
            return ()
        return ("llama.cpp", "onnx") if has_llama_cpp() else ("onnx",)

    def _read_converted(self, kind: Kind, adapter: Path | None) -> Loaded:
        source = find_source(self.settings)
        if source is None:
            raise EngineUnavailableError(
                f"{kind} computes models that are on this machine, and {self.settings.llm_model} "
                "is on the Hub.",
                "Set RELEAF_LLM_ENGINE to auto, or RELEAF_LLM_MODEL to the model's folder.",
            )
        path, origin = source

        def read_plain() -> Plain:
            model = read_chat_model(self.settings, torch.float32)
            return Plain(
                network=self._adapted(model, adapter).eval(),
                tokenizer=model.tokenizer,
                stop_ids=model.stop_ids,
                max_context=model.max_context,
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


def _bytes_of(source: Path) -> int:
    files = source.iterdir() if source.is_dir() else [source]
    return sum(path.stat().st_size for path in files if path.is_file())
