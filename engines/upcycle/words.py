"""Compare short names the way people mean them: case, number and small words don't count."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import snowballstemmer

# Words that say nothing about what a thing is.
_FILLERS = """
    a an the my our your his her their its some any of for from with in to and or on at old
    broken used empty worn torn ripped chipped cracked leftover left over spare unwanted odd new
    big small large little tiny huge nice dirty clean washed dried rusty faded scratched second
    hand vintage dead lots lot bunch pair pairs few many several couple pieces piece bits bit scrap
    scraps waste unused spoiled damaged faulty single loose discarded just this that these those
    i have got we want make turn something into out stack pile heap full thing things stuff item
    items object objects laddered leaky leaking burst outgrown shrunken rusted snapped
    bent stained wobbly creaky incomplete outdated squashed smashed shattered there is are it
"""
FILLERS = frozenset(_FILLERS.split())
NUMBER_WORDS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
    "nine": 9, "ten": 10, "eleven": 11, "twelve": 12, "dozen": 12, "twenty": 20, "couple": 2,
    "pair": 1, "fifty": 50, "hundred": 100,
}  # fmt: skip
# A number before one of these measures a thing and does not count it.
_MEASURES = """
    l ml cl litre litres liter liters gallon gallons cm mm m metre metres meter meters inch inches
    foot feet ft kg g gram grams kilo kilos year years month months percent pint pints oz
"""
_UNITS = frozenset(_MEASURES.split())
# Where the stemmer keeps two forms of one word apart.
_SAME = {
    "knives": "knife", "shelves": "shelf", "scarves": "scarf", "leaves": "leaf", "loaves": "loaf",
    "halves": "half", "wooden": "wood", "woollen": "wool", "woolen": "wool", "batteries": "battery",
}  # fmt: skip
# Clothes are not cloth.
_WHOLE = {"clothes": "clothes", "clothing": "clothes"}
WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_TIMES = re.compile(r"(?:^|\s)[x×]\s*(\d+)\b|\b(\d+)\s*[x×](?=\s|$)")
# What follows tells more about a thing, but not what it is: "jumper with holes".
_AFTERTHOUGHT = re.compile(r",|\b(?:with|without|that|which|in|from|for|on)\b")
_stemmer = snowballstemmer.stemmer("english")


def plain(text: str) -> str:
    """Bring a text to lower case without accents, control characters and doubled spaces."""
    text = unicodedata.normalize("NFKD", text)
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = "".join(" " if unicodedata.category(c).startswith("C") else c for c in text)
    return re.sub(r"\s+", " ", text.replace("’", "'")).strip().lower()


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Cut a word to its stem (Porter 2, and plurals that it does not know, such as "CDs")."""
    if word in _WHOLE:
        return _WHOLE[word]
    cut = str(_stemmer.stemWord(_SAME.get(word, word)))
    is_shortened = len(cut) > 2 and cut.endswith("s") and not set(cut) & set("aeiouy")
    return cut[:-1] if is_shortened else cut


def raw_words(text: str) -> list[str]:
    """Split a text into its words, lower case, hyphens opened, in order."""
    return [
        word.removesuffix("'s")
        for part in WORD.findall(_TIMES.sub(" ", plain(text)))
        for word in part.split("-")
    ]


def stems(text: str) -> tuple[str, ...]:
    """Split a text into stems, hyphens opened, in order."""
    return tuple(stem(word) for word in raw_words(text))


def content(text: str) -> tuple[str, ...]:
    """Split a text into the stems that say what a thing is: no fillers, no numbers."""
    return tuple(
        stem(w)
        for w in raw_words(text)
        if w not in FILLERS and w not in NUMBER_WORDS and not w.isdigit()
    )


def head(text: str) -> str:
    """Leave out what is only said about a thing: "a jumper with holes" is "a jumper".

    A text that is nothing but such a part stays whole.
    """
    text = plain(text)
    first = _AFTERTHOUGHT.split(text, maxsplit=1)[0].strip()
    return first if content(first) else text


def quantity(text: str) -> int:
    """Read how many things a text speaks of: "two broken umbrellas" are 2, without a number 1.

    Only a number before the name counts, so "Levi's 501 jeans" are one, and no measure such as
    "2 litre bottle".
    """
    text = plain(text)
    times = _TIMES.search(text)
    words = WORD.findall(text)
    if times is not None:
        words = [times.group(1) or times.group(2)]
    for word, following in zip(words, (*words[1:], "")):
        if following in _UNITS or f"{word}%" in text:
            continue
        if word.isdigit() and 0 < int(word) <= 10_000:
            return int(word)
        if word in NUMBER_WORDS:
            return NUMBER_WORDS[word]
        if word not in FILLERS and not word.isdigit():
            break
    return 1


def holds(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Say whether a phrase stands in a text, word after word."""
    size = len(phrase)
    return bool(phrase) and any(
        words[start : start + size] == phrase for start in range(len(words) - size + 1)
    )


def holds_in_order(words: tuple[str, ...], phrase: tuple[str, ...]) -> bool:
    """Say whether the words of a phrase stand in a text in their order, others between them."""
    rest = iter(words)
    return bool(phrase) and all(word in rest for word in phrase)
