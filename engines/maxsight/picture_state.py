"""Whether the camera shows anything: a covered lens must never look like a safe street."""

from __future__ import annotations

from typing import Literal

import numpy as np

from engines.maxsight.alert_memory import ForwardClock
from engines.maxsight.frames import Pixels

PictureState = Literal["fine", "unreadable", "black", "blank", "frozen"]

# Levels from 0 to 255: a picture that varies less shows nothing, below the mean it is dark.
BLANK_DEVIATION, BLACK_MEAN = 2.5, 16.0
# A camera's noise differs in every frame; the very same picture for this long has stopped.
FROZEN_AFTER_S = 3.0

# What is wrong, and what to do. An unreadable frame brings its own words.
PROBLEMS: dict[PictureState, str] = {
    "black": "The picture is black. Uncover the camera, or turn on a light.",
    "blank": "The picture shows a single colour. Check that nothing covers the camera.",
    "frozen": "The picture has stopped. Stop the camera and start it again.",
}


class PictureWatch:
    """Judge the small grey frames of one camera, one after the other."""

    def __init__(self) -> None:
        self._clock = ForwardClock()
        self._before: Pixels | None = None
        self._changed_s = 0.0

    def update(self, grey: Pixels, at_s: float) -> PictureState:
        """Judge a frame (h, w), captured at `at_s` seconds; where that falls, no time passed."""
        now_s = self._clock.advance(at_s)
        if self._before is None or not np.array_equal(self._before, grey):
            self._before, self._changed_s = grey, now_s
        if grey.std() < BLANK_DEVIATION:
            return "black" if grey.mean() < BLACK_MEAN else "blank"
        return "frozen" if now_s - self._changed_s >= FROZEN_AFTER_S else "fine"
