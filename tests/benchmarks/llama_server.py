"""llama.cpp as PyPI has it ready built: its server inside this process, through xllamacpp."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

CONTEXT_TOKENS = 2048


class LlamaServer:
    """Write whole answers with llama.cpp; times of decoding are those that it takes itself.

    Raises:
        ImportError: if xllamacpp is not installed.
    """

    def __init__(self, gguf: Path, *, threads: int) -> None:
        import xllamacpp

        params = xllamacpp.CommonParams()
        params.model.path = str(gguf)
        params.n_ctx = CONTEXT_TOKENS
        params.n_parallel = 1
        params.cpuparams.n_threads = threads
        params.cpuparams_batch.n_threads = threads
        params.warmup = False
        params.verbosity = -1
        self._server = xllamacpp.Server(params)

    def first_token_ms(self, ids: Sequence[int], *, is_kept: bool = False) -> float:
        """Read a prompt and choose one token; `is_kept` goes on from what was read before."""
        begun_s = time.perf_counter()
        self._complete(ids, count=1, is_kept=is_kept)
        return (time.perf_counter() - begun_s) * 1000

    def answer(self, ids: Sequence[int], *, tokens: int) -> tuple[str, int, float]:
        """Write at most so many tokens greedily; return text, steps after the first, and their ms.

        It stops at the end of its turn, since what is written after that is not shown as text.
        """
        done = self._complete(ids, count=tokens, is_kept=False)
        timings = done["timings"]
        return (
            str(done["choices"][0]["text"]),
            int(timings["predicted_n"]) - 1,
            float(timings["predicted_ms"]),
        )

    def _complete(self, ids: Sequence[int], *, count: int, is_kept: bool) -> dict[str, Any]:
        asked = {
            "prompt": list(ids),
            "n_predict": count,
            "temperature": 0.0,
            "repeat_penalty": 1.0,
            "cache_prompt": is_kept,
        }
        done: dict[str, Any] = self._server.handle_completions(asked)
        if "timings" not in done:
            raise RuntimeError(f"llama.cpp answered {done}")
        return done
