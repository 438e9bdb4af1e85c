"""How fast a thing comes closer, from how it grows in the picture."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from engines.maxsight.tiers import Box

# Looked back this far: shorter is noise, longer is late.
WINDOW_S = 1.2
# Slow cameras need longer to bring enough frames.
LONGEST_WINDOW_S = 4.0
MIN_SIGHTINGS, MIN_SPAN_S = 4, 0.25
# Growth below this many standard errors is noise of the boxes.
MIN_STANDARD_ERRORS = 4.0
# A contact in more than a minute is none.
MIN_GROWTH_PER_S = 1 / 60
# A box that changes by more at once has another extent (something steps aside), and did not grow.
MAX_JUMP, MAX_JUMP_PER_S = 0.25, 1.0
# This near to the frame's edge, shares of its side, a box may be cut off there.
EDGE_SHARE = 0.01


class Approach:
    """Follow the size of one thing and tell how fast it comes closer.

    At constant speed the distance falls along a line, and so does 1 / size. A line fitted to it
    gives growth = 1 / time to contact without knowing size or distance (Lee 1976, "A theory of
    visual control of braking based on information about time-to-collision").
    """

    def __init__(self) -> None:
        # Times in seconds; logarithms of the size against the first, the camera's zoom taken out.
        self._sightings: deque[tuple[float, float]] = deque()
        self._box: Box | None = None
        self._zoom = 1.0

    def zoom(self, zoom: float) -> None:
        """Take out what the camera's own movement since the last call adds to the size."""
        self._zoom *= zoom

    def see(self, box: Box, *, at_s: float, frame_size: tuple[int, int]) -> None:
        """Note a sighting.

        Args:
            box: as detected, not smoothed; pixels of the frame. It has height and width.
            at_s: seconds, never falling.
            frame_size: height and width, pixels. A side that the frame's edge cuts off does not
                count; where all are cut, the sighting does not count.
        """
        if self._sightings and at_s <= self._sightings[-1][0]:
            return
        before, self._box = self._box, box
        zoom, self._zoom = self._zoom, 1.0
        grown = None if before is None else _log_growth(before, box, frame_size)
        if grown is None or not self._sightings:
            self._sightings = deque([(at_s, 0.0)])
            return
        last_s, size = self._sightings[-1]
        passed_s = at_s - last_s
        grown -= math.log(zoom)
        if abs(grown) > MAX_JUMP + MAX_JUMP_PER_S * passed_s:
            self._sightings = deque([(at_s, 0.0)])
            return
        self._sightings.append((at_s, size + grown))
        while self._is_first_too_old(at_s):
            self._sightings.popleft()

    @property
    def growth_per_s(self) -> float:
        """How fast it looks larger, as a share of its size per second; negative if it shrinks.

        0 where that cannot be told from noise, or not yet.
        """
        if len(self._sightings) < MIN_SIGHTINGS:
            return 0.0
        times, sizes = np.array(self._sightings).T
        times = times - times[-1]
        if -times[0] < MIN_SPAN_S:
            return 0.0
        farness = np.exp(sizes[-1] - sizes)
        spread = times - times.mean()
        slope = float(spread @ farness / (spread @ spread))
        now = float(farness.mean() - slope * times.mean())
        left_over = farness - now - slope * times
        error = math.sqrt(float(left_over @ left_over) / (len(times) - 2) / float(spread @ spread))
        growth = -slope / now if now > 0 else 0.0
        is_noise = abs(slope) < MIN_STANDARD_ERRORS * error or abs(growth) < MIN_GROWTH_PER_S
        return 0.0 if is_noise else growth

    def _is_first_too_old(self, now_s: float) -> bool:
        age_s = now_s - self._sightings[0][0]
        if age_s > LONGEST_WINDOW_S:
            return True
        return age_s > WINDOW_S and len(self._sightings) > MIN_SIGHTINGS


def _log_growth(before: Box, box: Box, frame_size: tuple[int, int]) -> float | None:
    """Compare the heights, or the widths where an edge cuts the heights; None if it cuts both."""
    height, width = frame_size
    for low, high, side in ((1, 3, height), (0, 2, width)):
        edge = EDGE_SHARE * side
        if all(one[low] > edge and one[high] < side - edge for one in (before, box)):
            return math.log((box[high] - box[low]) / (before[high] - before[low]))
    return None
