"""The language model as the app runs it beside plain transformers in float32."""

from __future__ import annotations

import statistics
import time
from typing import Any, cast

import torch

from engines.llm.generate import stream
from engines.llm.model import LanguageModel
from engines.llm.prompt import encode_chat
from engines.llm.reading import read_gguf
from engines.rag.ask import build_pool
from engines.runtime.settings import Settings
from engines.runtime.weights import find_weights
from tests.benchmarks.table import Measured

TOKENS = 48
ROUNDS = 3
QUESTION = (
    "Tell me all about glass jars: what they are made of, how to clean them, which bin they go "
    "into, what happens to them afterwards, and what else they can be used for at home."
)


def plain_llm_rows() -> list[Measured]:
    """Write the same number of tokens for the same prompt with both, in turn, on one lane."""
    settings = Settings()
    pool = build_pool(settings)
    model = cast(LanguageModel, pool.get("llm"))
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    source = find_weights(settings.llm_model, settings=settings)
    plain, tokenizer = read_gguf(source.path, settings.cache_dir, torch.float32)
    plain = plain.float().eval()
    # The app's own tokenizer has the chat template that the file of the model lacks.
    own_tokenizer = model.loaded().tokenizer
    ids = torch.tensor([encode_chat(own_tokenizer, messages)])

    @torch.inference_mode()
    def generated_s(count: int) -> float:
        start_s = time.perf_counter()
        written = plain.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=count,
            min_new_tokens=count,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id or 0,
        )
        took_s = time.perf_counter() - start_s
        assert written.shape[1] == ids.shape[1] + count
        return took_s

    own_token_ms, plain_token_ms, own_first_ms, plain_first_ms = [], [], [], []
    for turn in range(ROUNDS + 1):
        writing = stream(model, messages, run=pool.lane.run, max_new_tokens=TOKENS)
        start_s = time.perf_counter()
        first_ms = 0.0
        for _ in writing:
            first_ms = first_ms or (time.perf_counter() - start_s) * 1000
        first_s = pool.lane.run(lambda: generated_s(1))
        whole_s = pool.lane.run(lambda: generated_s(TOKENS))
        if not turn:  # the first warms up
            continue
        own_token_ms.append(1000 / writing.stats.decode_tokens_per_s)
        plain_token_ms.append((whole_s - first_s) * 1000 / (TOKENS - 1))
        own_first_ms.append(first_ms)
        plain_first_ms.append(first_s * 1000)
    pool.lane.close()
    token, plain_token, first, plain_first = (
        statistics.median(values)
        for values in (own_token_ms, plain_token_ms, own_first_ms, plain_first_ms)
    )
    return [
        (
            "llm: a token / transformers fp32", token / plain_token, "ratio", None,
            f"{token:.1f} ms ({model.loaded().decoder.detail}) against {plain_token:.1f} ms",
        ),
        (
            "llm: first word / transformers fp32", first / plain_first, "ratio", None,
            f"{first:.0f} ms against {plain_first:.0f} ms to the first token, "
            f"prompt of {ids.shape[1]} tokens",
        ),
    ]  # fmt: skip
