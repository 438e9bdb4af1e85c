"""Text is read little by little: what stays the same is not read again, and no look takes long."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import cv2
import numpy as np
import pytest

from engines.maxsight.frames import Pixels
from engines.maxsight.ocr import Quads, TextReader
from engines.maxsight.text_appearance import appearance_of, is_same_line
from engines.maxsight.text_lines import Reading
from engines.maxsight.text_watch import (
    FIRST_GUESS_MS,
    LOOK_MS,
    MAX_RECALLED,
    RECALL_S,
    TEXT_LASTS_S,
    TextWatch,
)
from tests.engines.maxsight.signs import sign

SIZE = (480, 640)
SIGN = ("Platform 4", "Way out", "12:48 Berlin")


def no_time() -> float:
    return 0.0


@dataclass
class Watched:
    """The app's reader, whose steps are counted."""

    reader: TextReader
    found: int = 0
    read: list[str] = field(default_factory=list)

    def find(self, pixels: Pixels) -> Quads | None:
        self.found += 1
        return self.reader.find(pixels)

    def line_picture(self, pixels: Pixels, quad: Quads) -> Pixels:
        return self.reader.line_picture(pixels, quad)

    def read_line(self, crop: Pixels) -> Reading | None:
        reading = self.reader.read_line(crop)
        assert reading is not None
        self.read.append(reading.text)
        return reading


@dataclass
class Paper:
    """A reader whose lines a test writes, each as long to read as it says."""

    lines: list[str]
    step_ms: float = 0.0
    is_busy: bool = False
    now_ms: float = 0.0
    found: int = 0
    asked: list[str] = field(default_factory=list)

    def find(self, pixels: Pixels) -> Quads | None:
        if self.is_busy:
            return None
        self.found += 1
        quads = [
            ((0, y), (80, y), (80, y + 20), (0, y + 20)) for y in range(0, 30 * len(self.lines), 30)
        ]
        return np.array(quads, np.float32).reshape(-1, 4, 2)

    def line_picture(self, pixels: Pixels, quad: Quads) -> Pixels:
        # A pattern of its own for each text, so that looks tell them apart.
        text = self.lines[round(float(quad[0, 1]) / 30)]
        dice = np.random.default_rng(list(text.encode()))
        grey = dice.integers(0, 256, (8, 32), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
        picture: Pixels = np.repeat(grey[..., None], 3, axis=2)
        picture[0, 0] = self.lines.index(text)
        return picture

    def read_line(self, crop: Pixels) -> Reading | None:
        if self.is_busy:
            return None
        self.now_ms += self.step_ms
        text = self.lines[int(crop[0, 0, 0])]
        self.asked.append(text)
        return Reading(text, 0.95, False)


def noise(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (*SIZE, 3), dtype=np.uint8)


def look(
    watch: TextWatch,
    reader: Watched | Paper,
    pixels: Pixels,
    at_s: float,
    spent_ms: Callable[[], float] = no_time,
) -> list[str]:
    lines = watch.look(
        reader, pixels, frame_id=round(at_s * 10), captured_s=at_s, frame_side_px=640,
        spent_ms=spent_ms,
    )  # fmt: skip
    return [one.text for one in lines]


def moved(pixels: Pixels, x: float, y: float, seed: int) -> Pixels:
    """Return a frame of a camera that moved a little, with its noise."""
    matrix = np.array(((1, 0, x), (0, 1, y)), np.float32)
    there = cv2.warpAffine(pixels, matrix, SIZE[::-1], borderMode=cv2.BORDER_REPLICATE)
    grain = np.random.default_rng(seed).normal(0, 3, there.shape)
    return np.clip(there + grain, 0, 255).astype(np.uint8)


def test_a_sign_that_stays_in_view_is_read_once_though_the_camera_moves(
    reader: TextReader,
) -> None:
    watch, watched = TextWatch(), Watched(reader)
    picture = sign(SIGN)
    assert look(watch, watched, moved(picture, 0, 0, 0), 0.0) == list(SIGN)
    assert sorted(watched.read) == sorted(SIGN)
    for step in range(1, 4):
        assert look(watch, watched, moved(picture, 4.0 * step, 3.0, step), 1.0 * step) == list(SIGN)
    assert watched.found == 4
    assert len(watched.read) < 2 * len(SIGN), "most lines were recalled"


def test_a_number_that_changes_is_read_anew(reader: TextReader) -> None:
    watch, watched = TextWatch(), Watched(reader)
    for at_s, platform in enumerate("4174"):
        lines = (f"Platform {platform}", *SIGN[1:])
        assert look(watch, watched, moved(sign(lines), 0, 0, at_s), float(at_s)) == list(lines)
    assert {"Platform 4", "Platform 1", "Platform 7"} <= set(watched.read)


def test_a_picture_in_which_nothing_changed_is_not_searched_again(reader: TextReader) -> None:
    watch, watched = TextWatch(), Watched(reader)
    picture = sign(SIGN)
    for step in range(5):
        assert look(watch, watched, moved(picture, 0, 0, step), 1.0 * step) == list(SIGN)
    assert watched.found == 1
    small = moved(sign(("Platform 4", "Way out", "12:46 Berlin")), 0, 0, 9)
    assert "12:46 Berlin" in look(watch, watched, small, 5.0)
    assert watched.found == 2


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Platform 4", "Platform 1"), ("Gleis 7", "Gleis 1"), ("12:48", "12:46"),
        ("3,99", "8,99"), ("Room 213", "Room 218"), ("Ausgang", "Eingang"), ("EXIT", "EXIST"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("letters", [14, 40])
def test_lines_that_differ_in_one_letter_do_not_look_the_same(
    first: str, second: str, letters: int
) -> None:
    def seen(text: str, seed: int) -> Pixels:
        picture = moved(sign((text,), letters=letters), 0.3 * seed, 0.4, seed)
        board = picture[70:400, 70:560]
        dark = np.argwhere(board.mean(axis=2) < 150)
        (top, left), (below, right) = dark.min(axis=0) - 4, dark.max(axis=0) + 5
        return board[max(top, 0) : below, max(left, 0) : right]

    one, same, other = (
        appearance_of(seen(text, seed)) for text, seed in ((first, 0), (first, 1), (second, 2))
    )
    assert one is not None and same is not None and other is not None
    assert is_same_line(one, same)
    assert not is_same_line(one, other)


def test_a_plain_crop_looks_like_nothing() -> None:
    assert appearance_of(np.full((20, 90, 3), 77, np.uint8)) is None


def test_a_slow_reader_gives_a_line_at_each_look_and_old_lines_stay_until_it_is_through() -> None:
    texts = [f"text number {n}" for n in "ABCDE"]
    watch, paper = TextWatch(), Paper(texts, step_ms=0.9 * LOOK_MS)
    counts = []
    for step in range(8):
        paper.now_ms = 0.0
        counts.append(len(look(watch, paper, noise(step), step / 10, lambda: paper.now_ms)))
        assert paper.now_ms <= LOOK_MS
    assert counts == [1, 2, 3, 4, 5, 5, 5, 5]
    assert paper.asked == texts
    paper.lines = ["another plate", *texts[1:]]
    assert look(watch, paper, noise(20), 2.0) == paper.lines
    assert paper.asked == [*texts, "another plate"], "what looked the same was recalled"


def test_a_look_without_time_finds_and_the_next_one_reads() -> None:
    watch, paper = TextWatch(), Paper(["EXIT"])
    assert look(watch, paper, noise(0), 0.0, lambda: LOOK_MS - FIRST_GUESS_MS + 1) == []
    assert watch.is_reading and paper.found == 1
    assert look(watch, paper, noise(1), 0.1, lambda: 10 * LOOK_MS) == ["EXIT"]
    assert not watch.is_reading


def test_while_somebody_else_reads_what_is_known_stays_as_long_as_it_is_true() -> None:
    watch, paper = TextWatch(), Paper(["EXIT"])
    assert look(watch, paper, noise(0), 0.0) == ["EXIT"]
    paper.is_busy = True
    assert look(watch, paper, noise(1), TEXT_LASTS_S - 0.1) == ["EXIT"]
    assert look(watch, paper, noise(2), TEXT_LASTS_S + 0.1) == []
    paper.is_busy = False
    assert look(watch, paper, noise(3), TEXT_LASTS_S + 1.0) == ["EXIT"]


def test_a_frame_that_was_not_read_in_time_is_given_up_and_found_anew() -> None:
    watch, paper = TextWatch(), Paper(["EXIT", "way"])
    busy_ms = 2 * LOOK_MS
    assert look(watch, paper, noise(0), 0.0, lambda: busy_ms) == []
    assert look(watch, paper, noise(0), TEXT_LASTS_S + 1.0, lambda: busy_ms) == []
    assert paper.found == 2
    assert look(watch, paper, noise(0), TEXT_LASTS_S + 1.1) == ["EXIT", "way"]


def test_a_look_is_recalled_for_some_seconds_only_and_few_are_kept() -> None:
    watch, paper = TextWatch(), Paper(["EXIT"])
    for step in range(5):
        look(watch, paper, noise(step), step * 0.4 * RECALL_S)
    assert paper.asked == ["EXIT", "EXIT"]
    paper.lines = [f"line {n}" for n in range(2 * MAX_RECALLED)]
    look(watch, paper, noise(9), 100.0)
    assert len(watch._known) == MAX_RECALLED


def test_a_clock_that_jumps_back_begins_anew() -> None:
    watch, paper = TextWatch(), Paper(["EXIT"])
    assert look(watch, paper, noise(0), 50.0) == ["EXIT"]
    assert look(watch, paper, noise(1), 1.0) == ["EXIT"]
    assert paper.found == 2
