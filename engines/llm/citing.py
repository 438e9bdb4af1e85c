"""Answers with the numbers of their passages, such as “Rinse it. [2] Leave the lid on. [1]”."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_MARKS = re.compile(r"\s*((?:\[\d{1,2}\]\s*)+)")
_MARK = re.compile(r"\s*\[\d{1,2}\]")
_NUMBER = re.compile(r"\[(\d{1,2})\]")
# The beginning of a mark at the end of a text that still grows, and the space before one.
_BEGUN = re.compile(r"\s*(?:\[\d{0,2})?$")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"”)]?\s+(?=[\"“(]?[A-Z0-9])")


@dataclass(frozen=True)
class Cited:
    """One sentence, without marks, and the numbers of the passages it names, from 1."""

    text: str
    numbers: tuple[int, ...]


def split_cited(text: str) -> tuple[Cited, ...]:
    """Split an answer into sentences; a mark belongs to the sentence that it follows."""
    sentences: list[Cited] = []
    start = 0
    for match in _MARKS.finditer(text):
        numbers = tuple(dict.fromkeys(int(number) for number in _NUMBER.findall(match[1])))
        parts = _sentences(text[start : match.start()])
        # A mark before the full stop, as in “Rinse it [2].”
        rest = text[match.end() :]
        if rest[:1] in tuple(".!?") and parts and parts[-1][-1:] not in ".!?":
            parts[-1] += rest[0]
            start = match.end() + 1
        else:
            start = match.end()
        sentences += [Cited(part, ()) for part in parts[:-1]]
        if parts:
            sentences.append(Cited(parts[-1], numbers))
        elif sentences:
            last = sentences.pop()
            sentences.append(Cited(last.text, tuple(dict.fromkeys(last.numbers + numbers))))
    return (*sentences, *(Cited(part, ()) for part in _sentences(text[start:])))


def without_marks(text: str) -> str:
    """Return a text without its marks."""
    return _MARKS.sub(lambda match: " " if match[0][-1:].isspace() else "", text).strip()


def unmarked(pieces: Iterable[str]) -> Iterator[str]:
    """Take the marks out of a text that comes in pieces; a piece never ends with half a mark."""
    held = ""
    for piece in pieces:
        held, found = _MARK.subn("", held + piece)
        # What is left around a mark may form another one.
        while found:
            held, found = _MARK.subn("", held)
        begun = _BEGUN.search(held)
        end = begun.start() if begun else len(held)
        if end:
            yield held[:end]
        held = held[end:]
    if held:
        yield held


def _sentences(text: str) -> list[str]:
    return [part.strip() for part in _SENTENCE_END.split(text) if part.strip()]
