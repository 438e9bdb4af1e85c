"""Find and read the text in a frame, with the PP-OCR networks that RapidOCR carries."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.frames import Pixels, to_rgb
from engines.maxsight.ocr_networks import start_networks
from engines.maxsight.text_language import language_of
from engines.maxsight.text_lines import Corners, Point, Reading, TextLine, reading_order
from engines.maxsight.tiers import Box
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.health import EngineHealth

Quads = NDArray[np.float32]

# Text is looked for at this longer side, and read at the frame's own size. On request there is time
# to find smaller letters. In Stage B there is little: of 142 lines drawn on 640 × 480, with letters
# from 8 to 48 pixels, 120 were read right with the least of these sides and 122 with the next, in
# about half of the time.
LOOK_SIDE_PX, FIND_SIDE_PX, THOROUGH_SIDE_PX = 512, 640, 1280
# The largest lines are read; a page of a book has more than a person wants to hear.
MAX_LINES, THOROUGH_MAX_LINES = 12, 60
LINES_AT_ONCE = 6
# Lines found twice share at least this much of the smaller one's box.
SAME_PLACE = 0.5
# Measured on 150 drawn signs with 308 lines, from 8 pixels up, blurred, noisy, pale or tilted: of
# the 181 lines that stay, 163 are right to the letter (as many as without a threshold), 14 nearly,
# and 4 are not, 3 of them cut by the edge. On 60 pictures of stripes, noise and shapes none stays.
LEAST_CONFIDENCE = 0.85
# A frame longer than this many times its shorter side is widened, or nothing is left to look at.
MAX_ASPECT = 8
# RapidOCR turns what is this much taller than wide by a quarter, against the clock.
TURNED_RATIO = 1.5
WARMUP_SIZE = (480, 640)

NOT_LOADED = EngineUnavailableError("Reading text is not loaded.", "Try again in a few seconds.")


class TextReader:
    """Read the text in frames; it keeps nothing of them and never uses the network.

    It computes in the caller's thread alone, so that the other cores stay free for Stage A. Latin,
    Greek, Chinese and Japanese letters are known; Cyrillic, Arabic, Hebrew, Thai and Korean are
    not, and give nothing or low confidence.

    "Read" on request and Stage B share one: `read` waits for its turn and does all at once, `find`
    and `read_line` are short steps that are left out while somebody else reads.

    Args:
        models_dir: folder of the three networks; None takes the installed package's.
    """

    name = "maxsight-text"

    def __init__(self, models_dir: Path | None = None) -> None:
        self._models_dir = models_dir
        self._engine: Any = None
        self._turn, self._loading = threading.Lock(), threading.Lock()

    def load(self) -> None:
        """Check and read the three networks, unless they are there. Raises as `start_networks`."""
        with self._loading:
            if self._engine is None:
                self._engine = start_networks(
                    self._models_dir, find_side_px=FIND_SIDE_PX, lines_at_once=LINES_AT_ONCE
                )

    def warmup(self) -> None:
        """Read a blank frame, so that the first person doesn't wait."""
        self.read(np.full((*WARMUP_SIZE, 3), 128, np.uint8))

    def read(
        self,
        frame: Any,
        *,
        is_late: Callable[[], bool] = lambda: False,
        is_thorough: bool = False,
    ) -> tuple[TextLine, ...] | None:
        """Find the text in a frame and read it.

        Args:
            frame: upright picture, see `frames.to_rgb`; text may stand on its head or its side.
            is_late: asked between the steps; once it says yes, the rest is not begun.
            is_thorough: look also for smaller letters and more lines; several times as long.

        Returns:
            Lines in reading order, corners in pixels of `frame` as it was given; empty where there
            is no text. None if it got late before all was read.

        Raises:
            InputError: if the frame is no picture that can be used.
            EngineUnavailableError: if nothing is loaded, or the networks fail.
        """
        engine = self._loaded()
        rgb = to_rgb(frame)
        scale = max(frame.shape[:2]) / max(rgb.shape[:2])
        with self._turn:
            if is_late():
                return None
            with _explained():
                lines = _read(engine, rgb, scale, is_late, is_thorough)
        return None if lines is None else reading_order(lines)

    def find(self, pixels: Pixels) -> Quads | None:
        """Find the lines of a frame (H, W, 3) RGB without reading them.

        Returns:
            (N, 4, 2) corners in its pixels, the tallest letters first, at most 12; (0, 4, 2) where
            there is no text. None while somebody else reads.

        Raises:
            EngineUnavailableError: if nothing is loaded, or the networks fail.
        """
        engine = self._loaded()
        with self._turn_if_free() as is_free, _explained():
            if not is_free:
                return None
            return _found(engine, _widened(_bgr(pixels)), LOOK_SIDE_PX, MAX_LINES)

    def read_line(self, crop: Pixels) -> Reading | None:
        """Read one line, cut out by `line_picture`.

        Returns:
            What stands there; its text is empty where that is unsure or no word. None while
            somebody else reads.

        Raises:
            EngineUnavailableError: if nothing is loaded, or the networks fail.
        """
        engine = self._loaded()
        with self._turn_if_free() as is_free, _explained():
            return _readings(engine, [crop])[0] if is_free else None

    def line_picture(self, pixels: Pixels, quad: Quads) -> Pixels:
        """Cut the line at (4, 2) corners out of a frame (H, W, 3) RGB, as `read_line` takes it.

        Raises:
            EngineUnavailableError: if nothing is loaded.
        """
        (crop,) = self._loaded().crop_text_regions(_widened(_bgr(pixels)), quad[None])
        return np.asarray(crop, np.uint8)

    def health(self) -> EngineHealth:
        """Say which networks it runs."""
        if self._engine is None:
            return EngineHealth(is_ready=False, detail="Reading text is not loaded.")
        return EngineHealth(is_ready=True, detail="PP-OCRv6 small by RapidOCR, ONNX Runtime")

    def unload(self) -> None:
        """Give the memory back, when who reads now has ended; nobody waits for that."""
        self._engine = None

    @contextmanager
    def _turn_if_free(self) -> Iterator[bool]:
        """Take the turn if nobody else reads, and say whether it was had."""
        is_free = self._turn.acquire(blocking=False)
        try:
            yield is_free
        finally:
            if is_free:
                self._turn.release()

    def _loaded(self) -> Any:
        engine = self._engine
        if engine is None:
            raise EngineUnavailableError(NOT_LOADED.what, NOT_LOADED.do)
        return engine


def placed(reading: Reading, quad: Quads, scale: float) -> TextLine:
    """Return a reading as a line at (4, 2) corners, scaled to pixels of the frame as it came."""
    corners = _corners(quad, reading.is_over, scale)
    return TextLine(reading.text, corners, reading.confidence, language_of(reading.text))


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # of the package, ONNX Runtime or OpenCV
        raise EngineUnavailableError(
            "The text of this picture could not be read.",
            "Try the next picture; if it happens again, restart the app.",
        ) from error


def _read(
    engine: Any, rgb: Pixels, scale: float, is_late: Callable[[], bool], is_thorough: bool
) -> list[TextLine] | None:
    """Read a picture; `scale` is pixels of the frame per pixel of it. None if it got late."""
    bgr = _widened(_bgr(rgb))
    # The finer look misses what the coarser one finds, such as few words on a large plate.
    sides = (FIND_SIDE_PX, THOROUGH_SIDE_PX) if is_thorough else (FIND_SIDE_PX,)
    lines: list[TextLine] = []
    for side in sides if max(bgr.shape[:2]) > FIND_SIDE_PX else sides[:1]:
        if is_late():
            return None
        quads = _found(engine, bgr, side, THOROUGH_MAX_LINES if is_thorough else MAX_LINES)
        for start in range(0, len(quads), LINES_AT_ONCE):
            if is_late():
                return None
            some = quads[start : start + LINES_AT_ONCE]
            readings = _readings(engine, engine.crop_text_regions(bgr, some))
            lines += [placed(one, quad, scale) for quad, one in zip(some, readings) if one.text]
    return distinct(lines)


def _found(engine: Any, bgr: Pixels, side_px: int, most: int) -> Quads:
    """Find at most so many lines, (N, 4, 2), the tallest letters first."""
    engine.text_det.limit_side_len = side_px
    quads: Quads | None = engine.text_det(bgr).boxes
    return np.zeros((0, 4, 2), np.float32) if quads is None else _largest(quads, most)


def _readings(engine: Any, crops: Sequence[Pixels]) -> list[Reading]:
    """Read lines that were cut out; what is unsure or no word has no text."""
    upright, turns = engine.cls_and_rotate(list(crops))
    read = engine.recognize_txt(upright)
    readings: list[Reading] = []
    for text, confidence, turn in zip(read.txts, read.scores, turns.cls_res):
        text = " ".join(text.split())
        is_sure = confidence >= LEAST_CONFIDENCE and any(letter.isalnum() for letter in text)
        is_over = turn[0] == "180" and turn[1] > engine.text_cls.cls_thresh
        readings.append(Reading(text if is_sure else "", float(confidence), bool(is_over)))
    return readings


def distinct(lines: Sequence[TextLine]) -> list[TextLine]:
    """Of lines at one place, keep the surest."""
    kept: list[TextLine] = []
    for line in sorted(lines, key=lambda one: -one.confidence):
        if all(_shared(line.box, other.box) <= SAME_PLACE for other in kept):
            kept.append(line)
    return kept


def _shared(first: Box, second: Box) -> float:
    """Return the share of the smaller box that lies in the other."""
    sides = [min(first[i + 2], second[i + 2]) - max(first[i], second[i]) for i in (0, 1)]
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (first, second)]
    return max(0.0, sides[0]) * max(0.0, sides[1]) / max(min(areas), 1e-6)


def _bgr(rgb: Pixels) -> Pixels:
    return np.ascontiguousarray(rgb[:, :, ::-1])


def _widened(bgr: Pixels) -> Pixels:
    height, width = bgr.shape[:2]
    least = math.ceil(max(height, width) / MAX_ASPECT)
    below, beside = max(0, least - height), max(0, least - width)
    if not below and not beside:
        return bgr
    return np.asarray(
        cv2.copyMakeBorder(bgr, 0, below, 0, beside, cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def _largest(quads: Quads, count: int) -> Quads:
    """Keep the `count` lines with the tallest letters of (N, 4, 2) corners."""
    sides = np.linalg.norm(quads - np.roll(quads, -1, axis=1), axis=2)
    return quads[np.argsort(-sides.min(axis=1), kind="stable")[:count]]


def _corners(quad: Quads, is_over: bool, scale: float) -> Corners:
    """Begin the corners where the text begins.

    RapidOCR's start at the top left. It turns tall crops by a quarter against the clock, and then
    what stands on its head by a half.
    """
    wide = max(math.dist(quad[0], quad[1]), math.dist(quad[2], quad[3]))
    tall = max(math.dist(quad[0], quad[3]), math.dist(quad[1], quad[2]))
    first = int(int(tall) >= TURNED_RATIO * max(int(wide), 1)) + 2 * is_over
    points: Sequence[Point] = [(float(x) * scale, float(y) * scale) for x, y in quad]
    a, b, c, d = (points[(first + step) % 4] for step in range(4))
    return a, b, c, d
