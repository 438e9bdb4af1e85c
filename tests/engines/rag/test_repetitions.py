"""Passages that say the same: repetitions are dropped and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.rag.chunking import NEAR_DUPLICATE, SHINGLE_WORDS, Chunk, deduplicate

WORDS = [f"word{chr(97 + number % 26)}{chr(97 + number // 26)}" for number in range(400)]


def passage(words: list[str], order: int = 0, regions: tuple[str, ...] = ("all",)) -> Chunk:
    text = " ".join(words)
    return Chunk(
        id=f"guide/jars#{order}",
        document_id="guide/jars",
        title="Glass jars",
        heading="",
        text=text,
        sentences=(text,),
        doc_type="guide",
        regions=regions,
        items=(),
        topics=(),
        order=order,
        token_count=len(words),
        is_upload=False,
    )


def replaced(words: list[str], *changes: tuple[int, str]) -> list[str]:
    changed = list(words)
    for position, word in changes:
        changed[position] = word
    return changed


@pytest.mark.parametrize(
    ("first", "second", "is_repetition"),
    [
        pytest.param(WORDS[:50], WORDS[:50], True, id="the same"),
        pytest.param(WORDS[:50], [w.upper() + "," for w in WORDS[:50]], True, id="case and marks"),
        pytest.param(WORDS[:50], WORDS[100:150], False, id="other words"),
        pytest.param(WORDS[:200], replaced(WORDS[:200], (50, "other")), True, id="one in 200"),
        pytest.param(WORDS[:60], replaced(WORDS[:60], (30, "other")), False, id="one in 60"),
        pytest.param(
            replaced(WORDS[:200], (50, "3")), replaced(WORDS[:200], (50, "5")), False, id="number"
        ),
        pytest.param(WORDS[:200], replaced(WORDS[:200], (50, "never")), False, id="negation"),
        pytest.param(WORDS[:200], replaced(WORDS[:200], (50, "don't")), False, id="contraction"),
        pytest.param(WORDS[:3], WORDS[:3], True, id="shorter than a shingle"),
        pytest.param(WORDS[:3], WORDS[1:4], False, id="short and different"),
    ],
)
def test_a_repetition_is_dropped_and_nothing_else(
    first: list[str], second: list[str], is_repetition: bool
) -> None:
    chunks = [passage(first), passage(second, 1)]
    assert list(deduplicate(chunks)) == (chunks[:1] if is_repetition else chunks)


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        (("all",), ("france",), 1),
        (("france", "spain"), ("france",), 1),
        (("france",), ("france",), 1),
        (("france",), ("spain",), 2),
        (("france",), ("all",), 2),
    ],
)
def test_a_repetition_about_another_place_stays(
    first: tuple[str, ...], second: tuple[str, ...], kept: int
) -> None:
    chunks = [passage(WORDS[:50], 0, first), passage(WORDS[:50], 1, second)]
    assert len(deduplicate(chunks)) == kept


def jaccard(one: Chunk, other: Chunk) -> float:
    sets = []
    for chunk in (one, other):
        words = chunk.text.split()
        sets.append(
            {tuple(words[i : i + SHINGLE_WORDS]) for i in range(len(words) - SHINGLE_WORDS + 1)}
        )
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@given(
    st.lists(st.tuples(st.integers(0, 3), st.lists(st.integers(0, 149), max_size=4)), max_size=12)
)
def test_the_same_is_dropped_as_by_comparing_all_pairs(drawn: list[tuple[int, list[int]]]) -> None:
    chunks = [
        passage(
            replaced(WORDS[start * 2 : start * 2 + 150], *((p, "other") for p in places)), order
        )
        for order, (start, places) in enumerate(drawn)
    ]
    expected: list[Chunk] = []
    for chunk in chunks:
        if all(jaccard(earlier, chunk) <= NEAR_DUPLICATE for earlier in expected):
            expected.append(chunk)
    assert list(deduplicate(chunks)) == expected
