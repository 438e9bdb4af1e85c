"""Cut things out of photos with a plain background, so that training can put them elsewhere.

Most training photos show a thing on a white table; people's photos don't. Pasting the thing on
other backgrounds, at other sizes, is what carries over to other cameras (Dwibedi et al. 2017,
Cut, Paste and Learn).
"""

from __future__ import annotations

import cv2
import numpy as np
from cv2.typing import MatLike

# A border is plain where most of it lies within this distance of a smooth surface (Lab units).
PLAIN_BORDER_DISTANCE = 12.0
MIN_PLAIN_SHARE = 0.75
MIN_AREA, MAX_AREA = 0.04, 0.75


def cut_out(photo: MatLike) -> MatLike | None:
    """Return the mask of the thing in front of a plain background, or None if there is none.

    The background colour is modelled as a quadratic surface over the picture (light falls off
    across a table), fitted to the border; what differs from it is the thing.

    Args:
        photo: RGB, (H, W, 3).

    Returns:
        Alpha mask (H, W), 0 to 255, with a soft edge; None if the border isn't plain or the mask
        covers too little or too much to be one thing.
    """
    height, width = photo.shape[:2]
    lab = cv2.cvtColor(photo, cv2.COLOR_RGB2LAB).astype(np.float32)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    y, x = rows / height, columns / width
    surface = np.stack([np.ones_like(x), x, y, x * x, y * y, x * y], axis=-1)
    rim = max(4, min(height, width) // 24)
    is_border = np.ones((height, width), bool)
    is_border[rim:-rim, rim:-rim] = False
    kept = is_border.copy()
    for _ in range(3):  # refit without what sticks out: the thing may touch the border
        coefficients, *_ = np.linalg.lstsq(surface[kept], lab[kept], rcond=None)
        distance = np.linalg.norm(lab - surface @ coefficients, axis=-1)
        kept = is_border & (distance < 2 * PLAIN_BORDER_DISTANCE)
        if kept.sum() < 0.5 * is_border.sum():
            return None
    if (distance[is_border] < PLAIN_BORDER_DISTANCE).mean() < MIN_PLAIN_SHARE:
        return None
    mask = (distance > 1.25 * PLAIN_BORDER_DISTANCE).astype(np.uint8)
    mask = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    large = [c for c in contours if cv2.contourArea(c) > 0.01 * height * width]
    filled = np.zeros((height, width), np.uint8)
    cv2.drawContours(filled, large, -1, 255, thickness=cv2.FILLED)
    share = float((filled > 0).mean())
    if not MIN_AREA < share < MAX_AREA:
        return None
    return cv2.GaussianBlur(cv2.erode(filled, np.ones((3, 3), np.uint8)), (3, 3), 0)


def paste(
    photo: MatLike,
    mask: MatLike,
    background: MatLike,
    *,
    scale: float,
    rng: np.random.Generator,
) -> MatLike:
    """Put the masked thing on a background at a random place.

    Args:
        photo: RGB, (H, W, 3). mask: (H, W), 0 to 255. background: RGB, (B, B, 3), square.
        scale: longer side of the thing over the side of the background, in (0, 1].

    Returns:
        RGB, (B, B, 3).
    """
    side = background.shape[0]
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    thing, alpha = photo[top:bottom, left:right], mask[top:bottom, left:right]
    factor = scale * side / max(thing.shape[:2])
    size = (max(8, int(thing.shape[1] * factor)), max(8, int(thing.shape[0] * factor)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    thing = cv2.resize(thing, size, interpolation=how)
    alpha = cv2.resize(alpha, size, interpolation=how)
    y = int(rng.integers(0, max(1, side - size[1] + 1)))
    x = int(rng.integers(0, max(1, side - size[0] + 1)))
    result = background.copy()
    window = result[y : y + size[1], x : x + size[0]]
    thing, alpha = (
        thing[: window.shape[0], : window.shape[1]],
        alpha[: window.shape[0], : window.shape[1]],
    )
    if rng.random() < 0.5:  # a contact shadow, so that the edge is not the cue
        shadow = cv2.GaussianBlur(alpha, (0, 0), max(1.0, side / 40)).astype(np.float32) / 255
        window[:] = (window * (1 - 0.45 * shadow[..., None])).astype(np.uint8)
    weight = alpha.astype(np.float32)[..., None] / 255
    window[:] = (window * (1 - weight) + thing * weight).astype(np.uint8)
    return result


def plain_background(side: int, rng: np.random.Generator) -> MatLike:
    """Make a table-, belt- or floor-like surface: one colour, a gradient of light, grain.

    Returns:
        RGB, (side, side, 3).
    """
    tone = rng.uniform(15, 235)
    colour = np.clip(tone + rng.normal(0, 22, 3), 0, 255)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    light = rng.normal(0, 18) * ramp[:, None] + rng.normal(0, 18) * ramp[None, :]
    cells = int(rng.integers(4, max(5, side // 2)))
    coarse = rng.normal(0, rng.uniform(2, 22), (cells, cells)).astype(np.float32)
    grain = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    surface = colour[None, None, :] + (light + grain)[..., None]
    return np.clip(surface, 0, 255).astype(np.uint8)
