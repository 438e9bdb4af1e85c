"""What each condition does to a picture, as a severity from just above 0 to 1.

Numbers are what severity 1 means. Where no source stands beside one, it is our choice, made so
that the steps look as the descriptions of people with the condition say. `conditions` has the
sources at length, checks what comes in and keeps severity 0 away from here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np

from engines.maxsight import eye_masks
from engines.maxsight.colour_deficiency import Kind, deficiency_matrix
from engines.maxsight.eye_filters import (
    Bend,
    Light,
    acuity_sigma_px,
    bend,
    bend_of,
    blend,
    blur,
    darken,
    defocus_sigma_px,
    double,
    lose_contrast,
    lose_dim_light,
    recolour,
    to_light,
    to_pixels,
    veil,
)
from engines.maxsight.eye_masks import Size, corner_deg, focal_px
from engines.maxsight.frames import Pixels

# High myopia begins at 6 dioptres (Flitcroft et al., IOVS 60, 2019).
MYOPIA_D = 6.0
# High hyperopia begins above 5 dioptres (American Optometric Association, guideline CPG16; the
# number is from memory).
HYPEROPIA_D = 5.0
# Reading at 40 cm asks for 2.5 dioptres; at severity 1 the lens gives none of them.
PRESBYOPIA_D = 1 / 0.4
ASTIGMATISM_D = 4.0

CATARACT_MAR_ARCMIN = 6.0
CATARACT_CONTRAST = 0.8  # reference design
CATARACT_SCATTER = 0.5
# A clouded lens holds back short waves most, as ageing ones do (Mellerio, Vision Research 27,
# 1987); the shares are our choice.
CATARACT_TINT = 1.0, 0.88, 0.6

# A field of 20° across counts as blindness in law (US Social Security Administration, 2.00A2).
GLAUCOMA_FIELD_RADIUS_DEG = 10.0
GLAUCOMA_DARKENING = 0.85
GLAUCOMA_RIM_MAR_ARCMIN = 20.0
RETINITIS_FIELD_RADIUS_DEG = 8.0
# Light of which half is lost; a middle grey has 0.21.
RETINITIS_HALF_LIGHT = 0.15

MACULAR_RADIUS_DEG = 12.0
MACULAR_DARKENING = 0.7  # reference design
MACULAR_MAR_ARCMIN = 20.0  # 20/400
MACULAR_BEND_DEG = 0.7

RETINOPATHY_SPOTS = 5, 20  # reference design
RETINOPATHY_DARKENING = 0.92
RETINOPATHY_STRAND_DARKENING = 0.5
RETINOPATHY_MAR_ARCMIN = 5.0  # 20/100
RETINOPATHY_CONTRAST = 0.8

CORTICAL_MAR_ARCMIN = 10.0  # 20/200
CORTICAL_CONTRAST = 0.5
# Things merge that are closer than half of their angle from the middle of gaze (Bouma, Nature
# 226, 1970). They are moved by this share of that angle.
CORTICAL_BEND_PER_DEG = 0.02
CORTICAL_LOWER_DARKENING = 0.6

AMBLYOPIA_MAR_ARCMIN = 10.0  # 20/200
AMBLYOPIA_CONTRAST = 0.6
AMBLYOPIA_BEND_DEG = 0.3

# 1 prism dioptre moves a picture by 1 cm at 1 m.
STRABISMUS_PRISM_DIOPTRES = 15.0

Simulation = Callable[[Pixels, float], Pixels]


def defocus(pixels: Pixels, severity: float, *, dioptres: float) -> Pixels:
    """Blur the whole picture by a share of the dioptres: all of it lies at one distance."""
    sigma_px = defocus_sigma_px(dioptres * severity, _size(pixels))
    return to_pixels(blur(to_light(pixels), sigma_px))


def astigmatism(pixels: Pixels, severity: float) -> Pixels:
    """Draw points out to upright lines: the upright meridian is out of focus, with the rule."""
    sigma_px = defocus_sigma_px(ASTIGMATISM_D * severity, _size(pixels))
    return to_pixels(blur(to_light(pixels), 0.0, sigma_px))


def cataract(pixels: Pixels, severity: float) -> Pixels:
    """Blur, scatter light, take contrast and blue away."""
    light = _lose_acuity(to_light(pixels), severity, CATARACT_MAR_ARCMIN)
    light = veil(light, CATARACT_SCATTER * severity)
    light = lose_contrast(light, _towards(CATARACT_CONTRAST, severity))
    return to_pixels(recolour(light, np.diag([_towards(t, severity) for t in CATARACT_TINT])))


def glaucoma(pixels: Pixels, severity: float) -> Pixels:
    """Blur and darken the rim; the clear field shrinks towards the middle."""
    light, size = to_light(pixels), _size(pixels)
    edge_deg = _between(corner_deg(size), GLAUCOMA_FIELD_RADIUS_DEG, severity)
    mask = eye_masks.rim(size, edge_deg, soft_deg=12.0)
    light = blend(light, _lose_acuity(light, severity, GLAUCOMA_RIM_MAR_ARCMIN), mask)
    return to_pixels(darken(light, mask, GLAUCOMA_DARKENING))


def macular_degeneration(pixels: Pixels, severity: float) -> Pixels:
    """Bend, blur and darken the middle; the rim stays."""
    size = _size(pixels)
    mask = eye_masks.centre(size, MACULAR_RADIUS_DEG * (0.4 + 0.6 * severity))
    light = to_light(bend(pixels, _macular_bend(size, severity)))
    # Only there is anything to do; what the blur would take from beyond weighs nothing.
    rows, columns = eye_masks.reach(mask, size)
    middle, mask = light[rows, columns], eye_masks.fit(mask, size)[rows, columns]
    sigma_px = acuity_sigma_px(_between(1.0, MACULAR_MAR_ARCMIN, severity), size)
    middle = blend(middle, blur(middle, sigma_px), mask)
    light[rows, columns] = darken(middle, mask, MACULAR_DARKENING * severity)
    return to_pixels(light)


def diabetic_retinopathy(pixels: Pixels, severity: float) -> Pixels:
    """Lay spots and floating strands over a picture with less detail and contrast."""
    size = _size(pixels)
    light = _lose_acuity(to_light(pixels), severity, RETINOPATHY_MAR_ARCMIN)
    light = lose_contrast(light, _towards(RETINOPATHY_CONTRAST, severity))
    fewest, most = RETINOPATHY_SPOTS
    spots = eye_masks.spots(size, round(_between(fewest, most, severity)), 0.5 + 0.5 * severity)
    # Even the first spots are dark: a bleeding hides what is behind it.
    light = darken(light, spots, RETINOPATHY_DARKENING * severity**0.5)
    return to_pixels(
        darken(light, eye_masks.strands(size), RETINOPATHY_STRAND_DARKENING * severity)
    )


def retinitis_pigmentosa(pixels: Pixels, severity: float) -> Pixels:
    """Lose faint light, and all that lies outside of a shrinking tunnel."""
    size = _size(pixels)
    light = lose_dim_light(to_light(pixels), RETINITIS_HALF_LIGHT * severity)
    edge_deg = _between(corner_deg(size), RETINITIS_FIELD_RADIUS_DEG, severity)
    return to_pixels(darken(light, eye_masks.rim(size, edge_deg, soft_deg=5.0), 1.0))


def colour_blindness(pixels: Pixels, severity: float, *, kind: Kind) -> Pixels:
    """Show the colours that are left."""
    return to_pixels(recolour(to_light(pixels), deficiency_matrix(kind, severity)))


def cortical_visual_impairment(pixels: Pixels, severity: float) -> Pixels:
    """Jumble what lies beside the middle, take detail and contrast, and dim what lies below."""
    size = _size(pixels)
    light = to_light(bend(pixels, _cortical_bend(size, severity)))
    light = _lose_acuity(light, severity, CORTICAL_MAR_ARCMIN)
    light = lose_contrast(light, _towards(CORTICAL_CONTRAST, severity))
    mask = eye_masks.lower_half(size, soft_deg=20.0)
    return to_pixels(darken(light, mask, CORTICAL_LOWER_DARKENING * severity))


def amblyopia(pixels: Pixels, severity: float) -> Pixels:
    """Take detail and contrast, and bend lines a little: the weaker eye alone."""
    light = to_light(bend(pixels, _amblyopia_bend(_size(pixels), severity)))
    light = _lose_acuity(light, severity, AMBLYOPIA_MAR_ARCMIN)
    return to_pixels(lose_contrast(light, _towards(AMBLYOPIA_CONTRAST, severity)))


def strabismus(pixels: Pixels, severity: float) -> Pixels:
    """Show all things twice, side by side."""
    return to_pixels(double(to_light(pixels), double_shift_px(_size(pixels), severity)))


def double_shift_px(size: Size, severity: float) -> int:
    """Return how far apart the two pictures of `strabismus` lie, in pixels."""
    return round(STRABISMUS_PRISM_DIOPTRES / 100 * severity * focal_px(size))


SIMULATIONS: dict[str, Simulation] = {
    "myopia": partial(defocus, dioptres=MYOPIA_D),
    "hyperopia": partial(defocus, dioptres=HYPEROPIA_D),
    "astigmatism": astigmatism,
    "presbyopia": partial(defocus, dioptres=PRESBYOPIA_D),
    "cataract": cataract,
    "glaucoma": glaucoma,
    "macular_degeneration": macular_degeneration,
    "diabetic_retinopathy": diabetic_retinopathy,
    "retinitis_pigmentosa": retinitis_pigmentosa,
    "protan": partial(colour_blindness, kind="protan"),
    "deutan": partial(colour_blindness, kind="deutan"),
    "tritan": partial(colour_blindness, kind="tritan"),
    "cortical_visual_impairment": cortical_visual_impairment,
    "amblyopia": amblyopia,
    "strabismus": strabismus,
}


# A live picture is bent alike frame after frame; three times 6 bytes a pixel are kept at most.
@lru_cache(maxsize=1)
def _macular_bend(size: Size, severity: float) -> Bend:
    # Lines bend around the spot as well as in it.
    wide = eye_masks.centre(size, 2 * MACULAR_RADIUS_DEG)
    most = wide * np.float32(MACULAR_BEND_DEG * severity)
    return bend_of(size, *(most * eye_masks.noise(size, 5.0, seed) for seed in (11, 12)))


@lru_cache(maxsize=1)
def _cortical_bend(size: Size, severity: float) -> Bend:
    most = eye_masks.eccentricity_deg(size) * np.float32(CORTICAL_BEND_PER_DEG * severity)
    return bend_of(size, *(most * eye_masks.noise(size, 2.5, seed) for seed in (21, 22)))


@lru_cache(maxsize=1)
def _amblyopia_bend(size: Size, severity: float) -> Bend:
    most = np.float32(AMBLYOPIA_BEND_DEG * severity)
    return bend_of(size, *(most * eye_masks.noise(size, 3.0, seed) for seed in (31, 32)))


def _lose_acuity(light: Light, severity: float, mar_arcmin: float) -> Light:
    """Blur to a share of the way from 20/20 to that smallest detail."""
    size = light.shape[0], light.shape[1]
    return blur(light, acuity_sigma_px(_between(1.0, mar_arcmin, severity), size))


def _between(at_none: float, at_full: float, severity: float) -> float:
    return at_none + (at_full - at_none) * severity


def _towards(kept: float, severity: float) -> float:
    return _between(1.0, kept, severity)


def _size(pixels: Pixels) -> Size:
    return pixels.shape[0], pixels.shape[1]
