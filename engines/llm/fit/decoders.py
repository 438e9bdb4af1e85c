"""Write text greedily, token by token, with each of the formats a model is exported to."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

PREFILL_TOKENS = 128


class Decoder(Protocol):
    """Read tokens and say which one follows; what was read is remembered."""

    def restart(self) -> None:
        """Forget what was read."""

    def read(self, ids: Sequence[int]) -> int:
        """Read more tokens, at least one, and return the likeliest next one."""


@dataclass(frozen=True)
class Written:
    """Tokens of one answer, without the one that ends it.

    Attributes:
        first_token_ms: reading the prompt and choosing the first token.
        decode_ms: everything after that. steps: tokens chosen in that time.
    """

    tokens: tuple[int, ...]
    first_token_ms: float
    decode_ms: float
    steps: int


def write(
    decoder: Decoder, prompt: Sequence[int], *, max_new_tokens: int, stop_ids: Collection[int]
) -> Written:
    """Write an answer greedily, as the app does: the prompt is read in pieces of 128 tokens."""
    decoder.restart()
    start_s = time.perf_counter()
    token = -1
    for at in range(0, len(prompt), PREFILL_TOKENS):
        token = decoder.read(prompt[at : at + PREFILL_TOKENS])
    first_s = time.perf_counter()
    tokens: list[int] = []
    steps = 0
    while token not in stop_ids:
        tokens.append(token)
        if len(tokens) == max_new_tokens:
            break
        token = decoder.read([token])
        steps += 1
    end_s = time.perf_counter()
    return Written(tuple(tokens), (first_s - start_s) * 1000, (end_s - first_s) * 1000, steps)


class TransformersDecoder:
    """Decode with a network of transformers, in the dtype it has."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self.restart()

    def restart(self) -> None:
        """Forget what was read."""
        from transformers import DynamicCache

        self._cache = DynamicCache(config=self._network.config)

    def read(self, ids: Sequence[int]) -> int:
        """Read more tokens and return the likeliest next one."""
        return int(self.logits(ids).argmax())

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Read more tokens and return the next one's logits, (vocabulary,)."""
        out = self._network(
            input_ids=torch.tensor([list(ids)], device=self._network.device),
            past_key_values=self._cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: NDArray[np.float32] = out.logits[0, -1].float().cpu().numpy()
        return logits


class OnnxDecoder:
    """Decode with ONNX Runtime and a graph of `onnx_file.write_onnx`.

    Keys and values stay where ONNX Runtime computed them; nothing but logits is copied.
    """

    def __init__(self, graph: Path, *, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._runtime = onnxruntime
        self._session = onnxruntime.InferenceSession(
            str(graph), options, providers=["CPUExecutionProvider"]
        )
        self._pasts = [
            entry for entry in self._session.get_inputs() if entry.name.startswith("past_key")
        ]
        self._presents = [entry.name for entry in self._session.get_outputs()[1:]]
        self.restart()

    def restart(self) -> None:
        """Forget what was read."""
        self._length = 0
        # Shape (1, heads of keys, 0, size of a head): the dimension of tokens is still empty.
        self._cache = [
            self._runtime.OrtValue.ortvalue_from_numpy(
                np.zeros((1, entry.shape[1], 0, entry.shape[3]), dtype=np.float32)
            )
            for entry in self._pasts
        ]

    def read(self, ids: Sequence[int]) -> int:
        """Read more tokens and return the likeliest next one."""
        return int(self.logits(ids).argmax())

    def logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Read more tokens and return the next one's logits, (vocabulary,)."""
        self._length += len(ids)
        binding = self._session.io_binding()
        binding.bind_cpu_input("input_ids", np.array([ids], dtype=np.int64))
        binding.bind_cpu_input("attention_mask", np.ones((1, self._length), dtype=np.int64))
        for entry, value in zip(self._pasts, self._cache):
            binding.bind_ortvalue_input(entry.name, value)
        for name in ("logits", *self._presents):
            binding.bind_output(name, "cpu")
        self._session.run_with_iobinding(binding)
        logits, *self._cache = binding.get_outputs()
        last: NDArray[np.float32] = logits.numpy()[0, -1]
        return last


class LlamaCppDecoder:
    """Decode a GGUF file with llama.cpp, through llama-cpp-python.

    Raises:
        ImportError: if that package is not installed.
    """

    def __init__(self, path: Path, *, threads: int, context: int = 2048) -> None:
        from llama_cpp import Llama

        self._llama = Llama(
            model_path=str(path),
            n_ctx=context,
            n_threads=threads,
            n_threads_batch=threads,
            verbose=False,
        )

    def restart(self) -> None:
        """Forget what was read."""
        self._llama.reset()

    def read(self, ids: Sequence[int]) -> int:
        """Read more tokens and return the likeliest next one."""
        self._llama.eval(list(ids))
        return int(self._llama.sample(temp=0.0, repeat_penalty=1.0))

    def tokenize(self, text: str) -> list[int]:
        """Return the tokens of a text in which special tokens are written out."""
        return list(self._llama.tokenize(text.encode(), add_bos=False, special=True))
