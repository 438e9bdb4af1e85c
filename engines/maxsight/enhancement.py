"""What may help a person with a condition to see a picture, as a severity from just above 0 to 1.

All of it works on pixel values as they are shown. A magnifier moves things in the picture, so
whatever is drawn on top has to be drawn before. Where no source stands beside a number, it is our
choice. `conditions` has the sources at length, checks what comes in and keeps severity 0 away.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np

from engines.maxsight.colour_deficiency import Kind, daltonisation_matrix
from engines.maxsight.eye_filters import recolour, to_light, to_pixels
from engines.maxsight.frames import Pixels

# Limit and tiles of contrast-limited adaptive histogram equalisation (Zuiderveld, 1994).
CLAHE_LIMIT = 2.0
CLAHE_TILES = 8, 8
# Detail finer than this share of the longer side is made stronger: 2 pixels of 640.
DETAIL_SIGMA_SHARE = 2 / 640
SHARPENING = 1.5
# Slope of the brightness, in grey levels a pixel, where an outline begins and where it is full.
OUTLINE_FROM, OUTLINE_FULL = 12.0, 30.0
MIDDLE_GREY = 128
BRIGHTENING = 1.5  # reference design
# Values above this share of white are drawn together to tame glare, by up to half.
GLARE_FROM = 0.6
GLARE_SLOPE = 0.5
MORE_COLOUR = 0.6
# The overview's outlines take this share of the picture's width and height.
OVERVIEW_SHARE = 0.35
LUMA = 0.299, 0.587, 0.114  # ITU-R BT.601

Enhancement = Callable[[Pixels, float], Pixels]


def even_contrast(pixels: Pixels, severity: float) -> Pixels:
    """Spread the brightness of each part of the picture; colours stay (CLAHE)."""
    luma, red, blue = cv2.split(cv2.cvtColor(pixels, cv2.COLOR_RGB2YCrCb))
    spread = cv2.createCLAHE(CLAHE_LIMIT, CLAHE_TILES).apply(luma)
    luma = cv2.addWeighted(luma, 1 - severity, spread, severity, 0)
    return _pixels(cv2.cvtColor(cv2.merge([luma, red, blue]), cv2.COLOR_YCrCb2RGB))


def sharpen(
    pixels: Pixels, severity: float, *, amount: float = SHARPENING, only_upright: bool = False
) -> Pixels:
    """Make fine detail stronger by unsharp masking.

    Args:
        pixels: (H, W, 3) uint8.
        severity: share of the amount.
        amount: how many times the detail is added once more.
        only_upright: whether only detail along the upright direction is, as astigmatism with the
            rule blurs that alone.
    """
    sigma_px = max(0.6, DETAIL_SIGMA_SHARE * max(pixels.shape[:2]))
    side = 2 * math.ceil(2 * sigma_px) + 1
    across = 1 if only_upright else side
    soft = cv2.GaussianBlur(pixels, (across, side), sigma_px, borderType=cv2.BORDER_REPLICATE)
    more = amount * severity
    return _pixels(cv2.addWeighted(pixels, 1 + more, soft, -more, 0))


def magnify(pixels: Pixels, severity: float, *, times: float) -> Pixels:
    """Enlarge the middle of the picture, up to `times` times; its outer parts leave the picture.

    They leave by whole pixels, as many on the left as on the right, and above as below.
    """
    height, width = pixels.shape[:2]
    zoom = 1 + (times - 1) * severity
    top, left = (round(side * (1 - 1 / zoom) / 2) for side in (height, width))
    middle = pixels[top : height - top, left : width - left]
    return _pixels(cv2.resize(middle, (width, height), interpolation=cv2.INTER_LINEAR))


def outline(pixels: Pixels, severity: float) -> Pixels:
    """Draw the edges of things: white where it is dark around them, and black where it is bright.

    After Peli, Luo, Bowers and Rensing (Int. J. Artificial Intelligence Tools 18(3), 2009), who lay
    outlines over television pictures; simplified.
    """
    edges, colour = _edges(pixels)
    return _drawn(pixels, edges, colour, severity)


def brighten(pixels: Pixels, severity: float) -> Pixels:
    """Make dark parts up to 1.5 times as bright; bright ones rise less, so none is cut off.

    With x from 0 to 1: 1 - (1 - x) ** 1.5.
    """
    values = np.arange(256) / 255
    return _looked_up(pixels, 1 - (1 - values) ** (1 + (BRIGHTENING - 1) * severity))


def tame_glare(pixels: Pixels, severity: float) -> Pixels:
    """Draw the brightest values together, so that less light is left to scatter."""
    values = np.arange(256) / 255
    slope = 1 - GLARE_SLOPE * severity
    return _looked_up(pixels, np.minimum(values, GLARE_FROM + slope * (values - GLARE_FROM)))


def daltonise(pixels: Pixels, severity: float, *, kind: Kind) -> Pixels:
    """Move differences that are lost with such cones to colours that are seen."""
    return to_pixels(recolour(to_light(pixels), daltonisation_matrix(kind, severity)))


def simplify(pixels: Pixels, severity: float) -> Pixels:
    """Smooth small clutter away and keep large shapes, and make their colours stronger."""
    height, width = pixels.shape[:2]
    half = cv2.resize(pixels, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    plain = cv2.resize(cv2.medianBlur(half, 3), (width, height), interpolation=cv2.INTER_LINEAR)
    plain = cv2.addWeighted(pixels, 1 - severity, plain, severity, 0)
    more = MORE_COLOUR * severity
    # Away from grey: each channel moves from the pixel's luma.
    return _pixels(cv2.transform(plain, (1 + more) * np.eye(3) - more * np.array([LUMA] * 3)))


def overview(pixels: Pixels, severity: float) -> Pixels:
    """Lay the outlines of the whole picture, made small, over its middle.

    Vision multiplexing (Peli, Optom Vis Sci 78, 2001): what lies outside of a narrow field is
    seen, small, inside of it.
    """
    height, width = pixels.shape[:2]
    high, wide = (max(2, round(side * OVERVIEW_SHARE)) for side in (height, width))
    small = _pixels(cv2.resize(pixels, (wide, high), interpolation=cv2.INTER_AREA))
    # Slopes are steeper in a smaller picture, but fine lines fade in it: between the two.
    edges, _ = _edges(small, steeper=OVERVIEW_SHARE**-0.5)
    top, left = (height - high) // 2, (width - wide) // 2
    whole = pixels.copy()
    middle = np.ascontiguousarray(whole[top : top + high, left : left + wide])
    # What is behind decides whether a line is white or black.
    colour = _line_colour(_pixels(cv2.cvtColor(middle, cv2.COLOR_RGB2GRAY)))
    whole[top : top + high, left : left + wide] = _drawn(middle, edges, colour, severity)
    return whole


def in_turn(*steps: Enhancement) -> Enhancement:
    """Make one enhancement of several, applied in this order."""

    def all_of_them(pixels: Pixels, severity: float) -> Pixels:
        for step in steps:
            pixels = step(pixels, severity)
        return pixels

    return all_of_them


ENHANCEMENTS: dict[str, Enhancement] = {
    "myopia": in_turn(even_contrast, sharpen),
    "hyperopia": in_turn(partial(magnify, times=1.5), even_contrast, sharpen),
    "astigmatism": in_turn(even_contrast, partial(sharpen, only_upright=True)),
    "presbyopia": in_turn(partial(magnify, times=2.0), sharpen),
    "cataract": in_turn(tame_glare, even_contrast, sharpen),
    "glaucoma": in_turn(even_contrast, overview),
    "macular_degeneration": in_turn(partial(magnify, times=2.0), even_contrast, outline),
    "diabetic_retinopathy": in_turn(brighten, even_contrast, sharpen),
    "retinitis_pigmentosa": in_turn(brighten, outline),
    "protan": partial(daltonise, kind="protan"),
    "deutan": partial(daltonise, kind="deutan"),
    "tritan": partial(daltonise, kind="tritan"),
    "cortical_visual_impairment": in_turn(simplify, even_contrast, sharpen),
    "amblyopia": in_turn(partial(magnify, times=1.5), even_contrast, sharpen),
    "strabismus": in_turn(even_contrast, outline),
}


def _edges(pixels: Pixels, steeper: float = 1.0) -> tuple[Pixels, Pixels]:
    """Return how much of an edge each pixel is, 0 to 255, and a line's colour there, 0 or 255."""
    grey = _pixels(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY))
    soft = cv2.GaussianBlur(grey, (5, 5), 1.0)
    across, down = (cv2.Sobel(soft, cv2.CV_32F, *way, scale=1 / 8) for way in ((1, 0), (0, 1)))
    slope = cv2.magnitude(across, down)
    # One pass that scales and cuts off.
    steps = 255 / (OUTLINE_FULL - OUTLINE_FROM)
    edges = cv2.addWeighted(
        slope, steps / steeper, slope, 0, -steps * OUTLINE_FROM, dtype=cv2.CV_8U
    )
    return _pixels(edges), _line_colour(grey)


def _drawn(pixels: Pixels, edges: Pixels, colour: Pixels, severity: float) -> Pixels:
    """Draw lines of black (0) and white (255) as strongly as the edges are, 0 to 255."""
    weight = cv2.convertScaleAbs(edges, alpha=severity)
    taken = cv2.multiply(pixels, cv2.merge([weight] * 3), scale=1 / 255)
    white = cv2.bitwise_and(weight, colour)
    return _pixels(cv2.add(cv2.subtract(pixels, taken), cv2.merge([white] * 3)))


def _line_colour(grey: Pixels) -> Pixels:
    side = max(3, grey.shape[1] // 40 | 1)
    around = cv2.blur(grey, (side, side))
    return _pixels(cv2.threshold(around, MIDDLE_GREY, 255, cv2.THRESH_BINARY_INV)[1])


def _looked_up(pixels: Pixels, values: np.ndarray) -> Pixels:
    return _pixels(cv2.LUT(pixels, np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)))


def _pixels(picture: np.ndarray) -> Pixels:
    return np.asarray(picture, np.uint8)
