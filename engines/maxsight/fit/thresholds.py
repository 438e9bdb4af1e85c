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

FOLDS = 5
# A larger input costs time in every frame and must be worth it.
SIDE_MARGIN = 0.01


@dataclass(frozen=True)
class TrustRule:
    """When a class may be named. Precision and recall are at an IoU of 0.5, on val.

    Attributes:
        min_boxes: true boxes of it on val, crowds and difficult ones left out.
        min_precision: least precision from its threshold on.
        dangerous_precision: the same for vehicles that can be a danger; missing one is worse than
            naming one too many.
        min_recall: least recall.
        least_score: no threshold is lower.
    """

    min_boxes: int = 15
    min_precision: float = 0.7
    dangerous_precision: float = 0.6
    min_recall: float = 0.2
    least_score: float = 0.05

    @property
    def words(self) -> str:
        """The rule as sentences, for the card."""
        return (
            f"A class is named if val has at least {self.min_boxes} true boxes of it (crowds and "
            "difficult ones left out) and there is a score from which on precision is at least "
            f"{self.min_precision} ({self.dangerous_precision} for vehicles that can be a danger, "
            f"as missing one is worse) and recall at least {self.min_recall}, at an IoU of 0.5. "
            "In photos that do not mark the class, its boxes on things with another name count as "
            "wrong, and the others not at all. "
            f"Its threshold is the lowest such score, and never below {self.least_score}. The rule "
            "was set before these numbers were seen."
        )

    def precision_for(self, one: ObjectClass) -> float:
        """Return the least precision at which a class may be named."""
        is_dangerous = one.base_urgency >= DANGEROUS_BASE
        return self.dangerous_precision if is_dangerous else self.min_precision


@dataclass(frozen=True)
class Reading:
    """How the network is used and its outputs read: input side in pixels, and objectness power."""

    side: int
    power: float


def threshold_of(
    matches: ClassMatches,
    weights: NDArray[np.int64],
    one: ObjectClass,
    rule: TrustRule,
) -> float | None:
    """Return the lowest score from which on a class is good enough; None if there is none.

    Args:
        weights: (photos,) 1 for those to choose on, 0 for the others. On a part of the photos a
            class needs only that part of the boxes.
    """
    true = int(matches.true_counts @ weights)
    part = float(np.count_nonzero(weights)) / len(weights)
    chosen = weights[matches.photos] > 0
    scores, is_hit = matches.scores[chosen], matches.is_hit[chosen]
    if true < max(1.0, rule.min_boxes * part) or len(scores) == 0:
        return None
    hits = np.cumsum(is_hit)
    is_precise = hits / np.arange(1, len(hits) + 1) >= rule.precision_for(one)
    # A threshold cannot part equal scores.
    is_last = np.append(scores[1:] < scores[:-1], True)
    is_good = is_precise & (hits / true >= rule.min_recall) & is_last
    places = np.flatnonzero(is_good & (scores >= rule.least_score))
    if len(places) == 0:
        return None
    # Rounded down, so that the lowest detection that counted stays in.
    return max(rule.least_score, float(np.floor(scores[places[-1]] * 1e4) / 1e4))


def choose_thresholds(
    matches: Sequence[ClassMatches],
    weights: NDArray[np.int64],
    words: Vocabulary,
    rule: TrustRule,
) -> dict[str, float]:
    """Return class id -> least score, for the classes that may be named."""
    thresholds = {}
    for one, own in zip(words.trained, matches, strict=True):
        least = threshold_of(own, weights, one, rule)
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
