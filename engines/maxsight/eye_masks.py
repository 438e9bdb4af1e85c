"""Where in the picture an eye sees less: rims, centres, spots, strands and bent space.

The picture is taken for what an eye sees that looks at its middle, through a camera with the
field of view of `geometry` (49° by 62°); angles are counted from there. Masks are smooth, so they
are made at most 320 pixels wide or high and scaled up for use. They hang on nothing but the
picture's size and their numbers: the same call gives the same mask. Few are kept.
"""

from __future__ import annotations

import math
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE

Mask = NDArray[np.float32]
Size = tuple[int, int]  # height, width of the picture in pixels

LONGER_SIDE_PX = 320
KEPT = 16
SEED = 7
# An island of lost sight is never a perfect circle: its radius varies by this share.
UNEVEN = 0.2
SPOT_RADIUS_DEG = 0.8, 2.4
STRANDS = 5


def focal_px(size: Size) -> float:
    """Return the picture's focal length in pixels."""
    return FOCAL_PER_LONGER_SIDE * max(size)


def corner_deg(size: Size) -> float:
    """Return the angle between the middle of the picture and its corners in degrees."""
    return math.degrees(math.atan(math.hypot(*size) / 2 / focal_px(size)))


@lru_cache(maxsize=KEPT)
def eccentricity_deg(size: Size) -> Mask:
    """Return the angle from the middle of gaze at each place of a mask, in degrees."""
    x, y = _plane(size)
    return _kept(np.degrees(np.arctan(np.hypot(x, y))))


@lru_cache(maxsize=KEPT)
def rim(size: Size, edge_deg: float, soft_deg: float) -> Mask:
    """Mark what lies outside of a round field: 0 inside, rising to 1 over `soft_deg`."""
    return _kept(_smooth((eccentricity_deg(size) - edge_deg) / soft_deg))


@lru_cache(maxsize=KEPT)
def centre(size: Size, radius_deg: float) -> Mask:
    """Mark an uneven island in the middle: 1 in its inner half, falling to 0 at the radius."""
    uneven = np.exp(UNEVEN * noise(size, 9.0, SEED))
    return _kept(1 - _smooth(2 * eccentricity_deg(size) * uneven / radius_deg - 1))


@lru_cache(maxsize=KEPT)
def lower_half(size: Size, soft_deg: float) -> Mask:
    """Mark what lies below the middle of gaze: 0 above, rising to 1 over `soft_deg`."""
    _, y = _plane(size)
    return _kept(_smooth(np.degrees(np.arctan(y)) / soft_deg))


@lru_cache(maxsize=KEPT)
def spots(size: Size, count: int, scale: float) -> Mask:
    """Mark uneven spots that lie scattered over the picture: 1 inside, 0 outside.

    The first spots stay in their places when more are asked for.

    Args:
        size: of the picture.
        count: how many.
        scale: of their radii, which are 0.8° to 2.4°.
    """
    rng = np.random.default_rng(SEED)
    x, y = _plane(size)
    half_y, half_x = (side / 2 / focal_px(size) for side in size)
    uneven = np.exp(UNEVEN * noise(size, 2.5, SEED + 1))
    mask = np.zeros_like(x)
    for place_x, place_y, share in rng.uniform((-0.9, -0.9, 0), (0.9, 0.9, 1), (count, 3)):
        low, high = SPOT_RADIUS_DEG
        # Small ones are more common than large ones.
        radius = math.tan(math.radians(scale * (low + (high - low) * share**2)))
        apart = np.hypot(x - place_x * half_x, y - place_y * half_y) * uneven
        mask = np.maximum(mask, 1 - _smooth(2.5 * apart / radius - 1.5))
    return _kept(mask)


@lru_cache(maxsize=KEPT)
def strands(size: Size) -> Mask:
    """Mark threads that float in the eye: 1 on the thread, soft at its sides."""
    rng = np.random.default_rng(SEED + 2)
    height, width = _mask_size(size)
    drawn = np.zeros((height, width), np.uint8)
    longer = max(height, width)
    for _ in range(STRANDS):
        turns = np.cumsum(rng.normal(0, 0.35, 24)) + rng.uniform(0, 2 * math.pi)
        steps = np.stack([np.cos(turns), np.sin(turns)], axis=1) * longer * 0.011
        start = rng.uniform(0.15, 0.85, 2) * (width, height)
        line = np.rint(start + np.cumsum(steps, axis=0)).astype(np.int32)
        cv2.polylines(drawn, [line.reshape(-1, 1, 2)], False, 255, max(1, longer // 130))
    soft = cv2.GaussianBlur(drawn, (0, 0), max(0.3, longer / 250))
    return _kept(soft.astype(np.float32) / max(1, int(soft.max())))


@lru_cache(maxsize=KEPT)
def noise(size: Size, grain_deg: float, seed: int) -> Mask:
    """Return smooth noise with grains about that wide; standard deviation about 1."""
    height, width = _mask_size(size)
    field_deg = math.degrees(2 * math.atan(0.5 / FOCAL_PER_LONGER_SIDE))
    cells = max(4, math.ceil(field_deg / grain_deg))
    grid = np.random.default_rng(seed).normal(0, 1, (cells, cells)).astype(np.float32)
    side = max(height, width)
    field = cv2.resize(grid, (side, side), interpolation=cv2.INTER_CUBIC)
    top, left = (side - height) // 2, (side - width) // 2
    return _kept(field[top : top + height, left : left + width] * 1.3)


def fit(mask: Mask, size: Size) -> Mask:
    """Scale a mask up to the picture's size."""
    if mask.shape == size:
        return mask
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)


def reach(mask: Mask, size: Size) -> tuple[slice, slice]:
    """Return the rows and columns of a picture outside of which a mask is 0; all if it is so."""
    found = []
    for axis, side in ((1, size[0]), (0, size[1])):
        marked = np.flatnonzero(mask.any(axis=axis))
        scale = side / mask.shape[1 - axis]
        # Scaling up spreads a value over its neighbours.
        first, last = (marked[0] - 1, marked[-1] + 2) if len(marked) else (0, mask.shape[1 - axis])
        found.append(slice(max(0, math.floor(first * scale)), min(side, math.ceil(last * scale))))
    return found[0], found[1]


def _mask_size(size: Size) -> Size:
    scale = min(1.0, LONGER_SIDE_PX / max(size))
    height, width = (max(1, round(side * scale)) for side in size)
    return height, width


def _plane(size: Size) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x and y of a mask's places on a plane one focal length away; 0 in the middle."""
    height, width = _mask_size(size)
    y = ((np.arange(height) + 0.5) / height - 0.5) * size[0] / focal_px(size)
    x = ((np.arange(width) + 0.5) / width - 0.5) * size[1] / focal_px(size)
    wide, high = np.meshgrid(x, y)
    return wide, high


def _smooth(values: NDArray[np.floating]) -> NDArray[np.floating]:
    """Rise from 0 to 1 without a kink while the value goes from 0 to 1."""
    inside = np.clip(values, 0, 1)
    return inside * inside * (3 - 2 * inside)


def _kept(mask: NDArray[np.floating]) -> Mask:
    """Make a mask safe to hand out again and again."""
    kept = np.ascontiguousarray(mask, dtype=np.float32)
    kept.flags.writeable = False
    return kept
