"""How far a thing is, and how wrong that may be: from its height and from where it stands."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from engines.maxsight.classes import vocabulary
from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE, distance_m_of
from engines.maxsight.tiers import Box, SeenObject, TrackedObject

DistanceSource = Literal["height", "ground", "both", "either", "limit"]

# Usual heights of each class, metres, from low to high: seated people and children, small and
# high cars, minibuses and double-deckers. About nine in ten things lie inside; they are judged
# from the same usual sizes as the typical heights in classes.yaml, not measured.
HEIGHT_RANGES_M: dict[str, tuple[float, float]] = {
    "person": (1.1, 1.9), "bicycle": (0.9, 1.15), "car": (1.35, 1.9), "motorcycle": (1.0, 1.4),
    "bus": (2.5, 4.2), "train": (3.4, 4.5), "truck": (2.0, 4.0), "boat": (1.0, 6.0),
    "traffic_light": (0.6, 1.2), "stop_sign": (0.6, 0.9), "fire_hydrant": (0.6, 1.0),
    "bench": (0.45, 1.0), "dog": (0.25, 0.85), "cat": (0.2, 0.4), "bird": (0.1, 0.6),
    "horse": (1.3, 2.1), "cow": (1.2, 1.7), "sheep": (0.6, 1.1), "chair": (0.75, 1.15),
    "sofa": (0.7, 1.0), "table": (0.45, 1.1), "potted_plant": (0.2, 1.6), "bottle": (0.18, 0.36),
    "cup": (0.07, 0.15), "tv_monitor": (0.3, 0.9), "aeroplane": (2.5, 18.0), "door": (1.9, 2.3),
    "door_handle": (0.04, 0.25),
}  # fmt: skip
# Where nothing is known of a class: half or twice as tall.
UNKNOWN_RANGE = 2.0
# Their lowest point is on the ground that the person stands on.
STANDING = frozenset(
    (
        "person", "bicycle", "car", "motorcycle", "bus", "truck", "fire_hydrant", "bench", "dog",
        "horse", "cow", "sheep", "chair", "sofa", "table", "door",
    )
)  # fmt: skip

# A box's side is wrong by about this share of its height, and never by less than this.
BOX_ERROR_SHARE, BOX_ERROR_PX = 0.05, 2.0
# A box this near to the frame's edge is cut off there, share of the frame's longer side.
EDGE_SHARE = 0.01
# Below this angle under the horizon the ground says no distance.
MIN_ANGLE_RAD = math.radians(0.2)
# The pitch from things in view is never surer than this, degrees, and needs this many.
MIN_PITCH_ERROR_DEG, MIN_THINGS_FOR_PITCH = 2.5, 2


@dataclass(frozen=True)
class Camera:
    """How the camera is held, as far as that is known without sensors.

    Attributes:
        height_m: of the lens above the ground; held at the chest or worn at the eyes.
        height_error_m: how wrong that may be.
        pitch_deg: how far it looks down; negative when it looks up.
        pitch_error_deg: how wrong that may be.
        focal_error: how wrong the focal length may be, as a share.

    Raises:
        ValueError: if a number is not finite, an error is negative, or the height is not above
            its error.
    """

    height_m: float = 1.4
    height_error_m: float = 0.25
    pitch_deg: float = 0.0
    pitch_error_deg: float = 6.0
    focal_error: float = 0.12

    def __post_init__(self) -> None:
        errors = self.height_error_m, self.pitch_error_deg, self.focal_error
        if not all(map(math.isfinite, (self.height_m, self.pitch_deg, *errors))):
            raise ValueError("a camera is described by numbers")
        if min(errors) < 0 or self.focal_error >= 1 or self.height_m <= self.height_error_m:
            raise ValueError("a camera's errors are not negative, and smaller than what they limit")


@dataclass(frozen=True)
class Distance:
    """A distance with its error bar, metres.

    Attributes:
        metres: the best guess; the most it can be where the source is "limit".
        low_m: it is hardly nearer than this.
        high_m: it is hardly farther than this; infinite near the horizon.
        source: from the thing's height, from where it stands, from both; "either" where the two
            contradict each other, "limit" where the frame's edge cuts it off.
    """

    metres: float
    low_m: float
    high_m: float
    source: DistanceSource


def distance_of(
    thing: SeenObject | TrackedObject, *, frame_size: tuple[int, int], camera: Camera | None = None
) -> Distance:
    """Estimate a thing's distance with an error bar that about nine in ten things lie in.

    Height: pinhole model with the class's range of heights, the box's error and the focal
    length's, added in quadrature as logarithms. Ground: see `ground_distance`. Where both are
    known, what is left is where they overlap.

    Args:
        frame_size: height and width that the box is in, pixels.

    Raises:
        ValueError: if the box has no height.
    """
    camera = camera or Camera()
    by_height = _height_distance(thing, frame_size, camera)
    by_ground = None
    if thing.class_id in STANDING:
        by_ground = ground_distance(
            thing.box[3],
            frame_size=frame_size,
            camera=camera,
            row_error_px=_box_error_px(thing.box),
        )
    margin = EDGE_SHARE * max(frame_size)
    is_cut_below = thing.box[3] >= frame_size[0] - margin
    is_cut_above = thing.box[1] <= margin
    if is_cut_below or (is_cut_above and by_ground is None):
        # It is larger than it looks and stands lower than it shows: nearer than both say.
        known = [one for one in (by_height, by_ground) if one is not None]
        high_m = min(one.high_m for one in known)
        return Distance(min(one.metres for one in known), 0.0, high_m, "limit")
    if by_ground is None:
        return by_height
    return by_ground if is_cut_above else _both(by_height, by_ground)


def ground_distance(
    row_px: float,
    *,
    frame_size: tuple[int, int],
    camera: Camera | None = None,
    row_error_px: float = BOX_ERROR_PX,
) -> Distance | None:
    """Estimate how far the ground is that a row of the picture shows, along a level floor.

    distance = camera height / tan(pitch + atan((row - middle row) / focal length)); the errors of
    height, pitch, focal length and row are added in quadrature.

    Args:
        row_px: from the top, pixels of the frame.
        frame_size: height and width of the frame, pixels.

    Returns:
        None at the horizon and above it, where no ground is.
    """
    camera = camera or Camera()
    focal_px = FOCAL_PER_LONGER_SIDE * max(frame_size)
    slope = (row_px - frame_size[0] / 2) / focal_px
    pitch = math.radians(camera.pitch_deg)
    angle = pitch + math.atan(slope)
    if not MIN_ANGLE_RAD <= angle < math.pi / 2:
        return None
    by_focal = max(
        abs(math.atan(slope / (1 + sign * camera.focal_error)) - math.atan(slope))
        for sign in (-1, 1)
    )
    by_row = row_error_px / focal_px / (1 + slope**2)
    error = math.hypot(math.radians(camera.pitch_error_deg), by_focal, by_row)
    metres = camera.height_m / math.tan(angle)
    steepest = min(angle + error, math.radians(89.9))
    nearer = math.hypot(
        math.log(camera.height_m / (camera.height_m - camera.height_error_m)),
        math.log(math.tan(steepest) / math.tan(angle)),
    )
    flattest = angle - error
    farther = math.inf
    if flattest >= MIN_ANGLE_RAD:
        farther = math.hypot(
            math.log1p(camera.height_error_m / camera.height_m),
            math.log(math.tan(angle) / math.tan(flattest)),
        )
    high_m = metres * math.exp(farther) if math.isfinite(farther) else math.inf
    return Distance(metres, metres * math.exp(-nearer), high_m, "ground")


def horizon_row(*, frame_size: tuple[int, int], camera: Camera) -> float:
    """Return the row of the horizon, pixels from the top; it may lie outside of the frame."""
    focal_px = FOCAL_PER_LONGER_SIDE * max(frame_size)
    return frame_size[0] / 2 - focal_px * math.tan(math.radians(camera.pitch_deg))


def level_camera(
    things: Sequence[SeenObject | TrackedObject],
    *,
    frame_size: tuple[int, int],
    camera: Camera | None = None,
) -> Camera:
    """Find the camera's pitch from the things that stand on the ground.

    The horizon cuts all things on one floor at the camera's height, so each puts it at
    bottom - box height * camera height / own height (Hoiem, Efros & Hebert 2008, "Putting objects
    in perspective"). They are averaged by how sure their heights are.

    Returns:
        The camera as it was given where fewer than two whole things stand in view, or where they
        do not make the pitch any surer.
    """
    camera = camera or Camera()
    margin, focal_px = EDGE_SHARE * max(frame_size), FOCAL_PER_LONGER_SIDE * max(frame_size)
    rows, weights = [], []
    for thing in things:
        top, bottom = thing.box[1], thing.box[3]
        is_whole = margin < top < bottom < frame_size[0] - margin
        if thing.class_id not in STANDING or not is_whole:
            continue
        height_m, low_m, high_m = _heights(thing.class_id)
        above_foot_px = (bottom - top) * camera.height_m / height_m
        share = math.hypot(
            math.log(high_m / low_m) / 2, camera.height_error_m / camera.height_m, BOX_ERROR_SHARE
        )
        rows.append(bottom - above_foot_px)
        weights.append(1 / (above_foot_px * share) ** 2)
    if len(rows) < MIN_THINGS_FOR_PITCH:
        return camera
    total = sum(weights)
    row = sum(weight * one for weight, one in zip(weights, rows)) / total
    scatter = sum(weight * (one - row) ** 2 for weight, one in zip(weights, rows))
    # Things that contradict each other make it less sure than each claims to be.
    widened = max(1.0, scatter / (len(rows) - 1))
    error_px = math.sqrt(widened / total)
    error_deg = max(MIN_PITCH_ERROR_DEG, math.degrees(math.atan(error_px / focal_px)))
    if error_deg >= camera.pitch_error_deg:
        return camera
    pitch_deg = math.degrees(math.atan((frame_size[0] / 2 - row) / focal_px))
    return replace(camera, pitch_deg=pitch_deg, pitch_error_deg=error_deg)


def _heights(class_id: str) -> tuple[float, float, float]:
    """Typical, low and high height of a trained class, metres."""
    words = vocabulary()
    height_m = words.trained[words.index_of(class_id)].height_m
    assert height_m is not None  # every trained class has one, the vocabulary sees to it
    low_m, high_m = HEIGHT_RANGES_M.get(
        class_id, (height_m / UNKNOWN_RANGE, height_m * UNKNOWN_RANGE)
    )
    return height_m, low_m, high_m


def _box_error_px(box: Box) -> float:
    return max(BOX_ERROR_PX, BOX_ERROR_SHARE * (box[3] - box[1]))


def _height_distance(
    thing: SeenObject | TrackedObject, frame_size: tuple[int, int], camera: Camera
) -> Distance:
    box_height_px = thing.box[3] - thing.box[1]
    height_m, low_m, high_m = _heights(thing.class_id)
    metres = distance_m_of(
        box_height_px=box_height_px,
        class_height_m=height_m,
        focal_px=FOCAL_PER_LONGER_SIDE * max(frame_size),
    )
    other = (
        math.log1p(_box_error_px(thing.box) / box_height_px),
        math.log1p(camera.focal_error),
    )
    nearer = math.hypot(math.log(height_m / low_m), *other)
    farther = math.hypot(math.log(high_m / height_m), *other)
    return Distance(metres, metres * math.exp(-nearer), metres * math.exp(farther), "height")


def _both(first: Distance, second: Distance) -> Distance:
    low_m, high_m = max(first.low_m, second.low_m), min(first.high_m, second.high_m)
    if low_m > high_m:
        # One of them is wrong, and the nearer is the safer guess.
        nearer = min(first.metres, second.metres)
        return Distance(
            nearer,
            min(first.low_m, second.low_m),
            max(first.high_m, second.high_m),
            "either",
        )
    weights = [_weight(one) for one in (first, second)]
    logs = [math.log(one.metres) for one in (first, second)]
    mean = sum(weight * log for weight, log in zip(weights, logs)) / sum(weights)
    return Distance(min(max(math.exp(mean), low_m), high_m), low_m, high_m, "both")


def _weight(distance: Distance) -> float:
    """One by the square of the error bar's length, as logarithms; 0 where it never ends."""
    return 1 / math.log(distance.high_m / distance.low_m) ** 2
