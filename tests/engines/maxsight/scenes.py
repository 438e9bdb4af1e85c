"""Things at known distances and a camera that moves in a known way, for tests of movement."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np

from engines.maxsight.frames import Pixels
from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE, zone_of_distance
from engines.maxsight.tiers import Box, SeenObject, TrackedObject, Urgency, Zone
from engines.maxsight.tracking import Tracker

FRAME_SIZE = (480, 640)
FOCAL_PX = FOCAL_PER_LONGER_SIDE * 640


def seen(
    box: Box, class_id: str = "car", *, distance_m: float = 8.0, score: float = 0.9
) -> SeenObject:
    """Return a thing at a box, as Stage A would name it."""
    zone = Zone(zone_of_distance(distance_m))
    return SeenObject(class_id, score, box, zone, distance_m, False, Urgency.CAUTION)


def seen_at(
    distance_m: float,
    class_id: str = "car",
    *,
    x: float = 320.0,
    height_m: float = 1.5,
    score: float = 0.9,
) -> SeenObject:
    """Return a thing of known height and distance, its middle at column x and at the horizon."""
    half = height_m * FOCAL_PX / distance_m / 2
    box = x - half, FRAME_SIZE[0] / 2 - half, x + half, FRAME_SIZE[0] / 2 + half
    return seen(box, class_id, distance_m=distance_m, score=score)


def times(count: int, per_s: float, start_s: float = 100.0) -> Iterator[float]:
    """Yield the times of frames at a steady pace."""
    return (start_s + index / per_s for index in range(count))


class StillWorld:
    """A flat street of painted rectangles that a camera pans over, zooms into and turns on."""

    def __init__(self, seed: int = 0) -> None:
        self._noise = np.random.default_rng(seed)
        self._grain = self._noise.normal(0, 3, (5, *FRAME_SIZE, 3)).astype(np.int16)
        self.picture = np.full((900, 1600, 3), 120, np.uint8)
        for _ in range(220):
            x, y = (int(self._noise.integers(0, side)) for side in (1600, 900))
            width, height = (int(side) for side in self._noise.integers(15, 90, 2))
            colour = tuple(int(level) for level in self._noise.integers(0, 255, 3))
            cv2.rectangle(self.picture, (x, y), (x + width, y + height), colour, -1)

    def view(self, x: float, y: float, *, zoom: float = 1.0, turn_deg: float = 0.0) -> Pixels:
        """Return a frame around a point of the street, with a camera's noise."""
        height, width = FRAME_SIZE
        frame = cv2.warpAffine(self.picture, self._matrix(x, y, zoom, turn_deg), (width, height))
        grain = self._grain[self._noise.integers(len(self._grain))]
        return cv2.add(frame, grain, dtype=cv2.CV_8U)

    def box(self, corners: Box, x: float, y: float, *, zoom: float = 1.0) -> Box:
        """Return where a box of the street is in that frame."""
        points = np.array(corners).reshape(2, 2) @ self._matrix(x, y, zoom, 0.0)[:, :2].T
        x0, y0, x1, y1 = (points + self._matrix(x, y, zoom, 0.0)[:, 2]).reshape(4)
        return float(x0), float(y0), float(x1), float(y1)

    def _matrix(self, x: float, y: float, zoom: float, turn_deg: float) -> np.ndarray:
        matrix = cv2.getRotationMatrix2D((x, y), turn_deg, zoom)
        matrix[:, 2] += np.array([FRAME_SIZE[1] / 2 - x, FRAME_SIZE[0] / 2 - y])
        return matrix


def feed(
    tracker: Tracker, objects: list[SeenObject], at_s: float, **given: Any
) -> list[TrackedObject]:
    """Hand a frame's things to a tracker and return its tracks."""
    return list(tracker.update(objects, at_s=at_s, frame_size=FRAME_SIZE, **given))
