"""Variations change how a question is put, never what is asked or answered."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.llm.fit.augment import TEMPLATES, augment, cased, mistyped, rephrased
from engines.llm.fit.examples import LABEL, Example, Turn

SEEDS = st.integers(0, 2**32)
WORDS = st.lists(
    st.one_of(
        st.text("abcdefghijklmnopqrstuvwxyzäéABC", min_size=1, max_size=12),
        st.sampled_from(["25", "1.5", "30°C", "PET1", "{question}", "can't", "UK", "缶", "?"]),
    ),
    min_size=1,
    max_size=12,
)


def numbers(text: str) -> list[str]:
    return re.findall(r"\d+", text)


@settings(deadline=None)
@given(words=WORDS, seed=SEEDS, has_label=st.booleans())
def test_only_the_question_changes(words: list[str], seed: int, has_label: bool) -> None:
    question = (LABEL if has_label else "") + " ".join(["jar", *words])
    example = Example(
        question, "Passages", "Answer. [1]", "Orders", (Turn("a", "b"),), "doc", "place", "x:1"
    )
    varied = augment(example, random.Random(seed))
    assert varied.instruction.startswith(LABEL) == has_label
    assert varied.instruction.removeprefix(LABEL).strip()
    assert numbers(varied.instruction) == numbers(question)
    for name in ("input", "output", "system", "history", "document", "kind", "source"):
        assert getattr(varied, name) == getattr(example, name), name


@settings(deadline=None)
@given(words=WORDS, seed=SEEDS)
def test_the_same_seed_gives_the_same_variation(words: list[str], seed: int) -> None:
    example = Example(" ".join(words), "", "Answer.")
    assert augment(example, random.Random(seed)) == augment(example, random.Random(seed))


@settings(deadline=None)
@given(words=WORDS, seed=SEEDS)
def test_a_typo_is_one_slip_in_a_longer_word_of_letters(words: list[str], seed: int) -> None:
    typed = mistyped(" ".join(words), random.Random(seed)).split(" ")
    assert len(typed) == len(words)
    for before, after in zip(words, typed, strict=True):
        if len(before) < 4 or not before.isalpha():
            assert after == before
        assert abs(len(after) - len(before)) <= 1
        assert after[0] == before[0]


def test_every_way_of_putting_a_question_is_used() -> None:
    rng = random.Random(0)
    put = {rephrased("Where do jars go?", rng) for _ in range(300)}
    assert put == {
        template.format(question="Where do jars go?", lowered="where do jars go?")
        for template in TEMPLATES
    }


@pytest.mark.parametrize("first", ["I", "I've", "UK", "PET"])
def test_a_word_that_has_capitals_keeps_them(first: str) -> None:
    question = f"{first} jars, where?"
    put = [rephrased(question, random.Random(seed)) for seed in range(100)]
    assert all(question in text for text in put)


def test_questions_are_also_typed_small_large_and_without_a_mark() -> None:
    put = {cased("Is PET OK?", random.Random(seed)) for seed in range(100)}
    assert put == {"Is PET OK?", "is pet ok?", "Is PET OK", "is pet ok", "IS PET OK?"}


def test_some_but_not_all_words_are_mistyped() -> None:
    words = ["recycling"] * 1000
    typed = mistyped(" ".join(words), random.Random(0)).split(" ")
    share = sum(word != "recycling" for word in typed) / len(typed)
    # A quarter is tried; letters swapped with their like stay the same.
    assert 0.15 < share < 0.3
