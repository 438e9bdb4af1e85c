"""Find the items, materials and uses that a text names. Word lists and rules, no model."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rapidfuzz import process
from rapidfuzz.distance import OSA, JaroWinkler

from engines.upcycle.knowledge import Knowledge
from engines.upcycle.words import (
    FILLERS,
    NUMBER_WORDS,
    WORD,
    content,
    head,
    holds,
    holds_in_order,
    plain,
    raw_words,
    stem,
    stems,
)

Words = tuple[str, ...]

# A soap bottle and a plant pot are named for what they hold, not for what they are made of.
CONTENTS = frozenset(["organic", "soap", "wax"])
# What goes with a dangerous thing and is none itself: an "oven glove".
_ACCESSORIES = """
    brush glove gloves mitt stand magnet cabinet cover case holder bag tray cushion shelf rack
    sleeve poster manual door
"""
# A word has more letters to a token of the text model than a string of letters has.
LETTERS_PER_TOKEN = 3
# Words of at least this many letters are mended, and long ones by up to two letters.
MENDED_LENGTH = 4
LONG_LENGTH = 8


@dataclass(frozen=True)
class Named:
    """An item that a text names, and the stems of the text that its name leaves over."""

    item: str
    rest: Words


class Names:
    """Know the names of items, and the words for materials and uses.

    Args:
        knowledge: the facts. common: whole words of the language, lower case: none of them is
            taken for a misspelt name. count_tokens: of the text model, in a word.
    """

    def __init__(
        self, knowledge: Knowledge, common: frozenset[str], count_tokens: Callable[[str], int]
    ) -> None:
        self._items, self._common, self._count_tokens = knowledge.items, common, count_tokens
        self._names: dict[Words, str] = {}
        self._vocabulary: dict[str, frozenset[str]] = {}
        raw: set[str] = set()
        for item in knowledge.items.values():
            names = (item.name, *item.aliases)
            for name in names:
                self._names.setdefault(content(name), item.id)
                raw.update(raw_words(name))
            self._vocabulary[item.id] = frozenset(w for name in names for w in content(name))
        self._names.pop((), None)
        # "tshirt" is "T-shirt", "jamjar" is "jam jar".
        self._joined = {"".join(words): words for words in self._names if len(words) > 1}
        self._material_words = _phrases(
            (word, material.id)
            for material in knowledge.materials.values()
            for word in material.words
        )
        self.material_stems = frozenset(
            word for phrase, name in self._material_words if name not in CONTENTS for word in phrase
        )
        self._use_words = _phrases(
            (word, use.id) for use in knowledge.uses.values() for word in use.words
        )
        for material in knowledge.materials.values():
            raw.update(word for phrase in material.words for word in raw_words(phrase))
        self._stems = frozenset(stem(word) for word in raw)
        self._mended = sorted(raw | {w for w in FILLERS | set(NUMBER_WORDS) if len(w) > 4})
        self._safe_words = frozenset(
            word
            for item, words in self._vocabulary.items()
            if knowledge.items[item].danger is None
            for word in words
        ) | frozenset(stems(_ACCESSORIES))

    def find(self, text: str) -> Named | None:
        """Find the item that a text names, in whole or before what is only said about it.

        A danger that a thing is with counts for more than the thing: a "box with batteries" is no
        box, but a "stand for a laptop" is a stand.
        """
        whole, first = self._open(content(text)), self._open(content(head(text)))
        named = self._exact(whole) or self._find(first)
        if first == whole:
            return named
        other = self._find(whole)
        is_dangerous = other is not None and self._items[other.item].danger is not None
        if is_dangerous:
            return other if "with" in raw_words(text) else named
        return named or other

    def mend(self, text: str) -> str:
        """Mend misspelt names: a word of no language becomes the nearest word of the facts."""
        return WORD.sub(lambda match: self._mend(match.group()), plain(text))

    def is_understood(self, text: str) -> bool:
        """Say whether any word that says what a thing is is a word at all."""
        words = [
            word
            for word in raw_words(text)
            if word not in FILLERS and word not in NUMBER_WORDS and word.isalpha() and len(word) > 1
        ]
        return any(
            word in self._common
            or stem(word) in self._stems
            or len(word) >= LETTERS_PER_TOKEN * self._count_tokens(word)
            for word in words
        )

    def is_only_part_of(self, text: str, item: str) -> bool:
        """Say whether a text names some other everyday thing, as "fridge drawer" does."""
        words = content(head(text))
        return (
            bool(words)
            and words[-1] in self._safe_words
            and (words[-1] not in self._vocabulary[item])
        )

    def could_be(self, text: str, item: str) -> bool:
        """Say whether the word that a text ends with is in a name of an item."""
        words = content(head(text))
        return bool(words) and words[-1] in self._vocabulary[item]

    def beyond(self, text: str, item: str) -> Words:
        """List the stems of a text that are in no name of an item."""
        return tuple(word for word in stems(text) if word not in self._vocabulary[item])

    def materials_in(self, words: Words, *, beyond: Iterable[str] | None = None) -> Words:
        """Find the materials that a text names; "lead crystal" is one and not two.

        Args:
            words: stems. beyond: only phrases with at least one of these stems count.
        """
        return _in_text(words, self._material_words, beyond)

    def uses_in(self, text: str) -> Words:
        """Find the uses that a text speaks of, such as hot_drink for a tea cup, not a tea light."""
        return _in_text(stems(text), self._use_words, None)

    def _open(self, words: Words) -> Words:
        return tuple(part for word in words for part in self._joined.get(word, (word,)))

    def _exact(self, words: Words) -> Named | None:
        joined = "".join(words)
        for name in (words, self._joined.get(joined, ()), (joined,)):
            if name in self._names:
                return Named(self._names[name], ())
        return None

    def _find(self, words: Words) -> Named | None:
        exact = self._exact(words)
        if exact is not None or not words:
            return exact
        inside = [name for name in self._names if self._is_inside(name, words)]
        # What a text is about stands last: in "glass jar lid" the lid is meant.
        meant = [name for name in inside if words[-1] in self._vocabulary[self._names[name]]]
        if meant:
            item = self._names[max(meant, key=lambda name: self._fit(name, words))]
            return Named(item, self._left_over(words, item, inside))
        for name in sorted(inside, key=len, reverse=True):
            rest = tuple(word for word in words if word not in name)
            named = {w for phrase, _ in self._material_words if holds(rest, phrase) for w in phrase}
            if set(rest) <= named:
                return Named(self._names[name], rest)
        return None

    def _is_inside(self, name: Words, words: Words) -> bool:
        is_dangerous = self._items[self._names[name]].danger is not None
        # A "spray paint can" is a spray can: with dangers no word in between hides the name.
        return holds(words, name) or (
            is_dangerous and len(name) > 1 and holds_in_order(words, name)
        )

    def _fit(self, name: Words, words: Words) -> tuple[int, bool, int, str]:
        item = self._names[name]
        shared = len(set(words) & self._vocabulary[item])
        return shared, self._items[item].danger is not None, len(name), item

    def _left_over(self, words: Words, item: str, inside: list[Words]) -> Words:
        """List words that are in no name of the item and do not name another thing together.

        What a text calls a "wooden chair cushion" is not made of wood.
        """
        own = self._vocabulary[item]
        materials = {phrase for phrase, _ in self._material_words}
        taken = {w for name in inside if len(name) > 1 and name not in materials for w in name}
        return tuple(word for word in words if word not in own | taken)

    def _mend(self, word: str) -> str:
        is_known = (
            len(word) < MENDED_LENGTH
            or not word.isalpha()
            or word in self._common
            or word in FILLERS
            or word in NUMBER_WORDS
            or stem(word) in self._stems
            or stem(word) in self._joined
        )
        if is_known:
            return word
        allowed = 2 if len(word) >= LONG_LENGTH else 1
        near = process.extract(
            word, self._mended, scorer=OSA.distance, score_cutoff=allowed, limit=None
        )
        if not near:
            return word
        return min(near, key=lambda n: (n[1], -JaroWinkler.similarity(word, n[0]), n[0]))[0]


def _phrases(pairs: Iterable[tuple[str, str]]) -> list[tuple[Words, str]]:
    """Bring phrases to stems, long ones first."""
    return sorted(((stems(phrase), name) for phrase, name in pairs), key=lambda e: -len(e[0]))


def _in_text(words: Words, phrases: list[tuple[Words, str]], beyond: Iterable[str] | None) -> Words:
    """Find phrases in a text, in its order; a word counts once, for the longest phrase."""
    found: dict[str, int] = {}
    left = list(words)
    wanted = None if beyond is None else set(beyond)
    for phrase, name in phrases:
        for start in range(len(left) - len(phrase) + 1):
            if tuple(left[start : start + len(phrase)]) == phrase:
                if wanted is None or wanted & set(phrase):
                    found[name] = min(start, found.get(name, start))
                left[start : start + len(phrase)] = [""] * len(phrase)
    return tuple(sorted(found, key=lambda name: found[name]))
