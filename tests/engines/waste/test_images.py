"""Pictures in every format and state: opened upright as RGB, or refused with a sentence."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engines.runtime.errors import InputError
from engines.waste.images import MIN_SIDE, open_picture, reject_blank, to_input

MAX_PIXELS = 50_000_000


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    picture.save(target, kind, **options)
    return target.getvalue()


def huge_png_header() -> bytes:
    """Return a valid PNG header that promises 20,000 × 20,000 pixels, with hardly any data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def cmyk(photo: Image.Image) -> bytes:
    return encode(photo.convert("CMYK"), "JPEG")


def sixteen_bit(photo: Image.Image) -> bytes:
    grey = np.asarray(photo.convert("L"), dtype=np.uint16) * 257
    return encode(Image.fromarray(grey), "PNG")


def animated(photo: Image.Image) -> bytes:
    frames = [photo, Image.new("RGB", photo.size, "red")]
    return encode(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)


@pytest.mark.parametrize(
    ("make", "tolerance"),
    [
        pytest.param(lambda p: encode(p, "JPEG", quality=95), 6, id="JPEG"),
        pytest.param(lambda p: encode(p, "PNG"), 0.1, id="PNG"),
        pytest.param(lambda p: encode(p, "WEBP", quality=95), 8, id="WebP"),
        pytest.param(lambda p: encode(p, "BMP"), 0.1, id="BMP"),
        pytest.param(lambda p: encode(p, "TIFF"), 0.1, id="TIFF"),
        pytest.param(lambda p: encode(p, "HEIF", quality=95), 8, id="HEIC"),
        pytest.param(lambda p: encode(p.quantize(256), "PNG"), 12, id="palette"),
        pytest.param(lambda p: encode(p.convert("RGBA"), "PNG"), 0.1, id="opaque alpha"),
        pytest.param(cmyk, 12, id="CMYK"),
        pytest.param(animated, 14, id="first frame of an animation"),
    ],
)
def test_a_readable_format_comes_out_as_the_same_rgb_picture(
    make: Callable[[Image.Image], bytes], tolerance: float, photo: Image.Image
) -> None:
    opened = open_picture(make(photo), max_pixels=MAX_PIXELS)
    assert (opened.mode, opened.size) == ("RGB", photo.size)
    difference = np.abs(np.asarray(opened, float) - np.asarray(photo, float)).mean()
    assert difference <= tolerance


def test_sixteen_bit_grey_keeps_its_tones(photo: Image.Image) -> None:
    opened = open_picture(sixteen_bit(photo), max_pixels=MAX_PIXELS)
    expected = np.asarray(photo.convert("L"), float)
    assert np.abs(np.asarray(opened, float)[:, :, 0] - expected).mean() < 1.5


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (40, 40), (200, 0, 0, 0))
    opened = open_picture(encode(clear, "PNG"), max_pixels=MAX_PIXELS)
    assert opened.getpixel((5, 5)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_exif_rotated_photo_comes_out_upright(orientation: int, photo: Image.Image) -> None:
    back = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = photo if back is None else photo.transpose(back)
    exif = Image.Exif()
    exif[0x0112] = orientation
    opened = open_picture(encode(stored, "PNG", exif=exif), max_pixels=MAX_PIXELS)
    np.testing.assert_array_equal(np.asarray(opened), np.asarray(photo))


def test_a_camera_photo_is_decoded_at_a_working_size_of_the_same_shape() -> None:
    large = Image.linear_gradient("L").convert("RGB").resize((4000, 3000))
    opened = open_picture(encode(large, "JPEG"), max_pixels=MAX_PIXELS)
    assert 1024 <= min(opened.size) < 3000
    assert opened.width / opened.height == pytest.approx(4 / 3, abs=0.01)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        pytest.param(lambda p: b"", "empty", id="0 bytes"),
        pytest.param(lambda p: b"%PDF-1.7 not a picture", "not a picture", id="not an image"),
        pytest.param(lambda p: encode(p, "JPEG")[:3000], "damaged", id="truncated JPEG"),
        pytest.param(lambda p: encode(p, "PNG")[:3000], "damaged", id="truncated PNG"),
        pytest.param(lambda p: encode(p.resize((1, 1)), "PNG"), "1 × 1", id="1 × 1 pixel"),
        pytest.param(lambda p: huge_png_header(), "pixels", id="decompression bomb"),
    ],
)
def test_an_unusable_file_is_refused_with_what_is_wrong_and_what_to_do(
    make: Callable[[Image.Image], bytes], words: str, photo: Image.Image
) -> None:
    with pytest.raises(InputError, match=words) as caught:
        open_picture(make(photo), max_pixels=MAX_PIXELS)
    assert caught.value.do.endswith(".")


def test_a_decompression_bomb_is_refused_by_its_header_without_decoding() -> None:
    tracemalloc.start()
    with pytest.raises(InputError):
        open_picture(huge_png_header(), max_pixels=MAX_PIXELS)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_missing_file_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file"):
        open_picture(tmp_path / "gone.jpg", max_pixels=MAX_PIXELS)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_bytes_are_either_opened_or_refused_never_anything_else(
    data: st.DataObject,
) -> None:
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP"]))
    values = np.random.default_rng(3).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    encoded = bytearray(encode(Image.fromarray(values), kind))
    for _ in range(data.draw(st.integers(1, 6))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(encoded)))
    try:
        opened = open_picture(bytes(encoded[:cut]), max_pixels=MAX_PIXELS)
    except InputError:
        return
    assert opened.mode == "RGB"
    assert min(opened.size) >= MIN_SIDE


@pytest.mark.parametrize("tone", ["black", "white", (12, 12, 12)])
def test_a_covered_lens_is_refused(tone: object) -> None:
    with pytest.raises(InputError, match="all one colour"):
        reject_blank(Image.new("RGB", (640, 480), tone))  # type: ignore[arg-type]


def test_a_dim_but_real_photo_is_not_taken_for_blank(photo: Image.Image) -> None:
    reject_blank(photo.point(lambda value: value // 6))


@given(st.integers(1, 90), st.integers(1, 90))
@settings(max_examples=30, deadline=None)
def test_any_shape_becomes_a_square_input_in_range(width: int, height: int) -> None:
    values = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    pixels = to_input(values, 32)
    assert pixels.shape == (3, 32, 32)
    assert pixels.dtype == torch.float32
    assert float(pixels.min()) >= -1
    assert float(pixels.max()) <= 1
