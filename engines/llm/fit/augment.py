"""Light changes to a question that leave its meaning: how it is put, typed and cased."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from engines.llm.fit.examples import LABEL, Example

TEMPLATES = (
    "{question}",
    "Quick question: {lowered}",
    "Hi, {lowered}",
    "Can you tell me: {lowered}",
    "{question} Thanks",
    "I wonder: {lowered}",
    "One more thing. {question}",
    "Please help. {question}",
)
# Keys beside each other on an English keyboard, where a finger slips.
NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj",
    "i": "uo", "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o",
    "q": "wa", "r": "et", "s": "ad", "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc",
    "y": "tu", "z": "x",
}  # fmt: skip
MIN_TYPO_LETTERS = 4
TYPO_RATE = 0.25


def augment(example: Example, rng: random.Random) -> Example:
    """Return the example with its question put, cased and typed a little differently.

    Passages, history and answer stay as they are.
    """
    has_label = example.instruction.startswith(LABEL)
    question = example.instruction.removeprefix(LABEL)
    question = rephrased(question, rng)
    question = cased(question, rng)
    if rng.random() < 0.5:
        question = mistyped(question, rng)
    return replace(example, instruction=(LABEL if has_label else "") + question)


def rephrased(question: str, rng: random.Random) -> str:
    """Put a question into one of the `TEMPLATES`."""
    first_word = question.split(maxsplit=1)[0] if question.split() else ""
    # "UK", "I" and "I've" keep their capitals.
    is_name = re.match(r"I\b", first_word) or (len(first_word) > 1 and first_word.isupper())
    lowered = question if is_name else question[:1].lower() + question[1:]
    return rng.choice(TEMPLATES).format(question=question, lowered=lowered)


def cased(question: str, rng: random.Random) -> str:
    """Change capitals and the last mark as people do who type quickly."""
    style = rng.choice(("as it is", "as it is", "lower", "no mark", "lower, no mark", "upper"))
    if "lower" in style:
        question = question.lower()
    if style == "upper":
        question = question.upper()
    return question.rstrip("?.! ") if "no mark" in style else question


def mistyped(text: str, rng: random.Random) -> str:
    """Mistype some of the longer words: a letter lost, doubled, swapped or beside the right one.

    Words with digits stay: a wrong number would be another question.
    """
    return " ".join(
        _mistyped_word(word, rng)
        if len(word) >= MIN_TYPO_LETTERS and word.isalpha() and rng.random() < TYPO_RATE
        else word
        for word in text.split(" ")
    )


def _mistyped_word(word: str, rng: random.Random) -> str:
    place = rng.randrange(1, len(word) - 1)
    letter = word[place]
    beside = NEIGHBOURS.get(letter.lower(), letter)
    return rng.choice(
        (
            word[:place] + word[place + 1 :],
            word[:place] + letter + word[place:],
            word[:place] + word[place + 1] + letter + word[place + 2 :],
            word[:place] + rng.choice(beside) + word[place + 1 :],
        )
    )
