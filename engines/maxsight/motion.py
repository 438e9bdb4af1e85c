"""How the camera itself moved between two frames, so that its movement is not taken for theirs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.frames import Pixels
from engines.maxsight.tiers import Box

# Such small pictures gain nothing from a second thread, and wait for it where all cores are busy:
# 5 ms instead of 1.5 at p95 on two busy cores. OpenCV knows this only for the whole process.
cv2.setNumThreads(1)

Points = NDArray[np.float64]

# The movement is looked for in a picture this small.
LONGER_SIDE_PX = 160
# Rows and columns are left out above this; averaging so many pixels would cost milliseconds.
AVERAGED_SIDE_PX = 640

MAX_CORNERS = 80
CORNER_QUALITY = 0.01
CORNER_DISTANCE_PX = 6
FLOW_WINDOW_PX = 13
FLOW_LEVELS = 3
# How far a corner may be from where the movement puts it, in small pixels.
MAX_ERROR_PX = 1.0
MIN_CORNERS = 12
MIN_AGREEING_SHARE = 0.5
# More than this between two frames is a cut, not a movement.
MAX_ZOOM, MAX_TURN_RAD = 1.6, math.radians(35)
# A zoom whose standard error is larger says nothing: all corners lie in one spot.
MAX_ZOOM_ERROR = 0.01
# A thing's edges move with it, so its surroundings are left out with it.
BOX_MARGIN = 0.05


@dataclass(frozen=True)
class CameraShift:
    """Where a still point of one frame is in the next: turned, scaled, moved.

    x' = cosine * x - sine * y + shift_x_px and y' = sine * x + cosine * y + shift_y_px, with the
    zoom in `cosine` and `sine`.

    Attributes:
        is_known: whether it was measured. Where not, it leaves everything in its place.
    """

    cosine: float = 1.0
    sine: float = 0.0
    shift_x_px: float = 0.0
    shift_y_px: float = 0.0
    is_known: bool = False

    @property
    def zoom(self) -> float:
        """How many times larger still things look; above 1 when the camera comes closer."""
        return math.hypot(self.cosine, self.sine)

    def move(self, points: Points) -> Points:
        """Move points (N, 2) of the earlier frame, x and y in pixels, to where they are now."""
        return self.turn(points) + np.array([self.shift_x_px, self.shift_y_px])

    def turn(self, directions: Points) -> Points:
        """Turn and scale directions (N, 2) without moving them."""
        turned: Points = directions @ np.array(
            [[self.cosine, self.sine], [-self.sine, self.cosine]]
        )
        return turned


UNKNOWN_SHIFT = CameraShift()


def small_grey(pixels: Pixels) -> Pixels:
    """Reduce a frame (H, W, 3) RGB to grey, its longer side at most 160 pixels."""
    step = max(1, max(pixels.shape[:2]) // AVERAGED_SIDE_PX)
    grey = cv2.cvtColor(np.ascontiguousarray(pixels[::step, ::step]), cv2.COLOR_RGB2GRAY)
    scale = LONGER_SIDE_PX / max(grey.shape)
    if scale < 1:
        height, width = (max(1, round(side * scale)) for side in grey.shape)
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    return grey.astype(np.uint8, copy=False)


class CameraMotion:
    """Measure the camera's movement from each frame to the next; holds the last small frame.

    Corners outside of the things that were seen are followed by Lucas-Kanade flow; a similarity
    (four numbers) is fitted to most of them by RANSAC.
    """

    def __init__(self) -> None:
        self._before: Pixels | None = None

    def update(
        self, grey: Pixels, *, frame_size: tuple[int, int], boxes_before: Sequence[Box] = ()
    ) -> CameraShift:
        """Measure the movement since the last call.

        Args:
            grey: the frame as `small_grey` makes it.
            frame_size: height and width of the whole frame, pixels; the shift is in these.
            boxes_before: things in the last frame, in its pixels. They may move by themselves, so
                they say nothing of the camera.

        Returns:
            The shift, not known at the first frame, after a cut, and where too little is to be
            seen beside the things.
        """
        before, self._before = self._before, grey
        if before is None or before.shape != grey.shape or min(grey.shape) < CORNER_DISTANCE_PX:
            return UNKNOWN_SHIFT
        scale = max(frame_size) / max(grey.shape)
        start, end = _follow(before, grey, _outside(boxes_before, before, scale))
        if len(start) < MIN_CORNERS:
            return UNKNOWN_SHIFT
        return _fit(start, end, scale)

    def reset(self) -> None:
        """Forget the last frame."""
        self._before = None


def _outside(boxes: Sequence[Box], grey: Pixels, scale: float) -> Pixels:
    """Mark with 255 what lies outside of all boxes."""
    mask = np.full(grey.shape, 255, np.uint8)
    for x0, y0, x1, y1 in boxes:
        more_x, more_y = BOX_MARGIN * (x1 - x0), BOX_MARGIN * (y1 - y0)
        left, top = (max(0, math.floor(low / scale)) for low in (x0 - more_x, y0 - more_y))
        right, bottom = (max(0, math.ceil(high / scale)) for high in (x1 + more_x, y1 + more_y))
        mask[top:bottom, left:right] = 0
    return mask


def _follow(before: Pixels, grey: Pixels, mask: Pixels) -> tuple[Points, Points]:
    """Find corners and where they went: (N, 2) each, in small pixels."""
    nothing = np.zeros((0, 2))
    # The library's types leave out that it returns None where there are no corners.
    corners: Any = cv2.goodFeaturesToTrack(
        before, MAX_CORNERS, CORNER_QUALITY, CORNER_DISTANCE_PX, mask=mask
    )
    if corners is None:
        return nothing, nothing
    followed, is_found, _ = cv2.calcOpticalFlowPyrLK(
        before,
        grey,
        corners,
        np.empty_like(corners),
        winSize=(FLOW_WINDOW_PX, FLOW_WINDOW_PX),
        maxLevel=FLOW_LEVELS,
    )
    kept = is_found.reshape(-1) == 1
    start = corners.reshape(-1, 2)[kept].astype(np.float64)
    return start, followed.reshape(-1, 2)[kept].astype(np.float64)


def _fit(start: Points, end: Points, scale: float) -> CameraShift:
    # A corner found in small pixel i covers the middle (i + 0.5) * scale of the frame.
    start, end = (start + 0.5) * scale, (end + 0.5) * scale
    matrix, agreeing = cv2.estimateAffinePartial2D(
        start, end, method=cv2.RANSAC, ransacReprojThreshold=MAX_ERROR_PX * scale, maxIters=200
    )
    if matrix is None or not np.isfinite(matrix).all():
        return UNKNOWN_SHIFT
    agrees = agreeing.reshape(-1) == 1
    if agrees.sum() < max(MIN_CORNERS, MIN_AGREEING_SHARE * len(start)):
        return UNKNOWN_SHIFT
    shift = CameraShift(
        float(matrix[0, 0]), float(matrix[1, 0]), float(matrix[0, 2]), float(matrix[1, 2]), True
    )
    turn = abs(math.atan2(shift.sine, shift.cosine))
    if not 1 / MAX_ZOOM <= shift.zoom <= MAX_ZOOM or turn > MAX_TURN_RAD:
        return UNKNOWN_SHIFT
    is_sure = _zoom_error(shift, start[agrees], end[agrees]) <= MAX_ZOOM_ERROR
    return shift if is_sure else UNKNOWN_SHIFT


def _zoom_error(shift: CameraShift, start: Points, end: Points) -> float:
    """Standard error of the zoom: what is left over, by how far apart the points lie."""
    left_over = float(np.sqrt(np.square(shift.move(start) - end).mean()))
    reach = float(np.sqrt(np.square(start - start.mean(axis=0)).sum()))
    return left_over / reach if reach > 0 else math.inf
