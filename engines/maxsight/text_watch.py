"""Read the text in one person's frames little by little, so that no look of Stage B takes long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.frames import Pixels
from engines.maxsight.ocr import Quads, distinct, placed
from engines.maxsight.text_appearance import Appearance, appearance_of, is_same_line
from engines.maxsight.text_lines import Reading, TextLine, reading_order
from engines.maxsight.text_memory import SharpestFrame, SharpFrame, is_same_text

# What was read stays true for this long, if nothing newer was read.
TEXT_LASTS_S = 3.0
# A look of Stage B ends before this, if its steps take as long as they did; what was not begun by
# then is for the next look. Stage B's deadline is 500 ms.
LOOK_MS = 350.0
# How long one line takes before the first was timed.
FIRST_GUESS_MS = 60.0
# A line is read again after this, even if it looks the same: looks may deceive.
RECALL_S = 5.0
# What could not be read is tried again sooner: the camera may have found its focus.
RECALL_NOTHING_S = 2.0
MAX_RECALLED = 40
# A frame is compared with the one before in cells of so many pixels, at this longer side.
COMPARED_SIDE_PX = 640
CELL_PX = 8
# Grey levels that the mean of some cell has to change by; a camera's noise stays below.
CHANGED_LEVELS = 6.0


class LineReader(Protocol):
    """Describe what finds and reads lines, such as `TextReader`."""

    def find(self, pixels: Pixels) -> Quads | None:
        """Return the corners of lines, (N, 4, 2), most important first; None if it is busy."""

    def line_picture(self, pixels: Pixels, quad: Quads) -> Pixels:
        """Cut the line at (4, 2) corners out of a frame."""

    def read_line(self, crop: Pixels) -> Reading | None:
        """Return what stands in it; None if it is busy."""


@dataclass
class _Page:
    """A frame that is being read."""

    frame: SharpFrame
    scale: float
    todo: list[tuple[Quads, Pixels, Appearance | None]]
    lines: list[TextLine]


@dataclass
class _Known:
    """A line that was read, and what it looked like."""

    appearance: Appearance
    reading: Reading
    read_s: float

    def is_good(self, now_s: float) -> bool:
        return 0 <= now_s - self.read_s <= (RECALL_S if self.reading.text else RECALL_NOTHING_S)


@dataclass
class TextWatch:
    """What was read of one person's frames, and what is still to be read; see `look`."""

    _frames: SharpestFrame = field(default_factory=SharpestFrame)
    _page: _Page | None = None
    _known: list[_Known] = field(default_factory=list)
    _lines: tuple[TextLine, ...] = ()
    _seen_s: float | None = None
    _cells: NDArray[np.float32] | None = None
    _line_ms: float = FIRST_GUESS_MS

    @property
    def is_reading(self) -> bool:
        """Whether lines that were found are still to be read."""
        return self._page is not None

    def look(
        self,
        reader: LineReader,
        pixels: Pixels,
        *,
        frame_id: int,
        captured_s: float,
        frame_side_px: int,
        spent_ms: Callable[[], float],
    ) -> tuple[TextLine, ...]:
        """Read on, as far as there is time, and return what is known to stand in view.

        Once or twice a second the sharpest recent frame is taken, unless nothing changed in it,
        and its lines are found. Those that look as they did are recalled; the others are read one
        by one, the tallest letters first, in this look or the next ones.

        Args:
            pixels: (H, W, 3) RGB, belongs to the watch from now on.
            frame_id, captured_s: number and time of the frame.
            frame_side_px: longer side of the frame as it came, in whose pixels corners are given.
            spent_ms: how long Stage B has been at this look.

        Returns:
            Lines in reading order, read within the last 3 seconds or unchanged since.

        Raises:
            EngineUnavailableError: if the reader can't find or read.
        """
        self._frames.offer(pixels, frame_id=frame_id, captured_s=captured_s)
        page = self._page
        if page is not None and not 0 <= captured_s - page.frame.captured_s <= TEXT_LASTS_S:
            # Given up, and not to be taken for read.
            self._page = self._cells = None
        is_begun = self._page is not None
        best = None if is_begun else self._frames.take(captured_s)
        if best is not None:
            self._open(reader, best, frame_side_px / max(best.pixels.shape[:2]))
        if self._page is not None:
            self._read_on(reader, self._page, spent_ms, at_least=int(is_begun))
        return self._in_view(captured_s)

    def _open(self, reader: LineReader, best: SharpFrame, scale: float) -> None:
        """Find the lines of a frame, if it is another picture than the last one."""
        cells = _cells_of(best.pixels)
        if self._is_unchanged(cells):
            self._seen_s = best.captured_s
            return
        quads = reader.find(best.pixels)
        if quads is None:
            return
        self._cells = cells
        self._known = [one for one in self._known if one.is_good(best.captured_s)]
        page = _Page(best, scale, [], [])
        for quad in quads:
            crop = reader.line_picture(best.pixels, quad)
            appearance = appearance_of(crop)
            known = self._recall(appearance)
            if known is None:
                page.todo.append((quad, crop, appearance))
            elif known.reading.text:
                page.lines.append(placed(known.reading, quad, scale))
        self._page = page

    def _read_on(
        self, reader: LineReader, page: _Page, spent_ms: Callable[[], float], *, at_least: int
    ) -> None:
        """Read lines while there is time, but so many in any case, or a slow machine never ends."""
        while page.todo:
            began_ms = spent_ms()
            if at_least <= 0 and began_ms + self._line_ms > LOOK_MS:
                return
            at_least -= 1
            quad, crop, appearance = page.todo[0]
            reading = reader.read_line(crop)
            if reading is None:
                return
            del page.todo[0]
            # Half of the old and half of the new: one slow line is no reason to stop for long.
            self._line_ms += (spent_ms() - began_ms - self._line_ms) / 2
            if reading.text:
                page.lines.append(placed(reading, quad, page.scale))
            if appearance is not None:
                self._known.append(_Known(appearance, reading, page.frame.captured_s))
                del self._known[:-MAX_RECALLED]
        self._lines, self._seen_s = tuple(distinct(page.lines)), page.frame.captured_s
        self._page = None

    def _in_view(self, now_s: float) -> tuple[TextLine, ...]:
        is_fresh = self._seen_s is not None and 0 <= now_s - self._seen_s <= TEXT_LASTS_S
        lines = list(self._lines) if is_fresh else []
        if self._page is not None:
            # What was read of the newer frame stands for the same text in the older one.
            newer = distinct(self._page.lines)
            lines = [
                *newer,
                *(one for one in lines if not any(is_same_text(one.text, n.text) for n in newer)),
            ]
        return reading_order(lines)

    def _recall(self, appearance: Appearance | None) -> _Known | None:
        if appearance is None:
            return None
        return next(
            (one for one in reversed(self._known) if is_same_line(one.appearance, appearance)), None
        )

    def _is_unchanged(self, cells: NDArray[np.float32]) -> bool:
        before = self._cells
        if before is None or before.shape != cells.shape or self._seen_s is None:
            return False
        return float(np.abs(cells - before).max()) < CHANGED_LEVELS


def _cells_of(pixels: Pixels) -> NDArray[np.float32]:
    """Return the mean grey of each cell."""
    grey: Any = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.float32)
    shrink = CELL_PX * max(1.0, max(grey.shape) / COMPARED_SIDE_PX)
    height, width = (max(1, round(side / shrink)) for side in grey.shape)
    return np.asarray(cv2.resize(grey, (width, height), interpolation=cv2.INTER_AREA), np.float32)
