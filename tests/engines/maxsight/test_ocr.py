"""Text is found, read, ordered and told once."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.maxsight import ocr_networks
from engines.maxsight.frames import Pixels
from engines.maxsight.ocr import LEAST_CONFIDENCE, TextReader
from engines.maxsight.ocr_networks import MODELS
from engines.maxsight.text_language import language_of
from engines.maxsight.text_lines import TextLine, reading_order
from engines.maxsight.text_memory import (
    FORGET_AFTER_S,
    LEAST_GAP_S,
    MAX_REMEMBERED,
    RECENT_S,
    SharpestFrame,
    TextMemory,
    is_same_text,
    sharpness_of,
)
from engines.runtime.errors import (
    EngineUnavailableError,
    InputError,
    WeightsCorruptError,
    WeightsMissingError,
)
from tests.engines.maxsight.scene_things import line
from tests.engines.maxsight.signs import sign

SIGN = ("Öffnungszeiten", "Straße gesperrt", "¿Dónde está?")


def _texts(lines: tuple[TextLine, ...] | None) -> list[str]:
    assert lines is not None
    return [one.text for one in lines]


@pytest.mark.parametrize(
    "degrees", [0, 180, 90, 10], ids=["upright", "on its head", "side", "tilt"]
)
def test_a_sign_is_read_in_order_however_it_hangs(reader: TextReader, degrees: int) -> None:
    lines = reader.read(sign(SIGN, degrees=degrees))
    assert lines is not None
    assert _texts(lines) == list(SIGN)
    assert [one.language for one in lines] == ["de", "de", "es"]
    for one in lines:
        assert LEAST_CONFIDENCE <= one.confidence <= 1
        assert abs((one.angle_deg + degrees + 180) % 360 - 180) < 6


@pytest.mark.parametrize(
    "picture",
    [
        np.full((480, 640, 3), 255, np.uint8),
        np.zeros((480, 640), np.uint8),
        np.full((32, 1920, 3), 200, np.uint8),
        np.random.default_rng(0).integers(0, 256, (480, 640, 3), dtype=np.uint8),
    ],
    ids=["white", "black and grey", "a strip", "noise"],
)
def test_a_picture_without_text_gives_no_line(reader: TextReader, picture: Pixels) -> None:
    assert reader.read(picture) == ()


def test_corners_of_an_8k_picture_are_in_its_own_pixels(reader: TextReader) -> None:
    lines = reader.read(sign(("WAY OUT",), size=(7680, 4320), letters=500))
    assert _texts(lines) == ["WAY OUT"]
    assert lines is not None
    x0, y0, x1, y1 = lines[0].box
    assert 800 < x0 < x1 < 4500 and 850 < y0 < y1 < 1800


def test_small_letters_in_a_large_picture_are_read_once_on_request(reader: TextReader) -> None:
    picture = sign(("small print of the contract",), size=(1280, 960), letters=20)
    lines = reader.read(picture, is_thorough=True)
    assert _texts(lines) == ["small print of the contract"]


def test_letters_too_small_to_read_are_not_guessed(reader: TextReader) -> None:
    assert _texts(reader.read(sign(("unreadable",), letters=4), is_thorough=True)) == []


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((64, 64, 3), np.nan),
        np.zeros((64, 64, 2), np.uint8),
        "a path",
    ],
    ids=["one pixel", "no numbers", "two channels", "no picture"],
)
def test_what_is_no_picture_is_refused(reader: TextReader, picture: Any) -> None:
    with pytest.raises(InputError):
        reader.read(picture)


def test_reading_stops_when_it_gets_late(reader: TextReader) -> None:
    picture = sign(SIGN)
    answers = iter([False, True])
    assert reader.read(picture, is_late=lambda: next(answers)) is None
    assert reader.read(picture, is_late=lambda: True) is None


def test_a_reader_that_is_not_loaded_says_so() -> None:
    one, frame = TextReader(), np.zeros((64, 64, 3), np.uint8)
    assert not one.health().is_ready
    quad = np.zeros((4, 2), np.float32)
    for job in (
        lambda: one.read(frame),
        lambda: one.find(frame),
        lambda: one.read_line(frame),
        lambda: one.line_picture(frame, quad),
    ):
        with pytest.raises(EngineUnavailableError, match="not loaded"):
            job()


def test_line_by_line_the_same_is_read_as_at_once(reader: TextReader) -> None:
    picture = sign(SIGN)
    quads = reader.find(picture)
    assert quads is not None
    readings = [reader.read_line(reader.line_picture(picture, quad)) for quad in quads]
    assert {one.text for one in readings if one is not None} == set(SIGN)


def test_steps_are_left_out_while_somebody_else_reads_and_nobody_waits(
    reader: TextReader,
) -> None:
    picture = sign(("EXIT",))
    quads = reader.find(picture)
    assert quads is not None
    crop = reader.line_picture(picture, quads[0])
    asked: list[Any] = []

    def meanwhile() -> bool:
        asked.extend((reader.find(picture), reader.read_line(crop)))
        return True

    assert reader.read(picture, is_late=meanwhile) is None
    assert asked == [None, None]
    reading = reader.read_line(crop)
    assert reading is not None and reading.text == "EXIT"


def test_loading_again_keeps_the_networks_that_are_there(reader: TextReader) -> None:
    before = reader._engine
    reader.load()
    assert reader._engine is before


def test_health_follows_loading_and_unloading(reader: TextReader) -> None:
    assert reader.health().is_ready and "PP-OCRv6" in reader.health().detail


def test_a_missing_package_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr_networks, "PACKAGE", "rapidocr_that_is_not_installed")
    with pytest.raises(WeightsMissingError, match=r"pip install -r requirements\.txt"):
        TextReader().load()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=MODELS[0].file):
        TextReader(tmp_path).load()


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    source = ocr_networks.package_models()
    for model in MODELS:
        shutil.copy(source / model.file, tmp_path / model.file)
    with (tmp_path / MODELS[-1].file).open("r+b") as file:
        file.seek(1000)
        file.write(b"changed")
    with pytest.raises(WeightsCorruptError, match=MODELS[-1].file):
        TextReader(tmp_path).load()


# Order


def test_columns_are_read_one_after_the_other() -> None:
    left = [line("a1", (0, 0, 80, 20)), line("a2", (0, 25, 80, 45))]
    right = [line("b1", (200, 0, 280, 20)), line("b2", (200, 25, 280, 45))]
    mixed = [right[1], left[0], right[0], left[1]]
    assert [one.text for one in reading_order(mixed)] == ["a1", "a2", "b1", "b2"]


def test_words_of_one_row_are_read_from_the_left() -> None:
    row = [line("two", (90, 3, 160, 24)), line("one", (0, 0, 80, 20))]
    assert [one.text for one in reading_order(row)] == ["one", "two"]


def test_a_sign_comes_before_the_small_print_above_it() -> None:
    lines = [line("small", (0, 0, 80, 10)), line("EXIT", (0, 100, 200, 160))]
    assert [one.text for one in reading_order(lines)] == ["EXIT", "small"]


def test_no_lines_have_no_order() -> None:
    assert reading_order([]) == ()


# Language


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Push to open", "en"),
        ("Please keep out", "en"),
        ("Salida de emergencia", "es"),
        ("NIÑOS", "es"),
        ("Bitte nicht stören", "de"),
        ("Straße", "de"),
        ("Défense de fumer", "fr"),
        ("请勿吸烟", "zh"),
        ("トイレ", "ja"),
        ("Έξοδος", "el"),
        ("出口", None),
        ("STOP", None),
        ("Hotel Los Angeles", None),
        ("Miller & Son", None),
        ("42", None),
        ("Ω", None),
        ("", None),
    ],
)
def test_a_language_is_named_only_where_the_text_tells(text: str, language: str | None) -> None:
    assert language_of(text) == language


# Over time


@pytest.mark.parametrize(
    ("first", "second", "is_same"),
    [
        ("Push to open", "PUSH TO 0PEN", False),
        ("Push to open", "Push to opcn", True),
        ("Platform 4", "Platform 5", False),
        ("1 29", "129", False),
        ("EXIT", "EXIST", False),
        ("Way  out!", "way out", True),
    ],
)
def test_readings_are_one_text_if_digits_agree_and_most_letters(
    first: str, second: str, is_same: bool
) -> None:
    assert is_same_text(first, second) is is_same
    assert is_same_text(second, first) is is_same


def test_a_text_is_told_once_while_it_stays_and_again_after_it_was_gone() -> None:
    memory, door = TextMemory(), line("Push to open")
    assert memory.update([door, line("EXIT")], 0.0) == (door, line("EXIT"))
    for second in range(1, 40):
        assert memory.update([line("Push to opcn")], float(second)) == ()
    assert memory.update([], 39.0 + FORGET_AFTER_S) == ()
    assert memory.update([door], 39.5 + FORGET_AFTER_S) == (door,)


def test_a_restarted_clock_forgets_everything() -> None:
    memory, way_out = TextMemory(), line("EXIT")
    memory.update([way_out], 100.0)
    assert memory.update([way_out], 1.0) == (way_out,)


def test_a_memory_stays_bounded() -> None:
    memory = TextMemory()
    many = [line(f"Room {number}") for number in range(3 * MAX_REMEMBERED)]
    assert len(memory.update(many, 0.0)) == len(many)
    assert len(memory._seen_s) == MAX_REMEMBERED
    assert memory.update([many[-1]], 0.1) == ()


def _stripes(width: int) -> Pixels:
    stripes = (np.arange(640) // width % 2 * 200).astype(np.uint8)
    return np.ascontiguousarray(np.broadcast_to(stripes[None, :, None], (480, 640, 3)))


def test_the_sharpest_recent_frame_is_handed_out_once_and_not_too_often() -> None:
    frames = SharpestFrame()
    for number, width in enumerate((40, 4, 20)):
        frames.offer(_stripes(width), frame_id=number, captured_s=number * 0.1)
    best = frames.take(0.3)
    assert best is not None and best.frame_id == 1
    assert best.sharpness == pytest.approx(sharpness_of(_stripes(4)))
    assert frames.take(0.3) is None
    frames.offer(_stripes(40), frame_id=3, captured_s=0.4)
    assert frames.take(0.4) is None
    later = frames.take(0.31 + LEAST_GAP_S)
    assert later is not None and later.frame_id == 3


def test_an_old_sharp_frame_gives_way_to_a_new_blurred_one() -> None:
    frames = SharpestFrame()
    frames.offer(_stripes(4), frame_id=0, captured_s=0.0)
    assert frames.take(RECENT_S + 0.1) is None
    frames.offer(_stripes(40), frame_id=1, captured_s=RECENT_S + 0.1)
    best = frames.take(RECENT_S + 0.2)
    assert best is not None and best.frame_id == 1


@pytest.mark.parametrize("size", [(1, 1), (480, 640), (1, 5000)], ids=str)
def test_a_plain_picture_has_no_sharpness(size: tuple[int, int]) -> None:
    assert sharpness_of(np.full((*size, 3), 77, np.uint8)) == 0
