"""Which examples are fit to learn from, and why the others are not."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

from engines.llm.fit.examples import LABEL, Example

MIN_WORDS_FOR_LANGUAGE = 12
# Below this the detector is guessing; names and places look like any language.
MIN_LANGUAGE_CONFIDENCE = 0.9
# What UTF-8 read as Latin-1 or Windows-1252 looks like, and what a lost character becomes.
_MISREAD = "\ufffd|[ÃÂ][\u0080-\u00bf]|Ã[€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€.|ï»¿"
# Unicode's categories Cc and Cs, which never grow, without tab and the ends of lines.
_CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]"
_BROKEN = re.compile(f"{_MISREAD}|{_CONTROL}")

REASONS = (
    "no question", "no answer", "broken encoding", "too long", "another language", "duplicate",
)  # fmt: skip


class Checker:
    """Say why an example can't be used; keeps what it has seen, to find duplicates.

    Args:
        count_tokens: length of a text for the model; an example may have `max_tokens`.
        language: two-letter code of the language wanted.
    """

    def __init__(
        self, count_tokens: Callable[[str], int], *, max_tokens: int, language: str = "en"
    ) -> None:
        self._count, self._max_tokens, self._language = count_tokens, max_tokens, language
        # A digest, since the texts of a large file would not fit into memory.
        self._seen: set[bytes] = set()
        self.skipped: Counter[str] = Counter()
        self.kept = 0

    def reason(self, example: Example) -> str | None:
        """Return one of `REASONS`, or None if the example is fit."""
        reason = self._reason(example)
        if reason is None:
            self.kept += 1
        else:
            self.skipped[reason] += 1
        return reason

    def _reason(self, example: Example) -> str | None:
        texts = [example.instruction, example.input, example.output]
        texts += [part for turn in example.history for part in (turn.question, turn.answer)]
        if not has_words(example.instruction):
            return "no question"
        if not has_words(example.output):
            return "no answer"
        if any(is_broken(text) for text in (example.system, *texts)):
            return "broken encoding"
        whole = "\n".join([example.system, *texts])
        # A token has at least one byte (an emoji may take four of them), so what is short enough
        # needs no counting.
        if len(whole.encode()) > self._max_tokens and self._count(whole) > self._max_tokens:
            return "too long"
        # A short answer full of names tells less than it does with its question.
        asked = f"{example.instruction.removeprefix(LABEL)} {example.output}"
        if not any(is_language(text, self._language) for text in (example.output, asked)):
            return "another language"
        key = " ".join("\n".join(texts).lower().split())
        digest = hashlib.blake2b(key.encode(), digest_size=16).digest()
        if digest in self._seen:
            return "duplicate"
        self._seen.add(digest)
        return None


def has_words(text: str) -> bool:
    """Say whether a text holds a letter or a digit."""
    return any(character.isalnum() for character in text)


def is_broken(text: str) -> bool:
    """Say whether a text was read in a wrong encoding or holds control characters."""
    return _BROKEN.search(text) is not None


def is_language(text: str, language: str) -> bool:
    """Say whether a text is in a language, as far as its length lets one tell.

    A text is in another one if it seems so with its names and without them: "the déchèterie" and
    "Sammelbox" stand in English sentences too.
    """
    words = text.split()
    if len(words) < MIN_WORDS_FOR_LANGUAGE or _seems(text, language):
        return True
    plain = " ".join(word for word in words if word.isascii() and word[:1].islower())
    return bool(plain) and _seems(plain, language)


def _seems(text: str, language: str) -> bool:
    found = _detector().detect_language_of(text)
    if found is None or found.iso_code_639_1.name.lower() == language:
        return True
    confidence = _detector().compute_language_confidence(text, found)
    return bool(confidence < MIN_LANGUAGE_CONFIDENCE)


@cache
def _detector() -> Any:
    from lingua import LanguageDetectorBuilder

    return LanguageDetectorBuilder.from_all_languages().with_low_accuracy_mode().build()
