"""True boxes and the teacher's become the labels of one photo."""

from __future__ import annotations

import numpy as np
import pytest

from engines.maxsight.fit.labels import Labels, make_labels
from tests.engines.maxsight.fit.toy import (
    CAR,
    COUNT,
    DOG,
    DOOR,
    PERSON,
    WORDS,
    Mark,
    labels_of,
    seen_boxes,
    toy_frame,
)

HERE, ELSEWHERE = (20.0, 20.0, 60.0, 100.0), (150.0, 20.0, 200.0, 60.0)
# 75 of 85 pixels of height are shared: the same thing, marked a little lower.
ALMOST_HERE = (20.0, 25.0, 60.0, 105.0)


def one_hot(class_index: int, value: float = 1.0) -> list[float]:
    return [value if index == class_index else 0.0 for index in range(COUNT)]


def labels_with_teacher(
    *seen: tuple[int, tuple[float, float, float, float], float],
    marks: tuple[Mark, ...] = (),
    annotated: tuple[int, ...] = (),
) -> Labels:
    return make_labels(toy_frame(*marks, annotated=annotated), seen_boxes(*seen), WORDS)


def test_true_boxes_are_taught_as_they_are() -> None:
    labels = labels_of(toy_frame((PERSON, HERE), (DOOR, ELSEWHERE)))
    assert labels.boxes.tolist() == [list(HERE), list(ELSEWHERE)]
    assert labels.classes.tolist() == [PERSON, DOOR]
    assert labels.chances.tolist() == [1, 1]
    assert labels.wanted.tolist() == [one_hot(PERSON), one_hot(DOOR)]
    assert not labels.is_ignored.any() and not labels.is_cut.any()


def test_a_photo_without_anything_has_empty_labels() -> None:
    labels = labels_of(toy_frame())
    shapes = [part.shape for part in (labels.boxes, labels.classes, labels.wanted)]
    assert shapes == [(0, 4), (0,), (0, COUNT)]
    assert labels.known.tolist() == [1] * COUNT


def test_a_crowd_is_neither_object_nor_background() -> None:
    labels = labels_of(toy_frame((PERSON, HERE), (PERSON, ELSEWHERE), crowds=[1]))
    assert labels.is_ignored.tolist() == [False, True]


def test_nothing_marked_means_most_where_people_looked_and_nothing_where_nobody_could() -> None:
    known = labels_of(toy_frame(annotated=[PERSON])).known
    assert known[PERSON] == 1  # marked by people
    assert known[CAR] == 0.5  # only the teacher looked
    assert known[DOOR] == 0  # which knows no doors


TEACHER = {
    "sure": (0.6, False, 1, False),
    "at the limit of sure": (0.35, False, 1, False),
    "unsure": (0.34, False, 1, True),
    "at the limit of likely": (0.08, False, 1, True),
    "unlikely": (0.07, False, 0, False),
    "a class that people marked": (0.9, True, 0, False),
}


@pytest.mark.parametrize(
    ("chance", "is_marked", "count", "is_ignored"), TEACHER.values(), ids=TEACHER.keys()
)
def test_the_teacher_is_heard_where_people_did_not_look(
    chance: float, is_marked: bool, count: int, is_ignored: bool
) -> None:
    labels = labels_with_teacher((CAR, HERE, chance), annotated=(CAR,) if is_marked else ())
    assert labels.classes.tolist() == [CAR] * count
    assert labels.is_ignored.tolist() == [is_ignored] * count
    assert labels.chances.tolist() == pytest.approx([chance] * count)
    assert labels.wanted.tolist() == [pytest.approx(one_hot(CAR, chance))] * count


def test_the_teacher_s_other_names_for_a_thing_are_taught_at_half() -> None:
    seen = seen_boxes((CAR, HERE, 0.8))
    seen.soft[0, DOG] = 0.4
    (wanted,) = make_labels(toy_frame(annotated=[PERSON]), seen, WORDS).wanted
    assert wanted[[CAR, DOG]].tolist() == pytest.approx([0.8, 0.2])
    assert np.delete(wanted, [CAR, DOG]).tolist() == [0] * (COUNT - 2)


def test_a_true_box_learns_half_of_what_the_teacher_takes_it_for() -> None:
    seen = ((DOG, ALMOST_HERE, 0.6),)
    marks = ((PERSON, HERE), (PERSON, ELSEWHERE))
    labels = labels_with_teacher(*seen, marks=marks, annotated=(PERSON, DOG))
    assert labels.classes.tolist() == [PERSON, PERSON]
    assert labels.wanted[0, [PERSON, DOG]].tolist() == pytest.approx([1, 0.3])
    assert labels.wanted[1].tolist() == one_hot(PERSON)


def test_another_name_on_a_marked_thing_is_ignored_however_sure() -> None:
    seen = ((DOG, ALMOST_HERE, 0.9), (DOG, ELSEWHERE, 0.9))
    labels = labels_with_teacher(*seen, marks=((PERSON, HERE),), annotated=(PERSON,))
    assert labels.classes.tolist() == [PERSON, DOG, DOG]
    assert labels.is_ignored.tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("box", "is_cut"),
    [
        ((3, 3, 317, 237), False),
        ((2, 50, 90, 90), True),
        ((50, 2, 90, 90), True),
        ((50, 50, 318, 90), True),
        ((50, 50, 90, 238), True),
    ],
    ids=["inside", "left edge", "top edge", "right edge", "bottom edge"],
)
def test_what_touches_the_edge_of_the_photo_is_cut(
    box: tuple[float, float, float, float], is_cut: bool
) -> None:
    assert labels_of(toy_frame((PERSON, box))).is_cut.tolist() == [is_cut]
    assert labels_with_teacher((PERSON, box, 0.5)).is_cut.tolist() == [is_cut]
