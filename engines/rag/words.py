"""Small helps for reading words, shared by what understands a question."""

from __future__ import annotations

import unicodedata


def word_set(text: str) -> frozenset[str]:
    """Split a list of words that is written as one text."""
    return frozenset(text.split())


def plain(text: str) -> str:
    """Lower-case a text and take its accents off; every character stays at its position."""
    if text.isascii():
        return text.lower()
    return "".join(unicodedata.normalize("NFKD", char)[0].lower()[0] for char in text)


def is_shouted(text: str) -> bool:
    """Tell whether capitals mean nothing here: there are three words and no small letter."""
    return len(text.split()) > 2 and not any(char.islower() for char in text)
