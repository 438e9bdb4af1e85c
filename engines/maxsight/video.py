"""Videos as files, frame by frame: any length in the memory of a few frames."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np

from engines.maxsight.frames import Pixels
from engines.runtime.errors import InputError

# More frames than this in a second say no more about what comes; the camera sends about as many.
FRAMES_PER_S = 12.0
# The pace that is assumed where a file names none.
USUAL_FPS = 25.0
# Containers round times, often to milliseconds.
ROUNDING_S = 0.002
_SEND_OTHER = "Send an MP4, WebM, MOV or AVI file that a player can play."


class VideoReader:
    """Read a video's frames in order, some a second, upright.

    Frames are chosen by their own time, so a variable frame rate is taken as it is. Only frames
    that are chosen are converted, and none is kept. Not meant for several threads.

    Attributes:
        path: the file.
        duration_s: as the file says it, seconds; None where it doesn't.

    Args:
        path: the file.
        frames_per_s: most frames taken of a second.

    Raises:
        InputError: if there is no such file, it is damaged, or it has no video track.
        ValueError: if `frames_per_s` is not a finite number above 0.
    """

    def __init__(self, path: Path, *, frames_per_s: float = FRAMES_PER_S) -> None:
        if not math.isfinite(frames_per_s) or frames_per_s <= 0:
            raise ValueError(f"frames a second are a finite number above 0, not {frames_per_s}")
        if not path.is_file():
            raise InputError(f"There is no file {path.name}.", "Check its name.")
        self.path = path
        self._step_s = 1.0 / frames_per_s
        # FFmpeg by name: OpenCV would else try the name as a numbered row of pictures.
        self._capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
        if not self._capture.isOpened():
            raise InputError(
                f"No video can be read from {path.name}: it is damaged or has no video track.",
                _SEND_OTHER,
            )
        self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 1)
        named_fps = self._capture.get(cv2.CAP_PROP_FPS)
        self._fps = named_fps if math.isfinite(named_fps) and named_fps > 0 else USUAL_FPS
        seconds = self._capture.get(cv2.CAP_PROP_FRAME_COUNT) / self._fps
        self.duration_s = seconds if math.isfinite(seconds) and seconds > 0 else None
        self._at_s, self._due_s = -math.inf, -math.inf
        self._start_s: float | None = None
        self._has_frame = False

    def read(self, from_s: float = 0.0) -> tuple[Pixels, float] | None:
        """Return the next frame that is due, or None at the end.

        Args:
            from_s: frames before this time, seconds from the start, are passed over undecoded
                where the format allows.

        Returns:
            The frame (H, W, 3) uint8 RGB, and its time in seconds from the first frame.

        Raises:
            InputError: if not a single frame of the file can be decoded.
        """
        while self._capture.grab():
            at_s = self._time_s()
            if at_s < max(self._due_s, from_s) - ROUNDING_S:
                continue
            is_read, frame = self._capture.retrieve()
            if not is_read or frame is None or frame.size == 0:
                continue
            self._has_frame = True
            # A steady grid, so that 25 frames a second give 12 and not 8; begun anew after a gap.
            due_s = self._due_s + self._step_s
            self._due_s = due_s if due_s > at_s else at_s + self._step_s
            rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            return np.asarray(rgb, dtype=np.uint8), at_s
        self.close()
        if not self._has_frame and from_s <= 0:
            raise InputError(f"No picture of {self.path.name} can be decoded.", _SEND_OTHER)
        return None

    def close(self) -> None:
        """Let the file go; reading on gives None or, before the first frame, an InputError."""
        self._capture.release()

    def __iter__(self) -> Iterator[tuple[Pixels, float]]:
        """Yield the frames that are still due, as `read` returns them."""
        while (taken := self.read()) is not None:
            yield taken

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _time_s(self) -> float:
        """Return the time of the frame that was grabbed, rising from 0.

        Where a file gives no time, or one that does not rise, its frame rate tells it.
        """
        stamp_s = self._capture.get(cv2.CAP_PROP_POS_MSEC) / 1000.0
        if self._start_s is None:
            self._start_s = stamp_s if math.isfinite(stamp_s) else 0.0
            self._at_s = 0.0
            return self._at_s
        at_s = stamp_s - self._start_s
        if not math.isfinite(at_s) or at_s <= self._at_s:
            at_s = self._at_s + 1.0 / self._fps
        self._at_s = at_s
        return at_s
