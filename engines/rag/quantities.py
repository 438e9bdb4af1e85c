"""Read the numbers of a sentence with their units, however they are written."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

Bound = Literal["", "at least", "at most"]


@dataclass(frozen=True)
class Quantity:
    """A number, its unit and the side it bounds.

    Attributes:
        value: in the unit's base (grams, metres, litres, seconds, months, whole currency).
        unit: base unit, "" where the number stands alone.
    """

    value: float
    unit: str = ""
    bound: Bound = ""


def _units(table: dict[str, tuple[str, float]]) -> dict[str, tuple[str, float]]:
    return {name: unit for names, unit in table.items() for name in names.split()}


_UNITS = _units(
    {
        "% percent pct percentage": ("percent", 1.0),
        "°c celsius centigrade": ("celsius", 1.0),
        "°f fahrenheit": ("fahrenheit", 1.0),
        "° º degree degrees": ("degree", 1.0),
        "mg milligram milligrams": ("gram", 0.001),
        "g gram grams gramme grammes": ("gram", 1.0),
        "kg kilo kilos kilogram kilograms": ("gram", 1000.0),
        "tonne tonnes": ("gram", 1e6),
        "ton tons": ("ton", 1.0),
        "lb lbs pound pounds": ("pound", 1.0),
        "oz ounce ounces": ("ounce", 1.0),
        "ml millilitre millilitres milliliter milliliters": ("litre", 0.001),
        "cl centilitre centilitres": ("litre", 0.01),
        "l litre litres liter liters": ("litre", 1.0),
        "gallon gallons": ("gallon", 1.0),
        "mm millimetre millimetres millimeter millimeters": ("metre", 0.001),
        "cm centimetre centimetres centimeter centimeters": ("metre", 0.01),
        "m metre metres meter meters": ("metre", 1.0),
        "km kilometre kilometres kilometer kilometers": ("metre", 1000.0),
        "inch inches": ("inch", 1.0),
        "foot feet": ("foot", 1.0),
        "mile miles": ("mile", 1.0),
        "second seconds sec": ("second", 1.0),
        "minute minutes min": ("second", 60.0),
        "hour hours h": ("second", 3600.0),
        "day days": ("second", 86400.0),
        "week weeks": ("second", 604800.0),
        "month months": ("month", 1.0),
        "year years": ("month", 12.0),
        "v volt volts": ("volt", 1.0),
        "w watt watts": ("watt", 1.0),
        "kw kilowatt kilowatts": ("watt", 1000.0),
        "kwh": ("kilowatt hour", 1.0),
        "€ eur euro euros": ("euro", 1.0),
        "$ usd dollar dollars": ("dollar", 1.0),
        "£ gbp": ("sterling", 1.0),
        "p pence": ("sterling", 0.01),
        "c cent cents": ("cent", 0.01),
        "¥ yen": ("yen", 1.0),
        "times": ("times", 1.0),
    }
)
_CURRENCIES = frozenset("€$£¥")
# As a word of its own each of these is rather something else than a unit.
_ONLY_ATTACHED = frozenset("cpvwh")
# A vague unit on one side and what it may be on the other.
_VAGUE = {
    "degree": frozenset({"celsius", "fahrenheit"}),
    "cent": frozenset({"euro", "dollar"}),
}

# fmt: off
_ONES = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen",
    "nineteen",
]
_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
# fmt: on
_WORDS = {word: float(value) for value, word in enumerate(_ONES)} | {
    word: 10.0 * value for value, word in enumerate(_TENS, start=2)
}
_SCALES = {
    "dozen": 12.0,
    "hundred": 100.0,
    "thousand": 1e3,
    "million": 1e6,
    "billion": 1e9,
}
_FRACTIONS = {"half": 1 / 2, "quarter": 1 / 4, "third": 1 / 3}
# Words that are part of a quantity and say nothing more.
WORDS_OF_QUANTITIES = frozenset(_WORDS) | frozenset(_SCALES) | frozenset(_UNITS) | {"half"}
_SIGNS = {"½": "0.5", "¼": "0.25", "¾": "0.75"}

_NUMBER = (
    r"(?<![\w.,])(?:\d{1,3}(?:[,\u00a0\u2009\u202f ]\d{3})+(?!\d)|\d+)"
    r"(?:[.,]\d+)?(?!st|nd|rd|th|\d)"
)
_TOKEN = re.compile(
    rf"[€$£¥%]|°\s?[cf](?![a-z])|[°º]|{_NUMBER}|[^\W\d_]+(?:'[^\W\d_]+)?|[-–—]", re.IGNORECASE
)
_RANGE_WORDS = frozenset({"to", "or", "and", "-", "–", "—"})
_AT_LEAST = re.compile(
    r"(?:at least|(?<!no )(?<!not )more than|over|above|(?:a )?minimum(?: of)?"
    r"|no less than|not less than)\s*\W?$"
)
_AT_MOST = re.compile(
    r"(?:at most|up to|(?<!no )(?<!not )less than|fewer than|under|below|(?:a )?maximum(?: of)?"
    r"|no more than|not more than|within)\s*\W?$"
)
_OR_MORE = re.compile(r"\s*(?:or|and)\s+(?:more|over|above|older|longer|heavier)\b")
_OR_LESS = re.compile(r"\s*(?:or|and)\s+(?:less|fewer|under|below|younger|shorter|lighter)\b")


@dataclass(frozen=True)
class _Found:
    quantity: Quantity
    factor: float
    first: int
    after: int  # token positions


def quantities(text: str) -> tuple[Quantity, ...]:
    """List the quantities of a text in order; "25 cents" and "€0.25" have the same value.

    Number words count ("two hours"), as do thousands separators, decimal commas, fractions and
    ranges ("5 to 10 °C" is two temperatures). "one" counts only before a unit, since elsewhere it
    is mostly a pronoun.
    """
    text = text.lower()
    for sign, digits in _SIGNS.items():
        text = text.replace(sign, digits)
    tokens = list(_TOKEN.finditer(text))
    words = [re.sub(r"\s", "", t.group()) if t.group()[0] == "°" else t.group() for t in tokens]
    found: list[_Found] = []
    at = 0
    while at < len(words):
        read = _number_at(words, at)
        if read is None:
            at += 1
            continue
        value, after = read
        unit, factor, end = _unit_at(tokens, words, at, after)
        if words[at] == "one" and after == at + 1 and not unit:
            if not (after + 1 < len(words) and words[after] in ("to", "or", "-", "–")):
                at = after
                continue
            if _number_at(words, after + 1) is None:
                at = after
                continue
        bound = _bound(text[: tokens[at].start()], text[tokens[end - 1].end() :])
        found.append(_Found(Quantity(value * factor, unit, bound), factor, at, end))
        at = end
    return tuple(item.quantity for item in _with_range_units(found, words))


def is_held(quantity: Quantity, others: Iterable[Quantity]) -> bool:
    """Whether one of the others has the same value, a unit that fits and no other bound.

    A number without a unit fits any unit; a bound must be the other's own.
    """
    return any(
        math.isclose(quantity.value, other.value, rel_tol=1e-6, abs_tol=1e-9)
        and _fits(quantity.unit, other.unit)
        and quantity.bound in ("", other.bound)
        for other in others
    )


def _fits(unit: str, other: str) -> bool:
    if not unit or unit == other:
        return True
    # A deposit of 25 cents is the same in words and as €0.25.
    return other in _VAGUE.get(unit, ()) or (other == "cent" and unit in _VAGUE["cent"])


def _number_at(words: list[str], at: int) -> tuple[float, int] | None:
    """Return the number that begins at a token and the position after it."""
    word = words[at]
    if word[0].isdecimal():
        value, after = _digits(word), at + 1
    elif word in _WORDS:
        value, after = _WORDS[word], at + 1
        # "twenty-five"; "-" is a token of its own.
        if value >= 20:
            rest = after + 1 if after < len(words) and words[after] == "-" else after
            if rest < len(words) and 0 < _WORDS.get(words[rest], 0) < 10:
                value, after = value + _WORDS[words[rest]], rest + 1
    elif word in ("half", "twice") or (
        word in ("quarter", "third", "dozen", "hundred", "thousand", "million")
        and at > 0
        and words[at - 1] in ("a", "an")
    ):
        if word == "twice":
            return 2.0, at + 1
        return _FRACTIONS.get(word) or _SCALES[word], at + 1
    else:
        return None
    while after < len(words) and words[after] in _SCALES:
        value, after = value * _SCALES[words[after]], after + 1
    if after < len(words) and words[after].rstrip("s") in _FRACTIONS and value < 10:
        value, after = value * _FRACTIONS[words[after].rstrip("s")], after + 1
    return value, after


def _digits(text: str) -> float:
    grouped = re.fullmatch(r"(\d{1,3}(?:[,\s]\d{3})+)((?:[.,]\d+)?)", text)
    if grouped:
        whole, part = grouped.groups()
        return float(re.sub(r"\D", "", whole) + part.replace(",", "."))
    return float(text.replace(",", "."))


def _unit_at(
    tokens: list[re.Match[str]], words: list[str], at: int, after: int
) -> tuple[str, float, int]:
    """Return unit, factor and the position after it, for a number at tokens [at, after)."""
    if words[at] == "twice":
        return "times", 1.0, after
    unit, end = _UNITS.get(""), after
    position = after
    if position < len(words) and words[position] == "-":
        position += 1
    if position < len(words):
        word = words[position]
        is_attached = tokens[position].start() == tokens[position - 1].end()
        following = words[position + 1] if position + 1 < len(words) else ""
        if word == "per" and following == "cent":
            unit, end = _UNITS["percent"], position + 2
        elif word in ("degree", "degrees", "°", "º") and following in ("c", "celsius", "f"):
            unit, end = _UNITS["°f" if following == "f" else "°c"], position + 2
        elif word in ("degree", "degrees") and following == "fahrenheit":
            unit, end = _UNITS["°f"], position + 2
        elif word in _UNITS and (is_attached or word not in _ONLY_ATTACHED):
            unit, end = _UNITS[word], position + 1
    if unit is None and at > 0 and words[at - 1] in (*_CURRENCIES, "eur", "usd", "gbp"):
        unit = _UNITS[words[at - 1]]
    return (*unit, end) if unit is not None else ("", 1.0, after)


def _bound(before: str, after: str) -> Bound:
    before = before.rstrip(" €$£¥")
    if _AT_LEAST.search(before) or _OR_MORE.match(after):
        return "at least"
    if _AT_MOST.search(before) or _OR_LESS.match(after):
        return "at most"
    return ""


def _with_range_units(found: list[_Found], words: list[str]) -> list[_Found]:
    """Give "5" in "5 to 10 °C" the unit of "10"."""
    for index in range(len(found) - 2, -1, -1):
        this, following = found[index], found[index + 1]
        if (
            not this.quantity.unit
            and following.quantity.unit
            and following.first == this.after + 1
            and words[this.after] in _RANGE_WORDS
        ):
            value = this.quantity.value * following.factor
            quantity = replace(this.quantity, value=value, unit=following.quantity.unit)
            found[index] = replace(this, quantity=quantity, factor=following.factor)
    return found
