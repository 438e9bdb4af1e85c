"""All photos decoded once into one file that is mapped into memory."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from engines.maxsight.fit.pack import Frame


class PixelCache:
    """RGB pixels of a list of photos; made on first use (1.3 GB for 5,600 photos of 320 px)."""

    def __init__(self, path: Path, frames: Sequence[Frame]) -> None:
        self.shapes = [(frame.height, frame.width, 3) for frame in frames]
        sizes = [height * width * 3 for height, width, _ in self.shapes]
        self.starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        if not path.exists() or path.stat().st_size != self.starts[-1]:
            _write(path, frames)
        self.bytes = np.memmap(path, dtype=np.uint8, mode="r")

    def __getitem__(self, index: int) -> np.ndarray:
        """Return one photo, (H, W, 3) uint8 RGB, read-only."""
        flat = self.bytes[self.starts[index] : self.starts[index + 1]]
        return flat.reshape(self.shapes[index])


def _write(path: Path, frames: Sequence[Frame]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as out:
        for frame in frames:
            bgr = cv2.imread(str(frame.path), cv2.IMREAD_COLOR)
            if bgr is None or bgr.shape[:2] != (frame.height, frame.width):
                raise ValueError(f"{frame.path} is no picture of {frame.width}x{frame.height}")
            out.write(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).tobytes())
    os.replace(temporary, path)
