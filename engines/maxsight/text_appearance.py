"""Whether a line of text still looks as it did, so that it need not be read again."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.frames import Pixels

Appearance = NDArray[np.float32]

# A line is compared at this height; a letter is about half as wide.
HEIGHT_PX, WINDOW_PX = 32, 12
NARROWEST_PX, WIDEST_PX = 24, 640
# Found anew, a line's corners lie a little beside where they were, so each letter may have moved.
SHIFT_PX = 2
# Lines whose widths differ by more are not compared.
SAME_WIDTH = 0.08
# In standard deviations of the line's grey, squared: of the whole line at a quarter of the size,
# and of the window of one letter where two lines differ most. Measured on 300 pairs of drawn lines,
# from 10 pixels up, found a little beside, noisy or blurred: one changed letter made 0.64 or more
# in its window, but for an l that looked like an I; 84 % of the unchanged lines stayed below 0.4,
# and the others are read once more. As a whole, unrelated lines made 0.45 or more.
COARSE, MOST_COARSELY_DIFFERENT = 4, 0.35
MOST_DIFFERENT = 0.4
# A line with less contrast than this, in grey levels, is noise.
LEAST_CONTRAST = 4.0


def appearance_of(crop: Pixels) -> Appearance | None:
    """Return what a line (H, W, 3) looks like, whatever its size and light.

    Returns:
        (32, W') float32 with mean 0 and standard deviation 1; None where there is no contrast.
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY)
    width = round(grey.shape[1] * HEIGHT_PX / max(1, grey.shape[0]))
    width = min(max(width, NARROWEST_PX), WIDEST_PX)
    small = _resized(grey.astype(np.float32), width, HEIGHT_PX)
    soft = cv2.GaussianBlur(small, (0, 0), 1.0)
    contrast = float(soft.std())
    if contrast < LEAST_CONTRAST:
        return None
    return np.asarray((soft - soft.mean()) / contrast, np.float32)


def is_same_line(first: Appearance, second: Appearance) -> bool:
    """Say whether two appearances are of one line: every letter alike, not most of them.

    Each window of a letter's size is moved by up to two pixels to where it fits best, and the one
    that fits worst decides, so that one changed digit is seen.
    """
    width = first.shape[1]
    if abs(second.shape[1] - width) > SAME_WIDTH * width:
        return False
    coarse = width // COARSE, HEIGHT_PX // COARSE
    apart = _resized(first, *coarse) - _resized(second, *coarse)
    if float((apart**2).mean()) > MOST_COARSELY_DIFFERENT:
        return False
    edge, window = SHIFT_PX, (WINDOW_PX, WINDOW_PX)
    inner = _resized(second, width, HEIGHT_PX)[edge:-edge, edge:-edge]
    height, wide = inner.shape
    differences = [
        cv2.boxFilter((first[y : y + height, x : x + wide] - inner) ** 2, -1, window)
        for y in range(2 * edge + 1)
        for x in range(2 * edge + 1)
    ]
    return float(np.min(differences, axis=0).max()) <= MOST_DIFFERENT


def _resized(grey: Appearance, width: int, height: int) -> Appearance:
    if grey.shape == (height, width):
        return grey
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.float32)
