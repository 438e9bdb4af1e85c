"""Write text token by token, so that others can compute in between and a person can stop it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import torch

from engines.llm.model import LanguageModel
from engines.llm.prompt import Message, encode_chat
from engines.runtime.errors import EngineUnavailableError, InputError
from engines.runtime.timing import Stopwatch

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

T = TypeVar("T")
Finish = Literal["end", "length", "stopped", "error"]

# Reading a prompt in pieces of this size keeps each job on the lane short.
PREFILL_TOKENS = 128
# What a decoder makes of bytes that are no whole character.
_REPLACEMENT = "\ufffd"


class Run(Protocol):
    """Run one short job, wait for it and return its result, as `CpuLane.run` does."""

    def __call__(self, fn: Callable[[], T], /) -> T: ...


@dataclass(frozen=True)
class GenerationStats:
    """Say how a generation went. Times count computing only, not the wait for others.

    Attributes:
        prompt_tokens: tokens of the messages. kept_tokens: those of them that had been read before.
        tokens: tokens written.
        prefill_ms: reading the rest of the prompt and choosing the first token.
        decode_tokens_per_s: speed of the tokens after the first, 0 where there were none.
        finish: "end" of the turn, "length" limit, "stopped" by the caller, or "error".
    """

    prompt_tokens: int
    kept_tokens: int
    tokens: int
    prefill_ms: float
    decode_tokens_per_s: float
    finish: Finish


@dataclass(frozen=True)
class Sampling:
    """Say how tokens are chosen.

    Attributes:
        temperature: 0 always takes the likeliest token.
        top_p: sample from the likeliest tokens that hold this much probability, (0, 1].
        repetition_penalty: above 0; 1 is none. It counts only what was written, since an answer
            has to repeat the words of its passages.
    """

    temperature: float = 0.0
    top_p: float = 0.9
    repetition_penalty: float = 1.1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.temperature < 0 or not 0 < self.top_p <= 1 or self.repetition_penalty <= 0:
            raise ValueError(f"sampling is out of range: {self}")


class Generation(Iterator[str]):
    """Pieces of text as they are written; `stats` once they have ended. See `stream`."""

    def __init__(
        self,
        model: LanguageModel,
        messages: Sequence[Message],
        *,
        run: Run,
        max_new_tokens: int,
        sampling: Sampling,
        is_stopped: Callable[[], bool],
    ) -> None:
        if max_new_tokens < 1:
            raise ValueError(f"at least one token has to be asked for, not {max_new_tokens}")
        self._run, self._is_stopped = run, is_stopped
        self._stats: GenerationStats | None = None
        self._pieces = self._write(model, messages, max_new_tokens, sampling)

    def __next__(self) -> str:
        return next(self._pieces)

    def close(self) -> None:
        """Write no more and give the memory of the prompt back."""
        self._pieces.close()

    @property
    def stats(self) -> GenerationStats:
        """How it went.

        Raises:
            RuntimeError: if the text has not ended yet.
        """
        if self._stats is None:
            raise RuntimeError("the generation has not ended yet")
        return self._stats

    def _write(
        self,
        model: LanguageModel,
        messages: Sequence[Message],
        max_new_tokens: int,
        sampling: Sampling,
    ) -> Generator[str, None, None]:
        work: _Work | None = None
        finish: Finish = "error"
        try:
            work = self._run(lambda: _Work(model, messages, max_new_tokens, sampling))
            token = -1
            for piece in work.prompt_pieces():
                if self._is_stopped():
                    finish = "stopped"
                    return
                token = self._run(partial(work.read, piece))
            while True:
                if self._is_stopped():
                    finish = "stopped"
                    return
                if token in work.stop_ids:
                    finish = "end"
                    break
                text = work.accept(token)
                if text:
                    finish = "stopped"  # what it is if the caller never asks for the next piece
                    yield text
                    finish = "error"
                if len(work.written) == work.max_new_tokens:
                    finish = "length"
                    break
                if self._is_stopped():
                    finish = "stopped"
                    return
                token = self._run(partial(work.step, token))
            text = work.rest()
            if text:
                yield text
        finally:
            self._stats = GenerationStats(0, 0, 0, 0.0, 0.0, finish)
            if work is not None:
                self._stats = work.stats(finish)


def stream(
    model: LanguageModel,
    messages: Sequence[Message],
    *,
    run: Run,
    max_new_tokens: int,
    temperature: float = 0.0,
    top_p: float = 0.9,
    repetition_penalty: float = 1.1,
    is_stopped: Callable[[], bool] = lambda: False,
    seed: int = 0,
) -> Generation:
    """Write an answer to `messages`, piece by piece, until its turn ends.

    Reading 128 tokens of the prompt and writing one token are each one job for `run`; between two
    jobs nothing is held that another generation needs, so one that hangs or is dropped leaves the
    model as it was. `is_stopped` is asked before each job and before each piece.

    Args:
        run: puts a job on the lane and waits, such as `CpuLane.run`.
        max_new_tokens: at most this many tokens are written, 1 or more.
        temperature, top_p, repetition_penalty, seed: see `Sampling`.

    Raises:
        ValueError: if a number is out of its range.
        InputError: (at the first piece) if the messages are longer than the model can read.
        EngineUnavailableError: if the model is not loaded or computes numbers that are none.
    """
    return Generation(
        model,
        messages,
        run=run,
        max_new_tokens=max_new_tokens,
        sampling=Sampling(temperature, top_p, repetition_penalty, seed),
        is_stopped=is_stopped,
    )


class _Work:
    """What one generation computes with: its own cache of keys and values, and its own dice."""

    def __init__(
        self,
        model: LanguageModel,
        messages: Sequence[Message],
        max_new_tokens: int,
        sampling: Sampling,
    ) -> None:
        from transformers import LogitsProcessorList
        from transformers.generation.logits_process import (
            RepetitionPenaltyLogitsProcessor,
            TemperatureLogitsWarper,
            TopPLogitsWarper,
        )

        loaded = model.loaded()
        self._device = loaded.decoder.device
        self.stop_ids = loaded.stop_ids
        self.prompt = encode_chat(loaded.tokenizer, messages)
        room = loaded.max_context - len(self.prompt)
        if room < 1:
            raise InputError(
                "The question and its passages are longer than the language model can read.",
                "Ask a shorter question.",
            )
        self.max_new_tokens = min(max_new_tokens, room)
        self.written: list[int] = []
        self._reading = loaded.decoder.begin(self.prompt, len(self.prompt) + self.max_new_tokens)
        self._text = Detokenizer(loaded.tokenizer)
        self._prefill_ms = self._decode_ms = 0.0
        self._steps = 0
        self._is_greedy = sampling.temperature == 0
        self._dice = torch.Generator().manual_seed(sampling.seed)
        self._processors = LogitsProcessorList()
        if sampling.repetition_penalty != 1:
            self._processors.append(
                RepetitionPenaltyLogitsProcessor(float(sampling.repetition_penalty))
            )
        if not self._is_greedy:
            self._processors.append(TemperatureLogitsWarper(float(sampling.temperature)))
            if sampling.top_p < 1:
                self._processors.append(TopPLogitsWarper(float(sampling.top_p)))

    def prompt_pieces(self) -> list[list[int]]:
        """Cut what is still to read of the prompt into pieces of at most PREFILL_TOKENS tokens."""
        ids = self.prompt[self._reading.known :]
        return [ids[at : at + PREFILL_TOKENS] for at in range(0, len(ids), PREFILL_TOKENS)]

    def read(self, piece: list[int]) -> int:
        """Read a piece of the prompt and return the token that would follow it."""
        with Stopwatch(self._device) as watch:
            token = self._next(piece)
        self._prefill_ms += watch.elapsed_ms
        return token

    def step(self, token: int) -> int:
        """Return the token that follows the last one written."""
        with Stopwatch(self._device) as watch:
            following = self._next([token])
        self._decode_ms += watch.elapsed_ms
        self._steps += 1
        return following

    def accept(self, token: int) -> str:
        """Take a token as written and return the text that it completes, often none."""
        self.written.append(token)
        return self._text.push(token)

    def rest(self) -> str:
        """Return text of the last tokens that still waited for the rest of a character."""
        return self._text.rest()

    def stats(self, finish: Finish) -> GenerationStats:
        """Sum up."""
        return GenerationStats(
            prompt_tokens=len(self.prompt),
            kept_tokens=self._reading.known,
            tokens=len(self.written),
            prefill_ms=self._prefill_ms,
            decode_tokens_per_s=self._steps / self._decode_ms * 1000 if self._decode_ms else 0.0,
            finish=finish,
        )

    @torch.inference_mode()
    def _next(self, ids: list[int]) -> int:
        scores = self._reading.logits(ids)  # (1, vocabulary)
        if not bool(torch.isfinite(scores).all()):
            raise EngineUnavailableError(
                "The language model computed values that are no numbers.",
                "Set RELEAF_DTYPE to float32 and start the app again.",
            )
        written: Any = torch.tensor([self.written], dtype=torch.long, device=self._device)
        scores = self._processors(written, scores)
        if self._is_greedy:
            return int(scores.argmax())
        probabilities = torch.softmax(scores, dim=-1).cpu()
        return int(torch.multinomial(probabilities, 1, generator=self._dice))


class Detokenizer:
    """Turn tokens into text as they come, whole characters only.

    A character of several bytes may be spread over several tokens, and a token's text may depend
    on the one before it, so the last tokens are decoded together and only what is new is returned.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self._start = self._end = 0  # of the tokens whose text was returned last

    def push(self, token: int) -> str:
        """Add a token and return the text that is whole now, "" if there is none."""
        self._ids.append(token)
        known = self._decode(self._ids[self._start : self._end])
        text = self._decode(self._ids[self._start :])
        if text.endswith(_REPLACEMENT):
            return ""
        self._start, self._end = self._end, len(self._ids)
        return text[len(known) :].replace(_REPLACEMENT, "")

    def rest(self) -> str:
        """Return what is whole of the text that was held back, once no more tokens come."""
        known = self._decode(self._ids[self._start : self._end])
        text = self._decode(self._ids[self._start :])
        self._start = self._end = len(self._ids)
        return text[len(known) :].replace(_REPLACEMENT, "")

    def _decode(self, ids: list[int]) -> str:
        text = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return str(text)
