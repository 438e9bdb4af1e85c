"""Pictures to be seen through other eyes, and what is measured in them."""

from __future__ import annotations

import cv2
import numpy as np

from engines.maxsight.frames import Pixels

COLOURS = ["protan", "deutan", "tritan"]
HEIGHT, WIDTH = 240, 320
MIDDLE = np.s_[115:125, 155:165]


def scene(height: int = HEIGHT, width: int = WIDTH) -> Pixels:
    """Draw coarse and fine things of all colours on a grey ground."""
    rng = np.random.default_rng(3)
    picture = np.full((height, width, 3), 120, np.uint8)
    for _ in range(60):
        x, y = (int(v) for v in rng.integers(0, (width, height)))
        colour = [int(v) for v in rng.integers(0, 256, 3)]
        side = int(rng.integers(2, 30))
        cv2.rectangle(picture, (x, y), (x + side, y + side), colour, -1)
    return picture


def flat(red: int, green: int, blue: int) -> Pixels:
    return np.full((HEIGHT, WIDTH, 3), (red, green, blue), np.uint8)


def stripes(is_upright: bool) -> Pixels:
    line = np.where(np.arange(WIDTH if is_upright else HEIGHT) // 2 % 2, 200, 60)
    line = line[None, :, None] if is_upright else line[:, None, None]
    return np.ascontiguousarray(np.broadcast_to(line, (HEIGHT, WIDTH, 3)).astype(np.uint8))


def detail(picture: Pixels) -> float:
    """Return the variance of the Laplacian."""
    return float(cv2.Laplacian(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())


def apart(first: Pixels, second: Pixels) -> float:
    """Return how different the middles of two pictures look: distance in CIE Lab."""
    labs = [cv2.cvtColor(one[MIDDLE], cv2.COLOR_RGB2LAB).astype(float) for one in (first, second)]
    return float(np.linalg.norm(labs[0].mean(axis=(0, 1)) - labs[1].mean(axis=(0, 1))))
