"""Painted rectangles before a camera, and a Stage A that takes them for a car and a person."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.maxsight.classes import vocabulary
from engines.maxsight.frames import Pixels, to_rgb
from engines.maxsight.geometry import (
    FOCAL_PER_LONGER_SIDE,
    distance_m_of,
    urgency_of,
    zone_of_distance,
)
from engines.maxsight.tiers import Box, SeenObject, Tier1, Urgency, Zone
from engines.runtime.health import EngineHealth

WIDTH, HEIGHT = 320, 240
# What is painted where, in pixels of the film: a car that is close, a person some metres away.
PAINTED: dict[str, tuple[int, int, int, int]] = {
    "car": (170, 60, 300, 200),
    "person": (40, 75, 70, 165),
}
PAINT_RGB = {"car": (220, 20, 60), "person": (20, 90, 220)}
# Range of each paint, as hue, saturation and value of OpenCV.
PAINT_HSV = {"car": ((165, 120, 90), (179, 255, 255)), "person": ((95, 120, 90), (125, 255, 255))}
LEAST_PX = 12


def painted_frame(seed: int) -> Pixels:
    """Paint a frame (HEIGHT, WIDTH, 3) RGB on grey, with a camera's noise."""
    noise = np.random.default_rng(seed).normal(0, 4, (HEIGHT, WIDTH, 3))
    frame = np.full((HEIGHT, WIDTH, 3), 130.0)
    frame[: HEIGHT // 2] = 165.0
    for class_id, (x0, y0, x1, y1) in PAINTED.items():
        frame[y0:y1, x0:x1] = PAINT_RGB[class_id]
    return np.asarray(np.clip(frame + noise, 0, 255), np.uint8)


def write_paint_film(target: Path, *, frames: int = 20) -> None:
    """Write painted frames as a YUV4MPEG2 video; each has its own noise, so none looks frozen."""
    with target.open("wb") as film:
        film.write(f"YUV4MPEG2 W{WIDTH} H{HEIGHT} F20:1 Ip A1:1 C420jpeg\n".encode())
        for seed in range(frames):
            frame = cv2.cvtColor(painted_frame(seed), cv2.COLOR_RGB2YUV_I420)
            film.write(b"FRAME\n" + frame.tobytes())


class PaintStageA:
    """See a car in red paint and a person in blue paint, as large as they are painted."""

    name = "paint"

    def look(self, frame: Any, frame_id: int, captured_s: float) -> Tier1:
        """Find the paints of a frame."""
        started_s = time.perf_counter()
        rgb = to_rgb(frame)
        size = rgb.shape[0], rgb.shape[1]
        colours = cv2.cvtColor(rgb, cv2.COLOR_RGB2HSV)
        boxes = {name: _box(cv2.inRange(colours, *limits)) for name, limits in PAINT_HSV.items()}
        return Tier1(
            frame_id=frame_id,
            captured_s=captured_s,
            frame_size=size,
            objects=tuple(_seen(name, box, size) for name, box in boxes.items() if box is not None),
            urgency=Urgency.SAFE,
            uncertainty=0.1,
            latency_ms=(time.perf_counter() - started_s) * 1000,
        )

    def load(self) -> None:
        """Have nothing to read."""

    def warmup(self) -> None:
        """Look once."""
        self.look(painted_frame(0), 0, 0.0)

    def health(self) -> EngineHealth:
        """Say that it is there."""
        return EngineHealth(is_ready=True, detail="Sees paint.")

    def unload(self) -> None:
        """Have nothing to give back."""


def _box(mask: Pixels) -> Box | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if len(rows) < LEAST_PX or len(columns) < LEAST_PX:
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def _seen(class_id: str, box: Box, size: tuple[int, int]) -> SeenObject:
    words = vocabulary()
    one = words.trained[words.index_of(class_id)]
    distance_m = distance_m_of(
        box_height_px=box[3] - box[1],
        class_height_m=one.height_m or 1.0,
        focal_px=FOCAL_PER_LONGER_SIDE * max(size),
    )
    zone = zone_of_distance(distance_m)
    urgency = urgency_of(base_urgency=one.base_urgency, zone=zone, group=one.group)
    return SeenObject(class_id, 0.9, box, Zone(zone), distance_m, False, Urgency(urgency))
