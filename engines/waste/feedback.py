"""What people said was wrong: one JSON object a line, on this machine, for the next training."""

from __future__ import annotations

import base64
import io
import json
import os
import threading
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path

from PIL import Image

from engines.runtime.errors import InputError, StorageError
from engines.waste.taxonomy import ITEMS

# Enough for training, which sees 192 to 256 pixels, and too little to read small print.
PHOTO_SIDE = 320
_NOT_WASTE = "not_waste"
ANSWERS: tuple[str, ...] = (*ITEMS, _NOT_WASTE)


@dataclass(frozen=True)
class Correction:
    """One correction by a person.

    Attributes:
        said: the item it is (one of ANSWERS; "not_waste" for something else).
        predicted, confidence: what the engine had answered.
        checkpoint: version of the checkpoint that answered.
        photo_jpeg: base64 of a small JPEG, or "" where the person didn't agree to keep it.
        at: UTC, ISO 8601.
    """

    said: str
    predicted: str
    confidence: float
    checkpoint: str
    photo_jpeg: str
    at: str

    @classmethod
    def make(
        cls,
        *,
        said: str,
        predicted: str,
        confidence: float,
        checkpoint: str,
        photo: Image.Image | None,
    ) -> Correction:
        """Make a correction of now; the photo, if given, is shrunk and loses its metadata.

        Raises:
            InputError: if `said` is none of ANSWERS.
        """
        if said not in ANSWERS:
            raise InputError("No item was chosen.", "Choose what it is from the list.")
        return cls(
            said=said,
            predicted=predicted,
            confidence=round(confidence, 4),
            checkpoint=checkpoint,
            photo_jpeg=_small_jpeg(photo) if photo is not None else "",
            at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )


def _small_jpeg(photo: Image.Image) -> str:
    small = photo.convert("RGB")
    small.thumbnail((PHOTO_SIDE, PHOTO_SIDE))
    encoded = io.BytesIO()
    Image.frombytes("RGB", small.size, small.tobytes()).save(encoded, "JPEG", quality=85)
    return base64.b64encode(encoded.getvalue()).decode()


class FeedbackLog:
    """Append corrections to a JSONL file; several threads and processes may do so at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()

    def append(self, correction: Correction) -> None:
        """Write one line; after an error the file holds what it held before.

        Raises:
            StorageError: if the folder can't be written or the disk is full.
        """
        line = (json.dumps(asdict(correction), ensure_ascii=False) + "\n").encode()
        with self._lock:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                # One write to a file opened for appending is not torn by another process's.
                handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
                try:
                    length = os.fstat(handle).st_size
                    try:
                        written = os.write(handle, line)
                        if written != len(line):
                            raise OSError(28, "No space left on device")
                        os.fsync(handle)
                    except OSError:
                        os.ftruncate(handle, length)
                        raise
                finally:
                    os.close(handle)
            except OSError as error:
                raise StorageError(
                    f"Your correction could not be saved ({error.strerror or error}).",
                    f"Make room or allow writing in {self.path.parent}, then send it again.",
                ) from error

    def read(self) -> list[Correction]:
        """Return the corrections so far; lines that can't be read are left out."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except OSError:
            return []
        found = []
        for line in lines:
            try:
                found.append(Correction(**json.loads(line)))
            except (ValueError, TypeError):
                continue
        return found
