from __future__ import annotations

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.motion import CameraMotion, CameraShift, small_grey
from engines.maxsight.tiers import SeenObject, TrackedObject, Urgency, Zone
from engines.maxsight.tracking import LOST_AFTER_S, SHOWN_UNSEEN_S, Tracker
from tests.engines.maxsight.scenes import FOCAL_PX, FRAME_SIZE, StillWorld, seen, seen_at, times

NAN = math.nan


def feed(tracker: Tracker, objects: list[SeenObject], at_s: float, **given) -> list[TrackedObject]:
    return list(tracker.update(objects, at_s=at_s, frame_size=FRAME_SIZE, **given))


def approaching(
    speed_m_s: float, *, per_s: float, seconds: float, start_m: float = 30.0, noise: float = 0.0
) -> list[tuple[float, TrackedObject]]:
    """Let a car come; return its true distance and its track at each frame."""
    tracker, random = Tracker(), np.random.default_rng(0)
    found = []
    for at_s in times(int(seconds * per_s), per_s, 0.0):
        distance_m = start_m - speed_m_s * at_s
        one = seen_at(distance_m)
        x0, y0, x1, y1 = one.box
        more = random.normal(0, noise) * (y1 - y0)
        [track] = feed(tracker, [replace(one, box=(x0, y0, x1, y1 + more))], at_s)
        found.append((distance_m, track))
    return found


# Time to contact and speed


@pytest.mark.parametrize("per_s", [2.0, 5.0, 12.0, 30.0, 60.0])
@pytest.mark.parametrize("speed_m_s", [1.5, 8.0, -2.0], ids=["walking", "driving", "leaving"])
def test_time_to_contact_and_speed_of_a_growing_box_are_right(per_s, speed_m_s) -> None:
    distance_m, track = approaching(speed_m_s, per_s=per_s, seconds=2.5)[-1]
    assert track.approach_m_s == pytest.approx(speed_m_s, rel=0.05)
    assert track.growth_per_s == pytest.approx(speed_m_s / distance_m, rel=0.05)
    if speed_m_s < 0:
        assert track.time_to_contact_s is None
    else:
        assert track.time_to_contact_s == pytest.approx(distance_m / speed_m_s, rel=0.02)


def test_time_to_contact_is_about_right_with_unsteady_boxes() -> None:
    found = approaching(8.0, per_s=12, seconds=3, noise=0.03)
    ratios = [
        track.time_to_contact_s / (distance_m / 8.0)
        for distance_m, track in found[12:]
        if track.time_to_contact_s
    ]
    assert len(ratios) >= 20
    assert np.median(ratios) == pytest.approx(1.0, abs=0.15)


def test_an_approach_is_noticed_within_a_third_of_a_second() -> None:
    found = approaching(8.0, per_s=12, seconds=1)
    assert all(track.time_to_contact_s is None for _, track in found[:3])
    assert all(track.time_to_contact_s is not None for _, track in found[4:])


def test_a_still_thing_with_unsteady_boxes_hardly_ever_seems_to_approach() -> None:
    tracker, random = Tracker(), np.random.default_rng(0)
    alarms = 0
    for at_s in times(600, 12):
        x0, y0, x1, y1 = seen_at(6).box
        shaken = tuple(np.array([x0, y0, x1, y1]) + random.normal(0, 0.03 * (y1 - y0), 4))
        [track] = feed(tracker, [seen(shaken, distance_m=6)], at_s)
        alarms += track.approach_m_s > 0.5
    assert alarms <= 6


def test_a_box_that_jumps_is_another_extent_and_no_approach() -> None:
    tracker = Tracker()
    for index, at_s in enumerate(times(24, 12)):
        # Half of a person comes out from behind a table.
        box = (280.0, 100.0, 360.0, 200.0 if index < 12 else 320.0)
        [track] = feed(tracker, [seen(box, "person")], at_s)
        assert track.growth_per_s == 0


@pytest.mark.parametrize("edge", ["top", "both heights", "all"])
def test_what_the_frames_edge_cuts_off_grows_by_its_free_sides_only(edge) -> None:
    tracker = Tracker()
    for at_s in times(12, 12, 0.0):
        half = 120 / (1 - at_s / 4)
        y0, y1 = {"top": (0.0, 400.0)}.get(edge, (0.0, 480.0))
        x0, x1 = (0.0, 640.0) if edge == "all" else (320 - half, 320 + half)
        [track] = feed(tracker, [seen((x0, y0, x1, y1))], at_s)
    true = 0.0 if edge == "all" else 1 / (4 - 11 / 12)
    assert track.growth_per_s == pytest.approx(true, rel=0.03)


# The camera's own movement


@cache
def camera_run(
    name: str, *, knows_camera: bool = True, car_speed_m_s: float = 0.0
) -> list[list[TrackedObject]]:
    """Film two still things and a car with a moving camera; return the tracks of each frame."""
    move, found = MOVES[name], []
    world, camera, tracker = StillWorld(), CameraMotion(), Tracker()
    shown: list[TrackedObject] = []
    for index, at_s in enumerate(times(18, 12, 0.0)):
        x, y, zoom = move(index)
        half = 40 / (1 - car_speed_m_s * at_s / 10)
        things = [
            ("chair", (700.0, 400.0, 780.0, 500.0)),
            ("door", (900.0, 380.0, 960.0, 520.0)),
            ("car", (820 - half, 450 - half, 820 + half, 450 + half)),
        ]
        frame = world.view(x, y, zoom=zoom)
        shift = camera.update(
            small_grey(frame), frame_size=FRAME_SIZE, boxes_before=[one.box for one in shown]
        )
        objects = [seen(world.box(box, x, y, zoom=zoom), name) for name, box in things]
        shown = feed(tracker, objects, at_s, camera_shift=shift if knows_camera else CameraShift())
        found.append(shown)
    return found


MOVES = {
    "pan": lambda index: (780 + 6 * index, 450, 1.0),
    "fast pan": lambda index: (700 + 16 * index, 450, 1.0),
    "walking on": lambda index: (820, 450, 1.015**index),
    "stepping back": lambda index: (820, 450, 1.3 * 0.985**index),
    "shaking": lambda index: (820 + 9 * (-1) ** index, 450 + 7 * (index % 3), 1.0),
}


@pytest.mark.parametrize("move", MOVES)
def test_a_moving_camera_does_not_make_still_things_approach(move) -> None:
    for shown in camera_run(move):
        for track in shown:
            assert abs(track.approach_m_s) < 0.5, track
            assert track.time_to_contact_s is None or track.time_to_contact_s > 10


@pytest.mark.parametrize("move", MOVES)
def test_a_moving_camera_changes_no_identity(move) -> None:
    numbers = [[track.track_id for track in shown] for shown in camera_run(move)]
    assert all(one == [1, 2, 3] for one in numbers)


def test_without_the_cameras_movement_walking_on_would_seem_an_approach() -> None:
    *_, last = camera_run("walking on", knows_camera=False)
    assert all(track.time_to_contact_s is not None for track in last)


@pytest.mark.parametrize("move", ["pan", "stepping back"])
def test_a_car_that_comes_is_noticed_by_a_moving_camera(move) -> None:
    *_, last = camera_run(move, car_speed_m_s=3.0)
    chair, door, car = sorted(
        last, key=lambda track: ["chair", "door", "car"].index(track.class_id)
    )
    # It stands at 10 m by its size and comes with 3 m/s, 17 frames long.
    assert car.time_to_contact_s == pytest.approx(10 / 3 - 17 / 12, rel=0.1)
    assert chair.time_to_contact_s is None and door.time_to_contact_s is None


# Identity


def test_two_things_side_by_side_keep_their_numbers() -> None:
    tracker = Tracker()
    for at_s in times(30, 12, 0.0):
        shown = feed(tracker, [seen_at(6, x=200 + 40 * at_s), seen_at(6, x=430 - 20 * at_s)], at_s)
        assert [track.track_id for track in shown] == [1, 2]
        assert shown[0].box[0] < shown[1].box[0]


@pytest.mark.parametrize("hidden_s", [0.1, 0.4, 0.8, 1.3])
def test_a_number_is_kept_through_a_short_occlusion(hidden_s) -> None:
    tracker = Tracker()
    for at_s in times(60, 12, 0.0):
        is_hidden = 2 <= at_s < 2 + hidden_s
        shown = feed(tracker, [] if is_hidden else [seen_at(8, x=150 + 60 * at_s)], at_s)
        if is_hidden and at_s - 2 > SHOWN_UNSEEN_S:
            assert shown == []
        if not is_hidden:
            assert [track.track_id for track in shown] == [1]


def test_a_hidden_thing_moves_on_while_it_is_still_shown() -> None:
    tracker = Tracker()
    for at_s in times(24, 12, 0.0):
        shown = feed(tracker, [seen_at(8, x=150 + 60 * at_s)], at_s)
    before = shown[0].box[0]
    [track] = feed(tracker, [], 24 / 12 + 0.2)
    assert track.box[0] > before + 5


@pytest.mark.parametrize("per_s", [0.2, 1.0, 12.0, 60.0])
def test_a_stale_track_ends_and_its_number_is_never_used_again(per_s) -> None:
    tracker = Tracker()
    for at_s in times(5, per_s, 0.0):
        [track] = feed(tracker, [seen_at(8)], at_s)
    assert track.track_id == 1
    gone_s = at_s + LOST_AFTER_S + 1 / per_s
    assert feed(tracker, [], gone_s) == []
    [again] = feed(tracker, [seen_at(8)], gone_s + 1 / per_s)
    assert again.track_id == 2
    assert again.age_s == 0


@pytest.mark.parametrize("per_s", [0.2, 1.0, 12.0, 60.0])
def test_a_still_thing_keeps_its_number_at_any_pace(per_s) -> None:
    tracker = Tracker()
    for at_s in times(20, per_s, 0.0):
        [track] = feed(tracker, [seen_at(8)], at_s)
    assert track.track_id == 1
    assert track.age_s == pytest.approx(19 / per_s)


def test_a_name_that_wavers_within_its_group_stays_one_thing() -> None:
    tracker = Tracker()
    for index, at_s in enumerate(times(12, 12)):
        name = "truck" if index % 4 == 3 else "car"
        [track] = feed(tracker, [seen_at(8, name)], at_s)
        assert (track.track_id, track.class_id) == (1, "car")


def test_a_thing_of_another_group_is_another_thing() -> None:
    tracker = Tracker()
    feed(tracker, [seen_at(8, "person")], 0.0)
    shown = feed(tracker, [seen_at(8, "door")], 0.1)
    assert [(track.track_id, track.class_id) for track in shown] == [(1, "person"), (2, "door")]


def test_one_thing_with_two_names_is_told_once_by_the_better() -> None:
    [track] = feed(Tracker(), [seen_at(8, "car", score=0.6), seen_at(8.1, "truck", score=0.7)], 0.0)
    assert track.class_id == "truck"


# What is said of a thing


def test_boxes_are_smoother_than_what_is_detected() -> None:
    tracker, random = Tracker(), np.random.default_rng(0)
    raw, smooth = [], []
    for at_s in times(120, 12):
        box = tuple(np.array([300.0, 200.0, 360.0, 320.0]) + random.normal(0, 4, 4))
        [track] = feed(tracker, [seen(box)], at_s)
        raw.append(box), smooth.append(track.box)
    changes = [np.abs(np.diff(np.array(boxes), axis=0)).mean() for boxes in (raw, smooth)]
    assert changes[1] < 0.6 * changes[0]
    assert np.mean(smooth, axis=0) == pytest.approx([300, 200, 360, 320], abs=1.5)


@pytest.mark.parametrize(
    ("x", "angle_deg", "hour"),
    [(320, 0, 12), (80, -24.5, 11), (560, 24.5, 1), (420, 10.75, 12)],
    ids=["ahead", "left", "right", "nearly ahead"],
)
def test_the_direction_is_right(x, angle_deg, hour) -> None:
    [track] = feed(Tracker(), [seen_at(12, x=x)], 0.0)
    assert track.angle_deg == pytest.approx(math.degrees(math.atan((x - 320) / FOCAL_PX)))
    assert track.angle_deg == pytest.approx(angle_deg, abs=0.2)
    assert track.clock_hour == hour


@pytest.mark.parametrize(
    ("scores", "is_confirmed"),
    [([0.85], True), ([0.5], False), ([0.5, 0.5], True), ([0.3, 0.3], False), ([0.3] * 3, True)],
    ids=["one sure", "one unsure", "two fair", "two faint", "three faint"],
)
def test_a_thing_is_believed_when_it_was_seen_well_enough(scores, is_confirmed) -> None:
    tracker = Tracker()
    for at_s, score in zip(times(len(scores), 12), scores, strict=True):
        [track] = feed(tracker, [seen_at(8, score=score)], at_s)
    assert track.is_confirmed == is_confirmed


def test_nearer_and_more_urgent_count_at_once_and_relax_later() -> None:
    tracker, found = Tracker(), []
    for index, at_s in enumerate(times(24, 12, 0.0)):
        is_near = index in (4, 8, 9)
        one = seen_at(4)
        one = replace(one, zone=Zone.NEAR, urgency=Urgency.DANGER) if is_near else one
        [track] = feed(tracker, [one], at_s)
        found.append((track.zone, track.urgency))
    assert found[3] == (Zone.MEDIUM, Urgency.CAUTION)
    assert found[4:15] == [(Zone.NEAR, Urgency.DANGER)] * 11
    assert found[17:] == [(Zone.MEDIUM, Urgency.CAUTION)] * 7


# Bad input


@pytest.mark.parametrize(
    "bad",
    [
        seen((NAN, 10.0, 50.0, 90.0)),
        seen((10.0, 10.0, math.inf, 90.0)),
        seen((50.0, 50.0, 50.0, 50.0)),
        seen((90.0, 90.0, 10.0, 10.0)),
        replace(seen_at(8), score=NAN),
        replace(seen_at(8), distance_m=NAN),
    ],
    ids=["NaN", "infinite", "empty", "inverted", "score NaN", "distance NaN"],
)
def test_what_is_no_box_is_left_out(bad) -> None:
    tracker = Tracker()
    assert feed(tracker, [bad], 0.0) == []
    [track] = feed(tracker, [bad, seen_at(8, x=500)], 0.1)
    assert track.track_id == 1


@pytest.mark.parametrize("back_s", [0.01, 5.0, 1e6])
def test_a_clock_that_jumps_back_neither_ends_tracks_nor_makes_them_approach(back_s) -> None:
    tracker = Tracker()
    for index, at_s in enumerate(times(24, 12, 1e6)):
        [track] = feed(tracker, [seen_at(8)], at_s - (back_s if index >= 12 else 0))
    assert track.track_id == 1 and track.growth_per_s == 0
    assert track.age_s == pytest.approx(22 / 12, abs=0.1)


@pytest.mark.parametrize("at_s", [NAN, math.inf, -math.inf])
def test_a_time_that_is_no_number_does_not_count(at_s) -> None:
    tracker = Tracker()
    for given_s in (0.0, 0.1, at_s, 0.2):
        [track] = feed(tracker, [seen_at(8)], given_s)
    assert track.age_s == pytest.approx(0.2)


def test_frames_with_the_same_time_do_no_harm() -> None:
    tracker = Tracker()
    for _ in range(50):
        [track] = feed(tracker, [seen_at(8)], 5.0)
    assert track.track_id == 1 and track.growth_per_s == 0


def test_a_camera_that_is_turned_upright_starts_anew() -> None:
    tracker = Tracker()
    feed(tracker, [seen_at(8)], 0.0)
    [track] = tracker.update([seen_at(8)], at_s=0.1, frame_size=(640, 480))
    assert track.track_id == 2


def test_what_is_remembered_stays_small() -> None:
    tracker, random = Tracker(), np.random.default_rng(0)
    for at_s in times(120, 12):
        somewhere = [seen_at(8, x=float(random.integers(60, 580))) for _ in range(3)]
        assert len(feed(tracker, somewhere, at_s)) <= 60
    assert feed(tracker, [], at_s + LOST_AFTER_S + 1) == []
    assert not tracker._tracks and not tracker._library.tracked_objects


coordinates = st.floats(-1e4, 1e4) | st.sampled_from([NAN, math.inf, -math.inf])


@given(
    st.lists(
        st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=4),
        min_size=1,
        max_size=6,
    ),
    st.lists(st.floats(-10, 10) | st.just(NAN), min_size=6, max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_any_boxes_at_any_times_give_boxes_inside_the_frame(frames, steps) -> None:
    tracker, at_s = Tracker(), 0.0
    for boxes, step_s in zip(frames, steps, strict=False):
        at_s += step_s
        for track in feed(tracker, [seen(box) for box in boxes], at_s):
            x0, y0, x1, y1 = track.box
            assert 0 <= x0 < x1 <= FRAME_SIZE[1] and 0 <= y0 < y1 <= FRAME_SIZE[0]
            assert track.distance_m > 0 and math.isfinite(track.growth_per_s)
