"""What moves by itself between two frames: dense optical flow, the camera's own taken out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.frames import Pixels, to_rgb
from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE
from engines.maxsight.motion import CameraShift
from engines.maxsight.tiers import Box, SeenObject, TrackedObject
from engines.maxsight.wording import AHEAD_DEG

Side = Literal["left", "ahead", "right"]
Heading = Literal["left", "right", "up", "down"]
SIDES: tuple[Side, ...] = ("left", "ahead", "right")

# Flow is computed in a picture this small: slow walkers still move by whole pixels in it.
LONGER_SIDE_PX = 320
# Grey levels that may be left over where a pixel was followed to the right place.
MAX_LEFT_OVER = 20
# Slower is noise: share of the frame's longer side per second, and small pixels between frames.
MIN_SPEED_SHARE, MIN_STEP_PX = 0.04, 0.5
# A camera that walks makes near things slide past far ones; what moves by itself beats that.
TIMES_BACKGROUND = 3.0
# The rim of a box shows what is behind the thing.
INNER_SHARE = 0.6
# Fewer followed pixels say nothing. Where repeating patterns led the search astray, at most 0.45
# of a thing was followed in trials; where it was right, 0.9 and more.
MIN_FOLLOWED_SHARE, MIN_FOLLOWED = 0.5, 6
# A side of the picture, and the background, may hold much that could not be followed.
MIN_SEEN_SHARE = 0.25
# A side of the picture moves when so much of it does.
MIN_MOVING_SHARE = 0.03
# What reaches the way ahead later than this is no concern yet.
CROSSING_WITHIN_S = 4.0


@dataclass(frozen=True)
class FlowField:
    """How every part of a frame moves by itself.

    Attributes:
        flow: (1, 2, h, w) float32, to the right and down, pixels of the frame per second; where
            a part is in the later frame. Zero where it could not be followed.
        is_followed: (h, w) bool, whether a part could be followed.
        frame_size: height and width of the whole frame, pixels.
        elapsed_s: seconds between the two frames.
        is_compensated: whether the camera's own movement was known and is taken out.
    """

    flow: NDArray[np.float32]
    is_followed: NDArray[np.bool_]
    frame_size: tuple[int, int]
    elapsed_s: float
    is_compensated: bool

    @property
    def speed_px_s(self) -> NDArray[np.float32]:
        """Length of the flow, (h, w), pixels of the frame per second."""
        return np.asarray(cv2.magnitude(self.flow[0, 0], self.flow[0, 1]), np.float32)

    @property
    def scale(self) -> float:
        """Pixels of the field per pixel of the frame."""
        return max(self.is_followed.shape) / max(self.frame_size)


@dataclass(frozen=True)
class Motion:
    """How one thing, or one side of the picture, moves by itself.

    Attributes:
        velocity_px_s: to the right and down, pixels of the frame per second.
        speed_px_s: its length.
        direction_deg: 0 to the right, 90 up, in (-180, 180]; it means little when not moving.
        is_moving: whether that is more than noise and than what slides past a walking camera.
        moving_share: share of its pixels that move, in [0, 1]; flow spills over the edges of what
            moves, so that this is up to three times its area.
    """

    velocity_px_s: tuple[float, float]
    speed_px_s: float
    direction_deg: float
    is_moving: bool
    moving_share: float

    @property
    def heading(self) -> Heading | None:
        """The nearest of the four directions; None when it does not move."""
        if not self.is_moving:
            return None
        x, y = self.velocity_px_s
        if abs(x) >= abs(y):
            return "right" if x > 0 else "left"
        return "down" if y > 0 else "up"


@dataclass(frozen=True)
class Crossing:
    """A thing that moves into the way ahead, or across it.

    Attributes:
        thing: what crosses.
        comes_from: the side it moves away from.
        speed_px_s: to the side, pixels of the frame per second.
        reaches_ahead_in_s: seconds until its edge is in the way ahead; 0 when it already is.
    """

    thing: SeenObject | TrackedObject
    comes_from: Literal["left", "right"]
    speed_px_s: float
    reaches_ahead_in_s: float


def dense_flow(
    earlier: Any,
    later: Any,
    camera_shift: CameraShift,
    *,
    elapsed_s: float,
    frame_size: tuple[int, int] | None = None,
) -> FlowField:
    """Measure what moves by itself between two frames.

    The earlier frame is first brought to where the camera's movement puts it; what is left is
    followed back from the later frame by dense inverse search (Kroeger et al. 2016, "Fast optical
    flow using dense inverse search", OpenCV's preset "fast").

    Args:
        earlier: picture, see `frames.to_rgb`.
        later: one of the same size.
        camera_shift: from the earlier to the later frame, as `CameraMotion` measures it. Where it
            is not known, the flow contains the camera's movement and says so.
        elapsed_s: seconds between the frames, above 0.
        frame_size: height and width that boxes and shift are in; those of `later` by default.

    Raises:
        InputError: if a frame is no picture that can be used.
        ValueError: if the sizes differ, or no time has passed.
    """
    if not (elapsed_s > 0 and math.isfinite(elapsed_s)):
        raise ValueError(f"{elapsed_s} seconds between two frames give no speed")
    before, after = (_small_grey(to_rgb(frame)) for frame in (earlier, later))
    size = frame_size or (int(later.shape[0]), int(later.shape[1]))
    if earlier.shape[:2] != later.shape[:2]:
        raise ValueError(f"the frames differ in size: {earlier.shape} and {later.shape}")
    scale = max(after.shape) / max(size)
    moved, is_seen = _as_camera_moved(before, camera_shift, scale)
    back: Any = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST).calc(
        after, moved, np.zeros((*after.shape, 2), np.float32)
    )
    is_followed = is_seen & _is_found_again(after, moved, back)
    velocity = np.where(is_followed[..., None], -back / (scale * elapsed_s), 0.0)
    flow = np.ascontiguousarray(velocity.transpose(2, 0, 1)[None], np.float32)
    return FlowField(flow, is_followed, size, elapsed_s, camera_shift.is_known)


def motions_of(
    field: FlowField, things: Sequence[SeenObject | TrackedObject]
) -> tuple[Motion | None, ...]:
    """Say how each thing moves by itself, in their order; None where too little can be followed.

    The velocity is the median over the inner part of the box. A thing moves if that is above
    noise, and above three times what the picture outside of all things is left with.

    Args:
        field: of the frame that the boxes are in, pixels of it.
    """
    inner = [_rows_and_columns(field, _inner(thing.box)) for thing in things]
    least = _least_speed(field, [_rows_and_columns(field, thing.box) for thing in things])
    return tuple(_motion(field, part, least) for part in inner)


def side_motions(
    field: FlowField, things: Sequence[SeenObject | TrackedObject] = ()
) -> dict[Side, Motion | None]:
    """Say how much moves on the left, ahead and on the right; None where nothing can be followed.

    The velocity is the median of what moves there; where nothing does, of everything.
    """
    least = _least_speed(field, [_rows_and_columns(field, thing.box) for thing in things])
    height, width = field.frame_size
    left, right = ahead_columns(field.frame_size)
    parts: dict[Side, Box] = {
        "left": (0.0, 0.0, left, height),
        "ahead": (left, 0.0, right, height),
        "right": (right, 0.0, width, height),
    }
    return {
        side: _motion(field, _rows_and_columns(field, box), least, is_of_movers=True)
        for side, box in parts.items()
    }


def crossings(
    field: FlowField, things: Sequence[SeenObject | TrackedObject]
) -> tuple[Crossing, ...]:
    """Find what comes from the left or right into the way ahead, soonest first.

    A thing crosses when it moves more sideways than up or down and its box is in the way ahead, or
    will be within four seconds at its speed. Without the camera's movement nothing is said, as
    then every pan would look like a crossing.
    """
    if not field.is_compensated:
        return ()
    left, right = ahead_columns(field.frame_size)
    found = []
    for thing, motion in zip(things, motions_of(field, things)):
        if motion is None or motion.heading not in ("left", "right"):
            continue
        speed = abs(motion.velocity_px_s[0])
        is_to_right = motion.heading == "right"
        passed = thing.box[0] > right if is_to_right else thing.box[2] < left
        apart = left - thing.box[2] if is_to_right else thing.box[0] - right
        in_s = max(0.0, apart) / speed
        if not passed and in_s <= CROSSING_WITHIN_S:
            found.append(Crossing(thing, "left" if is_to_right else "right", speed, in_s))
    return tuple(sorted(found, key=lambda one: one.reaches_ahead_in_s))


def moving_parts(
    field: FlowField, things: Sequence[SeenObject | TrackedObject] = ()
) -> NDArray[np.bool_]:
    """Mark (h, w) what moves by itself; nothing where the camera's movement is not known."""
    if not field.is_compensated:
        return np.zeros_like(field.is_followed)
    least = _least_speed(field, [_rows_and_columns(field, thing.box) for thing in things])
    return np.asarray(field.speed_px_s >= least)


def ahead_columns(frame_size: tuple[int, int]) -> tuple[float, float]:
    """Return the first and last column, pixels, of what counts as ahead: 11° to either side."""
    height, width = frame_size
    half = FOCAL_PER_LONGER_SIDE * max(height, width) * math.tan(math.radians(AHEAD_DEG))
    return max(0.0, width / 2 - half), min(float(width), width / 2 + half)


def _small_grey(pixels: Pixels) -> Pixels:
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    scale = LONGER_SIDE_PX / max(grey.shape)
    if scale < 1:
        # The search works on patches of 8 pixels: a narrow strip must keep a few of them.
        height, width = (max(16, round(side * scale)) for side in grey.shape)
        grey = cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(grey, np.uint8)


def _as_camera_moved(
    before: Pixels, shift: CameraShift, scale: float
) -> tuple[Pixels, NDArray[np.bool_]]:
    """Bring the earlier picture to where still things are now, and say where it shows something."""
    if not shift.is_known:
        return before, np.ones(before.shape, np.bool_)
    # Small pixel i covers the middle (i + 0.5) / scale of the frame.
    turn = np.array([[shift.cosine, -shift.sine], [shift.sine, shift.cosine]])
    moved = scale * np.array([shift.shift_x_px, shift.shift_y_px]) + turn @ [0.5, 0.5] - 0.5
    matrix = np.column_stack([turn, moved])
    size = before.shape[1], before.shape[0]
    picture = cv2.warpAffine(before, matrix, size, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.warpAffine(np.full(before.shape, 255, np.uint8), matrix, size)
    return np.asarray(picture, np.uint8), np.asarray(inside == 255)


def _is_found_again(after: Pixels, moved: Pixels, back: Any) -> NDArray[np.bool_]:
    rows, columns = np.indices(after.shape, dtype=np.float32)
    x, y = columns + back[..., 0], rows + back[..., 1]
    height, width = after.shape
    again = cv2.remap(moved, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    is_inside = (x >= 0) & (y >= 0) & (x <= width - 1) & (y <= height - 1)
    return np.asarray((cv2.absdiff(again, after) <= MAX_LEFT_OVER) & is_inside)


def _inner(box: Box) -> Box:
    x0, y0, x1, y1 = box
    more_x, more_y = ((1 - INNER_SHARE) / 2 * side for side in (x1 - x0, y1 - y0))
    return x0 + more_x, y0 + more_y, x1 - more_x, y1 - more_y


def _rows_and_columns(field: FlowField, box: Box) -> tuple[slice, slice]:
    x0, y0, x1, y1 = (field.scale * side for side in box)
    rows, columns = field.is_followed.shape
    top, bottom = max(0, math.floor(y0)), min(rows, max(0, math.ceil(y1)))
    left, right = max(0, math.floor(x0)), min(columns, max(0, math.ceil(x1)))
    return slice(top, bottom), slice(left, right)


def _least_speed(field: FlowField, parts: Sequence[tuple[slice, slice]]) -> float:
    """Speed above which something moves by itself, pixels of the frame per second."""
    noise = max(
        MIN_SPEED_SHARE * max(field.frame_size), MIN_STEP_PX / (field.scale * field.elapsed_s)
    )
    is_background = field.is_followed.copy()
    for part in parts:
        is_background[part] = False
    if is_background.sum() < MIN_SEEN_SHARE * is_background.size:
        # Things fill the picture, and hold no background to compare with.
        return noise
    return max(noise, TIMES_BACKGROUND * float(np.median(field.speed_px_s[is_background])))


def _motion(
    field: FlowField, part: tuple[slice, slice], least: float, *, is_of_movers: bool = False
) -> Motion | None:
    is_followed = field.is_followed[part]
    count = int(is_followed.sum())
    least_share = MIN_SEEN_SHARE if is_of_movers else MIN_FOLLOWED_SHARE
    if count < max(MIN_FOLLOWED, least_share * is_followed.size):
        return None
    # (count, 2)
    flow = field.flow[0, :, part[0], part[1]][:, is_followed].T
    is_fast = np.hypot(flow[:, 0], flow[:, 1]) >= least
    share = float(is_fast.mean())
    taken = flow[is_fast] if is_of_movers and is_fast.any() else flow
    x, y = (float(value) for value in np.median(taken, axis=0))
    speed = math.hypot(x, y)
    # A side of the picture moves when a thing in it does; that may be a small part of it.
    is_moving = share >= MIN_MOVING_SHARE if is_of_movers else speed >= least
    return Motion((x, y), speed, math.degrees(math.atan2(-y, x)), is_moving, share)
