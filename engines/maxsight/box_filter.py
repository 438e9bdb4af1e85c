"""Where a box is and where it goes: a Kalman filter in seconds, whatever the camera's pace."""

from __future__ import annotations

import numpy as np
from norfair.filter import FilterFactory
from norfair.kalman_filter import KalmanFilter
from numpy.typing import NDArray

from engines.maxsight.motion import CameraShift
from engines.maxsight.tiers import Box

Floats = NDArray[np.float64]

# Noise of a detected edge, of the first speed, and of its change, in sizes of the box.
EDGE_NOISE, FIRST_SPEED_PER_S, ACCELERATION_PER_S2 = 0.04, 1.5, 2.0
# A forecast over a longer gap is worse than the last known place; the speed starts anew.
LONGEST_FORECAST_S = 0.5
MIN_SIZE_PX = 1.0


class BoxFilter:
    """Smooth the corners of one box; constant speed, noise in proportion to the box.

    Attributes:
        step_s: seconds that the next forecast reaches.
    """

    def __init__(self, corners: Floats) -> None:
        self.step_s = 0.0
        self._kalman = KalmanFilter(dim_x=8, dim_z=4)
        self._kalman.x[:4] = corners.reshape(4, 1)
        self._forget_speed(np.square(EDGE_NOISE * self._size_px))

    @property
    def x(self) -> Floats:
        """State (8, 1): x0, y0, x1, y1 in pixels, then their speeds in pixels per second."""
        return self._kalman.x

    @x.setter
    def x(self, state: Floats) -> None:
        self._kalman.x = state

    @property
    def box(self) -> Box:
        """The smoothed box, pixels; it always has height and width."""
        x0, y0, x1, y1 = (float(corner) for corner in self._kalman.x[:4, 0])
        (x0, x1), (y0, y1) = _open(x0, x1), _open(y0, y1)
        return x0, y0, x1, y1

    def shift(self, camera: CameraShift) -> None:
        """Go along with the camera: the box moves and grows as something still would."""
        if not camera.is_known:
            return
        low, high, low_speed, high_speed = self._kalman.x.reshape(4, 2)
        middle = camera.move((low + high)[None] / 2)[0]
        middle_speed = camera.turn((low_speed + high_speed)[None] / 2)[0]
        # A turned box would grow by its corners; the thing in it does not.
        half, half_speed = (
            camera.zoom * (high - low) / 2,
            camera.zoom * (high_speed - low_speed) / 2,
        )
        self._kalman.x = np.concatenate(
            [middle - half, middle + half, middle_speed - half_speed, middle_speed + half_speed]
        ).reshape(8, 1)

    def predict(self) -> None:
        """Forecast by `step_s` seconds."""
        step, size = self.step_s, self._size_px
        if step > LONGEST_FORECAST_S:
            self._forget_speed(np.square(FIRST_SPEED_PER_S * size * step))
            return
        forecast, noise = np.eye(8), np.eye(8)
        forecast[:4, 4:] = step * np.eye(4)
        acceleration = np.square(ACCELERATION_PER_S2 * size)
        noise[:4, :4] *= acceleration * step**4 / 4
        noise[4:, 4:] *= acceleration * step**2
        noise[:4, 4:] = noise[4:, :4] = np.eye(4) * acceleration * step**3 / 2
        self._kalman.predict(F=forecast, Q=noise)

    def update(self, z: Floats, /, R: Floats | None = None, H: Floats | None = None) -> None:
        """Take in a detected box (4, 1) in pixels; H (4, 8) and R (4, 4) as the library gives."""
        own = np.eye(4) * np.square(EDGE_NOISE * self._size_px)
        self._kalman.update(z, R=own if R is None else R, H=np.eye(4, 8) if H is None else H)

    def _forget_speed(self, place_variance: float) -> None:
        self._kalman.x[4:] = 0.0
        speed_variance = np.square(FIRST_SPEED_PER_S * self._size_px)
        self._kalman.P = np.diag([place_variance] * 4 + [speed_variance] * 4)

    @property
    def _size_px(self) -> float:
        x0, y0, x1, y1 = self.box
        return (x1 - x0 + y1 - y0) / 2


class BoxFilterFactory(FilterFactory):
    """Make filters for the tracking library."""

    def create_filter(self, initial_detection: Floats) -> BoxFilter:
        """Start a filter at a box's corners (2, 2)."""
        return BoxFilter(initial_detection)


def _open(low: float, high: float) -> tuple[float, float]:
    if high - low >= MIN_SIZE_PX:
        return low, high
    middle = (low + high) / 2
    return middle - MIN_SIZE_PX / 2, middle + MIN_SIZE_PX / 2
