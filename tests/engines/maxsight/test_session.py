from __future__ import annotations

import gc
import math
from dataclasses import replace

import numpy as np
import pytest

from engines.maxsight.frames import Pixels
from engines.maxsight.picture_state import FROZEN_AFTER_S
from engines.maxsight.session import TIMELINE_FRAMES, MaxSightSession
from engines.maxsight.tiers import ContextResult, SeenObject, Urgency, Zone
from engines.runtime.errors import EngineUnavailableError
from tests.engines.maxsight.scenes import FRAME_SIZE, StillWorld, seen, seen_at, times
from tests.engines.maxsight.sessions import GATE, Clock, Eyes, frame_of, nothing, play, session_of


def coming_car(speed_m_s: float = 8.0, start_m: float = 30.0):
    return lambda frame, at_s: [seen_at(start_m - speed_m_s * at_s)]


# A frame and its report


def test_a_report_carries_what_was_seen_and_the_number_of_its_frame() -> None:
    session = session_of(lambda frame, at_s: [seen_at(4, "chair")])
    context = ContextResult(1, 90.0, {})
    session._box.put(context)
    reports = [session.step(frame_of(), at_s) for at_s in (5.0, 5.1)]
    assert [report.frame_id for report in reports] == [1, 2]
    assert reports[1].captured_s == 5.1
    assert reports[1].tier1 is not None and reports[1].tier1.frame_id == 2
    assert [track.class_id for track in reports[1].tracks] == ["chair"]
    assert (reports[1].gate, reports[1].context) == (GATE, context)
    assert (reports[1].picture, reports[1].problem) == ("fine", None)
    assert session.last is reports[1]


def test_a_car_that_comes_straight_on_is_told_as_a_danger_before_it_arrives() -> None:
    session = session_of(coming_car())
    reports = play(session, seconds=2.5)
    told = [alert for report in reports for alert in report.alerts]
    danger = next(alert for alert in told if alert.urgency == Urgency.DANGER)
    assert danger.is_interrupting
    # It would arrive after 3.75 s, and is near only after 3.4 s.
    assert danger.at_s <= 1.0
    assert reports[-1].urgency == Urgency.DANGER
    assert session.alerts == tuple(told)


def test_an_empty_street_is_silent_and_safe() -> None:
    reports = play(session_of(), seconds=8)
    assert all(report.urgency == Urgency.SAFE and not report.alerts for report in reports)


@pytest.mark.parametrize("zoom_per_frame", [1.0, 1.015, 0.985], ids=["pan", "closer", "away"])
def test_a_moving_camera_raises_no_urgency(zoom_per_frame) -> None:
    world, corners = StillWorld(), (780.0, 420.0, 840.0, 480.0)
    place = {"x": 780.0, "zoom": 1.0}

    def see(frame: Pixels, at_s: float) -> list[SeenObject]:
        box = world.box(corners, place["x"], 450, zoom=place["zoom"])
        return [replace(seen(box, "car", distance_m=9), zone=Zone.FAR, urgency=Urgency.CAUTION)]

    session = session_of(see)
    for at_s in times(18, 12):
        report = session.step(world.view(place["x"], 450, zoom=place["zoom"]), at_s)
        assert report.urgency == Urgency.CAUTION
        place["zoom"] *= zoom_per_frame
        place["x"] += 6.0 if zoom_per_frame == 1.0 else 0.0


def test_changed_preferences_hold_from_the_next_alert_on() -> None:
    session = session_of(lambda frame, at_s: [seen_at(1.2 if at_s < 10 else 6)])
    assert session.preferences.language == "en"
    session.preferences = replace(session.preferences, language="de")
    play(session, seconds=1)
    assert session.alerts and {alert.language for alert in session.alerts} == {"de"}
    assert "Auto" in session.alerts[0].text


def test_the_last_alert_is_repeated_in_the_same_words() -> None:
    session = session_of(coming_car())
    assert session.repeat() is None
    play(session, seconds=2.5)
    repeated = session.repeat()
    assert repeated is not None and repeated.text == session.alerts[-1].text


def test_the_summary_names_what_is_in_the_newest_frame() -> None:
    session = session_of(lambda frame, at_s: [seen_at(3, "chair" if at_s < 5 else "door")])
    empty = session.summary()
    play(session, seconds=1)
    assert "chair" in session.summary() and "chair" not in empty
    play(session, seconds=1, start_s=10)
    assert "door" in session.summary() and "chair" not in session.summary()


# Bad input


@pytest.mark.parametrize(
    "frame",
    [
        None,
        "frame",
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.full((48, 64, 3), math.nan),
        np.zeros((48, 64, 7), np.uint8),
        np.zeros(12, np.uint8),
    ],
    ids=["none", "text", "empty", "1 × 1", "NaN", "seven channels", "a row"],
)
def test_an_unreadable_frame_is_said_to_be_and_the_next_one_works(frame) -> None:
    eyes = Eyes(lambda frame, at_s: [seen_at(4)])
    session = MaxSightSession(eyes, Clock())
    bad, good = session.step(frame, 1.0), session.step(frame_of(), 1.1)
    assert (bad.frame_id, bad.picture, bad.tier1, bad.urgency) == (1, "unreadable", None, None)
    assert bad.problem and bad.alerts == () and bad.tracks == ()
    assert good.picture == "fine" and len(good.tracks) == 1
    assert eyes.frames == [2]
    assert [entry.latency_ms for entry in session.timeline] == [None, 20.0]


@pytest.mark.parametrize(
    ("level", "picture"), [(0, "black"), (6, "black"), (255, "blank"), (120, "blank")]
)
def test_a_picture_of_one_colour_is_looked_at_and_reported(level, picture) -> None:
    noise = np.random.default_rng(0).integers(0, 3, (*FRAME_SIZE, 3))
    frame = np.clip(noise + level, 0, 255).astype(np.uint8)
    report = session_of().step(frame, 0.0)
    assert report.picture == picture
    assert report.problem is not None and report.problem.startswith("The picture")
    assert report.tier1 is not None


def test_a_frozen_picture_is_reported_until_it_moves_again() -> None:
    session, found = session_of(), []
    for at_s in times(60, 12, 0.0):
        found.append((at_s, session.step(frame_of(1), at_s).picture))
    assert all((name == "frozen") == (at_s >= FROZEN_AFTER_S) for at_s, name in found)
    assert session.step(frame_of(2), 6.0).picture == "fine"


@pytest.mark.parametrize("captured_s", [None, math.nan, math.inf])
def test_the_clock_is_read_where_no_time_is_given(captured_s) -> None:
    clock = Clock(7.5)
    session = MaxSightSession(Eyes(nothing), clock)
    assert session.step(frame_of(), captured_s).captured_s == 7.5


@pytest.mark.parametrize("back_s", [0.05, 60.0, 1e9])
def test_a_clock_that_jumps_back_changes_nothing(back_s) -> None:
    session = session_of(lambda frame, at_s: [seen_at(1.2)])
    before = play(session, seconds=3, start_s=1e6)
    after = play(session, seconds=3, start_s=1e6 + 3 - back_s)
    assert {track.track_id for report in before + after for track in report.tracks} == {1}
    assert len(session.alerts) >= 1
    # 6 s pass in all, so the same thing is said once, or again at the very end.
    assert sum(len(report.alerts) for report in after[:-12]) == 0


@pytest.mark.parametrize("per_s", [0.2, 1.0, 60.0])
def test_slow_and_fast_cameras_are_followed(per_s) -> None:
    session = session_of(lambda frame, at_s: [seen_at(4, "chair")])
    reports = play(session, seconds=max(3.0, 5 / per_s), per_s=per_s)
    assert {track.track_id for report in reports for track in report.tracks} == {1}
    assert reports[-1].tracks[0].growth_per_s == 0


def test_frames_of_changing_size_are_followed_anew() -> None:
    session = session_of(lambda frame, at_s: [seen_at(4, "chair")])
    sizes = [(480, 640), (640, 480), (480, 640)]
    numbers = [
        session.step(frame_of(index, size), float(index)).tracks[0].track_id
        for index, size in enumerate(sizes)
    ]
    assert numbers == [1, 2, 3]


def test_stages_that_fail_are_passed_on_and_the_next_frame_works() -> None:
    is_broken = [True]

    def see(frame: Pixels, at_s: float) -> list[SeenObject]:
        if is_broken[0]:
            raise EngineUnavailableError("MaxSight is not there.", "Try again.")
        return [seen_at(4)]

    session = session_of(see)
    with pytest.raises(EngineUnavailableError):
        session.step(frame_of(), 0.0)
    assert session.timeline == () and session.last is None
    is_broken[0] = False
    assert len(session.step(frame_of(), 0.1).tracks) == 1


def test_a_restart_forgets_the_scene_and_keeps_the_person() -> None:
    session = session_of(lambda frame, at_s: [seen_at(1.2)], language="es")
    first = play(session, seconds=1)
    session.restart()
    assert session.last is None and session.repeat() is None
    assert session.preferences.language == "es"
    again = play(session, seconds=1, start_s=1.0)
    assert len(session.timeline) == len(first) + len(again)
    assert again[0].frame_id == first[-1].frame_id + 1
    # A new photo of the same thing is spoken of, whatever was said of the last one.
    assert [bool(sum(len(one.alerts) for one in run)) for run in (first, again)] == [True, True]


# Memory


@pytest.mark.slow
def test_the_memory_of_a_long_session_stays_flat() -> None:
    random = np.random.default_rng(0)
    frames = [frame_of(seed, (48, 64)) for seed in range(5)]

    def see(frame: Pixels, at_s: float) -> list[SeenObject]:
        x = float(random.integers(10, 50))
        return [seen((x, 10.0, x + 8, 30.0), "person"), seen((2.0, 2.0, 60.0, 40.0), "door")]

    session = session_of(see)
    objects_held = {}
    for index, at_s in enumerate(times(3000, 12, 0.0)):
        session.step(frames[index % 5], at_s)
        if index in (TIMELINE_FRAMES + 200, 2999):
            gc.collect()
            objects_held[index] = len(gc.get_objects())
    assert len(session.timeline) == TIMELINE_FRAMES
    assert session.timeline[-1].frame_id == 3000
    before, after = objects_held.values()
    # A leak of one object per frame would be 800.
    assert after - before < 200
