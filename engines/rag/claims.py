"""Read what a sentence claims: its words, bins, places, numbers, and what it denies."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import snowballstemmer

from engines.rag.lexicon import (
    BINS,
    OPPOSITES,
    ORDERS,
    PLACES,
    STOP_WORDS,
    SYNONYMS,
    THINGS,
)
from engines.rag.quantities import WORDS_OF_QUANTITIES, Quantity, quantities

_stemmer = snowballstemmer.stemmer("english")
# The stemmer keeps the word it works on in itself.
_stemmer_lock = threading.Lock()

_BIN_WORD = "bin_"
_BIN_PATTERN = re.compile("|".join(f"(?P<{name}>\\b(?:{pattern})\\b)" for name, pattern in BINS))
# Any of these is "the bin"; a drop-off or a drain is not.
_HOUSEHOLD_BINS = frozenset({"compost", "general", "paper_bin", "recycling", "burnable"})

_PLACE_OF = {
    name.replace("_", " "): place for place, names in PLACES.items() for name in names.split()
}
_PLACE_PATTERN = re.compile(
    r"(?<!\w)(?:"
    + "|".join(
        # In capitals an abbreviation is a place; "us" is a pronoun.
        re.escape(name) if name.isupper() else f"(?i:{re.escape(name)})"
        for name in sorted(_PLACE_OF, key=len, reverse=True)
    )
    + r")(?!\w)"
)

_DENIALS = re.compile(
    r"\b(?:not|never|no|none|nor|neither|nothing|nobody|nowhere|cannot|without|unless|except"
    r"|avoid\w*|refrain\w*|hardly|seldom|rarely|(?<!a )(?<!every )(?<!the )(?<!first )few"
    r"|ban(?:s|ned)?|prohibit\w*|forb[ia]d\w*|illegal|unlawful|refus(?:e|es|ed|ing)|reject\w*"
    r"|instead of|rather than)\b"
    r"|n't\b"
)
# These deny too, and undo a denial: "never keep a battery away from children".
_KEEP_OUT = re.compile(
    r"\baway from\b"
    r"|\b(?:keep|kept|keeps|keeping|stay|stays)\b(?:\W+\w+){0,8}?\W+(?:out|off)\b"
    r"|\b(?:leave|leaves|leaving|left)\b(?:\W+\w+){0,8}?\W+out of\b"
)
_NO_DENIALS = re.compile(
    r"\bnot (?:only|just)\b|\b(?:don't|do not|never|not) (?:to )?forget\b|\bno matter\b"
    r"|\bwhether or not\b|\bno doubt\b|\bif not\b"
)
_ORDER = rf"(?:{'|'.join(sorted(ORDERS))})\b"
_SPLITS = (
    re.compile(r"[;!?()]+|[.:](?=\s|$)|\s[–—-]\s|—"),
    re.compile(
        r",?\s+(?=(?:but|because|since|as long as|so that|unless|while|whereas|although|though"
        r"|until|even if|rather than|instead of|without|except|if|when|whenever|where|wherever"
        r"|which|who)\b)"
    ),
    re.compile(r",\s*(?=(?:and|so|then|as|not|never|neither|do not|don't|instead)\b)"),
    re.compile(r"(?<!\bso)\s+(?=that \w+)"),
    re.compile(r"\s+(?=(?:and|but) (?:not|never|don't|do not|cannot)\b)"),
)
# "Where nobody collects it, ..." ends at its comma.
_OPENING = re.compile(
    r"^(\W*(?:if|when|whenever|where|wherever|unless|although|though|while|because|since)\b[^,]*),\s"
)
# A denial goes on through such a list ("never pierce, crush or burn"), so it is cut elsewhere only.
_ORDER_SPLIT = re.compile(rf"(?:,\s*|\s+and\s+(?:then\s+|instead\s+)?)(?={_ORDER})")

_CONDITIONS = re.compile(
    r"\b(?:unless|only|except|if|where|wherever|when|whenever|provided|some|most|many|may|might"
    r"|often|usually|sometimes|generally|depend\w*|as long as|other than|check)\b"
)
_HARD_CONDITIONS = re.compile(
    r"\b(?:unless|only|except|provided|as long as|other than|some|sometimes)\b"
)
_ABSOLUTES = re.compile(r"\b(?:all|always|every|everyone|everywhere|only|guaranteed)\b")
# With these a clause only takes something out of the one before it.
_EXCLUSIONS = re.compile(
    r"\W*(?:and |but )?(?:without|except|instead of|rather than|not|neither)\b"
)
_PRONOUNS = re.compile(r"\b(?:it|its|they|them|their|these|those|this|that one|one)\b")
_MARKERS = re.compile(r"^\s*(?:[-*•]|\d{1,2}[.)])\s+|\[\s*\d+(?:\s*,\s*\d+)*\s*\]|\*\*|__")
_WORD = re.compile(r"bin_\w+|[^\W_]+(?:'[^\W_]+)?")
# "can" is a thing only after such a word; else it is a verb.
_CAN = re.compile(
    r"\b(a|an|the|this|that|each|every|your|empty|drinks?|food|spray|soda|beer|steel|alumini?um"
    r"|metal|tin|paint|aerosol|clean|full|crushed|flattened|crumpled) can\b"
)


@dataclass(frozen=True)
class Clause:
    """One clause of a sentence.

    Attributes:
        words: stems of its content words; a bin counts as one word.
        things: those of its words that are materials, items or substances.
        bins: classes of the bins and other destinations it names.
        numbers: its quantities.
        is_denied: whether it says no.
        is_exclusion: whether it is a part such as "without its lid" or "not in the recycling".
    """

    words: frozenset[str]
    things: frozenset[str]
    bins: frozenset[str]
    numbers: tuple[Quantity, ...]
    is_denied: bool
    is_exclusion: bool


@dataclass(frozen=True)
class Claims:
    """What a sentence claims.

    Attributes:
        places: countries, states and cities it speaks of.
        names: other words in capitals inside the sentence, stemmed.
        vocabulary: stems of all its words, small words too.
        has_condition: whether anything in it limits when it holds.
        has_hard_condition: whether it says "only", "unless" or the like.
        has_absolute: whether it says "all", "always" or the like.
        has_pronoun: whether it leans on the sentence before it.
    """

    clauses: tuple[Clause, ...]
    places: frozenset[str]
    names: frozenset[str]
    vocabulary: frozenset[str]
    has_condition: bool
    has_hard_condition: bool
    has_absolute: bool
    has_pronoun: bool

    @property
    def words(self) -> frozenset[str]:
        """Content words of all clauses."""
        return frozenset().union(*(clause.words for clause in self.clauses))

    @property
    def things(self) -> frozenset[str]:
        """Things of all clauses."""
        return frozenset().union(*(clause.things for clause in self.clauses))

    @property
    def numbers(self) -> tuple[Quantity, ...]:
        """Quantities of all clauses."""
        return tuple(number for clause in self.clauses for number in clause.numbers)


def plain(sentence: str) -> str:
    """Return a sentence without list marks, numbers of passages and typographic quotes."""
    text = unicodedata.normalize("NFC", _MARKERS.sub(" ", sentence))
    text = text.translate(str.maketrans("‘’“”", "''\"\""))
    return " ".join(text.split())


@lru_cache(maxsize=8192)
def claims_of(sentence: str) -> Claims:
    """Read one sentence."""
    text = plain(sentence)
    lower = _CAN.sub(r"\1 cans", text.lower().replace("e-cig", "ecig"))
    places = frozenset(
        _PLACE_OF.get(match) or _PLACE_OF[match.lower()] for match in _PLACE_PATTERN.findall(text)
    )
    named = _BIN_PATTERN.sub(_bin_word, lower)
    return Claims(
        clauses=tuple(clause for part in _parts(named) if (clause := _clause(part)) is not None),
        places=places,
        names=_names(text),
        vocabulary=frozenset(stem(word) for word in _WORD.findall(lower)),
        has_condition=_CONDITIONS.search(lower) is not None,
        has_hard_condition=_HARD_CONDITIONS.search(lower) is not None,
        has_absolute=_ABSOLUTES.search(lower) is not None,
        has_pronoun=_PRONOUNS.search(lower) is not None,
    )


def is_bin_held(name: str, is_denied: bool, clauses: Sequence[Clause]) -> bool:
    """Whether some of the clauses say the same, yes or no, about a bin.

    "The bin" is any household bin where it is allowed, and all of them where it is denied.
    """
    said = {bin_ for clause in clauses if clause.is_denied == is_denied for bin_ in clause.bins}
    if name in said:
        return True
    if is_denied:
        return name in _HOUSEHOLD_BINS and "bin" in said
    return name == "bin" and bool(said & _HOUSEHOLD_BINS)


def opposites_of(word: str) -> frozenset[str]:
    """Return the stems that mean the opposite of a stem."""
    return _opposites().get(word, frozenset())


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """Return the Snowball stem of a lower-case word, or of the word that means the same here."""
    with _stemmer_lock:
        base = str(_stemmer.stemWord(word))
        first = SYNONYMS.get(word) or SYNONYMS.get(_singular(word))
        return base if first is None else str(_stemmer.stemWord(first))


def _singular(word: str) -> str:
    for ending, other in (("ies", "y"), ("ves", "fe"), ("s", "")):
        if word.endswith(ending):
            return word[: -len(ending)] + other
    return word


@lru_cache(maxsize=1)
def _opposites() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for pair in OPPOSITES:
        one, other = (stem(word) for word in pair.split())
        found.setdefault(one, set()).add(other)
        found.setdefault(other, set()).add(one)
    return {word: frozenset(others) for word, others in found.items()}


@lru_cache(maxsize=1)
def _thing_stems() -> frozenset[str]:
    return frozenset(stem(word) for word in THINGS)


def _bin_word(match: re.Match[str]) -> str:
    return f"{_BIN_WORD}{match.lastgroup}"


def _names(text: str) -> frozenset[str]:
    """Stems of capitalised words that don't begin a sentence, places left out."""
    text = _PLACE_PATTERN.sub(" ", text)
    found = re.findall(r"(?<=[^.!?:\"\s]\s)[\"(]?([A-Z][^\W_]*(?:'[^\W_]+)?)", text)
    return frozenset(stem(word.lower()) for word in found if not _is_small(word.lower()))


def _parts(text: str) -> list[str]:
    parts = [text]
    for pattern in _SPLITS:
        parts = [piece for part in parts for piece in pattern.split(part)]
    parts = [piece for part in parts for piece in _OPENING.split(part)]
    # What holds no words of its own ("never take anyone") belongs to what follows.
    joined: list[str] = []
    for part in parts:
        is_bare = bool(joined) and not _content_words(joined[-1])
        joined[-1:] = [f"{joined[-1]} {part}"] if is_bare else [*joined[-1:], part]
    return [
        piece
        for part in joined
        for piece in ([part] if _is_denied(part) else _ORDER_SPLIT.split(part))
    ]


def _content_words(text: str) -> list[str]:
    return [
        word if word.startswith(_BIN_WORD) else stem(word)
        for word in _WORD.findall(text)
        if not _is_small(word)
    ]


def _is_denied(text: str) -> bool:
    is_negated = _DENIALS.search(_NO_DENIALS.sub(" ", text)) is not None
    return is_negated != (_KEEP_OUT.search(text) is not None)


def _clause(text: str) -> Clause | None:
    words = _content_words(text)
    numbers = quantities(text)
    is_denied = _is_denied(text)
    if not words and not numbers and not is_denied:
        return None
    return Clause(
        words=frozenset(words),
        things=frozenset(words) & _thing_stems(),
        bins=frozenset(word[len(_BIN_WORD) :] for word in words if word.startswith(_BIN_WORD)),
        numbers=numbers,
        is_denied=is_denied,
        is_exclusion=is_denied and _EXCLUSIONS.match(text) is not None,
    )


def _is_small(word: str) -> bool:
    return (
        word in STOP_WORDS
        or word in WORDS_OF_QUANTITIES
        or word[0].isdigit()
        or word.endswith("n't")
        or len(word) == 1
    )
