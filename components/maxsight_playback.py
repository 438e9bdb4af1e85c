"""A video on the page: forwards, back, and through."""

from __future__ import annotations

import threading
from collections import deque
from pathlib import Path
from typing import Any

from engines.maxsight.frames import Pixels
from engines.maxsight.video import VideoReader

# Messages that can be gone back to, each with its picture of about 100 kB.
KEPT_FRAMES = 60

Message = dict[str, Any]


class Playback:
    """Hold a video's place, and the last frames as they were shown.

    The next frame is read ahead, so that the last one is known as such. Only `pause` may be called
    from another thread than the rest.

    Raises:
        InputError: if the file is no video, as `VideoReader` says.
    """

    def __init__(self, path: Path) -> None:
        self._reader = VideoReader(path)
        self._ahead = self._reader.read()
        self._shown: deque[Message] = deque(maxlen=KEPT_FRAMES)
        self._cursor = -1
        self._is_playing = threading.Event()

    @property
    def duration_s(self) -> float | None:
        """Of the whole video, seconds; None where the file doesn't say."""
        return self._reader.duration_s

    @property
    def is_at_end(self) -> bool:
        """Whether no further frame is to be looked at."""
        return self._ahead is None

    @property
    def is_fresh(self) -> bool:
        """Whether no frame was looked at yet."""
        return not self._shown

    @property
    def is_in_past(self) -> bool:
        """Whether a frame is shown that is not the newest looked at."""
        return self._cursor < len(self._shown) - 1

    def is_playing(self) -> bool:
        """Say whether frames come by themselves; another thread may have changed it just now."""
        return self._is_playing.is_set()

    def play(self) -> None:
        """Let frames come by themselves until `pause`."""
        self._is_playing.set()

    def pause(self) -> None:
        """Let no further frame come by itself."""
        self._is_playing.clear()

    def advance(self, from_s: float = 0.0) -> tuple[Pixels, float, int] | None:
        """Return the next frame to look at, its time, and how many were passed over.

        Args:
            from_s: frames before this time are passed over, but never the video's last one.
        """
        taken, passed = self._ahead, 0
        if taken is None:
            return None
        self._ahead = self._reader.read()
        while self._ahead is not None and taken[1] < from_s:
            taken, passed = self._ahead, passed + 1
            self._ahead = self._reader.read()
        return taken[0], taken[1], passed

    def keep(self, message: Message) -> None:
        """Remember what was shown; its alerts were said, and are not said again."""
        self._shown.append({**message, "alerts": []})
        self._cursor = len(self._shown) - 1

    def back(self) -> Message | None:
        """Go to the frame before; None where none is kept."""
        if self._cursor <= 0:
            return None
        self._cursor -= 1
        return self._at_cursor()

    def forward(self) -> Message | None:
        """Go to the frame after, if it was already looked at."""
        if not self.is_in_past:
            return None
        self._cursor += 1
        return self._at_cursor()

    def close(self) -> None:
        """Let the file go."""
        self.pause()
        self._reader.close()
        self._ahead = None

    def _at_cursor(self) -> Message:
        message = self._shown[self._cursor]
        message["progress"] = {
            **message["progress"],
            "isFirst": self._cursor == 0,
            "isPlaying": False,
        }
        return message
