"""Which detection is which true thing, and how precise that makes a class, over any photos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.maxsight.boxes import area, iou_matrix
from engines.maxsight.classes import Vocabulary
from engines.maxsight.decode import Detections
from engines.maxsight.fit.pack import Frame

MATCH_IOU = 0.5
# Owners of detections that have no true box.
FALSE, NEITHER = -1, -2
RECALLS = np.linspace(0, 1, 101)


@dataclass(frozen=True)
class ClassMatches:
    """The detections of one class in many photos that are right or wrong, best first.

    Attributes:
        photos: (N,) index of the photo of each.
        scores: (N,) falling.
        is_hit: (N,) whether it has a true box of its own.
        true_counts: (P,) true boxes of the class in each photo, crowds left out.
    """

    photos: NDArray[np.int64]
    scores: NDArray[np.float64]
    is_hit: NDArray[np.bool_]
    true_counts: NDArray[np.int64]

    def average_precision(self, weights: NDArray[np.int64]) -> float:
        """Compute AP50 as COCO does, each photo counted so often; NaN without a true box.

        Args:
            weights: (P,) from 0 up: 0 and 1 choose photos, others resample them.
        """
        true = int(self.true_counts @ weights)
        if true == 0:
            return float("nan")
        own = weights[self.photos]
        hits = np.cumsum(own * self.is_hit)
        seen = np.cumsum(own)
        precision = hits / np.maximum(seen, 1)
        # The best precision at this recall or a higher one.
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        places = np.searchsorted(hits / true, RECALLS, side="left")
        reached = places[places < len(envelope)]
        return float(envelope[reached].sum() / len(RECALLS))


def match(
    boxes: NDArray[np.float32],
    scores: NDArray[np.float32],
    true_boxes: NDArray[np.float32],
    is_crowd: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Give each detection of one class in one photo its true box, as COCO does.

    The best detection chooses first, and takes the free true box that it overlaps most, from an
    IoU of 0.5 on. One that lies by half on a crowd is neither right nor wrong.

    Returns:
        (N,) index of the true box of each detection, or FALSE, or NEITHER.
    """
    owners = np.full(len(boxes), FALSE, np.int64)
    if len(boxes) == 0 or len(true_boxes) == 0:
        return owners
    low = np.maximum(boxes[:, None, :2], true_boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], true_boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    own = area(boxes)[:, None]
    union = np.where(is_crowd[None], own, own + area(true_boxes)[None] - shared)
    overlap = shared / np.maximum(union, 1e-9)
    is_free = ~is_crowd
    for index in np.argsort(-scores, kind="stable"):
        fits = np.where(is_free, overlap[index], -1.0)
        best = int(fits.argmax())
        if fits[best] >= MATCH_IOU:
            owners[index] = best
            is_free[best] = False
        elif (overlap[index][is_crowd] >= MATCH_IOU).any():
            owners[index] = NEITHER
    return owners


def misnamed(boxes: NDArray[np.float32], frame: Frame) -> NDArray[np.bool_]:
    """Tell which boxes (N, 4) of a class that the photo does not mark are surely wrong, (N,).

    Nobody knows whether such a thing is there, but a box that fits a marked thing is that thing's,
    and has another name.
    """
    overlap = iou_matrix(boxes, frame.boxes[~frame.is_crowd])
    return np.asarray((overlap >= MATCH_IOU).any(axis=1))


def match_classes(
    frames: Sequence[Frame],
    found: Sequence[Detections],
    words: Vocabulary,
    *,
    counts_misnamed: bool = False,
) -> list[ClassMatches]:
    """Match all detections; those of a class that a photo does not mark are left out.

    Args:
        counts_misnamed: of these, those that fit a marked thing count as wrong.
    """
    count = len(words.trained)
    photos: list[list[int]] = [[] for _ in range(count)]
    scores: list[list[float]] = [[] for _ in range(count)]
    hits: list[list[bool]] = [[] for _ in range(count)]
    true_counts = np.zeros((count, len(frames)), np.int64)
    for photo, (frame, one) in enumerate(zip(frames, found, strict=True)):
        np.add.at(true_counts, (frame.classes[~frame.is_crowd], photo), 1)
        for index in np.unique(one.classes):
            mine, true = one.classes == index, frame.classes == index
            if frame.is_annotated[index]:
                owners = match(
                    one.boxes[mine], one.scores[mine], frame.boxes[true], frame.is_crowd[true]
                )
            elif counts_misnamed:
                owners = np.where(misnamed(one.boxes[mine], frame), FALSE, NEITHER)
            else:
                continue
            counted = owners != NEITHER
            photos[index] += [photo] * int(counted.sum())
            scores[index] += one.scores[mine][counted].astype(float).tolist()
            hits[index] += (owners[counted] >= 0).tolist()
    matches = []
    for index in range(count):
        own = np.array(scores[index], np.float64)
        order = np.argsort(-own, kind="mergesort")
        matches.append(
            ClassMatches(
                np.array(photos[index], np.int64)[order],
                own[order],
                np.array(hits[index], np.bool_)[order],
                true_counts[index],
            )
        )
    return matches


def mean_precision(
    matches: Sequence[ClassMatches],
    weights: NDArray[np.int64],
    *,
    min_boxes: int = 1,
) -> float:
    """Average AP50 over the classes with at least so many true boxes in all photos; NaN if none.

    Which classes count does not change with the weights.
    """
    values = [
        one.average_precision(weights)
        for one in matches
        if one.true_counts.sum() >= max(1, min_boxes)
    ]
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
