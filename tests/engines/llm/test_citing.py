"""Marks in answers: which sentence names which passage."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engines.llm.citing import Cited, split_cited, unmarked, without_marks

CASES = {
    "after the full stop": ("Rinse it. [2]", [("Rinse it.", (2,))]),
    "before the full stop": ("Rinse it [2].", [("Rinse it.", (2,))]),
    "two sentences": ("Rinse it. [2] Dry it. [1]", [("Rinse it.", (2,)), ("Dry it.", (1,))]),
    "two marks": ("Rinse it. [1] [3]", [("Rinse it.", (1, 3))]),
    "marks without a space": ("Rinse it.[1][3]", [("Rinse it.", (1, 3))]),
    "the same mark twice": ("Rinse it. [1][1]", [("Rinse it.", (1,))]),
    "no mark": ("Rinse it. Dry it.", [("Rinse it.", ()), ("Dry it.", ())]),
    "only the last is marked": ("Rinse it. Dry it. [1]", [("Rinse it.", ()), ("Dry it.", (1,))]),
    "a tail without a mark": ("Rinse it. [1] Dry it", [("Rinse it.", (1,)), ("Dry it", ())]),
    "a number that is no mark": ("It costs 3.50 euros. [1]", [("It costs 3.50 euros.", (1,))]),
    "nothing": ("", []),
    "a mark alone": ("[1]", []),
    "a quotation": ("It says “no.” [1]", [("It says “no.”", (1,))]),
}


@pytest.mark.parametrize(("text", "expected"), CASES.values(), ids=CASES.keys())
def test_a_mark_belongs_to_the_sentence_before_it(
    text: str, expected: list[tuple[str, tuple[int, ...]]]
) -> None:
    assert split_cited(text) == tuple(Cited(*one) for one in expected)


@given(st.text(alphabet="ab .[]123!", max_size=60))
def test_any_text_is_split_without_losing_a_letter(text: str) -> None:
    letters = "".join(c for c in text if c in "ab")
    assert "".join(c for s in split_cited(text) for c in s.text if c in "ab") == letters


def test_an_answer_is_read_without_its_marks() -> None:
    assert without_marks("Rinse it. [2] Dry it [1].") == "Rinse it. Dry it."
    assert without_marks("It costs [some] 3 euros.") == "It costs [some] 3 euros."


@example("[[1]2] a", [1, 4])
@given(st.text(alphabet="ab .[]12", max_size=40), st.lists(st.integers(0, 40), max_size=8))
def test_a_text_in_pieces_loses_its_marks_wherever_it_is_cut(text: str, cuts: list[int]) -> None:
    places = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    pieces = [text[a:b] for a, b in pairwise(places)]
    shown = list(unmarked(pieces))
    whole = "".join(unmarked([text]))
    assert "".join(shown) == whole
    assert not re.search(r"\[\d{1,2}\]", whole)


def test_what_only_looks_like_a_mark_stays() -> None:
    assert "".join(unmarked(["a [", "b] c", " [1", "2] d"])) == "a [b] c d"
