"""From which score on a class may be named, and which classes are named at all.

The rule was set before any of its numbers were seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.maxsight.classes import ObjectClass, Vocabulary
from engines.maxsight.fit.evaluate import MANY_BOXES
from engines.maxsight.fit.matching import ClassMatches, mean_precision
from engines.maxsight.fit.pack import Frame
from engines.maxsight.urgency import DANGEROUS_BASE

MIN_BOXES = 15
MIN_PRECISION, MIN_RECALL = 0.7, 0.2
# Vehicles that can be a danger: missing one is worse than naming one too many.
DANGEROUS_PRECISION = 0.6
LEAST_SCORE = 0.05
FOLDS = 5
# A larger input costs time in every frame and must be worth it.
SIDE_MARGIN = 0.01

TRUST_RULE = (
    f"A class is named if val has at least {MIN_BOXES} true boxes of it (crowds and difficult ones "
    f"left out) and there is a score from which on precision is at least {MIN_PRECISION} "
    f"({DANGEROUS_PRECISION} for vehicles that can be a danger: missing one is worse) and recall "
    f"at least {MIN_RECALL}, at an IoU of 0.5. Its threshold is the lowest such score, and never "
    f"below {LEAST_SCORE}. The rule was set before these numbers were seen."
)


@dataclass(frozen=True)
class Reading:
    """How the network is used and its outputs read: input side in pixels, and objectness power."""

    side: int
    power: float


def precision_wanted(one: ObjectClass) -> float:
    """Return the least precision at which a class may be named."""
    return DANGEROUS_PRECISION if one.base_urgency >= DANGEROUS_BASE else MIN_PRECISION


def threshold_of(
    matches: ClassMatches,
    weights: NDArray[np.int64],
    *,
    min_precision: float,
    min_boxes: float = MIN_BOXES,
) -> float | None:
    """Return the lowest score from which on a class is good enough; None if there is none.

    Args:
        weights: (photos,) 1 for those to choose on, 0 for the others.
    """
    true = int(matches.true_counts @ weights)
    chosen = weights[matches.photos] > 0
    scores, is_hit = matches.scores[chosen], matches.is_hit[chosen]
    if true < max(1.0, min_boxes) or len(scores) == 0:
        return None
    hits = np.cumsum(is_hit)
    good = (hits / np.arange(1, len(hits) + 1) >= min_precision) & (hits / true >= MIN_RECALL)
    # A threshold cannot part equal scores.
    is_last = np.append(scores[1:] < scores[:-1], True)
    places = np.flatnonzero(good & is_last & (scores >= LEAST_SCORE))
    if len(places) == 0:
        return None
    # Rounded down, so that the lowest detection that counted stays in.
    return max(LEAST_SCORE, float(np.floor(scores[places[-1]] * 1e4) / 1e4))


def choose_thresholds(
    matches: Sequence[ClassMatches], weights: NDArray[np.int64], words: Vocabulary
) -> dict[str, float]:
    """Return class id -> least score, for the classes that may be named.

    On a part of the photos a class needs only that part of MIN_BOXES.
    """
    part = float(np.count_nonzero(weights)) / len(weights)
    thresholds = {}
    for one, own in zip(words.trained, matches, strict=True):
        least = threshold_of(
            own, weights, min_precision=precision_wanted(one), min_boxes=MIN_BOXES * part
        )
        if least is not None:
            thresholds[one.id] = least
    return thresholds


def folds_of(frames: Sequence[Frame], count: int = FOLDS) -> NDArray[np.int64]:
    """Return the fold of each photo: each source, in the order of its files, is cut into parts.

    Photos that look alike follow each other in their source, so they mostly share a fold.
    """
    folds = np.zeros(len(frames), np.int64)
    for source in sorted({frame.source for frame in frames}):
        own = [index for index, frame in enumerate(frames) if frame.source == source]
        own.sort(key=lambda index: frames[index].path.name)
        folds[own] = np.arange(len(own)) * count // len(own)
    return folds


def score_of(matches: Sequence[ClassMatches], weights: NDArray[np.int64]) -> float:
    """Return what training keeps the best of: mean of mAP50 over all and over common classes."""
    every = mean_precision(matches, weights)
    common = mean_precision(matches, weights, min_boxes=MANY_BOXES)
    return every if np.isnan(common) else (every + common) / 2


def choose_reading(
    candidates: Mapping[Reading, Sequence[ClassMatches]], weights: NDArray[np.int64]
) -> Reading:
    """Return the best power of the smallest side that is within 0.01 of the best score."""
    scores = {reading: score_of(own, weights) for reading, own in candidates.items()}
    enough = max(scores.values()) - SIDE_MARGIN
    side = min(reading.side for reading, score in scores.items() if score >= enough)
    own_side = [reading for reading in scores if reading.side == side]
    return max(own_side, key=lambda reading: (scores[reading], -reading.power))
