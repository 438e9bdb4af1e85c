"""Average precision, against cases worked by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.maxsight.decode import Detections
from engines.maxsight.fit.evaluate import Precision, average_precision, write_numbers
from tests.engines.maxsight.fit.toy import CAR, COUNT, DOG, PERSON, WORDS, toy_frame

HERE, THERE, NOWHERE = (
    (10.0, 10.0, 50.0, 50.0), (100.0, 10.0, 150.0, 60.0), (200.0, 100.0, 260.0, 180.0),
)  # fmt: skip
# Half of HERE, and a little less.
HALF = (10.0, 10.0, 50.0, 30.0)
LESS = (10.0, 10.0, 50.0, 29.0)
Found = tuple[int, tuple[float, float, float, float], float]


def detections(*found: Found) -> Detections:
    return Detections(
        boxes=np.array([box for _, box, _ in found], np.float32).reshape(-1, 4),
        scores=np.array([score for _, _, score in found], np.float32),
        classes=np.array([class_index for class_index, _, _ in found], np.int64),
        zones=np.zeros(len(found), np.int64),
    )


# COCO reads precision at the recalls 0, 0.01, ... 1: finding one of two things gives 51 of them.
ONE_PHOTO: dict[str, tuple[tuple[Found, ...], float]] = {
    "both found": (((PERSON, HERE, 0.9), (PERSON, THERE, 0.8)), 1.0),
    "one of two": (((PERSON, HERE, 0.9),), 51 / 101),
    "nothing": ((), 0.0),
    "only another class": (((CAR, HERE, 0.9),), 0.0),
    "a wrong box first": (
        ((PERSON, NOWHERE, 0.9), (PERSON, HERE, 0.8), (PERSON, THERE, 0.7)), 2 / 3,
    ),
    "a wrong box between": (
        ((PERSON, HERE, 0.9), (PERSON, NOWHERE, 0.8), (PERSON, THERE, 0.7)),
        (51 + 50 * 2 / 3) / 101,
    ),
    "a wrong box last": (
        ((PERSON, HERE, 0.9), (PERSON, THERE, 0.8), (PERSON, NOWHERE, 0.7)), 1.0,
    ),
    "one thing twice": (
        ((PERSON, HERE, 0.9), (PERSON, HERE, 0.8), (PERSON, THERE, 0.7)),
        (51 + 50 * 2 / 3) / 101,
    ),
    "just half of it": (((PERSON, HALF, 0.9),), 51 / 101),
    "less than half": (((PERSON, LESS, 0.9),), 0.0),
}  # fmt: skip


@pytest.mark.parametrize(("found", "expected"), ONE_PHOTO.values(), ids=ONE_PHOTO.keys())
def test_two_people_in_a_photo(found: tuple[Found, ...], expected: float) -> None:
    frame = toy_frame((PERSON, HERE), (PERSON, THERE))
    precision = average_precision([frame], [detections(*found)], WORDS)
    assert precision.by_class == {"person": pytest.approx(expected)}
    assert precision.box_counts["person"] == 2


def test_photos_are_judged_together_by_score() -> None:
    frames = [toy_frame((PERSON, HERE), number=1), toy_frame((PERSON, HERE), number=2)]
    found = [detections((PERSON, NOWHERE, 0.9)), detections((PERSON, HERE, 0.8))]
    assert average_precision(frames, found, WORDS).by_class == {
        "person": pytest.approx(0.5 * 51 / 101)
    }


def test_a_class_that_a_photo_does_not_mark_is_neither_right_nor_wrong() -> None:
    marked = toy_frame((DOG, HERE), number=1)
    silent = toy_frame(number=2, annotated=[PERSON])
    guesses = [detections((DOG, HERE, 0.5)), detections((DOG, HERE, 0.9))]
    assert average_precision([marked, silent], guesses, WORDS).by_class == {"dog": pytest.approx(1)}
    empty = toy_frame(number=2)
    assert average_precision([marked, empty], guesses, WORDS).by_class == {
        "dog": pytest.approx(0.5)
    }


def test_boxes_on_a_crowd_are_neither_right_nor_wrong() -> None:
    frame = toy_frame((PERSON, HERE), (PERSON, NOWHERE), crowds=[1])
    part = (210.0, 110.0, 230.0, 150.0)
    found = detections((PERSON, part, 0.9), (PERSON, HERE, 0.8))
    precision = average_precision([frame], [found], WORDS)
    assert precision.by_class == {"person": pytest.approx(1)}
    assert precision.box_counts["person"] == 1


def test_classes_do_not_mix() -> None:
    frame = toy_frame((PERSON, HERE), (CAR, THERE), (DOG, NOWHERE))
    found = detections((PERSON, HERE, 0.9), (CAR, HERE, 0.8), (CAR, THERE, 0.7))
    precision = average_precision([frame], [found], WORDS)
    assert precision.by_class == pytest.approx({"person": 1.0, "car": 0.5, "dog": 0.0})
    assert precision.mean() == pytest.approx(0.5)
    assert len(precision.box_counts) == COUNT and sum(precision.box_counts.values()) == 3


def test_every_photo_needs_its_list() -> None:
    with pytest.raises(ValueError):
        average_precision([toy_frame(number=1), toy_frame(number=2)], [detections()], WORDS)


@pytest.mark.parametrize(("min_boxes", "expected"), [(1, 0.4), (10, 0.6), (100, 0.9), (101, 0.0)])
def test_the_mean_is_over_classes_with_enough_boxes(min_boxes: int, expected: float) -> None:
    counts = {"person": 100, "car": 10, "dog": 9, "cat": 0}
    precision = Precision({"person": 0.9, "car": 0.3, "dog": 0.0}, counts)
    assert precision.mean(min_boxes) == pytest.approx(expected)


def test_numbers_are_written_by_class(tmp_path: Path) -> None:
    write_numbers(tmp_path / "ap.json", Precision({"dog": 0.25}, {"dog": 4}))
    assert json.loads((tmp_path / "ap.json").read_text()) == {"by_class": {"dog": 0.25}}
