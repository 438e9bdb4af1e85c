"""Which classes may be named from which score, as tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.maxsight.fit.matching import ClassMatches
from engines.maxsight.fit.thresholds import (
    Reading,
    TrustRule,
    choose_reading,
    choose_thresholds,
    folds_of,
    threshold_of,
)
from tests.engines.maxsight.fit.toy import CAR, COUNT, DOG, PERSON, WORDS, toy_frame

RULE = TrustRule(min_boxes=4, min_precision=0.7, dangerous_precision=0.6, min_recall=0.5)


def matches_of(scores: list[float], hits: list[int], true: int, photos: int = 1) -> ClassMatches:
    """Make the detections of a class, best first, in turn in so many photos."""
    counts = np.full(photos, true // photos)
    return ClassMatches(
        np.arange(len(scores)) % photos, np.array(scores), np.array(hits, bool), counts
    )


# scores, hits, true boxes -> threshold for a dog
CASES: dict[str, tuple[list[float], list[int], int, float | None]] = {
    "all right": ([0.9, 0.8, 0.7], [1, 1, 1], 4, 0.7),
    "as low as precision allows": ([0.9, 0.8, 0.7, 0.6, 0.5], [1, 1, 0, 1, 0], 4, 0.6),
    "wrong ones first": ([0.9, 0.8, 0.7, 0.6], [0, 0, 1, 1], 4, None),
    "recovers after a wrong one": ([0.9, 0.8, 0.7, 0.6], [0, 1, 1, 1], 4, 0.6),
    "too little found": ([0.9], [1], 4, None),
    "too few boxes": ([0.9, 0.8, 0.7], [1, 1, 1], 3, None),
    "nothing seen": ([], [], 4, None),
    "equal scores stay together": ([0.9, 0.8, 0.7, 0.7, 0.7], [1, 1, 1, 0, 0], 4, 0.8),
    "never below the least score": ([0.9, 0.8, 0.03], [1, 1, 1], 4, 0.8),
    "rounded down": ([0.9, 0.812_377], [1, 1], 4, 0.8123),
}


@pytest.mark.parametrize(("scores", "hits", "true", "expected"), CASES.values(), ids=CASES.keys())
def test_a_dog_is_named_from_this_score_on(
    scores: list[float], hits: list[int], true: int, expected: float | None
) -> None:
    dog = WORDS.trained[DOG]
    found = threshold_of(matches_of(scores, hits, true), np.ones(1, np.int64), dog, RULE)
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_vehicle_that_can_be_a_danger_may_be_wrong_more_often() -> None:
    own = matches_of([0.9, 0.8, 0.7], [1, 1, 0], 2 * 2)
    once = np.ones(1, np.int64)
    assert threshold_of(own, once, WORDS.trained[DOG], RULE) == pytest.approx(0.8)
    assert threshold_of(own, once, WORDS.trained[CAR], RULE) == pytest.approx(0.7)


def test_only_the_chosen_photos_count_and_need_their_part_of_the_boxes() -> None:
    # The even detections are in the first photo and right, the odd ones in the second and wrong.
    own = matches_of([0.9, 0.8, 0.7, 0.6], [1, 0, 1, 0], 4, photos=2)
    dog = WORDS.trained[DOG]
    assert threshold_of(own, np.array([1, 0]), dog, RULE) == pytest.approx(0.7)
    assert threshold_of(own, np.array([0, 1]), dog, RULE) is None
    assert threshold_of(own, np.array([1, 1]), dog, RULE) is None


def test_classes_without_a_good_score_are_left_out() -> None:
    none = matches_of([], [], 0)
    rows = [none] * COUNT
    rows[PERSON] = matches_of([0.9, 0.8], [1, 1], 4)
    rows[DOG] = matches_of([0.9, 0.8], [0, 0], 4)
    chosen = choose_thresholds(rows, np.ones(1, np.int64), WORDS, RULE)
    assert chosen == {"person": pytest.approx(0.8)}


def test_the_rule_says_its_numbers_in_words() -> None:
    words = RULE.words
    for number in ("at least 4 true boxes", "0.7", "0.6", "0.5", "0.05"):
        assert number in words


def test_look_alikes_stay_in_one_part_and_every_source_is_in_each() -> None:
    frames = [
        toy_frame(number=number, path=Path(f"{source}_{number:03d}.jpg"))
        for source in "ab"
        for number in range(20)
    ]
    order = np.random.default_rng(0).permutation(len(frames))
    folds = folds_of([frames[index] for index in order])
    by_name = {frames[index].path.name: fold for index, fold in zip(order, folds, strict=True)}
    assert sorted(np.bincount(folds).tolist()) == [8] * 5
    assert [fold for _, fold in sorted(by_name.items())] == sorted(folds.tolist())


def test_a_larger_side_must_be_worth_its_time() -> None:
    def row(precision: int) -> list[ClassMatches]:
        hits = [1] * precision + [0] * (100 - precision)
        return [matches_of(np.linspace(0.9, 0.1, 100).tolist(), hits, 100)]

    once = np.ones(1, np.int64)
    close = {Reading(256, 0.0): row(60), Reading(256, 0.5): row(64), Reading(320, 0.0): row(64)}
    assert choose_reading(close, once) == Reading(256, 0.5)
    apart = {Reading(256, 0.0): row(60), Reading(320, 0.0): row(64), Reading(320, 0.5): row(64)}
    assert choose_reading(apart, once) == Reading(320, 0.0)
