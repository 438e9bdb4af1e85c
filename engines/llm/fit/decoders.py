"""Write text greedily, token by token, with each engine of the app and time it."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.llm import decoding as app

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


class Greedy:
    """Take the likeliest token each time, one text at a time.

    Args:
        room: most tokens of a text, prompt and answer together.
    """

    def __init__(self, decoder: app.Decoder, *, room: int = 2048) -> None:
        self._decoder, self._room = decoder, room
        self.restart()

    def restart(self) -> None:
        """Forget what was read."""
        self._reading = self._decoder.begin((), self._room)

    def read(self, ids: Sequence[int]) -> int:
        """Read more tokens and return the likeliest next one."""
        return int(self.logits(ids).argmax())

    def logits(self, ids: Sequence[int]) -> NDArray[np.float32]:
        """Read more tokens and return the next one's logits, (vocabulary,)."""
        logits: NDArray[np.float32] = self._reading.logits(ids)[0].cpu().numpy()
        return logits
