"""Networks set against each other on the same photos."""

from __future__ import annotations

import numpy as np

from engines.maxsight.fit.compare import compare, resampled
from engines.maxsight.fit.intervals import draw_photos
from engines.maxsight.fit.matching import ClassMatches

PHOTOS = 40


def one_box_each(found_in: int) -> list[ClassMatches]:
    """One class, one true box in each photo, found in the first photos only."""
    return [
        ClassMatches(
            photos=np.arange(found_in),
            scores=np.linspace(0.9, 0.5, found_in),
            is_hit=np.ones(found_in, bool),
            true_counts=np.ones(PHOTOS, np.int64),
        )
    ]


def test_the_first_value_is_that_of_all_photos() -> None:
    values = resampled(one_box_each(20), draw_photos(PHOTOS, draws=50), min_boxes=1)
    assert len(values) == 51
    assert abs(values[0] - 0.5) < 0.02
    assert values[1:].std() > 0


def test_a_better_network_is_better_by_an_interval_above_nothing() -> None:
    draws = draw_photos(PHOTOS, draws=200)
    found = compare(
        {"worse": one_box_each(15), "better": one_box_each(30), "same": one_box_each(15)},
        draws,
        min_boxes=1,
    )
    assert "more_than_first" not in found["worse"]
    more, low, high = found["better"]["more_than_first"]
    assert 0 < low < more < high
    assert found["same"]["more_than_first"] == [0.0, 0.0, 0.0]


def test_classes_with_too_few_boxes_do_not_count() -> None:
    few = [
        ClassMatches(
            np.zeros(0, np.int64),
            np.zeros(0),
            np.zeros(0, bool),
            np.eye(1, PHOTOS, dtype=np.int64)[0],
        )
    ]
    draws = draw_photos(PHOTOS, draws=20)
    both = resampled([*one_box_each(40), *few], draws, min_boxes=1)
    many = resampled([*one_box_each(40), *few], draws, min_boxes=2)
    assert abs(both[0] - 0.5) < 0.01
    assert many[0] > 0.99
