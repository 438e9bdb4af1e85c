"""Compare what exported formats write with what the merged network writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tqdm import tqdm

from engines.llm.fit.decoders import Decoder, Written, write
from engines.llm.source import TURN_ENDS


@dataclass(frozen=True)
class Check:
    """Say how a format wrote the ten answers.

    Attributes:
        same_texts: answers that were the merged network's, of `texts`.
        tokens_per_s: tokens after each answer's first; 0 where there were none.
    """

    same_texts: int
    texts: int
    tokens_per_s: float


@dataclass(frozen=True)
class Row:
    """One line of the table at the end.

    Attributes:
        check: None where the format was kept from an earlier run, and so not measured in this one.
    """

    name: str
    megabytes: float
    check: Check | None
    remark: str


def stops_of(tokenizer: Any) -> frozenset[int]:
    """Return the tokens that end an answer."""
    vocabulary = tokenizer.get_vocab()
    ends = {vocabulary[token] for token in TURN_ENDS if token in vocabulary}
    return frozenset(ends | {tokenizer.eos_token_id})


def answers(
    decoder: Decoder,
    prompts: Sequence[Sequence[int]],
    *,
    tokens: int,
    stops: frozenset[int],
    name: str,
) -> list[Written]:
    """Write an answer to each prompt, with a progress bar."""
    return [
        write(decoder, prompt, max_new_tokens=tokens, stop_ids=stops)
        for prompt in tqdm(prompts, desc=f"answers, {name}", leave=False)
    ]


def compared(reference: Sequence[Written], written: Sequence[Written]) -> Check:
    """Count equal answers and take the speed over all of them."""
    decode_s = sum(answer.decode_ms for answer in written) / 1000
    steps = sum(answer.steps for answer in written)
    return Check(
        same_texts=sum(one.tokens == other.tokens for one, other in zip(reference, written)),
        texts=len(reference),
        tokens_per_s=steps / decode_s if steps else 0.0,
    )


def table(rows: Sequence[Row]) -> str:
    """Write the rows as text in columns."""
    lines = [f"{'format':<12} {'MB':>7} {'same text':>10} {'tokens/s':>9}  remark"]
    for row in rows:
        same, speed = "", "-"
        if row.check is not None:
            same = f"{row.check.same_texts} of {row.check.texts}"
            speed = f"{row.check.tokens_per_s:.1f}"
        lines.append(f"{row.name:<12} {row.megabytes:>7.1f} {same:>10} {speed:>9}  {row.remark}")
    return "\n".join(lines)
