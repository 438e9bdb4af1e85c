"""What may help: each operation does what it says, and counters its condition."""

from __future__ import annotations

import numpy as np
import pytest

from engines.maxsight import enhancement
from engines.maxsight.conditions import enhance, simulate
from engines.maxsight.frames import Pixels
from tests.engines.maxsight.eye_pictures import (
    COLOURS,
    HEIGHT,
    MIDDLE,
    WIDTH,
    apart,
    detail,
    flat,
    scene,
    stripes,
)

GREYS = np.ascontiguousarray(
    np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (64, 256, 3))
)


def square(side: int, ground: int = 30, colour: int = 220) -> Pixels:
    picture = flat(ground, ground, ground)
    top, left = (HEIGHT - side) // 2, (WIDTH - side) // 2
    picture[top : top + side, left : left + side] = colour
    return picture


def test_weak_contrast_is_spread() -> None:
    weak = (110 + scene() // 16).astype(np.uint8)
    half, whole = (enhancement.even_contrast(weak, s).std() for s in (0.5, 1.0))
    assert weak.std() < half < whole
    assert whole > 1.3 * weak.std()


def test_sharpening_makes_detail_stronger_with_severity() -> None:
    details = [detail(enhancement.sharpen(scene(), s)) for s in (0.0, 0.3, 0.6, 1.0)]
    assert details == sorted(details) and details[-1] > 1.5 * details[0]


def test_sharpening_of_upright_detail_alone_leaves_upright_lines() -> None:
    upright, lying = stripes(is_upright=True), stripes(is_upright=False)
    np.testing.assert_array_equal(enhancement.sharpen(upright, 1.0, only_upright=True), upright)
    assert enhancement.sharpen(lying, 1.0, only_upright=True).std() > 1.1 * lying.std()


@pytest.mark.parametrize(("severity", "side"), [(0.5, 60), (1.0, 80)])
def test_the_magnifier_enlarges_the_middle(severity: float, side: int) -> None:
    seen = enhancement.magnify(square(40), severity, times=2.0)
    bright = seen[:, :, 0] > 125
    rows, columns = np.flatnonzero(bright.any(axis=1)), np.flatnonzero(bright.any(axis=0))
    assert abs(len(rows) - side) <= 1 and abs(len(columns) - side) <= 1
    assert rows.mean() == pytest.approx((HEIGHT - 1) / 2, abs=0.6)
    assert columns.mean() == pytest.approx((WIDTH - 1) / 2, abs=0.6)


def test_outlines_are_white_in_the_dark_and_black_in_the_light() -> None:
    on_dark = enhancement.outline(square(20, ground=20, colour=110), 1.0)
    on_light = enhancement.outline(square(20, ground=240, colour=140), 1.0)
    assert on_dark.max() > 240 and on_light.min() < 15
    for severity in (0.4, 1.0):
        np.testing.assert_array_equal(
            enhancement.outline(flat(90, 90, 90), severity), flat(90, 90, 90)
        )


def test_dark_parts_become_half_as_bright_again_and_nothing_is_cut_off() -> None:
    brighter = enhancement.brighten(GREYS, 1.0)[0, :, 0].astype(int)
    assert brighter[20] == pytest.approx(30, abs=1)
    assert brighter[0] == 0 and brighter[255] == 255
    assert (np.diff(brighter) >= 0).all() and (brighter[:250] < 255).all()


def test_glare_is_tamed_and_the_dark_left_alone() -> None:
    tamed = enhancement.tame_glare(GREYS, 1.0)[0, :, 0].astype(int)
    np.testing.assert_array_equal(tamed[:153], np.arange(153))
    assert tamed[255] == pytest.approx(204, abs=1) and (np.diff(tamed) >= 0).all()


@pytest.mark.parametrize("condition_id", COLOURS)
def test_recolouring_leaves_greys_alone(condition_id: str) -> None:
    np.testing.assert_array_equal(enhance(GREYS, condition_id, 1.0), GREYS)


@pytest.mark.parametrize(
    ("condition_id", "first", "second"),
    [
        ("protan", flat(150, 90, 40), flat(90, 112, 40)),
        ("deutan", flat(150, 90, 40), flat(90, 120, 40)),
        ("tritan", flat(60, 130, 190), flat(60, 140, 100)),
    ],
    ids=COLOURS,
)
def test_recolouring_sets_confused_colours_apart_again(
    condition_id: str, first: Pixels, second: Pixels
) -> None:
    plain, helped = (
        apart(*(simulate(one, condition_id, 1.0) for one in pair))
        for pair in ((first, second), [enhance(one, condition_id, 1.0) for one in (first, second)])
    )
    assert helped > 1.3 * plain


def test_simplifying_drops_specks_and_keeps_shapes_and_strengthens_colour() -> None:
    specks = square(60)
    specks[10:-10:12, 10:-10:12] = (255, 255, 255)
    plain = enhancement.simplify(specks, 1.0)
    assert plain[5:80, 5:120].max() < 60
    assert plain[MIDDLE].min() > 200
    red, green, _ = enhancement.simplify(flat(160, 90, 90), 1.0)[0, 0]
    assert red > 165 and green < 85
    np.testing.assert_array_equal(enhancement.simplify(flat(77, 77, 77), 1.0), flat(77, 77, 77))


def test_the_overview_brings_what_lies_outside_into_the_middle_and_leaves_the_rim() -> None:
    picture = flat(20, 20, 20)
    picture[:, :40] = 240  # far from the middle
    seen = enhancement.overview(picture, 1.0)
    high, wide = (round(side * enhancement.OVERVIEW_SHARE / 2) for side in (HEIGHT, WIDTH))
    inside = np.zeros((HEIGHT, WIDTH), bool)
    inside[
        HEIGHT // 2 - high - 1 : HEIGHT // 2 + high + 1,
        WIDTH // 2 - wide - 1 : WIDTH // 2 + wide + 1,
    ] = True
    np.testing.assert_array_equal(seen[~inside], picture[~inside])
    assert seen[inside].max() > 150


@pytest.mark.parametrize(
    "condition_id", ["myopia", "astigmatism", "cataract", "diabetic_retinopathy"]
)
def test_an_enhanced_picture_keeps_more_detail_through_the_same_eye(condition_id: str) -> None:
    helped = simulate(enhance(scene(), condition_id, 0.6), condition_id, 0.6)
    assert detail(helped) > 1.1 * detail(simulate(scene(), condition_id, 0.6))


def test_night_blind_eyes_see_more_of_a_brightened_dim_picture() -> None:
    dim = (scene() // 4).astype(np.uint8)
    helped = simulate(enhance(dim, "retinitis_pigmentosa", 1.0), "retinitis_pigmentosa", 1.0)
    plain = simulate(dim, "retinitis_pigmentosa", 1.0)
    assert helped[MIDDLE].mean() > 1.4 * plain[MIDDLE].mean()
