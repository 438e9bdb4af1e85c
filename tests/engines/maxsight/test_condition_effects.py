"""Each condition's picture has the property that the condition is known for."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest

from engines.maxsight.conditions import simulate
from engines.maxsight.frames import Pixels
from engines.maxsight.simulation import double_shift_px
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

BLURRED = ["myopia", "hyperopia", "presbyopia", "astigmatism", "cataract"]


@pytest.mark.parametrize("condition_id", BLURRED)
def test_detail_falls_with_every_step_of_severity(condition_id: str) -> None:
    picture = scene(480, 640)  # large enough for the strongest blur to be made at half the size
    details = [detail(simulate(picture, condition_id, step / 8)) for step in range(9)]
    # The first step may blur by less than a pixel shows.
    assert details[1] <= details[0]
    assert all(later < earlier for earlier, later in pairwise(details[1:]))
    assert details[-1] < 0.5 * details[0]


def test_more_dioptres_blur_more() -> None:
    by_dioptres = ("presbyopia", "hyperopia", "myopia")
    details = [detail(simulate(scene(), condition_id, 1.0)) for condition_id in by_dioptres]
    assert details == sorted(details, reverse=True)


def test_astigmatism_keeps_upright_lines_and_loses_lying_ones() -> None:
    upright = simulate(stripes(is_upright=True), "astigmatism", 1.0)
    assert np.abs(upright.astype(int) - stripes(is_upright=True)).max() <= 1
    lying = simulate(stripes(is_upright=False), "astigmatism", 1.0)
    assert lying[20:-20].std() < 0.3 * stripes(is_upright=False).std()


def test_cataract_takes_contrast_and_blue_and_puts_haloes_around_lamps() -> None:
    assert simulate(scene(), "cataract", 1.0).std() < 0.8 * scene().std()
    red, green, blue = simulate(flat(200, 200, 200), "cataract", 1.0)[MIDDLE].mean(axis=(0, 1))
    assert red > green > blue
    night = flat(0, 0, 0)
    cv2.circle(night, (160, 120), 12, (255, 255, 255), -1)
    assert simulate(night, "cataract", 1.0)[120, 185, 0] > 20


def test_glaucoma_darkens_the_rim_and_not_the_centre() -> None:
    rims = []
    for severity in (0.25, 0.5, 0.75, 1.0):
        seen = simulate(scene(), "glaucoma", severity)
        np.testing.assert_array_equal(seen[MIDDLE], scene()[MIDDLE])
        rims.append(simulate(flat(200, 200, 200), "glaucoma", severity).mean())
    assert rims == sorted(rims, reverse=True)
    corners = simulate(flat(200, 200, 200), "glaucoma", 1.0)[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() < 0.25 * 200


def test_macular_degeneration_darkens_the_centre_and_not_the_rim() -> None:
    middles = []
    for severity in (0.25, 0.5, 0.75, 1.0):
        seen = simulate(scene(), "macular_degeneration", severity)
        for corner in (np.s_[:20, :20], np.s_[-20:, :20], np.s_[:20, -20:], np.s_[-20:, -20:]):
            np.testing.assert_array_equal(seen[corner], scene()[corner])
        white = simulate(flat(255, 255, 255), "macular_degeneration", severity)
        middles.append(white[MIDDLE].mean() / 255)
    assert middles == sorted(middles, reverse=True)
    assert middles[-1] == pytest.approx(0.3, abs=0.03)  # darkened by 70 %


def test_retinopathy_has_five_to_twenty_dark_spots_that_stay_in_place() -> None:
    early, late = (simulate(flat(255, 255, 255), "diabetic_retinopathy", s) for s in (0.1, 1.0))
    counts = []
    for seen in (early, late):
        dark = (seen[:, :, 0] < seen.max() - 50).astype(np.uint8)
        areas = cv2.connectedComponentsWithStats(dark)[2][1:, cv2.CC_STAT_AREA]
        counts.append(int((areas >= 3).sum()))
    assert 3 <= counts[0] <= 7 and 10 <= counts[1] <= 25  # spots may touch; strands count too
    assert late.min() < 40
    assert (late[early < 200] < 200).mean() > 0.9


def test_retinitis_leaves_a_tunnel_and_loses_dim_light_first() -> None:
    bright = simulate(flat(230, 230, 230), "retinitis_pigmentosa", 1.0)
    dim = simulate(flat(60, 60, 60), "retinitis_pigmentosa", 1.0)
    assert bright[0].max() == bright[:, 0].max() == 0
    assert bright[MIDDLE].mean() / 230 > 0.85
    assert dim[MIDDLE].mean() / 60 < 0.5
    shares = [
        (simulate(flat(230, 230, 230), "retinitis_pigmentosa", s) > 100).mean()
        for s in (0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    assert shares == sorted(shares, reverse=True) and shares[-1] < 0.15


@pytest.mark.parametrize("condition_id", COLOURS)
def test_colour_blindness_leaves_greys_alone(condition_id: str) -> None:
    greys = np.ascontiguousarray(
        np.broadcast_to(np.arange(256, dtype=np.uint8)[None, :, None], (64, 256, 3))
    )
    for severity in (0.3, 1.0):
        np.testing.assert_array_equal(simulate(greys, condition_id, severity), greys)


@pytest.mark.parametrize(
    ("condition_id", "confused", "told_apart"),
    [
        ("protan", (flat(150, 90, 40), flat(90, 112, 40)), (flat(60, 60, 200), flat(200, 200, 60))),
        ("deutan", (flat(150, 90, 40), flat(90, 120, 40)), (flat(60, 60, 200), flat(200, 200, 60))),
        ("tritan", (flat(60, 130, 190), flat(60, 140, 100)), (flat(190, 70, 60), flat(60, 99, 60))),
    ],
    ids=COLOURS,
)  # fmt: skip
def test_colours_that_need_the_missing_cones_come_together(
    condition_id: str, confused: tuple[Pixels, Pixels], told_apart: tuple[Pixels, Pixels]
) -> None:
    gaps = [apart(*(simulate(one, condition_id, s) for one in confused)) for s in (0, 0.5, 1.0)]
    assert gaps[2] < 0.5 * gaps[0] and gaps[1] < gaps[0]
    kept = apart(*(simulate(one, condition_id, 1.0) for one in told_apart))
    assert kept > 0.6 * apart(*told_apart)


def test_red_looks_dark_without_its_cones_as_the_published_matrix_says() -> None:
    light = 0.152286  # of full red, linear
    expected = 255 * (1.055 * light ** (1 / 2.4) - 0.055)
    red, _, blue = simulate(flat(255, 0, 0), "protan", 1.0)[0, 0]
    assert abs(red - expected) <= 1 and blue == 0


def test_cortical_impairment_jumbles_beside_the_middle_and_dims_below() -> None:
    grey = simulate(flat(200, 200, 200), "cortical_visual_impairment", 1.0)
    assert grey[:HEIGHT // 2].mean() > 195 and grey[-20:].mean() < 150  # fmt: skip
    seen = simulate(stripes(is_upright=True), "cortical_visual_impairment", 0.5)
    # Jumbled lines differ from row to row.
    unrest = np.abs(np.diff(seen[:, :, 0].astype(int), axis=0)).mean(axis=0)[: WIDTH // 2]
    assert unrest[:40].mean() > 2 * unrest[-20:].mean()
    upper = simulate(scene(), "cortical_visual_impairment", 1.0)[: HEIGHT // 2]
    assert upper.std() < 0.8 * scene()[: HEIGHT // 2].std()


def test_amblyopia_takes_detail_and_contrast_and_bends_lines() -> None:
    seen = simulate(scene(), "amblyopia", 1.0)
    assert detail(seen) < 0.3 * detail(scene()) and seen.std() < 0.9 * scene().std()
    edge = flat(40, 40, 40)
    edge[:, WIDTH // 2 :] = 220
    bent = simulate(edge, "amblyopia", 1.0)[:, :, 0].astype(int)
    crossings = (bent > (bent.min() + bent.max()) / 2).argmax(axis=1)
    assert crossings.std() > 0.3 and abs(crossings.mean() - WIDTH / 2) < 6


@pytest.mark.parametrize("severity", [0.3, 0.6, 1.0])
def test_double_vision_repeats_the_picture_at_its_shift(severity: float) -> None:
    rng = np.random.default_rng(5)
    picture = np.repeat(rng.integers(0, 256, (HEIGHT, WIDTH, 1), dtype=np.uint8), 3, axis=2)
    shift_px = double_shift_px((HEIGHT, WIDTH), severity)
    row = simulate(picture, "strabismus", severity)[:, shift_px:, 0].astype(float)
    row -= row.mean()
    alike = [float((row[:, :-lag] * row[:, lag:]).mean()) for lag in range(1, 70)]
    assert int(np.argmax(alike)) + 1 == shift_px
    assert shift_px == round(0.15 * severity * 0.8228 * WIDTH)
