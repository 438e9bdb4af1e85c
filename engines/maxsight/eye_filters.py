"""The few operations that all simulated eyes are made of.

They work on light: float32 (H, W, 3), linear red, green and blue from 0 to 1. An eye adds up light
and not pixel values; only so does a lamp stay bright when it is blurred. None changes its input.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.colour_deficiency import Matrix
from engines.maxsight.eye_masks import Mask, Size, fit, focal_px
from engines.maxsight.frames import Pixels

Light = NDArray[np.float32]
# Places in whole pixels (H, W, 2) and 32nds of them (H, W), as OpenCV's remap takes them quickest.
Bend = tuple[NDArray[np.int16], NDArray[np.uint16]]

# Diameter in daylight indoors, the usual assumption where it was not measured.
PUPIL_MM = 4.0
# The smallest detail still seen, in minutes of arc, grows in line with pupil and dioptres (Smith:
# Relation between spherical refractive error and visual acuity, Optom Vis Sci 68, 1991, abstract).
# The factor is our choice: with it 1 dioptre costs about 20/50.
MAR_PER_MM_DIOPTRE = 0.65
# A disc of even light is as wide, in standard deviations, as a Gaussian with a quarter of its
# diameter.
SIGMA_PER_DIAMETER = 0.25
KERNEL_SIGMAS = 3.0
# Wider blurs are made at half the size: as good, and several times quicker.
HALVED_ABOVE_PX = 1.75
# Variance that halving by areas and linear doubling add, px².
HALVING_VARIANCE_PX2 = 0.92
# Scattered light has no detail; it is made this small.
VEIL_SIDE_PX = 80
# Halo and wide skirt, each with half of the scattered light. The eye's true spread falls off as
# about 1 / angle² from 1° to 30° (the CIE's equation: Vos, Clin. Exp. Optom. 86, 2003); these two
# widths stand in for it.
VEIL_SIGMAS_DEG = 1.5, 8.0
# Pixel values go with about this root of light.
DISPLAY_GAMMA = 2.2

_LEVELS = 65535


def _srgb_to_light(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1."""
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def _light_to_srgb(light: NDArray[np.float64]) -> NDArray[np.float64]:
    """IEC 61966-2-1, the inverse."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


_TO_LIGHT = _srgb_to_light(np.arange(256) / 255).astype(np.float32)
_TO_PIXELS = np.rint(255 * _light_to_srgb(np.arange(_LEVELS + 1) / _LEVELS)).astype(np.uint8)[None]


def to_light(pixels: Pixels) -> Light:
    """Turn pixels (H, W, 3) sRGB, 0 to 255, into light."""
    return np.asarray(cv2.LUT(pixels, _TO_LIGHT), np.float32)


def to_pixels(light: Light) -> Pixels:
    """Turn light into pixels (H, W, 3) sRGB, 0 to 255; what lies outside of 0 to 1 is cut off."""
    # One pass that rounds and cuts off; OpenCV looks 16-bit values up, too.
    levels = cv2.addWeighted(light, _LEVELS, light, 0, 0, dtype=cv2.CV_16U)
    return np.asarray(cv2.LUT(levels, _TO_PIXELS), np.uint8)


def defocus_sigma_px(dioptres: float, size: Size) -> float:
    """Return the blur that a defocus makes, as a Gaussian's standard deviation in pixels.

    A point becomes a disc of pupil * dioptres radians (geometrical optics; Strasburger, Bach and
    Heinrich: Blur unblurred, i-Perception 9(2), 2018). A Gaussian of the same spread stands in
    for the disc.

    Args:
        dioptres: how far out of focus, either sign: one picture looks the same for both.
        size: of the picture.
    """
    return SIGMA_PER_DIAMETER * PUPIL_MM / 1000 * abs(dioptres) * focal_px(size)


def acuity_sigma_px(mar_arcmin: float, size: Size) -> float:
    """Return the blur that leaves a given acuity, as a standard deviation in pixels.

    It is that of the defocus which leaves the same acuity by Smith's formula.

    Args:
        mar_arcmin: smallest detail still seen, in minutes of arc; 1 is 20/20 and 10 is 20/200. At
            1 and below nothing is blurred.
        size: of the picture.
    """
    lost = max(0.0, mar_arcmin - 1.0)
    return defocus_sigma_px(lost / (MAR_PER_MM_DIOPTRE * PUPIL_MM), size)


def blur(light: Light, sigma_x_px: float, sigma_y_px: float | None = None) -> Light:
    """Blur with a Gaussian, in both directions alike or each by its own standard deviation."""
    sigma_y_px = sigma_x_px if sigma_y_px is None else sigma_y_px
    if min(sigma_x_px, sigma_y_px) > HALVED_ABOVE_PX and min(light.shape[:2]) > 1:
        return _blur_halved(light, sigma_x_px, sigma_y_px)
    kernels = _kernel(sigma_x_px), _kernel(sigma_y_px)
    blurred = cv2.sepFilter2D(light, -1, *kernels, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(blurred, np.float32)


def _blur_halved(light: Light, sigma_x_px: float, sigma_y_px: float) -> Light:
    height, width = light.shape[:2]
    small = cv2.resize(light, ((width + 1) // 2, (height + 1) // 2), interpolation=cv2.INTER_AREA)
    left_x, left_y = (
        math.sqrt(sigma**2 - HALVING_VARIANCE_PX2) / 2 for sigma in (sigma_x_px, sigma_y_px)
    )
    blurred = blur(np.asarray(small, np.float32), left_x, left_y)
    doubled = cv2.resize(blurred, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(doubled, np.float32)


def _kernel(sigma_px: float) -> NDArray[np.float32]:
    if sigma_px <= 0:
        return np.ones(1, np.float32)
    places = np.arange(
        -math.ceil(KERNEL_SIGMAS * sigma_px), math.ceil(KERNEL_SIGMAS * sigma_px) + 1
    )
    weights = np.exp(-0.5 * (places / max(sigma_px, 1e-3)) ** 2)
    return (weights / weights.sum()).astype(np.float32)


def lose_contrast(light: Light, kept: float) -> Light:
    """Draw all light towards the picture's mean; differences keep the share `kept`, 0 to 1."""
    flat = np.eye(3) * kept
    mean = (1 - kept) * np.array(cv2.mean(light)[:3])
    return np.asarray(cv2.transform(light, np.column_stack([flat, mean])), np.float32)


def veil(light: Light, share: float) -> Light:
    """Scatter a share of the light, 0 to 1, over the picture: haloes and a haze around lamps."""
    height, width = light.shape[:2]
    scale = min(1.0, VEIL_SIDE_PX / max(height, width))
    size = max(1, round(height * scale)), max(1, round(width * scale))
    small = np.asarray(cv2.resize(light, size[::-1], interpolation=cv2.INTER_AREA), np.float32)
    halo, skirt = (
        blur(small, focal_px(size) * math.tan(math.radians(sigma))) for sigma in VEIL_SIGMAS_DEG
    )
    scattered = cv2.addWeighted(halo, 0.5, skirt, 0.5, 0)
    scattered = cv2.resize(scattered, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(cv2.addWeighted(light, 1 - share, scattered, share, 0), np.float32)


def darken(light: Light, mask: Mask, share: float) -> Light:
    """Take away a share of the brightness, 0 to 1, where the mask is 1.

    Brightness is meant as pixel values show it; light falls by its 2.2nd power.
    """
    kept = cv2.pow(1 - np.float32(share) * mask, DISPLAY_GAMMA)
    kept = fit(np.asarray(kept, np.float32), _size(light))
    return np.asarray(cv2.multiply(light, cv2.merge([kept] * 3)), np.float32)


def blend(light: Light, other: Light, mask: Mask) -> Light:
    """Put the other picture where the mask is 1."""
    weight = fit(mask, _size(light))
    return np.asarray(cv2.blendLinear(light, other, 1 - weight, weight), np.float32)


def recolour(light: Light, matrix: Matrix) -> Light:
    """Apply a matrix (3, 3) to each pixel's red, green and blue."""
    return np.asarray(cv2.transform(light, matrix.astype(np.float32)), np.float32)


def lose_dim_light(light: Light, half_at: float) -> Light:
    """Lose faint light first, as eyes without rods do: light² / (light + half_at).

    Args:
        light: what comes in.
        half_at: light of which half is lost, from 0. Much brighter light stays as it is.
    """
    # The least severities would be 0 in single precision, and black divided by it no number.
    return light * light / (light + np.float32(max(half_at, 1e-6)))


def double(light: Light, shift_px: int) -> Light:
    """Lay a second picture of equal weight over the first, moved to the right.

    Where it has nothing to show, at the left edge, the first stays alone.
    """
    if shift_px <= 0 or shift_px >= light.shape[1]:
        return light
    both = light.copy()
    both[:, shift_px:] = cv2.addWeighted(light[:, shift_px:], 0.5, light[:, :-shift_px], 0.5, 0)
    return both


def bend_of(size: Size, move_x_deg: Mask, move_y_deg: Mask) -> Bend:
    """Work out from where `bend` takes each pixel.

    Args:
        size: of the picture.
        move_x_deg: how far beside, to the right; a mask in degrees.
        move_y_deg: how far below.
    """
    px_per_deg = focal_px(size) * math.radians(1)
    columns = np.arange(size[1], dtype=np.float32)[None, :]
    rows = np.arange(size[0], dtype=np.float32)[:, None]
    map_x = fit(move_x_deg, size) * np.float32(px_per_deg) + columns
    map_y = fit(move_y_deg, size) * np.float32(px_per_deg) + rows
    whole, parts = cv2.convertMaps(map_x, map_y, cv2.CV_16SC2)
    return np.asarray(whole, np.int16), np.asarray(parts, np.uint16)


def bend(pixels: Pixels, places: Bend) -> Pixels:
    """Show at each place what lies a little beside it.

    Args:
        pixels: (H, W, 3) uint8; bent before they become light, which is quicker.
        places: as `bend_of` gives them for this size.
    """
    bent = cv2.remap(pixels, *places, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(bent, np.uint8)


def _size(picture: Light | Pixels) -> Size:
    return picture.shape[0], picture.shape[1]
