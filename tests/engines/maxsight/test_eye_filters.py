"""The operations that simulated eyes are made of, on pictures where the answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight import eye_filters, eye_masks
from engines.maxsight.colour_deficiency import (
    Kind,
    daltonisation_matrix,
    deficiency_matrix,
)
from engines.maxsight.eye_filters import Light

SIZE = 96, 128
KINDS: tuple[Kind, ...] = ("protan", "deutan", "tritan")


def noise(height: int = SIZE[0], width: int = SIZE[1]) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def flat(value: float) -> Light:
    return np.full((*SIZE, 3), value, np.float32)


def point() -> Light:
    light = flat(0.0)
    light[48, 64] = 1.0
    return light


def spread_px(light: Light, axis: int) -> float:
    """Return the standard deviation of where the light lies, along rows (0) or columns (1)."""
    weight = light[:, :, 0].astype(np.float64).sum(axis=1 - axis)
    places = np.arange(len(weight))
    mean = (places * weight).sum() / weight.sum()
    return math.sqrt(((places - mean) ** 2 * weight).sum() / weight.sum())


def test_light_and_back_gives_every_pixel_value_again() -> None:
    pixels = np.repeat(np.arange(256, dtype=np.uint8)[:, None, None], 3, axis=2)
    np.testing.assert_array_equal(eye_filters.to_pixels(eye_filters.to_light(pixels)), pixels)


def test_half_of_the_light_is_pixel_value_188() -> None:
    assert (eye_filters.to_pixels(flat(0.5)) == 188).all()


def test_light_outside_of_its_range_is_cut_off_in_every_channel() -> None:
    assert (eye_filters.to_pixels(flat(-0.2)) == 0).all()
    assert (eye_filters.to_pixels(flat(1.7)) == 255).all()


@pytest.mark.parametrize("sigma_px", [1.0, 2.4, 2.6, 4.0, 7.0, 12.0])
def test_blur_spreads_a_point_by_its_standard_deviation_and_keeps_its_light(
    sigma_px: float,
) -> None:
    light = np.zeros((160, 160, 3), np.float32)
    light[80, 80] = 1.0
    blurred = eye_filters.blur(light, sigma_px)
    assert blurred.sum() == pytest.approx(3.0, rel=0.02)
    for axis in (0, 1):
        assert spread_px(blurred, axis) == pytest.approx(sigma_px, rel=0.06)


def test_blur_by_nothing_changes_nothing() -> None:
    light = eye_filters.to_light(noise())
    np.testing.assert_array_equal(eye_filters.blur(light, 0.0), light)


def test_blur_in_one_direction_leaves_the_other_sharp() -> None:
    blurred = eye_filters.blur(point(), 0.0, 3.0)
    assert spread_px(blurred, 1) == 0
    assert spread_px(blurred, 0) == pytest.approx(3.0, rel=0.06)


def test_one_dioptre_blurs_a_point_to_a_disc_of_four_milliradians() -> None:
    diameter_px = 0.004 * eye_masks.focal_px((480, 640))
    assert eye_filters.defocus_sigma_px(1.0, (480, 640)) == pytest.approx(diameter_px / 4)
    assert eye_filters.defocus_sigma_px(-1.0, (480, 640)) == pytest.approx(diameter_px / 4)


def test_a_picture_of_twice_the_size_is_blurred_by_twice_the_pixels() -> None:
    once = eye_filters.acuity_sigma_px(10.0, (480, 640))
    assert eye_filters.acuity_sigma_px(10.0, (960, 1280)) == pytest.approx(2 * once)


@pytest.mark.parametrize("mar_arcmin", [0.5, 1.0])
def test_normal_acuity_needs_no_blur(mar_arcmin: float) -> None:
    assert eye_filters.acuity_sigma_px(mar_arcmin, SIZE) == 0


def test_contrast_falls_by_its_share_in_every_channel_and_the_mean_stays() -> None:
    light = eye_filters.to_light(noise())
    less = eye_filters.lose_contrast(light, 0.4)
    np.testing.assert_allclose(less.mean(axis=(0, 1)), light.mean(axis=(0, 1)), atol=1e-4)
    np.testing.assert_allclose(less.std(axis=(0, 1)), 0.4 * light.std(axis=(0, 1)), rtol=1e-3)


def test_a_veil_lights_the_dark_around_a_lamp_and_makes_no_light() -> None:
    light = flat(0.0)
    light[44:52, 60:68] = 1.0
    veiled = eye_filters.veil(light, 0.5)
    assert veiled[48, 64, 0] < 1
    assert veiled[48, 72, 0] > veiled[48, 100, 0] > 0
    assert veiled.sum() == pytest.approx(light.sum(), rel=0.05)


def test_darkening_takes_its_share_of_the_pixel_value() -> None:
    whole = np.ones(SIZE, np.float32)
    half = eye_filters.to_pixels(eye_filters.darken(flat(1.0), whole, 0.5))
    assert abs(half.astype(int) - 128).max() <= 2


def test_blending_puts_the_other_picture_where_the_mask_is_full() -> None:
    mask = np.zeros(SIZE, np.float32)
    mask[:, 64:] = 1
    both = eye_filters.blend(flat(0.2), flat(0.8), mask)
    np.testing.assert_allclose(both[:, :64], 0.2, atol=1e-3)
    np.testing.assert_allclose(both[:, 64:], 0.8, atol=1e-3)


def test_faint_light_is_lost_first() -> None:
    faint, bright = (eye_filters.lose_dim_light(flat(v), 0.1)[0, 0, 0] / v for v in (0.1, 1.0))
    assert faint == pytest.approx(0.5)
    assert bright == pytest.approx(1 / 1.1)


def test_black_stays_black_at_the_least_severity() -> None:
    assert (eye_filters.lose_dim_light(flat(0.0), 1e-300) == 0).all()


@pytest.mark.parametrize("shift_px", [0, -3, 128, 500])
def test_a_second_picture_that_lies_nowhere_changes_nothing(shift_px: int) -> None:
    np.testing.assert_array_equal(eye_filters.double(point(), shift_px), point())


def test_a_doubled_point_has_half_of_its_light_in_each_place() -> None:
    doubled = eye_filters.double(point(), 20)
    assert doubled[48, 64, 0] == doubled[48, 84, 0] == 0.5


def test_bending_by_nothing_changes_nothing() -> None:
    nothing = np.zeros((12, 16), np.float32)
    places = eye_filters.bend_of(noise().shape[:2], nothing, nothing)
    np.testing.assert_array_equal(eye_filters.bend(noise(), places), noise())


def test_bending_by_an_angle_shows_what_lies_beside() -> None:
    columns = np.arange(128, dtype=np.uint8)[None, :, None]
    ramp = np.ascontiguousarray(np.broadcast_to(columns, (*SIZE, 3)))
    angle_deg = math.degrees(5 / eye_masks.focal_px(SIZE))
    moves = np.full(SIZE, angle_deg, np.float32), np.zeros(SIZE, np.float32)
    bent = eye_filters.bend(ramp, eye_filters.bend_of(SIZE, *moves))
    assert (bent[:, :100].astype(int) - ramp[:, :100] == 5).all()


@pytest.mark.parametrize("size", [(480, 640), (97, 33), (1080, 1920)])
@pytest.mark.parametrize("radius_deg", [2.0, 12.0, 80.0])
def test_beyond_its_reach_a_mask_is_0(size: eye_masks.Size, radius_deg: float) -> None:
    mask = eye_masks.centre(size, radius_deg)
    whole = eye_masks.fit(mask, size).copy()
    rows, columns = eye_masks.reach(mask, size)
    assert whole[rows, columns].any()
    whole[rows, columns] = 0
    assert not whole.any()
    if radius_deg == 2.0 and min(size) > 100:
        assert (rows.stop - rows.start) < size[0] / 4


def test_a_mask_of_nothing_reaches_everywhere() -> None:
    assert eye_masks.reach(np.zeros((24, 32), np.float32), (48, 64)) == (slice(0, 48), slice(0, 64))


MASKS: dict[str, Callable[[eye_masks.Size], eye_masks.Mask]] = {
    "rim": lambda size: eye_masks.rim(size, 15.0, 5.0),
    "centre": lambda size: eye_masks.centre(size, 10.0),
    "lower half": lambda size: eye_masks.lower_half(size, 20.0),
    "spots": lambda size: eye_masks.spots(size, 12, 1.0),
    "strands": eye_masks.strands,
}


@pytest.mark.parametrize("make", MASKS.values(), ids=MASKS.keys())
@given(height=st.integers(32, 1920), width=st.integers(32, 1920))
@settings(max_examples=15, deadline=None)
def test_a_mask_is_small_lies_between_0_and_1_and_cannot_be_changed(
    make: Callable[[eye_masks.Size], eye_masks.Mask], height: int, width: int
) -> None:
    mask = make((height, width))
    assert max(mask.shape) <= eye_masks.LONGER_SIDE_PX
    assert mask.min() >= 0 and mask.max() <= 1
    assert not mask.flags.writeable
    assert eye_masks.fit(mask, (height, width)).shape == (height, width)


def test_few_masks_are_kept() -> None:
    for edge in range(60):
        eye_masks.rim(SIZE, float(edge), 5.0)
    assert eye_masks.rim.cache_info().currsize <= eye_masks.KEPT


def test_the_angle_to_the_edge_of_the_picture_is_half_of_the_field_of_view() -> None:
    angles = eye_masks.eccentricity_deg((480, 640))
    assert angles[120, 160] < 0.3
    assert angles[0, 160] == pytest.approx(49 / 2, abs=0.3)
    assert eye_masks.corner_deg((480, 640)) == pytest.approx(angles.max(), abs=0.3)


def test_more_spots_leave_the_first_ones_in_place() -> None:
    few, many = (eye_masks.spots((480, 640), count, 1.0) for count in (5, 20))
    assert (many >= few).all() and many.sum() > few.sum()
    islands = cv2.connectedComponents((few > 0.5).astype(np.uint8))[0] - 1
    assert 3 <= islands <= 5  # two may touch


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("matrix", [deficiency_matrix, daltonisation_matrix])
def test_no_severity_is_the_identity_and_greys_stay_grey(
    matrix: Callable[[Kind, float], np.ndarray], kind: Kind
) -> None:
    np.testing.assert_allclose(matrix(kind, 0.0), np.eye(3), atol=1e-12)
    for severity in (0.05, 0.5, 0.77, 1.0):
        np.testing.assert_allclose(matrix(kind, severity).sum(axis=1), 1.0, atol=1e-9)


@pytest.mark.parametrize(
    ("kind", "severity", "first_row"),
    [
        ("protan", 1.0, (0.152286, 1.052583, -0.204868)),
        ("protan", 0.5, (0.458064, 0.679578, -0.137642)),
        ("deutan", 1.0, (0.367322, 0.860646, -0.227968)),
        ("tritan", 0.1, (0.926670, 0.092514, -0.019184)),
        ("tritan", 0.05, (0.963335, 0.046257, -0.009592)),
    ],
    ids=["protan full", "protan half", "deutan full", "tritan a tenth", "between two"],
)
def test_the_matrices_are_those_of_machado(
    kind: Kind, severity: float, first_row: tuple[float, ...]
) -> None:
    np.testing.assert_allclose(deficiency_matrix(kind, severity)[0], first_row, atol=3e-6)
