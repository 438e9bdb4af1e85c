"""What a text claims: its sentences as phrases of the lexicon, and its quotations."""

from __future__ import annotations

import re
from collections import Counter

from engines.maxsight.classes import Language
from engines.maxsight.description_words import description_words
from engines.maxsight.lexicon import Phrase, Words, lexicon, words_of

# Phrases of clauses of segments; None stands for a quotation.
Segments = list[list[list[Phrase | None]]]

QUOTE_MARKS = '"“”„‟«»'
QUOTED = re.compile(f"[{QUOTE_MARKS}]([^{QUOTE_MARKS}]*)[{QUOTE_MARKS}]")
# Stands for a quotation while the words around it are read; a text that holds it is refused.
QUOTE_SIGN = "\ue000"
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_SEGMENT_ENDS, _CLAUSE_ENDS = (";",), (",", ":")
_END_SIGNS = (".", "!")
# Kinds of phrases that say no more when they are said twice.
_SAID_ONCE = ("warns", "hears", "reads")


def claims_of(text: str, language: Language) -> Counter[tuple[str, str]] | None:
    """Count what a text claims, true or not: things, sounds, numbers, places, quotations and so on.

    Returns:
        (kind of phrase, what it says) -> how often; warnings count once. None if there is a word
        that is not known.
    """
    claims: Counter[tuple[str, str]] = Counter()
    for sentence in sentences_of(text.strip()):
        claims.update(("quotation", plain(quote)) for quote in QUOTED.findall(sentence))
        try:
            segments = parse(QUOTED.sub(f" {QUOTE_SIGN} ", sentence), language)
        except ValueError:
            return None
        for phrase in (one for clauses in segments for clause in clauses for one in clause):
            if phrase is None or phrase.kind == "filler":
                continue
            said = phrase.value or phrase.object_id or phrase.sound_id or " ".join(phrase.relations)
            claims[phrase.kind, said] += 1
    for claim in claims:
        if claim[0] in _SAID_ONCE:
            claims[claim] = 1
    return claims


def sentences_of(text: str) -> list[str]:
    """Split after each end of a sentence that is not within a quotation."""
    if QUOTE_SIGN in text:
        return []
    rest = iter([match.group(0) for match in QUOTED.finditer(text)])
    parts = _SENTENCE_END.split(QUOTED.sub(QUOTE_SIGN, text))
    return [re.sub(QUOTE_SIGN, lambda _: next(rest), part) for part in parts if part]


def plain(text: str) -> str:
    """Write a text without quotation marks, in small letters, on one line, to compare it."""
    return " ".join(
        "".join(" " if letter in QUOTE_MARKS else letter for letter in text).casefold().split()
    )


def parse(sentence: str, language: Language) -> Segments:
    """Read a sentence as segments of clauses of phrases; None stands for a quotation.

    Raises:
        ValueError: if there is a word that is not known.
    """
    known, numbers = lexicon(language), description_words(language).numbers
    words: Words = tuple(str(numbers.get(word, word)) for word in words_of(sentence))
    longest = max(map(len, known))
    segments: Segments = [[[]]]
    place = 0
    while place < len(words):
        word = words[place]
        size = next((n for n in range(longest, 0, -1) if words[place : place + n] in known), 1)
        phrase = known.get(words[place : place + size])
        place += size
        if phrase is not None and phrase.kind != "join":
            segments[-1][-1].append(phrase)
        elif phrase is not None or word in _CLAUSE_ENDS:
            segments[-1].append([])
        elif word in _SEGMENT_ENDS:
            segments.append([[]])
        elif word == QUOTE_SIGN:
            segments[-1][-1].append(None)
        elif word.isascii() and word.isdigit():
            segments[-1][-1].append(Phrase("number", str(int(word))))
        elif word not in _END_SIGNS or place < len(words):
            raise ValueError(f"{word} is not known")
    return segments
