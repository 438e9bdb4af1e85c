"""How far the floor is free to the left, ahead and to the right: an estimate, never a promise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.depth import Camera, Distance, distance_of, ground_distance, horizon_row
from engines.maxsight.frames import Pixels, to_rgb
from engines.maxsight.optical_flow import SIDES, FlowField, Side, ahead_columns, moving_parts
from engines.maxsight.tiers import SeenObject, TrackedObject

PathEnd = Literal["thing", "edge", "movement", "range"]

# The floor is looked for in a picture this small: its own grain is averaged away.
LONGER_SIDE_PX = 160
# Farther than this, a level floor lies in too few rows to tell anything.
RANGE_M = 8.0
# These hang, stand on furniture or fly, so they leave the floor free.
NOT_IN_THE_WAY = frozenset(
    (
        "traffic_light", "stop_sign", "door_handle", "aeroplane", "bird", "tv_monitor", "bottle",
        "cup",
    )
)  # fmt: skip
# What the floor looks like is learned from the lowest rows, share of the height.
SAMPLE_SHARE = 0.10
# What differs from it by more is no floor: standard deviations in Lab (8 bits), with a least
# deviation for each channel, so that a plain floor may grow lighter into the distance.
MAX_DEVIATIONS, LEAST_DEVIATIONS = 3.5, np.array([10.0, 4.0, 4.0], np.float32)
# An edge stands out from the floor's own grain; levels of lightness per pixel.
EDGE_DEVIATIONS, LEAST_EDGE = 4.0, 12.0
# Rows that must differ in a row, so that a speck is no obstacle.
FOOT_ROWS = 2
# The nearest tenth of the columns decides: what is thinner is taken for a speck.
NEAREST_SHARE = 0.10
# A side needs this share of columns whose floor ends somewhere.
MIN_KNOWN_SHARE = 0.5
# A thing must cover this share of a side to end its path.
MIN_COVERED_SHARE = 0.06
# So much of a row must move.
MIN_MOVING_SHARE = 0.10


@dataclass(frozen=True)
class SidePath:
    """How far the floor seems free on one side; an estimate.

    Attributes:
        side: left, ahead or right.
        free_m: metres from the person, at most 8; None where it cannot be told.
        low_m: hardly less than this; None with `free_m`.
        high_m: hardly more than this, perhaps infinite; None with `free_m`.
        ends_at: a thing that was named, an edge of the floor, something that moves, or the 8
            metres beyond which nothing is told; None where it cannot be told.
        class_id: which thing; None else.
    """

    side: Side
    free_m: float | None = None
    low_m: float | None = None
    high_m: float | None = None
    ends_at: PathEnd | None = None
    class_id: str | None = None

    @property
    def is_known(self) -> bool:
        """Whether anything can be told of this side."""
        return self.free_m is not None


@dataclass(frozen=True)
class FreePath:
    """The free path on all sides; an estimate from one camera, which sees no holes and no glass.

    Attributes:
        left: on the left.
        ahead: up to 11° to either side.
        right: on the right.
        seen_from_m: the floor nearer than this lies below the picture, metres: about 3 when the
            camera is level. None if no floor can be in the picture.
    """

    left: SidePath
    ahead: SidePath
    right: SidePath
    seen_from_m: float | None = None

    @property
    def is_estimate(self) -> bool:
        """True: this is never measured, and whoever shows it says so."""
        return True

    @property
    def sides(self) -> tuple[SidePath, SidePath, SidePath]:
        """Left, ahead, right."""
        return self.left, self.ahead, self.right

    @property
    def freest(self) -> Side | None:
        """The side with the longest free path, ahead where it is as long; None if unknown."""
        known = [one for one in (self.ahead, self.left, self.right) if one.free_m is not None]
        return max(known, key=lambda one: one.low_m or 0.0).side if known else None


def free_path(
    frame: Any,
    things: Sequence[SeenObject | TrackedObject],
    *,
    frame_size: tuple[int, int] | None = None,
    camera: Camera | None = None,
    flow: FlowField | None = None,
) -> FreePath:
    """Estimate how far the floor is free to the left, ahead and to the right.

    What the floor looks like is learned at the person's feet, on each side for itself, and
    followed upwards until the colour changes or an edge comes (after Ulrich & Nourbakhsh 2000,
    "Appearance-based obstacle detection with monocular color vision"). The row where it ends gives
    the distance, the floor taken as level. Named things and what moves by itself end it sooner. A
    "floor" that reaches above the horizon is a wall, or darkness, and says nothing.

    Args:
        frame: picture, see `frames.to_rgb`.
        things: seen in it.
        frame_size: height and width that the boxes are in; those of `frame` by default.
        camera: how it is held.
        flow: of this frame, if there is one.

    Raises:
        InputError: if the frame is no picture that can be used.
        ValueError: if a box has no height.
    """
    pixels = to_rgb(frame)
    size = frame_size or (int(frame.shape[0]), int(frame.shape[1]))
    camera = camera or Camera()
    small = _small_lab(pixels)
    moving = None if flow is None else moving_parts(flow, things)
    bounds = (0.0, *ahead_columns(size), float(size[1]))
    paths = []
    for side, left, right in zip(SIDES, bounds, bounds[1:]):
        ends = [_end_of_things(things, left, right, size, camera)]
        ends.append(_end_of_floor(small, left, right, size, camera))
        if moving is not None:
            ends.append(_end_of_stillness(moving, left, right, size, camera))
        paths.append(_nearest(side, [end for end in ends if end is not None]))
    on_left, ahead, on_right = paths
    return FreePath(on_left, ahead, on_right, _seen_from_m(size, camera))


def _seen_from_m(size: tuple[int, int], camera: Camera) -> float | None:
    lowest = ground_distance(size[0], frame_size=size, camera=camera)
    if lowest is not None:
        return lowest.metres
    # No distance: the lowest row lies at the horizon or above it, or at the feet and behind them.
    return 0.0 if horizon_row(frame_size=size, camera=camera) < 0 else None


@dataclass(frozen=True)
class _End:
    distance: Distance
    what: PathEnd
    class_id: str | None = None


def _nearest(side: Side, ends: Sequence[_End]) -> SidePath:
    if not ends:
        return SidePath(side)
    end = min(ends, key=lambda one: one.distance.metres)
    distance = end.distance
    if distance.metres >= RANGE_M:
        return SidePath(side, RANGE_M, min(distance.low_m, RANGE_M), math.inf, "range")
    return SidePath(side, distance.metres, distance.low_m, distance.high_m, end.what, end.class_id)


def _end_of_things(
    things: Sequence[SeenObject | TrackedObject],
    left: float,
    right: float,
    size: tuple[int, int],
    camera: Camera,
) -> _End | None:
    ends = []
    for thing in things:
        covered = min(right, thing.box[2]) - max(left, thing.box[0])
        if thing.class_id in NOT_IN_THE_WAY or covered < MIN_COVERED_SHARE * (right - left):
            continue
        distance = distance_of(thing, frame_size=size, camera=camera)
        ends.append(_End(distance, "thing", thing.class_id))
    return min(ends, key=lambda one: one.distance.metres, default=None)


def _end_of_floor(
    small: Pixels, left: float, right: float, size: tuple[int, int], camera: Camera
) -> _End | None:
    scale = max(small.shape) / max(size)
    rows = small.shape[0]
    strip = small[:, round(left * scale) : max(round(left * scale) + 1, round(right * scale))]
    horizon = horizon_row(frame_size=size, camera=camera)
    sample_rows = max(FOOT_ROWS, round(SAMPLE_SHARE * rows))
    # The camera sees no ground, or only what is far away.
    nearest = ground_distance((rows - sample_rows) / scale, frame_size=size, camera=camera)
    if nearest is None or nearest.metres >= RANGE_M:
        return None
    # (columns,): the row above which the floor is left, from the top.
    feet = _feet(_is_floor(strip, sample_rows))
    # Above this, even with the pitch as wrong as it may be, there is no ground.
    sky = horizon_row(
        frame_size=size,
        camera=Camera(pitch_deg=min(89.0, camera.pitch_deg + camera.pitch_error_deg)),
    )
    is_known = feet > max(0.0, sky * scale)
    if is_known.mean() < MIN_KNOWN_SHARE:
        return None
    row = float(np.quantile(np.where(is_known, feet, 0.0), 1 - NEAREST_SHARE)) / scale
    found = ground_distance(
        max(row, 0.0), frame_size=size, camera=camera, row_error_px=FOOT_ROWS / scale
    )
    if found is None or row <= horizon:
        # It ends at the horizon, as a floor without anything on it does.
        # If the camera is held differently, that row may be nearer than it seems.
        low_m = (camera.height_m - camera.height_error_m) / max(
            math.tan(math.radians(camera.pitch_error_deg)), 1e-6
        )
        return _End(Distance(RANGE_M, min(low_m, RANGE_M), math.inf, "ground"), "range")
    return _End(found, "edge")


def _end_of_stillness(
    moving: NDArray[np.bool_], left: float, right: float, size: tuple[int, int], camera: Camera
) -> _End | None:
    scale = max(moving.shape) / max(size)
    strip = moving[:, round(left * scale) : max(round(left * scale) + 1, round(right * scale))]
    rows = np.flatnonzero(strip.mean(axis=1) >= MIN_MOVING_SHARE)
    if not len(rows):
        return None
    lowest = (float(rows[-1]) + 1) / scale
    found = ground_distance(lowest, frame_size=size, camera=camera)
    return None if found is None else _End(found, "movement")


def _small_lab(pixels: Pixels) -> Pixels:
    scale = min(1.0, LONGER_SIDE_PX / max(pixels.shape))
    height, width = (max(8, round(side * scale)) for side in pixels.shape[:2])
    # A large picture is thinned out first; averaging all of it would cost milliseconds.
    step = max(1, round(1 / scale) // 4)
    small = cv2.resize(
        np.ascontiguousarray(pixels[::step, ::step]), (width, height), interpolation=cv2.INTER_AREA
    )
    smooth = cv2.GaussianBlur(small, (5, 5), 0)
    return np.asarray(cv2.cvtColor(smooth, cv2.COLOR_RGB2LAB), np.uint8)


def _is_floor(strip: Pixels, sample_rows: int) -> NDArray[np.bool_]:
    """Mark (h, w) what looks like the lowest rows of a strip (h, w, 3) in Lab."""
    lab = strip.astype(np.float32)
    sample = lab[-sample_rows:].reshape(-1, 3)
    # The median is not led astray by a leg or a shoe at the lower edge.
    middle = np.median(sample, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(sample - middle), axis=0), LEAST_DEVIATIONS)
    apart = np.square((lab - middle) / spread).sum(axis=2)
    lightness = np.ascontiguousarray(lab[:, :, 0])
    across = cv2.Sobel(lightness, cv2.CV_32F, 1, 0, scale=0.125)
    down = cv2.Sobel(lightness, cv2.CV_32F, 0, 1, scale=0.125)
    edges = cv2.magnitude(across, down)
    grain = edges[-sample_rows:]
    limit = max(LEAST_EDGE, float(grain.mean() + EDGE_DEVIATIONS * grain.std()))
    return np.asarray((apart <= MAX_DEVIATIONS**2) & (edges <= limit))


def _feet(is_floor: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Find for each column the row down to which something else than floor reaches.

    Returns:
        (w,), rows from the top; 0 where the floor reaches the top.
    """
    other = ~is_floor
    for _ in range(FOOT_ROWS - 1):
        # Other for as many rows upwards.
        above = np.zeros_like(other)
        above[1:] = other[:-1]
        other &= above
    from_below = other[::-1]
    first = from_below.argmax(axis=0)
    return np.where(from_below.any(axis=0), is_floor.shape[0] - first, 0).astype(np.float64)
