"""Text is found, read, ordered and told once."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from engines.maxsight import ocr
from engines.maxsight.frames import Pixels
from engines.maxsight.ocr import LEAST_CONFIDENCE, MODELS, TextReader
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

FONT = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
SIGN = ("Öffnungszeiten", "Straße gesperrt", "¿Dónde está?")


@pytest.fixture(scope="module")
def reader() -> TextReader:
    one = TextReader()
    with pytest.MonkeyPatch.context() as patch:
        # Loading must never ask the Internet for a file.
        def refuse(*_: Any) -> None:
            raise AssertionError("the network was used")

        patch.setattr(socket.socket, "connect", refuse)
        one.load()
    return one


def _sign(
    lines: tuple[str, ...],
    *,
    size: tuple[int, int] = (640, 480),
    letters: int = 50,
    degrees: float = 0.0,
) -> Pixels:
    picture = Image.new("RGB", size, (90, 110, 90))
    draw = ImageDraw.Draw(picture)
    edge = size[0] // 11
    draw.rectangle((edge, edge, size[0] - edge, size[1] - edge), fill=(240, 240, 230))
    font = ImageFont.truetype(str(FONT), letters)
    for number, text in enumerate(lines):
        place = 1.4 * edge, 1.4 * edge + 1.5 * letters * number
        draw.text(place, text, font=font, fill=(20, 20, 40))
    return np.asarray(picture.rotate(degrees, expand=True))


def _texts(lines: tuple[TextLine, ...] | None) -> list[str]:
    assert lines is not None
    return [one.text for one in lines]


@pytest.mark.parametrize(
    "degrees", [0, 180, 90, 10], ids=["upright", "on its head", "side", "tilt"]
)
def test_a_sign_is_read_in_order_however_it_hangs(reader: TextReader, degrees: int) -> None:
    lines = reader.read(_sign(SIGN, degrees=degrees))
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
    lines = reader.read(_sign(("WAY OUT",), size=(7680, 4320), letters=500))
    assert _texts(lines) == ["WAY OUT"]
    assert lines is not None
    x0, y0, x1, y1 = lines[0].box
    assert 800 < x0 < x1 < 4500 and 850 < y0 < y1 < 1800


def test_small_letters_in_a_large_picture_are_read_once_on_request(reader: TextReader) -> None:
    picture = _sign(("small print of the contract",), size=(1280, 960), letters=20)
    lines = reader.read(picture, is_thorough=True)
    assert _texts(lines) == ["small print of the contract"]


def test_letters_too_small_to_read_are_not_guessed(reader: TextReader) -> None:
    assert _texts(reader.read(_sign(("unreadable",), letters=4), is_thorough=True)) == []


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
    picture = _sign(SIGN)
    answers = iter([False, True])
    assert reader.read(picture, is_late=lambda: next(answers)) is None
    assert reader.read(picture, is_late=lambda: True) is None


def test_a_reader_that_is_not_loaded_says_so() -> None:
    one = TextReader()
    assert not one.health().is_ready
    with pytest.raises(EngineUnavailableError, match="not loaded"):
        one.read(np.zeros((64, 64, 3), np.uint8))


def test_health_follows_loading_and_unloading(reader: TextReader) -> None:
    assert reader.health().is_ready and "PP-OCRv6" in reader.health().detail


def test_a_missing_package_is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ocr, "PACKAGE", "rapidocr_that_is_not_installed")
    with pytest.raises(WeightsMissingError, match=r"pip install -r requirements\.txt"):
        TextReader().load()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissingError, match=MODELS[0].file):
        TextReader(tmp_path).load()


def test_a_changed_file_is_refused(tmp_path: Path) -> None:
    source = ocr._package_models()
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
    memory, sign = TextMemory(), line("Push to open")
    assert memory.update([sign, line("EXIT")], 0.0) == (sign, line("EXIT"))
    for second in range(1, 40):
        assert memory.update([line("Push to opcn")], float(second)) == ()
    assert memory.update([], 39.0 + FORGET_AFTER_S) == ()
    assert memory.update([sign], 39.5 + FORGET_AFTER_S) == (sign,)


def test_a_restarted_clock_forgets_everything() -> None:
    memory, sign = TextMemory(), line("EXIT")
    memory.update([sign], 100.0)
    assert memory.update([sign], 1.0) == (sign,)


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
