"""Frames in every state a camera or a stranger can hand in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.maxsight.frames import FILL, MAX_SIDE, MIN_SIDE, letterbox, to_rgb
from engines.runtime.errors import InputError
from engines.runtime.settings import REPO_ROOT

PHOTO = REPO_ROOT / "assets" / "examples" / "aluminum_can_cola.jpg"


def read_photo(path: Path = PHOTO) -> np.ndarray:
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    assert bgr is not None
    return np.ascontiguousarray(bgr[:, :, ::-1])


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (height, width, channels), dtype=np.uint8)


def with_nan() -> np.ndarray:
    frame = np.zeros((48, 64, 3), np.float32)
    frame[20, 30, 1] = np.nan
    return frame


REFUSED = {
    "nothing": (None, "not a picture"),
    "a list": ([[1, 2], [3, 4]], "not a picture"),
    "text": (np.array(["a", "b"]), "not a picture"),
    "complex numbers": (np.zeros((48, 64, 3), np.complex64), "not a picture"),
    "signed numbers": (np.zeros((48, 64, 3), np.int32), "not a picture"),
    "no pixels": (np.zeros((0, 64, 3), np.uint8), "empty"),
    "one row": (np.zeros(64, np.uint8), "shape 64"),
    "two channels": (noise(48, 64, 2), "shape 48 × 64 × 2"),
    "channels first": (np.zeros((3, 48, 64), np.uint8), "shape 3 × 48 × 64"),
    "a batch": (np.zeros((1, 48, 64, 3), np.uint8), "shape 1 × 48 × 64 × 3"),
    "one pixel": (noise(1, 1), "only 1 × 1"),
    "a line": (noise(MIN_SIDE - 1, 640), "only 640 × 31"),
    "not a number": (with_nan(), "not numbers"),
    "infinite": (np.full((48, 64, 3), np.inf, np.float32), "not numbers"),
    "floats to 255": (noise(48, 64).astype(np.float32), "outside 0 to 1"),
    "negative floats": (np.full((48, 64, 3), -0.1), "outside 0 to 1"),
    "32 bits": (np.zeros((48, 64, 3), np.uint32), "more than 16 bits"),
}


@pytest.mark.parametrize(("frame", "sentence"), REFUSED.values(), ids=REFUSED.keys())
def test_a_frame_that_is_no_picture_is_refused_with_a_sentence(frame: Any, sentence: str) -> None:
    with pytest.raises(InputError, match=sentence) as refused:
        to_rgb(frame)
    assert refused.value.what.endswith(".") and refused.value.do.endswith(".")


def test_an_rgb_frame_comes_back_uncopied() -> None:
    frame = noise(48, 64)
    assert to_rgb(frame) is frame


def test_grey_becomes_three_equal_channels() -> None:
    grey = noise(48, 64, 1)
    expected = np.repeat(grey, 3, axis=2)
    np.testing.assert_array_equal(to_rgb(grey), expected)
    np.testing.assert_array_equal(to_rgb(grey[:, :, 0]), expected)


@pytest.mark.parametrize(
    ("opacity", "expected"),
    [(255, 100), (0, 255), (128, 177)],
    ids=["opaque", "transparent", "half"],
)
def test_transparency_is_laid_on_white(opacity: int, expected: int) -> None:
    frame = np.full((48, 64, 4), 100, np.uint8)
    frame[:, :, 3] = opacity
    assert (to_rgb(frame) == expected).all()


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (np.full((48, 64, 3), 0xABCD, np.uint16), 0xAB),
        (np.full((48, 64, 3), 0.5, np.float32), 128),
        (np.full((48, 64, 3), 1.0, np.float64), 255),
        (np.full((48, 64), 0.25, np.float16), 64),
    ],
    ids=["16 bits", "floats", "doubles", "grey half floats"],
)
def test_other_number_types_become_bytes(frame: np.ndarray, expected: int) -> None:
    rgb = to_rgb(frame)
    assert rgb.dtype == np.uint8
    assert (rgb == expected).all()


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((4320, 7680), (1080, 1920)),
        ((7680, 4320), (1920, 1080)),
        ((1080, 1920), (1080, 1920)),
        ((480, 640), (480, 640)),
        ((32, 5000), (12, 1920)),
    ],
    ids=["8K", "8K upright", "full HD", "webcam", "a strip"],
)
def test_only_what_is_larger_than_full_hd_is_scaled_down(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    rgb = to_rgb(np.zeros((*size, 3), np.uint8))
    assert rgb.shape == (*expected, 3)
    assert max(rgb.shape) <= MAX_SIDE


def test_a_mirrored_view_is_taken_as_it_looks() -> None:
    frame = noise(48, 64)
    mirrored = to_rgb(frame[:, ::-1])
    np.testing.assert_array_equal(mirrored, np.flip(frame, axis=1))
    assert mirrored.flags["C_CONTIGUOUS"]


def test_reducing_averages_instead_of_skipping_pixels() -> None:
    stripes = np.zeros((2160, 3840, 3), np.uint8)
    stripes[:, ::2] = 200
    canvas, _ = letterbox(to_rgb(stripes), 320)
    assert (canvas[:180] == 100).all()


@given(
    height=st.integers(MIN_SIDE, 700), width=st.integers(MIN_SIDE, 700),
    side=st.sampled_from([64, 256, 320, 384]),
)  # fmt: skip
def test_a_letterbox_holds_the_whole_frame_at_its_top_left(
    height: int, width: int, side: int
) -> None:
    canvas, scale = letterbox(np.full((height, width, 3), 7, np.uint8), side)
    used = (canvas != FILL).all(axis=2)
    rows, columns = int(used[:, 0].sum()), int(used[0].sum())
    assert used[:rows, :columns].all() and used.sum() == rows * columns
    assert abs(rows - height * scale) <= 0.5 + 1e-9 or rows == 1
    assert abs(columns - width * scale) <= 0.5 + 1e-9 or columns == 1
    # No larger than allowed, no more grey than the steps of the network need.
    assert max(rows, columns) <= side and canvas.size // 3 <= 0.75 * side * side
    for length, own in ((canvas.shape[0], rows), (canvas.shape[1], columns)):
        assert length % 32 == 0 and length - own < 32


@pytest.mark.parametrize(
    ("size", "canvas", "longer"),
    [
        ((480, 640), (288, 384), 384), ((640, 480), (384, 288), 384),
        ((1080, 1920), (224, 384), 384), ((500, 500), (320, 320), 320),
        ((241, 320), (288, 384), 383),
    ],
    ids=["webcam", "upright", "wide", "square", "a row more than 4:3"],
)  # fmt: skip
def test_frames_are_looked_at_as_large_as_the_area_allows(
    size: tuple[int, int], canvas: tuple[int, int], longer: int
) -> None:
    found, scale = letterbox(np.zeros((*size, 3), np.uint8), 384)
    assert found.shape == (*canvas, 3)
    assert scale == pytest.approx(longer / max(size))
