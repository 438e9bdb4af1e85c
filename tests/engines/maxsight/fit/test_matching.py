"""Matching and average precision: equal to COCO's own, and on resampled photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engines.maxsight.decode import Detections
from engines.maxsight.fit.evaluate import average_precision
from engines.maxsight.fit.matching import (
    FALSE,
    NEITHER,
    ClassMatches,
    match,
    match_classes,
    mean_precision,
    misnamed,
)
from engines.maxsight.fit.pack import Frame
from tests.engines.maxsight.fit.toy import CAR, DOG, DOOR, PERSON, WORDS, toy_frame

Box = tuple[float, float, float, float]
LEFT, RIGHT = (0.0, 0.0, 40.0, 40.0), (100.0, 0.0, 140.0, 40.0)
ALMOST_LEFT, HALF_LEFT = (4.0, 0.0, 44.0, 40.0), (0.0, 0.0, 40.0, 19.0)

# boxes best first, true boxes, which of them are crowds -> owners
CASES: dict[str, tuple[list[Box], list[Box], list[bool], list[int]]] = {
    "each its own": ([LEFT, RIGHT], [RIGHT, LEFT], [False, False], [1, 0]),
    "the best one takes it": ([ALMOST_LEFT, LEFT], [LEFT], [False], [0, FALSE]),
    "the one it overlaps most": ([LEFT], [ALMOST_LEFT, LEFT], [False, False], [1]),
    "less than half": ([HALF_LEFT], [LEFT], [False], [FALSE]),
    "any number on a crowd": ([LEFT, HALF_LEFT], [LEFT], [True], [NEITHER, NEITHER]),
    "a thing before a crowd": ([LEFT], [LEFT, LEFT], [True, False], [1]),
    "nothing true": ([LEFT], [], [], [FALSE]),
    "nothing seen": ([], [LEFT], [False], []),
}


@pytest.mark.parametrize(("boxes", "true", "crowds", "owners"), CASES.values(), ids=CASES.keys())
def test_detections_find_their_true_boxes(
    boxes: list[Box], true: list[Box], crowds: list[bool], owners: list[int]
) -> None:
    found = match(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.linspace(0.9, 0.1, len(boxes), dtype=np.float32),
        np.array(true, np.float32).reshape(-1, 4),
        np.array(crowds, bool),
    )
    assert found.tolist() == owners


def random_photos(seed: int, count: int = 12) -> tuple[list[Frame], list[Detections]]:
    """Make photos with true boxes, crowds and unmarked classes, and detections near and far."""
    rng = np.random.default_rng(seed)
    frames, found = [], []
    for number in range(count):
        corners = rng.uniform(0, 200, (rng.integers(0, 6), 2))
        true = np.concatenate([corners, corners + rng.uniform(15, 80, corners.shape)], axis=1)
        classes = rng.choice([PERSON, CAR, DOG], len(true))
        marked = rng.choice([PERSON, CAR, DOG], 2, replace=False)
        kept = np.isin(classes, marked)
        true, classes = true[kept], classes[kept]
        frames.append(
            toy_frame(
                *zip(classes.tolist(), true.tolist(), strict=True),
                number=number + 1,
                crowds=np.flatnonzero(rng.random(len(true)) < 0.2).tolist(),
                annotated=marked.tolist(),
            )
        )
        near = np.repeat(true, 3, axis=0) + rng.normal(0, 6, (3 * len(true), 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2])
        away = rng.uniform(0, 200, (4, 2))
        boxes = np.concatenate([near, np.concatenate([away, away + 30], axis=1)])
        scores = rng.uniform(0.05, 0.95, len(boxes))
        order = np.argsort(-scores)
        own = np.concatenate([np.repeat(classes, 3), rng.choice([PERSON, CAR, DOG], 4)])
        found.append(
            Detections(
                boxes[order].astype(np.float32),
                scores[order].astype(np.float32),
                own[order].astype(np.int64),
                np.zeros(len(boxes), np.int64),
            )
        )
    return frames, found


@pytest.mark.parametrize("seed", range(6))
def test_average_precision_is_cocos_own(seed: int) -> None:
    frames, found = random_photos(seed)
    theirs = average_precision(frames, found, WORDS)
    matches = match_classes(frames, found, WORDS)
    once = np.ones(len(frames), np.int64)
    for name, value in theirs.by_class.items():
        own = matches[WORDS.index_of(name)]
        assert own.true_counts.sum() == theirs.box_counts[name]
        assert own.average_precision(once) == pytest.approx(value, abs=1e-9)
    assert mean_precision(matches, once) == pytest.approx(theirs.mean())


def test_a_photo_that_counts_twice_is_a_photo_that_is_there_twice() -> None:
    frames, found = random_photos(9)
    weights = np.random.default_rng(0).integers(0, 4, len(frames))
    copies = [
        (replace(frame, id=100 * copy + frame.id), one)
        for frame, one, weight in zip(frames, found, weights, strict=True)
        for copy in range(weight)
    ]
    theirs = average_precision([c[0] for c in copies], [c[1] for c in copies], WORDS)
    matches = match_classes(frames, found, WORDS)
    for name, value in theirs.by_class.items():
        own = matches[WORDS.index_of(name)].average_precision(weights)
        assert own == pytest.approx(value, abs=1e-9)


def test_without_a_true_box_there_is_no_precision() -> None:
    one = ClassMatches(np.zeros(0, np.int64), np.zeros(0), np.zeros(0, bool), np.array([1, 0]))
    assert one.average_precision(np.array([1, 1])) == 0
    assert np.isnan(one.average_precision(np.array([0, 1])))
    assert np.isnan(mean_precision([one], np.array([0, 1])))


def test_the_mean_asks_for_boxes_in_all_photos() -> None:
    frames, found = random_photos(2)
    matches = match_classes(frames, found, WORDS)
    once = np.ones(len(frames), np.int64)
    most = max(range(len(matches)), key=lambda index: matches[index].true_counts.sum())
    least = int(matches[most].true_counts.sum())
    assert mean_precision(matches, once, min_boxes=least) == pytest.approx(
        matches[most].average_precision(once)
    )


def test_what_fits_a_thing_with_another_name_may_count_as_wrong() -> None:
    dog = (10.0, 10.0, 110.0, 110.0)
    frame = toy_frame(
        (DOG, dog), (CAR, (200.0, 0.0, 300.0, 100.0)), crowds=[1], annotated=[DOG, CAR]
    )
    boxes = np.array([dog, (120.0, 120.0, 200.0, 200.0), (200.0, 0.0, 300.0, 100.0)], np.float32)
    assert misnamed(boxes, frame).tolist() == [True, False, False]
    assert misnamed(boxes, toy_frame(annotated=[DOG])).tolist() == [False, False, False]
    seen = Detections(
        boxes, np.array([0.9, 0.8, 0.7], np.float32), np.full(3, DOOR), np.zeros(3, np.int64)
    )
    plain, strict = (
        match_classes([frame], [seen], WORDS, counts_misnamed=is_strict)[DOOR]
        for is_strict in (False, True)
    )
    assert plain.scores.tolist() == []
    assert strict.scores.tolist() == [pytest.approx(0.9)] and not strict.is_hit.any()
