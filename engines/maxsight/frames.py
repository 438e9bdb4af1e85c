"""Frames as cameras, videos and strangers hand them in, made into what the network looks at."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import InputError

Pixels = NDArray[np.uint8]

MIN_SIDE = 32
# Nothing looks at more than this; a frame of 8K would only cost time and memory.
MAX_SIDE = 1920
# Grey around a frame that is not square; the network was trained with it.
FILL = 114
# The network halves a picture five times.
STEP_PX = 32
# Of the square of the longer side: what a frame of 4:3 fills, as cameras deliver them.
LARGEST_AREA = 0.75
# Below this scale linear interpolation skips pixels, and fine patterns turn into false ones.
AREA_BELOW_SCALE = 0.5

_SEND_RGB = "Send it as height × width × 3, red, green, blue, from 0 to 255."


def to_rgb(frame: Any) -> Pixels:
    """Check a frame and bring it to one form.

    Grey becomes RGB, transparency is laid on white, 16 bits become 8, and a longer side above
    1,920 pixels is scaled down. A frame that already has this form comes back as it is, uncopied.

    Args:
        frame: array (H, W), (H, W, 1), (H, W, 3) RGB or (H, W, 4) RGBA; uint8, uint16, or floats
            from 0 to 1. Upright and lying formats alike.

    Returns:
        (H, W, 3) uint8 RGB, contiguous.

    Raises:
        InputError: if it is no picture, is empty, smaller than 32 pixels on a side, or holds
            values that are not finite or outside their range.
    """
    if not isinstance(frame, np.ndarray) or frame.dtype.kind not in "uf":
        raise InputError("The frame is not a picture.", _SEND_RGB)
    if frame.size == 0:
        raise InputError("The frame is empty.", "Check that the camera delivers a picture.")
    if frame.ndim == 2:
        frame = frame[:, :, None]
    if frame.ndim != 3 or frame.shape[2] not in (1, 3, 4):
        shape = " × ".join(str(side) for side in frame.shape)
        raise InputError(f"The frame has the shape {shape}, which is no picture.", _SEND_RGB)
    height, width = frame.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise InputError(
            f"The frame is only {width} × {height} pixels.",
            f"Send one of at least {MIN_SIDE} × {MIN_SIDE}.",
        )
    rgb = np.ascontiguousarray(_to_three_channels(_to_bytes(frame)))
    scale = MAX_SIDE / max(height, width)
    return rgb if scale >= 1 else _resize(rgb, scale)


def letterbox(pixels: Pixels, side: int) -> tuple[Pixels, float]:
    """Scale a frame (H, W, 3) to what the network looks at, a canvas of bounded area.

    The longer side becomes `side` pixels, or fewer so that the canvas, which is filled up with
    grey to multiples of 32, has no more than 3/4 side² pixels: a square costs no more time than a
    frame of 4:3, and none of it goes to grey below a lying frame.

    Args:
        side: pixels, at least 64; multiples of 128 fit frames of 4:3 to the pixel.

    Returns:
        The canvas with the frame at its top left, and its pixels per pixel of the frame.
    """
    size = height, width = pixels.shape[:2]
    for longer in range(side, 0, -1):
        scale = longer / max(size)
        rows, columns = (-(-_scaled(one, scale) // STEP_PX) * STEP_PX for one in (height, width))
        if rows * columns <= LARGEST_AREA * side * side:
            break
    canvas = np.full((rows, columns, 3), FILL, np.uint8)
    fitted = pixels if scale == 1 else _resize(pixels, scale)
    canvas[: fitted.shape[0], : fitted.shape[1]] = fitted
    return canvas, scale


def _to_bytes(frame: NDArray[Any]) -> Pixels:
    if frame.dtype == np.uint8:
        return frame
    if frame.dtype == np.uint16:
        return (frame >> 8).astype(np.uint8)
    if frame.dtype.kind == "u":
        raise InputError("The frame's numbers have more than 16 bits.", _SEND_RGB)
    # NaN fails every comparison, so it must be asked for by name.
    if not np.isfinite(frame).all():
        raise InputError(
            "The frame holds values that are not numbers.",
            "Check what made it, and send the next frame.",
        )
    if frame.min() < 0 or frame.max() > 1:
        raise InputError(
            "The frame's fractions lie outside 0 to 1.",
            "Send fractions from 0 to 1, or whole numbers from 0 to 255.",
        )
    return np.rint(frame * 255).astype(np.uint8)


def _to_three_channels(frame: Pixels) -> Pixels:
    channels = frame.shape[2]
    if channels == 3:
        return frame
    if channels == 1:
        return np.repeat(frame, 3, axis=2)
    opacity = frame[:, :, 3:].astype(np.uint16)
    blended = frame[:, :, :3] * opacity + 255 * (255 - opacity)
    return ((blended + 127) // 255).astype(np.uint8)


def _scaled(length: int, scale: float) -> int:
    return max(1, round(length * scale))


def _resize(pixels: Pixels, scale: float) -> Pixels:
    height, width = pixels.shape[:2]
    size = _scaled(width, scale), _scaled(height, scale)
    how = cv2.INTER_AREA if scale < AREA_BELOW_SCALE else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=how), dtype=np.uint8)
