"""Intervals, against published values and by their properties."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.fit.intervals import around, draw_photos, share

# Clopper and Pearson's 95 % intervals, as in tables of the binomial distribution.
EXACT = {
    "none of ten": (0, 10, 0.0, 0.3085),
    "half of ten": (5, 10, 0.1871, 0.8129),
    "all of ten": (10, 10, 0.6915, 1.0),
    "one of twenty": (1, 20, 0.0013, 0.2487),
    "none of 73": (0, 73, 0.0, 0.0493),
}


@pytest.mark.parametrize(("hits", "count", "low", "high"), EXACT.values(), ids=EXACT.keys())
def test_a_share_has_its_exact_interval(hits: int, count: int, low: float, high: float) -> None:
    assert share(hits, count) == pytest.approx([hits / count, low, high], abs=1e-4)


@settings(deadline=None)
@given(st.integers(1, 300).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_mirrors(case: tuple[int, int]) -> None:
    hits, count = case
    own, other = share(hits, count), share(count - hits, count)
    assert own is not None and other is not None
    assert 0 <= own[1] <= own[0] <= own[2] <= 1
    assert own[1] == pytest.approx(1 - other[2])


def test_a_share_of_nothing_is_not_known() -> None:
    assert share(0, 0) is None


@pytest.mark.parametrize(("hits", "count"), [(-1, 3), (4, 3)])
def test_impossible_counts_are_refused(hits: int, count: int) -> None:
    with pytest.raises(ValueError, match="is no share"):
        share(hits, count)


def test_resamples_hold_as_many_photos_and_are_repeatable() -> None:
    drawn = draw_photos(7, seed=3, draws=50)
    assert drawn.shape == (50, 7)
    assert (drawn.sum(axis=1) == 7).all()
    assert np.array_equal(drawn, draw_photos(7, seed=3, draws=50))
    assert not np.array_equal(drawn, draw_photos(7, seed=4, draws=50))


def test_resamples_without_a_value_are_left_out() -> None:
    draws = np.array([np.nan, *np.linspace(0, 1, 201)])
    assert around(0.4, draws) == pytest.approx([0.4, 0.025, 0.975])
    with pytest.raises(ValueError, match="no resample"):
        around(0.4, np.array([np.nan]))
