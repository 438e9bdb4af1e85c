"""Metrics: values worked out by hand, and scikit-learn's nDCG."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from engines.rag.metrics import ndcg, precision, recall, reciprocal_rank

RANKED = ["a", "b", "c", "d"]
# 2^rel - 1 is 3 for a grade of 2; the discount of rank 3 is log2(4) = 2.
LOG3 = math.log2(3)


@pytest.mark.parametrize(
    ("relevance", "k", "expected"),
    [
        pytest.param({"a": 1}, 10, 1.0, id="first"),
        pytest.param({"b": 1}, 10, 1 / LOG3, id="second"),
        pytest.param({"c": 1}, 10, 0.5, id="third"),
        pytest.param({"c": 1}, 2, 0.0, id="beyond k"),
        pytest.param({"x": 1}, 10, 0.0, id="not found"),
        pytest.param({}, 10, 0.0, id="nothing is relevant"),
        pytest.param({"a": 0, "b": -1}, 10, 0.0, id="judged irrelevant"),
        pytest.param({"a": 1, "b": 2}, 10, (1 + 3 / LOG3) / (3 + 1 / LOG3), id="grades, worst"),
        pytest.param({"a": 2, "b": 1}, 10, 1.0, id="grades, best"),
        pytest.param({"c": 2, "x": 1}, 10, 1.5 / (3 + 1 / LOG3), id="one of two"),
        pytest.param({"a": 1, "x": 1, "y": 1}, 1, 1.0, id="the ideal is cut at k too"),
    ],
)
def test_ndcg_by_hand(relevance: dict[str, int], k: int, expected: float) -> None:
    assert ndcg(RANKED, relevance, k) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("relevance", "k", "recalled", "precise", "reciprocal"),
    [
        pytest.param({"a": 1}, 1, 1.0, 1.0, 1.0, id="first of one"),
        pytest.param({"b": 1, "d": 2}, 3, 0.5, 1 / 3, 0.5, id="one of two in three"),
        pytest.param({"b": 1, "d": 2}, 4, 1.0, 0.5, 0.5, id="both in four"),
        pytest.param({"d": 1}, 3, 0.0, 0.0, 0.0, id="beyond k"),
        pytest.param({"a": 1}, 10, 1.0, 0.1, 1.0, id="places left empty lower precision"),
        pytest.param({"a": 0}, 3, 0.0, 0.0, 0.0, id="nothing is relevant"),
    ],
)
def test_recall_precision_and_reciprocal_rank_by_hand(
    relevance: dict[str, int], k: int, recalled: float, precise: float, reciprocal: float
) -> None:
    assert recall(RANKED, relevance, k) == pytest.approx(recalled)
    assert precision(RANKED, relevance, k) == pytest.approx(precise)
    assert reciprocal_rank(RANKED, relevance, k) == pytest.approx(reciprocal)


@given(
    st.lists(st.integers(0, 3), min_size=2, max_size=15).filter(any),
    st.integers(1, 15),
    st.randoms(use_true_random=False),
)
def test_ndcg_equals_that_of_scikit_learn(grades: list[int], k: int, random: object) -> None:
    # scikit-learn takes gains as they are, so it is given 2^rel - 1.
    names = [f"p{row}" for row in range(len(grades))]
    order = list(range(len(grades)))
    random.shuffle(order)  # type: ignore[attr-defined]
    predicted = np.zeros(len(grades))
    for place, row in enumerate(order):
        predicted[row] = len(order) - place
    expected = ndcg_score([[2**grade - 1 for grade in grades]], [predicted], k=k)
    ranked = [names[row] for row in order]
    assert ndcg(ranked, dict(zip(names, grades)), k) == pytest.approx(expected)


@pytest.mark.parametrize("metric", [ndcg, recall, precision, reciprocal_rank])
def test_a_passage_ranked_twice_is_refused(metric: object) -> None:
    with pytest.raises(ValueError, match="twice"):
        metric(["a", "a"], {"a": 1}, 5)  # type: ignore[operator]
    with pytest.raises(ValueError, match="from 1"):
        metric(["a"], {"a": 1}, 0)  # type: ignore[operator]
