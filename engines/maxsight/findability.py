"""How easy a thing is to see for a person with low vision, and why it is not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE
from engines.maxsight.measures import ObjectMeasures, PictureMaps, measure_object
from engines.maxsight.tiers import Box, SeenObject, TrackedObject

Reason = Literal["small", "low_contrast", "clutter", "glare", "occluded"]

# Visual angle at the camera: nothing of it counts at the first, all of it at the second. A
# person with a visual acuity of 6/18 just reads a letter of 15 minutes of arc, a quarter degree.
SMALL_DEG, LARGE_DEG = 0.25, 2.0
# WCAG 2.2 asks this of graphics (success criterion 1.4.11, non-text contrast).
ENOUGH_CONTRAST = 3.0
# Edge density of the surroundings at which a thing is half hidden among other edges.
FULL_CLUTTER, CLUTTER_HIDES = 0.20, 0.5
# Share of clipped pixels in a thing and around it that hides it.
FULL_GLARE = 0.5
# A factor below this is a reason to name.
REASON_BELOW = 0.6
# Only what is nearer by this much hides; both distances are estimates.
NEARER = 0.85
# What a box covers to more than this stands before it: if hidden, it would not have been seen.
FULLY_COVERED = 0.85


@dataclass(frozen=True)
class Findability:
    """How easy a thing is to see.

    Attributes:
        box: where it is, pixels of the frame.
        score: 0 hard to 1 easy: the product of the factors.
        factors: of each reason, 0 hides it to 1 does not matter.
        reasons: those that make it hard, worst first.
        angle_deg: visual angle of the side of a square as large as its box, degrees.
        measures: contrasts; None where too few pixels show it.
    """

    box: Box
    score: float
    factors: dict[Reason, float]
    reasons: tuple[Reason, ...]
    angle_deg: float
    measures: ObjectMeasures | None


def findability_of(
    maps: PictureMaps, things: Sequence[SeenObject | TrackedObject]
) -> tuple[Findability, ...]:
    """Judge how easy each thing is to see, in their order.

    small = log(angle / 0.25°) / log(2° / 0.25°); low contrast = log(stand-out ratio) / log(3);
    clutter = 1 - 0.5 * edge density around it / 0.20; glare = 1 - 2 * share of glare; occluded =
    1 - share that nearer things cover; each limited to [0, 1]. The product is the score. A thing of
    too few pixels for its contrast has none.

    Args:
        maps: of the frame that the things are in.
    """
    return tuple(_judge(maps, thing, things) for thing in things)


def _judge(
    maps: PictureMaps,
    thing: SeenObject | TrackedObject,
    things: Sequence[SeenObject | TrackedObject],
) -> Findability:
    x0, y0, x1, y1 = thing.box
    side_px = math.sqrt(max(0.0, x1 - x0) * max(0.0, y1 - y0))
    focal_px = FOCAL_PER_LONGER_SIDE * max(maps.frame_size)
    angle_deg = math.degrees(2 * math.atan(side_px / 2 / focal_px))
    measures = measure_object(maps, thing.box)
    values: dict[Reason, float] = {
        "small": math.log(max(angle_deg, 1e-6) / SMALL_DEG) / math.log(LARGE_DEG / SMALL_DEG),
        "low_contrast": 0.0,
        "clutter": 1.0,
        "glare": 1.0,
        "occluded": 1 - hidden_share(thing, things),
    }
    if measures is not None:
        values["low_contrast"] = math.log(measures.standout_ratio) / math.log(ENOUGH_CONTRAST)
        values["clutter"] = 1 - CLUTTER_HIDES * min(1.0, measures.clutter / FULL_CLUTTER)
        values["glare"] = 1 - measures.glare_share / FULL_GLARE
    factors = {reason: min(1.0, max(0.0, value)) for reason, value in values.items()}
    reasons = sorted(
        (reason for reason, factor in factors.items() if factor < REASON_BELOW),
        key=lambda reason: factors[reason],
    )
    score = math.prod(factors.values())
    return Findability(thing.box, score, factors, tuple(reasons), angle_deg, measures)


def hidden_share(
    thing: SeenObject | TrackedObject, things: Sequence[SeenObject | TrackedObject]
) -> float:
    """Return the share of a thing's box, in [0, 1], that the boxes of nearer things cover."""
    x0, y0, x1, y1 = thing.box
    if x1 <= x0 or y1 <= y0:
        return 0.0
    # A grid of 32 x 32 points over the box; counting its points takes care of overlaps.
    steps = (np.arange(32) + 0.5) / 32
    columns, rows = x0 + steps * (x1 - x0), y0 + steps * (y1 - y0)
    is_hidden = np.zeros((32, 32), np.bool_)
    for other in things:
        if other is thing or not other.distance_m < NEARER * thing.distance_m:
            continue
        left, top, right, bottom = other.box
        across = (columns >= left) & (columns < right)
        down = (rows >= top) & (rows < bottom)
        covered = down[:, None] & across[None, :]
        if covered.mean() <= FULLY_COVERED:
            is_hidden |= covered
    return float(is_hidden.mean())
