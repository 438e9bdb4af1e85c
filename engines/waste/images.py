"""Decode pictures that strangers hand in: any format, any state, never more memory than allowed."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from engines.runtime.errors import InputError

pillow_heif.register_heif_opener()

MIN_SIDE = 16
# Larger photos are decoded to about this side: nothing looks at more, and JPEG decodes faster.
WORKING_SIDE = 1024
# Grey levels; a covered lens or an empty frame varies less than this.
BLANK_SPREAD = 3.0

_SEND_OTHER = "Choose a photo as JPEG, PNG, WebP or HEIC."


def open_picture(source: Path | bytes | Image.Image, *, max_pixels: int) -> Image.Image:
    """Open one picture, upright, as RGB.

    EXIF orientation is applied, transparency is laid on white, 16-bit is scaled to 8, the first
    frame of an animation is taken. The size is judged by the header, before anything is decoded.

    Args:
        source: file, encoded bytes, or a picture that is open already.
        max_pixels: most pixels (width x height) that are decoded.

    Returns:
        RGB; photos larger than 1024 pixels on both sides may come back smaller.

    Raises:
        InputError: if it is empty, no picture, damaged, too small or too large.
    """
    if isinstance(source, Image.Image):
        return _to_upright_rgb(source, max_pixels)
    encoded = _read(source)
    try:
        with warnings.catch_warnings():
            # Pillow's own guard warns where ours, on the next lines, refuses with a sentence.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(encoded))
    except Image.DecompressionBombError:
        raise InputError(
            "The picture has too many pixels.", f"Send one of at most {max_pixels:,} pixels."
        ) from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise InputError("This file is not a picture that can be read.", _SEND_OTHER) from error
    with picture:
        return _to_upright_rgb(picture, max_pixels)


def _read(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        encoded = source
    else:
        try:
            encoded = source.read_bytes()
        except OSError as error:
            reason = error.strerror or "unknown reason"
            raise InputError(f"The file can't be opened ({reason}).", _SEND_OTHER) from error
    if not encoded:
        raise InputError("The file is empty.", "Save or take the photo again.")
    return encoded


def _to_upright_rgb(picture: Image.Image, max_pixels: int) -> Image.Image:
    width, height = picture.size
    if width * height > max_pixels:
        raise InputError(
            f"The picture is {width:,} × {height:,} pixels, which is more than can be handled.",
            f"Send one of at most {max_pixels:,} pixels.",
        )
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"The picture is only {width} × {height} pixels.",
            f"Send one of at least {MIN_SIDE} × {MIN_SIDE}.",
        )
    try:
        picture.draft("RGB", (WORKING_SIDE, WORKING_SIDE))
        picture.load()
        upright = ImageOps.exif_transpose(picture)
        return _to_rgb(upright)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        raise InputError(
            "The picture is damaged or cut off.", "Save, send or take it again."
        ) from error


def _to_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        values = np.asarray(picture, dtype=np.float32)
        top = 65535.0 if values.max() > 255 else 255.0
        picture = Image.fromarray(np.clip(values * (255 / top), 0, 255).astype(np.uint8))
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered).convert("RGB")
    return picture.convert("RGB")


def reject_blank(picture: Image.Image) -> None:
    """Refuse a picture that shows nothing, such as the frame of a covered camera.

    Raises:
        InputError: if it is all one tone.
    """
    if float(np.asarray(picture.resize((32, 32)).convert("L"), dtype=np.float32).std()) < (
        BLANK_SPREAD
    ):
        raise InputError(
            "The picture is all one colour.", "Uncover the lens or turn on a light and try again."
        )


def to_input(photo: np.ndarray, size: int) -> Tensor:
    """Resize a whole photo to a square: uint8 RGB (H, W, 3) -> float32 (3, size, size) in [-1, 1].

    The whole photo is squeezed rather than cropped, so that nothing at its edges is lost.
    """
    how = cv2.INTER_AREA if min(photo.shape[:2]) > size else cv2.INTER_CUBIC
    small = cv2.resize(photo, (size, size), interpolation=how)
    return torch.from_numpy(small).permute(2, 0, 1).float().div_(127.5).sub_(1)
