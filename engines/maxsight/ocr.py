"""Find and read the text in a frame, with the PP-OCR networks that RapidOCR carries."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.frames import Pixels, to_rgb
from engines.maxsight.text_language import language_of
from engines.maxsight.text_lines import Corners, Point, TextLine, reading_order
from engines.maxsight.tiers import Box
from engines.runtime.errors import (
    EngineUnavailableError,
    WeightsCorruptError,
    WeightsMissingError,
)
from engines.runtime.health import EngineHealth

PACKAGE = "rapidocr"
INSTALL_COMMAND = "pip install -r requirements.txt"

# Text is looked for at this longer side, and read at the frame's own size. On request there is time
# to find smaller letters.
FIND_SIDE_PX, THOROUGH_SIDE_PX = 640, 1280
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


@dataclass(frozen=True)
class ModelFile:
    """One network of the package: its part, file and SHA-256, as RapidOCR 3.10 lists it."""

    part: str
    file: str
    sha256: str


MODELS = (
    ModelFile(
        "Det",
        "PP-OCRv6_det_small.onnx",
        "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f",
    ),
    ModelFile(
        "Cls",
        "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
    ModelFile(
        "Rec",
        "PP-OCRv6_rec_small.onnx",
        "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884",
    ),
)


class TextReader:
    """Read the text in frames; it keeps nothing of them and never uses the network.

    It computes in the caller's thread alone, so that the other cores stay free for Stage A. Latin,
    Greek, Chinese and Japanese letters are known; Cyrillic, Arabic, Hebrew, Thai and Korean are
    not, and give nothing or low confidence.

    Args:
        models_dir: folder of the three networks; None takes the installed package's.
    """

    name = "maxsight-text"

    def __init__(self, models_dir: Path | None = None) -> None:
        self._models_dir = models_dir
        self._engine: Any = None
        # The networks are shared; "Read" on request and Stage B may come at once.
        self._lock = threading.Lock()

    def load(self) -> None:
        """Check and read the three networks.

        Raises:
            WeightsMissingError: if the package or a file of it is not installed.
            WeightsCorruptError: if a file is not the one that was tested.
            EngineUnavailableError: if the package cannot be started.
        """
        paths = _checked_files(self._models_dir or _package_models())
        params: dict[str, Any] = {
            "Global.log_level": "error",
            "Global.text_score": 0.0,
            # One thread: a pool of several would spin between frames on the cores of Stage A.
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Det.limit_type": "max",
            "Det.limit_side_len": FIND_SIDE_PX,
            "Rec.rec_batch_num": LINES_AT_ONCE,
        }
        # With a path of its own no part ever asks the Internet for its file.
        params |= {f"{part}.model_path": str(path) for part, path in paths.items()}
        try:
            engine = _started(params)
        except Exception as error:  # of the package, ONNX Runtime or what they are built on
            raise EngineUnavailableError(
                "MaxSight cannot read text: the package rapidocr does not start.",
                f"Install it again: {INSTALL_COMMAND}.",
            ) from error
        with self._lock:
            self._engine = engine

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
        engine = self._engine
        if engine is None:
            raise EngineUnavailableError(
                "Reading text is not loaded.", "Try again in a few seconds."
            )
        rgb = to_rgb(frame)
        scale = max(frame.shape[:2]) / max(rgb.shape[:2])
        with self._lock:
            if is_late():
                return None
            try:
                lines = _read(engine, rgb, scale, is_late, is_thorough)
            except Exception as error:  # of the package, ONNX Runtime or OpenCV
                raise EngineUnavailableError(
                    "The text of this picture could not be read.",
                    "Try the next picture; if it happens again, restart the app.",
                ) from error
        return None if lines is None else reading_order(lines)

    def health(self) -> EngineHealth:
        """Say which networks it runs."""
        if self._engine is None:
            return EngineHealth(is_ready=False, detail="Reading text is not loaded.")
        return EngineHealth(is_ready=True, detail="PP-OCRv6 small by RapidOCR, ONNX Runtime")

    def unload(self) -> None:
        """Give the memory back."""
        with self._lock:
            self._engine = None


def _package_models() -> Path:
    # find_spec does not run the package, which imports much.
    spec = importlib.util.find_spec(PACKAGE)
    for root in (spec.submodule_search_locations or ()) if spec else ():
        return Path(root) / "models"
    raise _missing("the package rapidocr is not installed")


def _checked_files(folder: Path) -> dict[str, Path]:
    """Return the files by part, once each has its checksum."""
    for model in MODELS:
        path = folder / model.file
        try:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError as error:
            raise _missing(f"its file {model.file} is missing") from error
        if digest != model.sha256:
            raise WeightsCorruptError(
                f"MaxSight cannot read text: its file {model.file} is damaged or another version.",
                f"Run: pip uninstall {PACKAGE}, then {INSTALL_COMMAND}.",
            )
    return {model.part: folder / model.file for model in MODELS}


def _missing(reason: str) -> WeightsMissingError:
    return WeightsMissingError(f"MaxSight cannot read text: {reason}.", f"Run: {INSTALL_COMMAND}.")


def _started(params: dict[str, Any]) -> Any:
    """Start the package's three networks, which it would else load at their first use."""
    from rapidocr import RapidOCR
    from rapidocr.main import RapidOCRError

    engine = RapidOCR(params=params)
    blank = np.full((64, 128, 3), 255, np.uint8)
    engine.cls_and_rotate([blank])
    engine.recognize_txt([blank])
    with contextlib.suppress(RapidOCRError):  # as it holds no text
        engine.detect_and_crop(blank, {})
    return engine


def _read(
    engine: Any, rgb: Pixels, scale: float, is_late: Callable[[], bool], is_thorough: bool
) -> list[TextLine] | None:
    """Read a picture; `scale` is pixels of the frame per pixel of it. None if it got late."""
    bgr = _widened(np.ascontiguousarray(rgb[:, :, ::-1]))
    # The finer look misses what the coarser one finds, such as few words on a large plate.
    sides = (FIND_SIDE_PX, THOROUGH_SIDE_PX) if is_thorough else (FIND_SIDE_PX,)
    lines: list[TextLine] = []
    for side in sides if max(bgr.shape[:2]) > FIND_SIDE_PX else sides[:1]:
        if is_late():
            return None
        engine.text_det.limit_side_len = side
        quads: NDArray[np.float32] | None = engine.text_det(bgr).boxes
        if quads is None:
            continue
        quads = _largest(quads, THOROUGH_MAX_LINES if is_thorough else MAX_LINES)
        for start in range(0, len(quads), LINES_AT_ONCE):
            if is_late():
                return None
            lines += _recognised(engine, bgr, quads[start : start + LINES_AT_ONCE], scale)
    return _distinct(lines)


def _recognised(
    engine: Any, bgr: Pixels, quads: NDArray[np.float32], scale: float
) -> list[TextLine]:
    """Read the lines at (N, 4, 2) corners, and leave out what is unsure or no word."""
    upright, turns = engine.cls_and_rotate(engine.crop_text_regions(bgr, quads))
    read = engine.recognize_txt(upright)
    lines: list[TextLine] = []
    for quad, text, confidence, turn in zip(quads, read.txts, read.scores, turns.cls_res):
        text = " ".join(text.split())
        if confidence >= LEAST_CONFIDENCE and any(letter.isalnum() for letter in text):
            is_over = turn[0] == "180" and turn[1] > engine.text_cls.cls_thresh
            corners = _corners(quad, is_over, scale)
            lines.append(TextLine(text, corners, float(confidence), language_of(text)))
    return lines


def _distinct(lines: list[TextLine]) -> list[TextLine]:
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


def _widened(bgr: Pixels) -> Pixels:
    height, width = bgr.shape[:2]
    least = math.ceil(max(height, width) / MAX_ASPECT)
    below, beside = max(0, least - height), max(0, least - width)
    if not below and not beside:
        return bgr
    return np.asarray(
        cv2.copyMakeBorder(bgr, 0, below, 0, beside, cv2.BORDER_REPLICATE), dtype=np.uint8
    )


def _largest(quads: NDArray[np.float32], count: int) -> NDArray[np.float32]:
    """Keep the `count` lines with the tallest letters of (N, 4, 2) corners."""
    sides = np.linalg.norm(quads - np.roll(quads, -1, axis=1), axis=2)
    return quads[np.argsort(-sides.min(axis=1), kind="stable")[:count]]


def _corners(quad: NDArray[np.float32], is_over: bool, scale: float) -> Corners:
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
