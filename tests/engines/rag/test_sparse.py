"""BM25: equal to the formula and to rank_bm25, also where rank_bm25 has no answer."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from engines.rag.fit.evaluate import read_beir
from engines.rag.sparse import STOP_WORDS, SparseIndex, TermStatistics, stem, tokenize
from tests.engines.rag.passages import BEIR_SMALL

BEIR = read_beir(BEIR_SMALL)
TEXTS = list(BEIR.corpus.values())
QUESTIONS = [*BEIR.queries.values(), "glass glass jars", "zzz unheard of", "", "the of and"]

words = st.sampled_from(["glass", "can", "paper", "tin", "oil", "the", "batteries", "not"])
texts = st.lists(words, max_size=8).map(" ".join)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("Glass JARS and bottles", ["glass", "jar", "bottl"], id="stems, lower case"),
        pytest.param("Recycling recycled recycles", ["recycl"] * 3, id="one stem of three forms"),
        pytest.param("Do not put it in the bin", ["not", "put", "bin"], id="not stays"),
        pytest.param("a can of cans", ["can", "can"], id="a can is a thing"),
        pytest.param("Don't!", [], id="split at the apostrophe"),
        pytest.param("3.5 V, LiFePO4", ["3", "5", "v", "lifepo4"], id="numbers and letters"),
        pytest.param("Müll, poubelle", ["müll", "poubell"], id="other letters"),
        pytest.param("  \n\t 🙂 ", [], id="nothing to find"),
    ],
)
def test_a_text_becomes_its_terms(text: str, expected: list[str]) -> None:
    assert tokenize(text) == expected


def test_without_stemming_words_stay_whole() -> None:
    assert tokenize("Glass JARS and bottles", is_stemmed=False) == ["glass", "jars", "bottles"]


def test_words_that_turn_an_answer_round_are_no_stop_words() -> None:
    assert not {"no", "not", "can"} & STOP_WORDS
    assert {"the", "of", "and", "is", "my"} <= STOP_WORDS


def test_many_threads_stem_as_one_does() -> None:
    found = sorted({word for text in TEXTS for word in tokenize(text, is_stemmed=False)})
    alone = [stem.__wrapped__(word) for word in found]
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            assert list(pool.map(stem.__wrapped__, found)) == alone


@pytest.mark.parametrize("question", QUESTIONS)
def test_scores_equal_those_of_rank_bm25(question: str) -> None:
    reference = BM25Okapi([tokenize(text) for text in TEXTS], k1=1.5, b=0.75)
    expected = reference.get_scores(tokenize(question))
    assert SparseIndex(TEXTS).scores(question) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("question", QUESTIONS)
def test_scores_equal_the_formula(question: str) -> None:
    tokens = [tokenize(text) for text in TEXTS]
    mean_length = sum(len(text) for text in tokens) / len(tokens)
    for row, score in enumerate(SparseIndex(TEXTS).scores(question)):
        expected = 0.0
        for term in tokenize(question):
            holding = sum(term in text for text in tokens)
            if not holding:
                continue
            idf = math.log((len(tokens) - holding + 0.5) / (holding + 0.5))
            assert idf > 0, "no term of these questions stands in half of the texts"
            found = tokens[row].count(term)
            length = len(tokens[row]) / mean_length
            expected += idf * found * 2.5 / (found + 1.5 * (0.25 + 0.75 * length))
        assert score == pytest.approx(expected, abs=1e-9)


def test_a_term_in_most_texts_counts_little_but_never_against_a_text() -> None:
    collection = ["glass jar", "glass lid", "glass cup", "paper bag", "tin foil", "oil drum"]
    reference = BM25Okapi([tokenize(text) for text in collection], k1=1.5, b=0.75)
    index = SparseIndex([*collection, "glass dish"])
    assert (index.scores("glass")[:3] > 0).all()
    assert SparseIndex(collection).scores("glass") == pytest.approx(
        reference.get_scores(["glass"]), abs=1e-9
    )


@given(st.lists(texts, min_size=1, max_size=6), texts)
def test_a_text_scores_above_zero_only_with_a_word_of_the_question(
    collection: list[str], question: str
) -> None:
    asked = set(tokenize(question))
    for text, score in zip(collection, SparseIndex(collection).scores(question)):
        assert score >= 0
        if not asked & set(tokenize(text)):
            assert score == 0


@pytest.mark.parametrize("count", [1, 2])
def test_a_collection_of_one_or_two_texts_is_searchable(count: int) -> None:
    # rank_bm25 gives 0 or less here: its idf of a term in half of all texts is not positive.
    index = SparseIndex(["the swollen battery", "an empty jar"][:count])
    assert [row for row, _ in index.search("swollen batteries", 5)] == [0]


def test_an_empty_collection_finds_nothing() -> None:
    assert SparseIndex([]).search("glass", 5) == []
    assert SparseIndex(["", "the"]).search("glass", 5) == []


def test_search_gives_the_best_rows_first_and_ties_in_order() -> None:
    index = SparseIndex(["tin", "glass jar", "glass jar", "glass glass jar lid", "oil", "wood"])
    scores = index.scores("glass jar")
    found = index.search("glass jar", 10)
    assert [row for row, _ in found] == sorted(
        np.flatnonzero(scores > 0).tolist(), key=lambda row: -scores[row]
    )
    assert index.search("glass jar", 2) == found[:2]
    assert index.search("glass jar", 0) == []


def test_only_allowed_rows_are_found_and_their_scores_stay() -> None:
    index = SparseIndex(TEXTS)
    question = "glass bottles and jars"
    everything = dict(index.search(question, 60))
    is_allowed = np.arange(len(TEXTS)) % 2 == 0
    found = index.search(question, 60, is_allowed=is_allowed)
    assert dict(found) == {row: score for row, score in everything.items() if row % 2 == 0}
    assert found


def test_statistics_of_another_collection_make_scores_comparable() -> None:
    whole = SparseIndex(TEXTS)
    part = SparseIndex(TEXTS[10:20])
    for question in QUESTIONS:
        assert part.scores(question, statistics=whole.statistics) == pytest.approx(
            whole.scores(question)[10:20], abs=1e-9
        )


def test_a_term_that_occurs_nowhere_is_the_rarest() -> None:
    statistics = TermStatistics.of(tokenize(text) for text in TEXTS)
    rarest = max(statistics.idf(term) for text in TEXTS for term in tokenize(text))
    assert statistics.idf("unheard") > rarest
