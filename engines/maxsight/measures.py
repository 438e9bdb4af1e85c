"""What makes a picture hard to see in: contrast, glare and clutter, with units and sources."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.frames import to_rgb
from engines.maxsight.tiers import Box, SeenObject, TrackedObject, Zone

DifficultyReason = Literal["blocked", "crowded", "crossing", "clutter", "glare", "dark"]

# Everything is measured in a picture this small.
LONGER_SIDE_PX = 320
# Levels of red, green and blue from here on are taken for clipped.
GLARE_LEVEL = 250
# Canny's thresholds on grey levels; the lower joins what the upper begins.
EDGE_LOW, EDGE_HIGH = 60, 150
# The rim of a box shows what is behind the thing.
INNER_SHARE = 0.6
# The surroundings are as wide as this share of the box, and at least so many small pixels.
AROUND_SHARE, AROUND_PX = 0.25, 3
# So many pixels are needed to speak of a thing or its surroundings.
MIN_PIXELS = 4
# WCAG adds the light that the screen reflects.
WCAG_FLARE = 0.05

# Where each difficulty is full: metres free, things nearer than three metres, things crossing,
# share of edges, share of glare; and the luminance below which it is dark.
FREE_ENOUGH_M, CROWD, CROSSERS, FULL_CLUTTER, FULL_GLARE = 5.0, 4, 2, 0.25, 0.25
DARK_BELOW = 0.02
# How much each can count, chosen by what people with low vision report as hardest, not fitted.
DIFFICULTY_WEIGHTS: dict[DifficultyReason, float] = {
    "blocked": 0.6, "crowded": 0.5, "crossing": 0.5, "clutter": 0.3, "glare": 0.4, "dark": 0.5,
}  # fmt: skip
# What counts less than this is no reason to name.
MIN_REASON = 0.15
# How much each counts in a thing's priority; together 1.
BY_URGENCY, BY_NEARNESS, BY_APPROACH, BY_MIDDLE = 0.5, 0.2, 0.2, 0.1
# A contact in this time or less counts fully, in seconds.
SOON_S = 2.0


@dataclass(frozen=True)
class PictureMaps:
    """What is measured once in each picture, for all things in it.

    Attributes:
        luminance: (h, w) float32, relative luminance in [0, 1].
        is_edge: (h, w) bool.
        is_glare: (h, w) bool.
        frame_size: height and width that boxes are in, pixels.
    """

    luminance: NDArray[np.float32]
    is_edge: NDArray[np.bool_]
    is_glare: NDArray[np.bool_]
    frame_size: tuple[int, int]

    def part(self, box: Box) -> tuple[slice, slice]:
        """Return the rows and columns of the maps that a box covers; perhaps none."""
        scale = max(self.luminance.shape) / max(self.frame_size)
        x0, y0, x1, y1 = (scale * side for side in box)
        rows, columns = self.luminance.shape
        top, bottom = max(0, round(y0)), min(rows, max(0, round(y1)))
        left, right = max(0, round(x0)), min(columns, max(0, round(x1)))
        return slice(top, bottom), slice(left, right)


@dataclass(frozen=True)
class PictureMeasures:
    """A picture as a whole.

    Attributes:
        luminance: mean relative luminance, 0 black to 1 white.
        michelson: (brightest - darkest) / (brightest + darkest), 0 to 1, of the 99th and 1st
            percentile of luminance (Michelson 1927).
        rms: standard deviation of luminance, 0 to 0.5 (Peli 1990, "Contrast in complex images").
        glare_share: share of pixels whose three channels are clipped, 0 to 1.
        clutter: edge density, share of pixels on an edge, 0 to 1; busy streets reach about 0.2
            (Rosenholtz, Li & Nakano 2007, "Measuring visual clutter"; Mack & Oliva 2004).
    """

    luminance: float
    michelson: float
    rms: float
    glare_share: float
    clutter: float


@dataclass(frozen=True)
class ObjectMeasures:
    """A thing and its surroundings, a ring around its box.

    Attributes:
        michelson: |thing - surroundings| / (thing + surroundings), 0 to 1, median luminances.
        rms: standard deviation of luminance in box and ring together, 0 to 0.5.
        wcag_ratio: (lighter + 0.05) / (darker + 0.05), 1 to 21, median luminances of thing and
            surroundings (WCAG 2.2, contrast ratio); 3 is asked of graphics.
        standout_ratio: the same between each pixel of the thing and the surroundings, its upper
            quartile: a chequered thing on grey stands out, though their medians are equal.
        clutter: edge density of the ring alone, 0 to 1.
        glare_share: share of clipped pixels in box and ring, 0 to 1.
    """

    michelson: float
    rms: float
    wcag_ratio: float
    standout_ratio: float
    clutter: float
    glare_share: float


@dataclass(frozen=True)
class Difficulty:
    """How hard it is to find one's way, with the reasons, worst first.

    Attributes:
        value: 0 easy to 1 hard.
        reasons: what makes it so; empty where nothing stands out.
    """

    value: float
    reasons: tuple[DifficultyReason, ...]


def picture_maps(frame: Any, *, frame_size: tuple[int, int] | None = None) -> PictureMaps:
    """Measure what all further measures need.

    Args:
        frame: picture, see `frames.to_rgb`.
        frame_size: height and width that boxes are in; those of `frame` by default.

    Raises:
        InputError: if the frame is no picture that can be used.
    """
    pixels = to_rgb(frame)
    size = frame_size or (int(frame.shape[0]), int(frame.shape[1]))
    scale = LONGER_SIDE_PX / max(pixels.shape)
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in pixels.shape[:2])
        pixels = np.asarray(
            cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    edges = cv2.Canny(grey, EDGE_LOW, EDGE_HIGH)
    return PictureMaps(
        relative_luminance(pixels), edges > 0, pixels.min(axis=2) >= GLARE_LEVEL, size
    )


def relative_luminance(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the relative luminance of sRGB pixels (..., 3), in [0, 1] (WCAG 2.2; IEC 61966-2-1).

    Each channel is made linear, then 0.2126 red + 0.7152 green + 0.0722 blue.
    """
    parts = [table[pixels[..., channel]] for channel, table in enumerate(_LINEAR)]
    return np.asarray(parts[0] + parts[1] + parts[2], np.float32)


def contrast_ratio(first: float, second: float) -> float:
    """Return WCAG's contrast ratio of two relative luminances, 1 to 21."""
    return (max(first, second) + WCAG_FLARE) / (min(first, second) + WCAG_FLARE)


def measure_picture(maps: PictureMaps) -> PictureMeasures:
    """Measure a picture as a whole."""
    darkest, brightest = (float(level) for level in np.percentile(maps.luminance, (1, 99)))
    return PictureMeasures(
        luminance=float(maps.luminance.mean()),
        michelson=_michelson(brightest, darkest),
        rms=float(maps.luminance.std()),
        glare_share=float(maps.is_glare.mean()),
        clutter=float(maps.is_edge.mean()),
    )


def measure_object(maps: PictureMaps, box: Box) -> ObjectMeasures | None:
    """Measure a thing against what surrounds it.

    Args:
        box: pixels of the frame.

    Returns:
        None where too few pixels show the thing or its surroundings.
    """
    x0, y0, x1, y1 = box
    scale = max(maps.luminance.shape) / max(maps.frame_size)
    more_x, more_y = (max(AROUND_SHARE * side, AROUND_PX / scale) for side in (x1 - x0, y1 - y0))
    less_x, less_y = ((1 - INNER_SHARE) / 2 * side for side in (x1 - x0, y1 - y0))
    outer = maps.part((x0 - more_x, y0 - more_y, x1 + more_x, y1 + more_y))
    inner = maps.part((x0 + less_x, y0 + less_y, x1 - less_x, y1 - less_y))
    around = np.ones(maps.luminance[outer].shape, np.bool_)
    whole = maps.part(box)
    # The box itself and one pixel more, which its edge is averaged into.
    rows = slice(max(0, whole[0].start - outer[0].start - 1), whole[0].stop - outer[0].start + 1)
    columns = slice(max(0, whole[1].start - outer[1].start - 1), whole[1].stop - outer[1].start + 1)
    around[rows, columns] = False
    thing, ring = maps.luminance[inner], maps.luminance[outer][around]
    if thing.size < MIN_PIXELS or ring.size < MIN_PIXELS:
        return None
    own, other = float(np.median(thing)), float(np.median(ring))
    lighter, darker = np.maximum(thing, other), np.minimum(thing, other)
    ratios = (lighter + WCAG_FLARE) / (darker + WCAG_FLARE)
    return ObjectMeasures(
        michelson=_michelson(own, other),
        rms=float(maps.luminance[outer].std()),
        wcag_ratio=contrast_ratio(own, other),
        standout_ratio=float(np.percentile(ratios, 75)),
        clutter=float(maps.is_edge[outer][around].mean()),
        glare_share=float(maps.is_glare[outer].mean()),
    )


def navigation_difficulty(
    picture: PictureMeasures,
    things: Sequence[SeenObject | TrackedObject],
    *,
    free_ahead_m: float | None = None,
    crossing: int = 0,
) -> Difficulty:
    """Judge how hard it is to find one's way here: 1 - product of (1 - weight * degree).

    Each degree is in [0, 1]: blocked = 1 - free metres ahead / 5; crowded = things in the near
    zone / 4; crossing = crossing things / 2; clutter = edge density / 0.25; glare = share / 0.25;
    dark = 1 - luminance / 0.02. The weights are a choice, not fitted to people's ratings.

    Args:
        free_ahead_m: length of the free path ahead, metres; None where it is not known.
        crossing: how many things cross.
    """
    near = sum(thing.zone == Zone.NEAR for thing in things)
    degrees: dict[DifficultyReason, float] = {
        "blocked": 0.0 if free_ahead_m is None else 1 - free_ahead_m / FREE_ENOUGH_M,
        "crowded": near / CROWD,
        "crossing": crossing / CROSSERS,
        "clutter": picture.clutter / FULL_CLUTTER,
        "glare": picture.glare_share / FULL_GLARE,
        "dark": 1 - picture.luminance / DARK_BELOW,
    }
    parts = {
        reason: DIFFICULTY_WEIGHTS[reason] * min(1.0, max(0.0, degree))
        for reason, degree in degrees.items()
    }
    named = sorted(
        (reason for reason, part in parts.items() if part >= MIN_REASON),
        key=lambda reason: -parts[reason],
    )
    return Difficulty(1 - math.prod(1 - part for part in parts.values()), tuple(named))


def roi_priority(
    things: Sequence[SeenObject | TrackedObject], *, frame_size: tuple[int, int]
) -> NDArray[np.float32]:
    """Rank regions of interest: which thing to look at first when time is short.

    0.5 * urgency / 3 + 0.2 * nearness (1, 0.5, 0 by zone) + 0.2 * min(1, 2 s / time to contact)
    + 0.1 * (1 - distance from the middle column / half the width).

    Returns:
        (N,) float32 in [0, 1], in the order of `things`.
    """
    values = []
    for thing in things:
        contact_s = thing.time_to_contact_s if isinstance(thing, TrackedObject) else None
        approach = 0.0 if contact_s is None else min(1.0, SOON_S / max(contact_s, 1e-3))
        aside = abs((thing.box[0] + thing.box[2]) / frame_size[1] - 1)
        values.append(
            BY_URGENCY * thing.urgency / 3
            + BY_NEARNESS * (1 - thing.zone / 2)
            + BY_APPROACH * approach
            + BY_MIDDLE * max(0.0, 1 - aside)
        )
    return np.array(values, np.float32)


def _linear_tables() -> tuple[NDArray[np.float32], ...]:
    """Linear light of each level of each channel, times what it adds to luminance."""
    level = np.arange(256) / 255
    linear = np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)
    return tuple((share * linear).astype(np.float32) for share in (0.2126, 0.7152, 0.0722))


_LINEAR = _linear_tables()


def _michelson(first: float, second: float) -> float:
    total = first + second
    return abs(first - second) / total if total > 0 else 0.0
