"""Small videos for tests, and MP4 files whose times and rotation are set by hand."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from engines.maxsight.frames import Pixels

SIZE = (96, 128)
# The parts of an MP4 file that hold others, down to the table of times.
_HOLDERS = (b"moov", b"trak", b"mdia", b"minf", b"stbl")
_QUARTER_TURN = (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30)


def numbered_frame(number: int, size: tuple[int, int] = SIZE) -> Pixels:
    """Return a frame (H, W, 3) RGB whose brightness tells its number, 0 to 24; red at the top."""
    frame = np.full((*size, 3), 10 + 10 * (number % 25), np.uint8)
    frame[: size[0] // 4] = (200, 0, 0)
    return frame


def number_of(frame: Pixels) -> int:
    """Read the number of a frame back."""
    height, width = frame.shape[:2]
    middle = frame[height * 3 // 8 : height * 5 // 8, width * 3 // 8 : width * 5 // 8]
    return round((float(middle.mean()) - 10) / 10)


def write_video(
    path: Path,
    frames: int = 25,
    *,
    fps: float = 25.0,
    code: str = "mp4v",
    size: tuple[int, int] = SIZE,
) -> Path:
    """Write numbered frames at a steady pace; the name's ending chooses the container."""
    writer = cv2.VideoWriter(
        str(path),
        cv2.VideoWriter_fourcc(*code),
        fps,
        (size[1], size[0]),  # type: ignore[attr-defined]
    )
    assert writer.isOpened()
    for number in range(frames):
        writer.write(cv2.cvtColor(numbered_frame(number, size), cv2.COLOR_RGB2BGR))
    writer.release()
    return path


def set_times(path: Path, durations: Sequence[int]) -> None:
    """Give each frame of an MP4 file its own duration, in units of the track's time scale."""
    table = struct.pack(">II", 0, len(durations))
    table += b"".join(struct.pack(">II", 1, duration) for duration in durations)
    # The edit list would cut off what comes after the old duration.
    data = path.read_bytes().replace(b"edts", b"free")
    path.write_bytes(_replace(data, b"stts", lambda _: table))


def turn(path: Path) -> None:
    """Mark an MP4 file as taken with the camera turned by a quarter."""
    matrix = struct.pack(">9i", *_QUARTER_TURN)

    def marked(header: bytes) -> bytes:
        # The matrix stands before the last 8 bytes, width and height, in either version.
        return header[: -8 - len(matrix)] + matrix + header[-8:]

    path.write_bytes(_replace(path.read_bytes(), b"tkhd", marked))


def time_scale(path: Path) -> int:
    """Read the track's units in a second."""
    found: list[int] = []

    def note(header: bytes) -> bytes:
        found.append(struct.unpack(">I", header[12:16])[0])
        return header

    _replace(path.read_bytes(), b"mdhd", note)
    return found[0]


def _replace(data: bytes, name: bytes, change) -> bytes:
    """Change the body of every part of that name; the parts around it grow along."""
    parts, position = [], 0
    while position < len(data):
        length, kind = struct.unpack(">I4s", data[position : position + 8])
        length = length or len(data) - position
        body = data[position + 8 : position + length]
        if kind == name:
            body = change(body)
        elif kind in _HOLDERS:
            body = _replace(body, name, change)
        parts.append(struct.pack(">I4s", len(body) + 8, kind) + body)
        position += length
    return b"".join(parts)
