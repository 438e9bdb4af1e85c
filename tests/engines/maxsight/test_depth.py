"""Distances with error bars, on ground planes where the answer is known."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.classes import vocabulary
from engines.maxsight.depth import (
    HEIGHT_RANGES_M,
    STANDING,
    Camera,
    distance_of,
    ground_distance,
    horizon_row,
    level_camera,
)
from engines.maxsight.tiers import SeenObject
from tests.engines.maxsight.scenes import FOCAL_PX, FRAME_SIZE, seen

HEIGHTS = {one.id: one.height_m for one in vocabulary().trained}


def row_of(height_m: float, distance_m: float, camera: Camera) -> float:
    """Row of a point so high above a level floor and so far away along it."""
    angle = math.atan2(camera.height_m - height_m, distance_m)
    return FRAME_SIZE[0] / 2 + FOCAL_PX * math.tan(angle - math.radians(camera.pitch_deg))


def standing(
    class_id: str, distance_m: float, camera: Camera, *, height_m: float | None = None
) -> SeenObject:
    """Return a thing that stands on the floor."""
    own_m = height_m or HEIGHTS[class_id]
    assert own_m is not None
    top, bottom = row_of(own_m, distance_m, camera), row_of(0.0, distance_m, camera)
    return seen((300.0, top, 340.0, bottom), class_id)


def test_every_trained_class_has_its_usual_heights_around_the_typical_one() -> None:
    assert set(HEIGHT_RANGES_M) == set(HEIGHTS) and set(HEIGHTS) > STANDING
    for class_id, (low_m, high_m) in HEIGHT_RANGES_M.items():
        typical_m = HEIGHTS[class_id]
        assert typical_m is not None and low_m < typical_m < high_m, class_id


@pytest.mark.parametrize("pitch_deg", [-5.0, 0.0, 10.0])
@pytest.mark.parametrize("distance_m", [2.5, 4.0, 7.0])
def test_a_known_ground_plane_gives_the_known_distance(distance_m, pitch_deg) -> None:
    camera = Camera(pitch_deg=pitch_deg)
    row = row_of(0.0, distance_m, camera)
    found = ground_distance(row, frame_size=FRAME_SIZE, camera=camera)
    assert found is not None and found.source == "ground"
    assert found.metres == pytest.approx(distance_m)
    assert found.low_m < distance_m < found.high_m


@pytest.mark.parametrize("pitch_deg", [-5.0, 0.0, 10.0])
def test_the_horizon_shows_no_ground_and_the_sky_neither(pitch_deg) -> None:
    camera = Camera(pitch_deg=pitch_deg)
    row = horizon_row(frame_size=FRAME_SIZE, camera=camera)
    # A point at the camera's own height is at the horizon, however far.
    assert row == pytest.approx(row_of(camera.height_m, 7.0, camera))
    for above in (0.0, 5.0, 500.0):
        assert ground_distance(row - above, frame_size=FRAME_SIZE, camera=camera) is None
    below = ground_distance(row + 6, frame_size=FRAME_SIZE, camera=camera)
    assert below is not None and below.high_m == math.inf


@settings(deadline=None)
@given(
    distance_m=st.floats(1.5, 25.0),
    pitch_deg=st.floats(-10.0, 20.0),
    wrong_by=st.floats(-1.0, 1.0),
    what=st.sampled_from(["pitch", "height", "focal"]),
)
def test_a_camera_held_a_little_differently_stays_in_the_bar(
    distance_m: float, pitch_deg: float, wrong_by: float, what: str
) -> None:
    assumed = Camera(pitch_deg=pitch_deg)
    real = {
        "pitch": Camera(pitch_deg=pitch_deg + wrong_by * assumed.pitch_error_deg),
        "height": Camera(1.4 + wrong_by * assumed.height_error_m, pitch_deg=pitch_deg),
        "focal": assumed,
    }[what]
    row = row_of(0.0, distance_m, real)
    if what == "focal":
        row = FRAME_SIZE[0] / 2 + (row - FRAME_SIZE[0] / 2) * (1 + wrong_by * assumed.focal_error)
    found = ground_distance(row, frame_size=FRAME_SIZE, camera=assumed)
    if found is not None:
        assert found.low_m <= distance_m * 1.0001 and distance_m * 0.9999 <= found.high_m


@settings(deadline=None)
@given(
    class_id=st.sampled_from(sorted(HEIGHT_RANGES_M)),
    share=st.floats(0.0, 1.0),
    distance_m=st.floats(3.0, 30.0),
)
def test_any_usual_height_stays_in_the_bar(class_id: str, share: float, distance_m: float) -> None:
    low_m, high_m = HEIGHT_RANGES_M[class_id]
    one = standing(class_id, distance_m, Camera(), height_m=low_m + share * (high_m - low_m))
    if one.box[1] < 10 or one.box[3] > 470:
        return
    found = distance_of(one, frame_size=FRAME_SIZE)
    assert found.low_m <= distance_m <= found.high_m
    assert found.low_m <= found.metres <= found.high_m


@pytest.mark.parametrize("class_id", ["person", "car", "chair", "door"])
@pytest.mark.parametrize("distance_m", [4.0, 9.0])
def test_where_height_and_ground_agree_the_bar_is_no_wider_than_either(
    class_id, distance_m
) -> None:
    camera = Camera(pitch_deg=3.0)
    one = standing(class_id, distance_m, camera)
    found = distance_of(one, frame_size=FRAME_SIZE, camera=camera)
    ground = ground_distance(one.box[3], frame_size=FRAME_SIZE, camera=camera)
    assert found.source == "both" and ground is not None
    # The pinhole model takes the height to be square to the axis, which a pitch tilts.
    assert found.metres == pytest.approx(distance_m, rel=0.03)
    assert found.high_m <= ground.high_m * 1.2


def test_a_cup_on_a_table_is_not_taken_to_stand_on_the_floor() -> None:
    one = seen((300.0, 300.0, 330.0, 330.0), "cup")
    found = distance_of(one, frame_size=FRAME_SIZE)
    assert found.source == "height"
    assert found.metres == pytest.approx(0.1 * FOCAL_PX / 30)
    assert found.low_m <= 0.7 * found.metres and found.high_m >= 1.5 * found.metres


def test_a_chair_seen_from_a_bridge_gets_a_bar_that_holds_both_answers() -> None:
    # Far away by its height, at one's feet by where it stands.
    one = seen((300.0, 430.0, 310.0, 445.0), "chair")
    found = distance_of(one, frame_size=FRAME_SIZE)
    assert found.source == "either"
    assert found.low_m < 3 < 20 < found.high_m
    assert found.metres < 5


@pytest.mark.parametrize(
    ("box", "class_id", "source"),
    [
        ((200.0, 100.0, 400.0, 480.0), "person", "limit"),
        ((200.0, 0.0, 400.0, 480.0), "person", "limit"),
        ((200.0, 0.0, 400.0, 400.0), "person", "ground"),
        ((200.0, 0.0, 400.0, 100.0), "traffic_light", "limit"),
        ((0.0, 100.0, 60.0, 200.0), "traffic_light", "height"),
    ],
    ids=["cut below", "above and below", "above", "hanging, cut above", "cut at the side"],
)
def test_what_the_edge_cuts_off_is_told_as_a_limit(box, class_id, source) -> None:
    found = distance_of(seen(box, class_id), frame_size=FRAME_SIZE)
    assert found.source == source
    assert (found.low_m == 0) == (source == "limit")


def test_a_cut_thing_is_never_nearer_than_the_bar_and_never_farther() -> None:
    camera = Camera()
    whole = standing("person", 1.2, camera)
    assert whole.box[3] > FRAME_SIZE[0]
    shown = seen((300.0, whole.box[1], 340.0, 480.0), "person")
    found = distance_of(shown, frame_size=FRAME_SIZE, camera=camera)
    assert found.low_m <= 1.2 <= found.metres


@pytest.mark.parametrize("pitch_deg", [-8.0, 0.0, 12.0])
def test_things_in_view_tell_the_pitch(pitch_deg) -> None:
    real = Camera(pitch_deg=pitch_deg)
    things = [
        standing("person", 5.0, real),
        standing("car", 9.0, real),
        standing("door", 7.0, real),
    ]
    found = level_camera(things, frame_size=FRAME_SIZE, camera=Camera(pitch_error_deg=15.0))
    assert found.pitch_deg == pytest.approx(pitch_deg, abs=1.0)
    assert found.pitch_error_deg < 15.0
    assert found.height_m == real.height_m


@pytest.mark.parametrize(
    "things",
    [[], [("person", 5.0)], [("cup", 5.0), ("traffic_light", 8.0)]],
    ids=["nothing", "one thing", "nothing that stands"],
)
def test_too_little_in_view_leaves_the_camera_as_it_was(things) -> None:
    camera = Camera(pitch_deg=4.0)
    shown = [standing(class_id, distance_m, camera) for class_id, distance_m in things]
    assert level_camera(shown, frame_size=FRAME_SIZE, camera=camera) == camera


def test_a_box_without_height_is_refused() -> None:
    with pytest.raises(ValueError, match="no distance"):
        distance_of(seen((10.0, 50.0, 60.0, 50.0)), frame_size=FRAME_SIZE)


@pytest.mark.parametrize(
    "given_values",
    [{"height_m": 0.0}, {"pitch_deg": math.nan}, {"focal_error": 1.0}, {"pitch_error_deg": -1.0}],
    ids=["on the ground", "no number", "no focal length", "negative error"],
)
def test_a_camera_that_cannot_be_is_refused(given_values) -> None:
    with pytest.raises(ValueError, match="camera"):
        Camera(**given_values)
