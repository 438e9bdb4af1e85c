"""Distance, zones and urgency: hand-worked tables and what must hold for every size."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.geometry import (
    FAR,
    FOCAL_PER_LONGER_SIDE,
    MEDIUM,
    NEAR,
    distance_m_of,
    urgency_of,
    zone_of,
    zone_of_area,
    zone_of_distance,
)
from engines.maxsight.heads.detection import ZONES

SIZES = st.floats(0.01, 1000.0)


def test_what_fills_the_height_of_a_4_to_3_picture_spans_49_degrees() -> None:
    height_m = 2 * 5.0 * math.tan(math.radians(24.5))
    found = distance_m_of(
        box_height_px=240, class_height_m=height_m, focal_px=320 * FOCAL_PER_LONGER_SIDE
    )
    assert found == pytest.approx(5.0)


@pytest.mark.parametrize(
    ("box_height_px", "class_height_m", "focal_px", "expected_m"),
    [(100, 1.65, 500, 8.25), (50, 1.65, 500, 16.5), (100, 3.3, 500, 16.5), (100, 1.65, 250, 4.125)],
    ids=["person", "half as large on the picture", "twice as tall", "half the focal length"],
)
def test_distance_follows_the_pinhole_model(
    box_height_px: float, class_height_m: float, focal_px: float, expected_m: float
) -> None:
    found = distance_m_of(
        box_height_px=box_height_px, class_height_m=class_height_m, focal_px=focal_px
    )
    assert found == pytest.approx(expected_m)


@settings(deadline=None)
@given(distance_m=SIZES, height_m=SIZES, focal_px=SIZES)
def test_distance_undoes_the_projection(
    distance_m: float, height_m: float, focal_px: float
) -> None:
    on_picture_px = focal_px * height_m / distance_m
    found = distance_m_of(box_height_px=on_picture_px, class_height_m=height_m, focal_px=focal_px)
    assert found == pytest.approx(distance_m)


@pytest.mark.parametrize("height_px", [0.0, -1.0, math.nan])
def test_a_box_without_height_has_no_distance_and_no_zone_by_height(height_px: float) -> None:
    with pytest.raises(ValueError, match="has no distance"):
        distance_m_of(box_height_px=height_px, class_height_m=1.0, focal_px=1.0)
    with pytest.raises(ValueError, match="has no distance"):
        zone_of(
            box_height_px=height_px, area_share=0.5, class_height_m=1.0, focal_px=1.0, is_cut=True
        )


@pytest.mark.parametrize(
    ("distance_m", "zone"),
    [
        (0.0, NEAR), (3.0, NEAR), (math.nextafter(3.0, 4), MEDIUM), (8.0, MEDIUM),
        (math.nextafter(8.0, 9), FAR), (math.inf, FAR),
    ],
    ids=["touching", "3 m", "just beyond 3 m", "8 m", "just beyond 8 m", "endless"],
)  # fmt: skip
def test_zones_end_at_3_and_8_metres(distance_m: float, zone: int) -> None:
    assert zone_of_distance(distance_m) == zone


@pytest.mark.parametrize(
    ("share", "zone"),
    [
        (1.0, NEAR), (math.nextafter(0.1, 1), NEAR), (0.1, MEDIUM),
        (math.nextafter(0.01, 1), MEDIUM), (0.01, FAR), (0.0, FAR),
    ],
    ids=["all", "above a tenth", "a tenth", "above a hundredth", "a hundredth", "nothing"],
)  # fmt: skip
def test_zones_by_area_end_above_a_tenth_and_a_hundredth(share: float, zone: int) -> None:
    assert zone_of_area(share) == zone


def test_zones_are_named_in_their_order() -> None:
    assert (ZONES[NEAR], ZONES[MEDIUM], ZONES[FAR]) == ("near", "medium", "far")


# focal length 100 px, so a box 100 px high of a thing 1 m tall is 1 m away.
@pytest.mark.parametrize(
    ("height_px", "area_share", "class_height_m", "is_cut", "zone"),
    [
        (20, 0.5, 1.0, False, MEDIUM),
        (20, 0.5, 1.0, True, NEAR),
        (20, 0.001, 1.0, True, MEDIUM),
        (100, 0.001, 1.0, True, NEAR),
        (10, 0.5, 1.0, False, FAR),
        (10, 0.05, None, False, MEDIUM),
        (0, 0.05, None, False, MEDIUM),
    ],
    ids=[
        "whole, by height", "cut and large, by area", "cut and small, by height",
        "cut and tall, by height", "a wide thing far away", "height unknown, by area",
        "height unknown and flat, by area",
    ],
)  # fmt: skip
def test_a_zone_comes_from_height_or_the_nearer_of_height_and_area_where_cut(
    height_px: float, area_share: float, class_height_m: float | None, is_cut: bool, zone: int
) -> None:
    found = zone_of(
        box_height_px=height_px,
        area_share=area_share,
        class_height_m=class_height_m,
        focal_px=100,
        is_cut=is_cut,
    )
    assert found == zone


@settings(deadline=None)
@given(height_px=SIZES, growth=st.floats(1.0, 10.0), share=st.floats(0, 1), is_cut=st.booleans())
def test_what_looks_taller_is_never_in_a_farther_zone(
    height_px: float, growth: float, share: float, is_cut: bool
) -> None:
    small, large = (
        zone_of(
            box_height_px=size, area_share=share, class_height_m=1.0, focal_px=100, is_cut=is_cut
        )
        for size in (height_px, height_px * growth)
    )
    assert large <= small


@pytest.mark.parametrize(
    ("base", "zone", "is_moving", "expected"),
    [
        (0, NEAR, False, 1), (0, MEDIUM, False, 0), (0, FAR, False, 0), (0, NEAR, True, 1),
        (1, NEAR, False, 2), (1, MEDIUM, False, 1), (1, FAR, False, 0), (1, MEDIUM, True, 2),
        (2, NEAR, False, 3), (2, MEDIUM, False, 2), (2, FAR, False, 1), (2, MEDIUM, True, 3),
        (2, FAR, True, 2), (2, NEAR, True, 3), (3, NEAR, True, 3),
    ],
)  # fmt: skip
def test_urgency_rises_near_and_moving_and_falls_far(
    base: int, zone: int, is_moving: bool, expected: int
) -> None:
    found = urgency_of(base_urgency=base, zone=zone, group="street", is_moving=is_moving)
    assert found == expected


@settings(deadline=None)
@given(base=st.integers(0, 3), zone=st.sampled_from([NEAR, MEDIUM, FAR]), moves=st.booleans())
def test_urgency_stays_on_its_scale_and_never_falls_when_something_moves_or_comes_nearer(
    base: int, zone: int, moves: bool
) -> None:
    def judge(zone: int, moves: bool) -> int:
        return urgency_of(base_urgency=base, zone=zone, group="vehicles", is_moving=moves)

    assert 0 <= judge(zone, moves) <= 3
    assert judge(zone, True) >= judge(zone, False)
    assert judge(max(zone - 1, NEAR), moves) >= judge(zone, moves)


@settings(deadline=None)
@given(base=st.integers(0, 3), zone=st.sampled_from([NEAR, MEDIUM, FAR]), moves=st.booleans())
def test_small_items_are_never_urgent(base: int, zone: int, moves: bool) -> None:
    assert urgency_of(base_urgency=base, zone=zone, group="items", is_moving=moves) == 0
