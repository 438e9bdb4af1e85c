"""What a photo teaches: its true boxes, and the teacher's where a class is not marked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.maxsight.boxes import iou_matrix
from engines.maxsight.classes import Vocabulary
from engines.maxsight.fit.pack import Frame
from engines.maxsight.fit.teacher import COCO_NAMES, TeacherBoxes

# A teacher's box is taken as an object above the first chance, and below the second not even seen
# as one; between them its place counts neither as object nor as background.
SURE_CHANCE, UNLIKELY_CHANCE = 0.35, 0.08
# How much of the teacher's chances for the other classes a true box is taught.
DARK_SHARE = 0.5
SAME_OBJECT_IOU = 0.5
OTHER_NAME_IOU = 0.7
# How far "the teacher sees nothing" counts as background, next to "a person marked nothing".
TEACHER_BACKGROUND = 0.5
EDGE_PX = 2.0


@dataclass(frozen=True)
class Labels:
    """The boxes of one photo to learn from.

    Attributes:
        boxes: (N, 4) float32, x0, y0, x1, y1 in pixels of the photo.
        classes: (N,) indices of trained classes.
        chances: (N,) how surely the box is right: 1 for true ones.
        wanted: (N, C) float32, the class scores to learn for a perfect box.
        is_ignored: (N,) neither object nor background for its class.
        is_cut: (N,) touches the edge of the photo.
        known: (C,) weight of "nothing is here": 1 marked, 0 unknown.
    """

    boxes: np.ndarray
    classes: np.ndarray
    chances: np.ndarray
    wanted: np.ndarray
    is_ignored: np.ndarray
    is_cut: np.ndarray
    known: np.ndarray


def make_labels(frame: Frame, seen: TeacherBoxes, words: Vocabulary) -> Labels:
    """Join the true boxes of a photo with the teacher's for the classes that it does not mark."""
    count = len(words.trained)
    teachable = np.array([name in COCO_NAMES for name in words.trained_ids])
    known = np.where(frame.is_annotated, 1.0, np.where(teachable, TEACHER_BACKGROUND, 0.0))
    overlap = iou_matrix(frame.boxes, seen.boxes)

    wanted = np.eye(count, dtype=np.float32)[frame.classes].reshape(-1, count)
    for index in range(len(frame.boxes)):
        if len(seen.boxes) and overlap[index].max() >= SAME_OBJECT_IOU:
            dark = DARK_SHARE * seen.soft[overlap[index].argmax()]
            wanted[index] = np.maximum(wanted[index], dark)

    is_open = ~frame.is_annotated[seen.classes]
    other_name = np.zeros(len(seen.boxes), bool)
    if len(frame.boxes):
        other_name = overlap.max(axis=0) >= OTHER_NAME_IOU
    is_likely = seen.chances >= UNLIKELY_CHANCE
    taken = np.flatnonzero(is_open & is_likely)
    is_unsure = (seen.chances < SURE_CHANCE) | other_name
    teacher_wanted = DARK_SHARE * seen.soft[taken]
    teacher_wanted[np.arange(len(taken)), seen.classes[taken]] = seen.chances[taken]

    boxes = np.concatenate([frame.boxes, seen.boxes[taken]]).astype(np.float32)
    edges = np.array([frame.width, frame.height], np.float32)
    is_cut = (boxes[:, :2] <= EDGE_PX).any(axis=1) | (boxes[:, 2:] >= edges - EDGE_PX).any(axis=1)
    return Labels(
        boxes=boxes,
        classes=np.concatenate([frame.classes, seen.classes[taken]]).astype(np.int64),
        chances=np.concatenate([np.ones(len(frame.boxes)), seen.chances[taken]]).astype(np.float32),
        wanted=np.concatenate([wanted, teacher_wanted]).astype(np.float32),
        is_ignored=np.concatenate([frame.is_crowd, is_unsure[taken]]),
        is_cut=is_cut,
        known=known.astype(np.float32),
    )
