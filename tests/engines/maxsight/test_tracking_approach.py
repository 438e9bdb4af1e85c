"""How fast a thing comes and when it would be here, with a still camera and with a moving one."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from engines.maxsight.motion import CameraMotion, CameraShift, small_grey
from engines.maxsight.tiers import TrackedObject
from engines.maxsight.tracking import Tracker
from tests.engines.maxsight.scenes import FRAME_SIZE, StillWorld, feed, seen, seen_at, times


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
