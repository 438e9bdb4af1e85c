"""Corrections: kept line by line, whole or not at all."""

from __future__ import annotations

import base64
import io
import os
import resource
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from engines.runtime.errors import InputError, StorageError
from engines.waste.feedback import PHOTO_SIDE, Correction, FeedbackLog


def correction(said: str = "paper", photo: Image.Image | None = None) -> Correction:
    return Correction.make(
        said=said, predicted="wood", confidence=0.5, checkpoint="waste 1", photo=photo
    )


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    log = FeedbackLog(tmp_path / "deep" / "feedback.jsonl")
    log.append(correction("paper"))
    log.append(correction("not_waste"))
    assert [entry.said for entry in log.read()] == ["paper", "not_waste"]


def test_the_photo_is_small_and_has_lost_its_location(photo: Image.Image) -> None:
    exif = photo.getexif()
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    photo.info["exif"] = exif.tobytes()
    kept = correction(photo=photo).photo_jpeg
    opened = Image.open(io.BytesIO(base64.b64decode(kept)))
    assert max(opened.size) <= PHOTO_SIDE
    assert not opened.getexif()


def test_without_agreement_no_photo_is_kept() -> None:
    assert correction().photo_jpeg == ""


def test_an_item_that_does_not_exist_is_refused() -> None:
    with pytest.raises(InputError):
        correction("spaceship")


def test_twenty_people_at_once_lose_nothing(tmp_path: Path, photo: Image.Image) -> None:
    log = FeedbackLog(tmp_path / "feedback.jsonl")
    with ThreadPoolExecutor(20) as people:
        list(people.map(lambda _: log.append(correction(photo=photo)), range(60)))
    assert len(log.read()) == 60


def test_a_torn_line_is_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    log = FeedbackLog(tmp_path / "feedback.jsonl")
    log.append(correction())
    log.path.write_text(log.path.read_text() + '{"said": "pap')
    assert len(log.read()) == 1


def test_no_write_permission_is_said_in_words(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder is needed")
    with pytest.raises(StorageError, match="could not be saved"):
        FeedbackLog(blocked / "feedback.jsonl").append(correction())


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from engines.runtime.errors import StorageError
from engines.waste.feedback import Correction, FeedbackLog
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
log = FeedbackLog(Path(sys.argv[1]))
entry = Correction.make(said="paper", predicted="wood", confidence=0.5, checkpoint="1", photo=None)
log.append(entry)
size = log.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20, size + 20))
try:
    log.append(entry)
except StorageError as error:
    print(error)
assert log.path.stat().st_size == size, "half a line stayed"
"""


def test_a_full_disk_is_said_in_words_and_leaves_no_half_line(tmp_path: Path) -> None:
    # A limit on the file's size cuts a write off as a full disk does.
    assert resource.RLIMIT_FSIZE
    done = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(tmp_path / "feedback.jsonl")],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).resolve().parents[3])},
    )
    assert "could not be saved" in done.stdout
    assert "Make room" in done.stdout
