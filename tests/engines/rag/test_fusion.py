"""Fusion: equal to what the formulas give when written out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.rag.fusion import Ranking, reciprocal_rank_fusion, weighted_min_max

names = st.sampled_from("abcdefghij")
scores = st.floats(-1.0, 30.0, allow_nan=False).map(lambda score: round(score, 3))


def _ranked(found: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(found.items(), key=lambda pair: -pair[1])


rankings = st.dictionaries(names, scores).map(_ranked)


def brute_rrf(one: Ranking, other: Ranking) -> dict[str, float]:
    fused = {}
    for name in {name for name, _ in [*one, *other]}:
        fused[name] = 0.0
        for ranking in (one, other):
            places = [place for place, (found, _) in enumerate(ranking) if found == name]
            fused[name] += sum(1 / (60 + place + 1) for place in places)
    return fused


def brute_min_max(dense: Ranking, sparse: Ranking) -> dict[str, float]:
    fused = {}
    for name in {name for name, _ in [*dense, *sparse]}:
        fused[name] = 0.0
        for ranking, weight in ((dict(dense), 0.6), (dict(sparse), 0.4)):
            if name in ranking:
                low, high = min(ranking.values()), max(ranking.values())
                share = 1.0 if high == low else (ranking[name] - low) / (high - low)
                fused[name] += weight * share
    return fused


@given(rankings, rankings)
def test_reciprocal_rank_fusion_equals_brute_force(one: Ranking, other: Ranking) -> None:
    fused = reciprocal_rank_fusion([one, other])
    assert dict(fused) == pytest.approx(brute_rrf(one, other))
    assert [score for _, score in fused] == sorted((s for _, s in fused), reverse=True)


@given(rankings, rankings)
def test_weighted_min_max_equals_brute_force(dense: Ranking, sparse: Ranking) -> None:
    fused = weighted_min_max(dense, sparse)
    assert dict(fused) == pytest.approx(brute_min_max(dense, sparse))
    assert [score for _, score in fused] == sorted((s for _, s in fused), reverse=True)
    assert all(0 <= score <= 1 + 1e-9 for _, score in fused)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        pytest.param([], [], [], id="nothing found"),
        pytest.param([("a", 9.0)], [], [("a", 1 / 61)], id="one stage found nothing"),
        pytest.param(
            [("a", 9.0), ("b", 8.0)],
            [("b", 0.5), ("c", 0.1)],
            [("b", 1 / 62 + 1 / 61), ("a", 1 / 61), ("c", 1 / 62)],
            id="found by both beats first in one",
        ),
        pytest.param(
            [("b", 2.0)], [("a", 1.0)], [("a", 1 / 61), ("b", 1 / 61)], id="a tie goes by id"
        ),
    ],
)
def test_reciprocal_rank_fusion_by_hand(
    one: Ranking, other: Ranking, expected: list[tuple[str, float]]
) -> None:
    assert reciprocal_rank_fusion([one, other]) == expected


@pytest.mark.parametrize(
    ("dense", "sparse", "expected"),
    [
        pytest.param([], [], {}, id="nothing found"),
        pytest.param([("a", 0.7)], [], {"a": 0.6}, id="a single passage counts in full"),
        pytest.param(
            [("a", 0.8), ("b", 0.6), ("c", 0.4)],
            [("c", 12.0), ("d", 2.0)],
            {"a": 0.6, "c": 0.4, "b": 0.3, "d": 0.0},
            id="what a stage lacks counts 0",
        ),
    ],
)
def test_weighted_min_max_by_hand(
    dense: Ranking, sparse: Ranking, expected: dict[str, float]
) -> None:
    fused = weighted_min_max(dense, sparse)
    assert [name for name, _ in fused] == list(expected)
    assert dict(fused) == pytest.approx(expected)


@pytest.mark.parametrize(("weight", "best"), [(1.0, "a"), (0.0, "b")])
def test_all_the_weight_on_one_stage_gives_its_order(weight: float, best: str) -> None:
    fused = weighted_min_max([("a", 0.9), ("b", 0.1)], [("b", 5.0), ("a", 1.0)], weight)
    assert fused[0] == (best, 1.0)


@pytest.mark.parametrize("weight", [-0.1, 1.1, float("nan")])
def test_a_weight_outside_its_range_is_refused(weight: float) -> None:
    with pytest.raises(ValueError, match="weight"):
        weighted_min_max([], [], weight)
