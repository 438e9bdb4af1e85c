"""Listen to files and write a row for each second."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.maxsight.sound import SoundListener
from engines.maxsight.sound_audio import SOUND_SUFFIXES, Floats, StreamResampler, read_file
from engines.maxsight.sound_network import SOUND_RATE_HZ
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.errors import InputError, StorageError

COLUMNS = ("file", "class", "confidence", "second", "latency_ms")


@dataclass(frozen=True)
class SecondRow:
    """What one second of a file sounds like.

    Attributes:
        file: as it was given.
        class_id: a sound of sounds.yaml, background, unknown or silence.
        confidence: in [0, 1].
        second: 0 for the first.
        latency_ms: time to listen to this second.
    """

    file: str
    class_id: str
    confidence: float
    second: int
    latency_ms: float


def find_files(paths: Sequence[Path]) -> list[Path]:
    """List files as given, and the sound files below folders, sorted.

    Raises:
        InputError: if a path is not there or no file is left.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (one for one in path.rglob("*") if one.is_file())
            files += sorted(one for one in inside if one.suffix.lower() in SOUND_SUFFIXES)
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"There is no file {path}.", "Check the path.")
    if not files:
        raise InputError("There is no sound file in these folders.", "Check the paths.")
    return files


def listen_to_file(runner: SoundRunner, path: Path, problems: list[str]) -> Iterator[SecondRow]:
    """Listen to a file second by second, however long; what is wrong is added to `problems`.

    A file that breaks off gives the rows up to there.
    """
    listener = SoundListener(runner)
    for second, piece in enumerate(_seconds(path, problems)):
        latency_ms = listener.hear(piece, SOUND_RATE_HZ).latency_ms
        if len(piece) < SOUND_RATE_HZ:
            latency_ms += listener.catch_up().latency_ms
        class_id, confidence = listener.likeliest()
        yield SecondRow(str(path), class_id, confidence, second, latency_ms)


def write_rows(path: Path, rows: Iterable[SecondRow]) -> int:
    """Write rows as CSV in one step and return how many; the file appears when all are there.

    Raises:
        StorageError: if it cannot be written.
    """
    temporary = path.with_name(path.name + ".tmp")
    count = 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for row in rows:
                writer.writerow(
                    (
                        row.file,
                        row.class_id,
                        f"{row.confidence:.4f}",
                        row.second,
                        f"{row.latency_ms:.2f}",
                    )
                )
                count += 1
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"{path} could not be written.", "Check the path after --out and the space on the disk."
        ) from error
    return count


def _seconds(path: Path, problems: list[str]) -> Iterator[Floats]:
    """Give the file at 16 kHz in pieces of one second; the last is shorter."""
    held: Floats = np.zeros(0, np.float32)
    resampler: StreamResampler | None = None
    try:
        for sound, rate_hz in read_file(path):
            if resampler is None or resampler.rate_hz != rate_hz:
                resampler = StreamResampler(rate_hz)
            held = np.concatenate([held, resampler.feed(sound)])
            while len(held) >= SOUND_RATE_HZ:
                yield held[:SOUND_RATE_HZ]
                held = held[SOUND_RATE_HZ:]
    except InputError as error:
        problems.append(f"{path}: {error}")
    if resampler is not None:
        held = np.concatenate([held, resampler.flush()])
    while len(held) >= SOUND_RATE_HZ:
        yield held[:SOUND_RATE_HZ]
        held = held[SOUND_RATE_HZ:]
    if len(held):
        yield held
