"""Areas, overlaps and suppression, against hand-worked values and a brute-force reference."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.boxes import area, iou_matrix, suppress, vote

UNIT = (0, 0, 10, 10)


def as_boxes(*rows: tuple[float, ...]) -> np.ndarray:
    return np.array(rows, np.float32).reshape(-1, 4)


@st.composite
def boxes(draw: st.DrawFn, max_size: int = 12) -> np.ndarray:
    """Draw boxes with whole corners and at least one pixel of width and height."""
    place, side = st.integers(0, 30), st.integers(1, 30)
    rows = draw(st.lists(st.tuples(place, place, side, side), min_size=1, max_size=max_size))
    return as_boxes(*((x, y, x + w, y + h) for x, y, w, h in rows))


OVERLAPS = {
    "the same": (UNIT, 1.0),
    "half beside it": ((5, 0, 15, 10), 50 / 150),
    "a quarter of it": ((0, 0, 5, 5), 25 / 100),
    "corner over corner": ((5, 5, 15, 15), 25 / 175),
    "around it": ((-5, -5, 15, 15), 100 / 400),
    "edge to edge": ((10, 0, 20, 10), 0.0),
    "apart on one axis": ((0, 20, 10, 30), 0.0),
    "apart on both axes": ((20, 20, 30, 30), 0.0),
    "without area": ((5, 5, 5, 5), 0.0),
    "inverted": ((10, 10, 0, 0), 0.0),
}


@pytest.mark.parametrize(("other", "expected"), OVERLAPS.values(), ids=OVERLAPS.keys())
def test_overlap_equals_the_value_worked_by_hand(other: tuple[float, ...], expected: float) -> None:
    found = iou_matrix(as_boxes(UNIT), as_boxes(other))
    assert found.shape == (1, 1)
    assert found[0, 0] == pytest.approx(expected)


@settings(deadline=None)
@given(first=boxes(), second=boxes())
def test_overlap_is_symmetric_and_between_0_and_1(first: np.ndarray, second: np.ndarray) -> None:
    found = iou_matrix(first, second)
    assert found.shape == (len(first), len(second))
    assert (found >= 0).all() and (found <= 1).all()
    np.testing.assert_allclose(found, iou_matrix(second, first).T)
    np.testing.assert_allclose(np.diag(iou_matrix(first, first)), 1)


def test_areas_of_inverted_boxes_are_none() -> None:
    rows = as_boxes((0, 0, 4, 5), (4, 5, 0, 0), (0, 5, 4, 0), (3, 3, 3, 9))
    assert area(rows).tolist() == [20, 0, 0, 0]


def test_no_boxes_have_no_areas_and_no_overlaps() -> None:
    none = as_boxes()
    assert area(none).shape == (0,)
    assert iou_matrix(none, as_boxes(UNIT)).shape == (0, 1)
    kept = suppress(none, np.zeros(0), np.zeros(0, np.int64), iou=0.5)
    assert kept.shape == (0,) and kept.dtype == np.int64


def brute_force(
    rows: np.ndarray, scores: np.ndarray, classes: np.ndarray, *, iou: float
) -> list[int]:
    """Keep greedily: best first, unless a kept one of its class overlaps too much."""
    kept: list[int] = []
    for index in np.argsort(-scores, kind="stable"):
        overlaps = iou_matrix(rows[[index]], rows[kept])[0]
        if not (overlaps[classes[kept] == classes[index]] > iou).any():
            kept.append(int(index))
    return kept


# No overlap of boxes of up to 30 whole pixels is as close to these limits as rounding could be.
@given(data=st.data(), rows=boxes(), iou=st.sampled_from([0.30003, 0.60003, 0.90003]))
@settings(max_examples=200, deadline=None)
def test_suppression_equals_brute_force(data: st.DataObject, rows: np.ndarray, iou: float) -> None:
    ranks = data.draw(st.permutations(range(len(rows))))
    scores = (np.array(ranks, np.float32) + 1) / (len(rows) + 1)
    kinds = st.lists(st.integers(0, 27), min_size=len(rows), max_size=len(rows))
    classes = np.array(data.draw(kinds | st.just([0] * len(rows))))
    kept = suppress(rows, scores, classes, iou=iou)
    assert kept.tolist() == brute_force(rows, scores, classes, iou=iou)


@pytest.mark.parametrize(
    ("other", "other_class", "iou", "kept"),
    [
        ((0, 0, 10, 9), 0, 0.6, [1]),
        ((0, 0, 10, 9), 1, 0.6, [1, 0]),
        ((0, 0, 10, 5), 0, 0.5, [1, 0]),
        ((0, 0, 10, 5), 0, 0.49, [1]),
        ((30, 30, 40, 40), 0, 0.1, [1, 0]),
    ],
    ids=["same thing", "another class", "exactly at the limit", "above the limit", "elsewhere"],
)
def test_a_worse_box_of_the_same_class_is_dropped_above_the_limit(
    other: tuple[float, ...], other_class: int, iou: float, kept: list[int]
) -> None:
    rows, scores = as_boxes(UNIT, other), np.array([0.4, 0.8])
    found = suppress(rows, scores, np.array([0, other_class]), iou=iou)
    assert found.tolist() == kept


def test_a_dropped_box_drops_no_other() -> None:
    chain = as_boxes((0, 0, 10, 10), (3, 0, 13, 10), (6, 0, 16, 10))
    kept = suppress(chain, np.array([0.9, 0.8, 0.7]), np.zeros(3, int), iou=0.5)
    assert kept.tolist() == [0, 2]


# Voting


VOTES = {
    "agreed by weight": ((2, 0, 12, 10), 0, 0.4, (2 / 3, 0, 32 / 3, 10)),
    "half the score is enough": ((3, 0, 13, 10), 0, 0.4, (1, 0, 11, 10)),
    "less has no vote": ((3, 0, 13, 10), 0, 0.39, UNIT),
    "nor has another class": ((2, 0, 12, 10), 1, 0.4, UNIT),
    "exactly at the limit": ((0, 0, 10, 5), 0, 0.8, (0, 0, 10, 7.5)),
    "overlaps too little": ((0, 0, 10, 4.9), 0, 0.8, UNIT),
}


@pytest.mark.parametrize(
    ("other", "other_class", "score", "expected"), VOTES.values(), ids=VOTES.keys()
)
def test_boxes_of_one_thing_agree_on_its_place(
    other: tuple[float, ...], other_class: int, score: float, expected: tuple[float, ...]
) -> None:
    rows, scores = as_boxes(other, UNIT), np.array([score, 0.8])
    agreed = vote(rows, scores, np.array([other_class, 0]), np.array([1]), iou=0.5)
    assert agreed.dtype == np.float32
    assert agreed.tolist() == [pytest.approx(expected)]


@given(rows=boxes())
@settings(deadline=None)
def test_an_agreed_box_lies_among_its_voters(rows: np.ndarray) -> None:
    scores, classes = np.linspace(1, 0.3, len(rows)), np.zeros(len(rows), np.int64)
    kept = suppress(rows, scores, classes, iou=0.5)
    agreed = vote(rows, scores, classes, kept, iou=0.5)
    assert agreed.shape == (len(kept), 4)
    for box, index in zip(agreed, kept, strict=True):
        voters = rows[(iou_matrix(rows[[index]], rows)[0] >= 0.5) | (np.arange(len(rows)) == index)]
        assert (box >= voters.min(axis=0) - 1e-4).all() and (box <= voters.max(axis=0) + 1e-4).all()


def test_a_box_that_nothing_overlaps_stays_where_it_is() -> None:
    rows = as_boxes(UNIT, (30, 30, 40, 40), (5, 5, 5, 5))  # the last one is empty
    agreed = vote(rows, np.array([0.9, 0.8, 0.7]), np.zeros(3, int), np.arange(3), iou=0.5)
    assert agreed.tolist() == rows.tolist()
