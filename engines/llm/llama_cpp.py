"""Compute with llama.cpp, through the package llama-cpp-python, where it is installed."""

from __future__ import annotations

import importlib.util
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from engines.llm.decoding import starts_with
from engines.runtime.errors import EngineUnavailableError

# Longest text, prompt and answer together; memory for it is taken when the model is loaded.
CONTEXT_TOKENS = 2048


def has_llama_cpp() -> bool:
    """Say whether the package is installed; it is not imported."""
    return importlib.util.find_spec("llama_cpp") is not None


class LlamaCppDecoder:
    """Compute with llama.cpp and a GGUF file.

    llama.cpp holds one text at a time here. When another one goes on, the keys and values of the
    one before are put aside, so any number of texts may take turns.

    Args:
        path: the GGUF file.
        threads: CPU threads.

    Raises:
        ImportError: if llama-cpp-python is not installed.
        Exception: whatever it raises for a file that it can't read.
    """

    device = torch.device("cpu")

    def __init__(self, path: Path, *, threads: int) -> None:
        import llama_cpp

        self.library: Any = llama_cpp
        self.llama: Any = llama_cpp.Llama(
            model_path=str(path),
            n_ctx=CONTEXT_TOKENS,
            n_threads=threads,
            n_threads_batch=threads,
            verbose=False,
        )
        self.detail = "llama.cpp"
        self.kept: tuple[int, ...] = ()
        self._prefix = b""
        self._held: weakref.ref[LlamaCppReading] | None = None

    def begin(self, prompt: Sequence[int], room: int) -> LlamaCppReading:
        """Begin a text; all have the same room, so `room` is not used."""
        is_known = starts_with(prompt, self.kept)
        return LlamaCppReading(self, self._prefix if is_known else b"", len(self.kept))

    def keep(self, ids: Sequence[int]) -> None:
        """Read what all prompts begin with."""
        if not ids:
            return
        reading = LlamaCppReading(self, b"", 0)
        reading.logits(ids)
        self._prefix, self.kept = self._saved(), tuple(ids)

    def hold(self, reading: LlamaCppReading) -> None:
        """Bring this text's keys and values back, and put those of the one before aside."""
        before = self._held() if self._held is not None else None
        if before is reading:
            return
        if before is not None:
            before.saved = self._saved()
        memory = self.library.llama_get_memory(self.llama.ctx)
        self.library.llama_memory_clear(memory, True)
        self._held = weakref.ref(reading)
        if reading.saved:
            state = np.ctypeslib.as_ctypes(np.frombuffer(reading.saved, np.uint8).copy())
            read = self.library.llama_state_seq_set_data(self.llama.ctx, state, len(state), 0)
            if read == 0:
                raise EngineUnavailableError(
                    "llama.cpp could not go on with this text.", "Ask again."
                )
            reading.saved = b""

    def _saved(self) -> bytes:
        size = self.library.llama_state_seq_get_size(self.llama.ctx, 0)
        state = np.zeros(size, np.uint8)
        written = self.library.llama_state_seq_get_data(
            self.llama.ctx, np.ctypeslib.as_ctypes(state), size, 0
        )
        return state[:written].tobytes()


def tokens_of(decoder: LlamaCppDecoder, text: str) -> list[int]:
    """Cut a text as the GGUF file says; special tokens are written out in it."""
    return list(decoder.llama.tokenize(text.encode(), add_bos=False, special=True))


class LlamaCppReading:
    """A text that llama.cpp reads.

    Args:
        prefix: the state after what is known, empty if nothing is.
        known: its number of tokens.
    """

    def __init__(self, decoder: LlamaCppDecoder, prefix: bytes, known: int) -> None:
        self._decoder, self.saved = decoder, prefix
        self.known = known if prefix else 0

    def logits(self, ids: Sequence[int]) -> Tensor:
        """Read tokens and return the next one's logits, (1, vocabulary) float32.

        Raises:
            EngineUnavailableError: if llama.cpp can't read them.
        """
        decoder = self._decoder
        decoder.hold(self)
        library, context = decoder.library, decoder.llama.ctx
        tokens = (library.llama_token * len(ids))(*ids)
        if library.llama_decode(context, library.llama_batch_get_one(tokens, len(ids))) != 0:
            raise EngineUnavailableError(
                "llama.cpp could not read this text.",
                "Ask a shorter question, or set RELEAF_LLM_ENGINE to onnx.",
            )
        last = np.ctypeslib.as_array(
            library.llama_get_logits_ith(context, -1), (decoder.llama.n_vocab(),)
        )
        return torch.from_numpy(last.astype(np.float32, copy=True)[None])
