from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from engines.maxsight.preferences import Preferences
from engines.maxsight.scheduler import (
    HAPTICS_MS,
    LEAST_SPOKEN_DANGER_SCORE,
    LEAST_SPOKEN_SCORE,
    Alert,
    AlertScheduler,
)
from engines.maxsight.tiers import TrackedObject, Urgency, Zone
from tests.engines.maxsight.films import scheduler
from tests.engines.maxsight.tracks import coming, thing

SAFE, CAUTION, WARNING, DANGER = Urgency
NEAR, MEDIUM, FAR = Zone
FRAME_S = 0.1
Scene = Callable[[float], Sequence[TrackedObject]]


def watch(
    scene: Scene, *, seconds: float, frame: Urgency = SAFE, **preferences: Any
) -> list[Alert]:
    """Return what is said of a scene, ten frames a second from second 0 on."""
    one = scheduler(**preferences)
    alerts: list[Alert] = []
    for index in range(round(seconds / FRAME_S)):
        now_s = index * FRAME_S
        alerts += one.step(scene(now_s), frame_urgency=frame, now_s=now_s)
    return alerts


def times(alerts: Sequence[Alert]) -> list[float]:
    return [round(alert.at_s, 1) for alert in alerts]


near_person = thing("person", zone=NEAR, distance_m=2.0)
near_car = thing("car", track_id=2, zone=NEAR, distance_m=2.0)
coming_car = coming("car", track_id=2, contact_s=4.0, zone=NEAR, distance_m=2.0)
near_chair = thing("chair", track_id=3, zone=NEAR, distance_m=2.0)


@pytest.mark.parametrize(
    ("scene", "expected"),
    [
        (lambda t: [coming_car], [0, 6, 12, 18, 24]),
        (lambda t: [near_car], [0, 6]),
        (lambda t: [near_person], [0, 6]),
        (lambda t: [near_chair], [0]),
        (lambda t: [thing("person", zone=NEAR, distance_m=4.0 if t < 3 else 3.0)], [0, 6]),
        (lambda t: [thing("person", zone=NEAR, distance_m=4.0 if t < 5 else 2.0)], [0, 5]),
        (lambda t: [thing("car", zone=MEDIUM if t < 2 else NEAR)], [0, 2]),
        (lambda t: [near_car] if t < 1 or t > 3.5 else [], [0, 3.6]),
        (lambda t: [near_car] if t < 1 or t > 2.5 else [], [0, 6]),
        (lambda t: [near_car, near_chair], [0, 6]),
    ],
    ids=[
        "a danger that comes closer is said every 6 s",
        "a danger that stands there is said twice a minute at most",
        "a warning that lasts is said twice a minute at most",
        "a caution leaves room for a warning",
        "a little nearer is nothing new",
        "nearer by half is said before the cooldown ends",
        "a rise in urgency is said at once",
        "what left and came back is new",
        "what is lost for a moment is not new",
        "a danger leaves no room for a caution",
    ],
)
def test_what_is_said_in_thirty_seconds(scene: Scene, expected: list[float]) -> None:
    assert times(watch(scene, seconds=30)) == expected


def test_what_stays_as_it_is_is_repeated_ever_more_rarely() -> None:
    # Within a longer time than the limit of two a minute explains by itself.
    said = times(watch(lambda t: [near_person], seconds=600))
    pauses = [after - before for before, after in pairwise(said)]
    assert pauses[0] == pytest.approx(6.0)
    assert pauses[-1] == pytest.approx(96.0)
    assert len(said) <= 10


@pytest.mark.parametrize(
    ("tracks", "preferences"),
    [
        ([], {}),
        ([thing("chair"), thing("person", track_id=2, zone=FAR)], {}),
        ([thing("bottle", zone=NEAR)], {}),
        ([thing("person", zone=NEAR, is_confirmed=False)], {}),
        ([thing("car", zone=NEAR, is_confirmed=False, score=0.4)], {}),
        ([thing("person", zone=NEAR, score=LEAST_SPOKEN_SCORE - 0.01)], {}),
        ([thing("car", zone=NEAR, score=LEAST_SPOKEN_DANGER_SCORE - 0.01)], {}),
        ([thing("person", distance_m=6.0)], {"max_distance_m": 5.0}),
        ([near_car, near_person], {"groups_told": {"doors"}}),
        ([near_car], {"groups_told": set()}),
    ],
    ids=[
        "an empty view",
        "things that are safe",
        "a small item",
        "what is not confirmed",
        "a danger that is neither confirmed nor sure",
        "what is hardly likely",
        "a danger that is hardly likely",
        "too far to be told",
        "muted groups",
        "everything muted",
    ],
)
def test_nothing_is_said_when_nothing_matters(
    tracks: list[TrackedObject], preferences: dict[str, Any]
) -> None:
    assert watch(lambda t: tracks, seconds=70, **preferences) == []


@pytest.mark.parametrize(
    "track",
    [
        near_car,
        coming("car", contact_s=4.0, distance_m=12.0),
        thing("car", zone=NEAR, is_confirmed=False, score=0.7),
        thing("car", zone=NEAR, distance_m=math.nan),
        thing("car", zone=NEAR, score=LEAST_SPOKEN_DANGER_SCORE),
        replace(coming("car", contact_s=4.0, distance_m=12.0), score=0.22),
    ],
    ids=[
        "near",
        "beyond the distance told",
        "sure before it is confirmed",
        "at no known distance",
        "unsure",
        "hardly likely, but coming",
    ],
)
def test_a_danger_is_said_at_its_first_frame_and_interrupts(track: TrackedObject) -> None:
    one = scheduler(max_distance_m=10.0, seconds_between=60.0)
    for index in range(3):
        one.step([thing("person", track_id=90 + index, zone=NEAR)], frame_urgency=WARNING, now_s=0)
    (alert,) = one.step([track], frame_urgency=DANGER, now_s=0.1)
    assert (alert.track_id, alert.urgency, alert.is_interrupting) == (track.track_id, DANGER, True)
    assert alert.text.startswith("Danger: ")
    assert alert.haptic_ms == HAPTICS_MS[DANGER]


def test_dangers_of_one_frame_share_one_sentence_that_names_the_first_to_arrive() -> None:
    fast = coming("motorcycle", track_id=5, contact_s=2.0, distance_m=8.0)
    slow = coming("car", track_id=6, contact_s=4.0, distance_m=6.0)
    (alert,) = scheduler().step([near_car, slow, fast], frame_urgency=DANGER, now_s=0.0)
    assert alert.text == (
        "Danger: motorcycle coming closer at 12 o'clock, 8 metres, and 2 more dangers."
    )
    assert (alert.track_id, alert.also_track_ids) == (5, (6, 2))


def test_only_a_danger_interrupts() -> None:
    (warned,) = scheduler().step([near_person], frame_urgency=WARNING, now_s=0.0)
    assert (warned.urgency, warned.is_interrupting) == (WARNING, False)
    assert warned.haptic_ms == HAPTICS_MS[WARNING]


def test_without_vibration_an_alert_is_only_spoken() -> None:
    (alert,) = scheduler(is_vibrating=False).step([near_car], frame_urgency=DANGER, now_s=0.0)
    assert alert.haptic_ms == ()
    assert alert.text


@pytest.mark.parametrize("pause_s", [0.0, 5.0, 20.0])
def test_alerts_keep_the_pause_that_the_person_chose(pause_s: float) -> None:
    people = [thing("person", track_id=index, zone=NEAR) for index in range(2)]
    said = times(watch(lambda t: people, seconds=30, seconds_between=pause_s))
    assert said == [0.0, max(FRAME_S, pause_s)]


def test_a_thing_under_a_new_number_is_not_said_again() -> None:
    # The tracker loses the car and finds it under another number, again and again.
    said = watch(lambda t: [thing("car", track_id=int(t), zone=NEAR, distance_m=2.0)], seconds=6)
    assert times(said) == [0.0]


@pytest.mark.parametrize(
    "other",
    [
        thing("bus", track_id=9, zone=NEAR, distance_m=2.0),
        thing("car", track_id=9, zone=NEAR, distance_m=2.0, angle_deg=25.0),
        thing("car", track_id=9, zone=NEAR, distance_m=2.9, angle_deg=-16.0),
        thing("car", track_id=9, zone=NEAR, distance_m=0.9),
    ],
    ids=["another class", "elsewhere", "on the other side", "much nearer"],
)
def test_another_danger_right_after_one_has_gone_is_said(other: TrackedObject) -> None:
    said = watch(lambda t: [near_car if t < 2 else other], seconds=3)
    assert times(said) == [0.0, 2.0]


def test_two_cars_side_by_side_are_two_things() -> None:
    twin = thing("car", track_id=9, zone=NEAR, distance_m=2.0)
    said = watch(lambda t: [near_car] if t < 2 else [near_car, twin], seconds=3)
    assert times(said) == [0.0, 2.0]


class TestADangerThatNoThingExplains:
    def test_it_is_said_once_it_lasts(self) -> None:
        alerts = watch(lambda t: [], seconds=5, frame=DANGER)
        assert times(alerts) == [0.5]
        (alert,) = alerts
        assert (alert.track_id, alert.class_id, alert.is_interrupting) == (None, None, False)
        assert alert.text == "Careful: something is ahead."

    def test_it_keeps_the_limit_of_two_a_minute(self) -> None:
        assert len(watch(lambda t: [], seconds=60, frame=DANGER)) == 2

    def test_a_flicker_is_not_said(self) -> None:
        one = scheduler()
        for index in range(10):
            # 0.3 s of danger, then three seconds of none
            for step in range(33):
                frame = DANGER if step < 3 else SAFE
                assert one.step([], frame_urgency=frame, now_s=index * 3.3 + step * 0.1) == ()

    def test_a_muted_danger_explains_it(self) -> None:
        muted = {"groups_told": {"people"}}
        assert watch(lambda t: [near_car], seconds=10, frame=DANGER, **muted) == []


@pytest.mark.parametrize("jump_s", [-3600.0, -1.0, 0.0, math.nan, math.inf])
def test_a_clock_that_jumps_neither_silences_nor_repeats(jump_s: float) -> None:
    one = scheduler()
    assert one.step([coming_car], frame_urgency=DANGER, now_s=10_000.0)
    start_s = 10_000.0 + jump_s
    assert one.step([coming_car], frame_urgency=DANGER, now_s=start_s) == ()
    other = thing("bus", track_id=7, zone=NEAR)
    assert one.step([coming_car, other], frame_urgency=DANGER, now_s=start_s)
    if not math.isfinite(start_s):
        start_s = 10_000.0
    later = [
        one.step([coming_car], frame_urgency=DANGER, now_s=start_s + index * FRAME_S)
        for index in range(70)
    ]
    assert [round(alert.at_s - start_s, 1) for said in later for alert in said] == [6.0]


def test_a_slow_camera_does_not_make_every_frame_new() -> None:
    one = scheduler()
    said = [one.step([coming_car], frame_urgency=DANGER, now_s=index * 5.0) for index in range(6)]
    assert [len(alerts) for alerts in said] == [1, 0, 1, 0, 1, 0]


def test_the_last_alert_can_be_repeated_in_its_words() -> None:
    one = scheduler()
    assert one.repeat(0.0) is None
    (alert,) = one.step([near_person], frame_urgency=WARNING, now_s=0.0)
    again = one.repeat(4.0)
    assert again is not None
    assert (again.text, again.at_s, again.is_interrupting) == (alert.text, 4.0, True)


def test_the_clock_is_read_where_no_time_is_given() -> None:
    one = AlertScheduler(Preferences(), clock=lambda: 42.0)
    (alert,) = one.step([near_car], frame_urgency=DANGER)
    assert alert.at_s == 42.0


def test_a_change_of_preferences_counts_at_once_and_forgets_nothing() -> None:
    one = scheduler()
    assert one.step([near_car], frame_urgency=DANGER, now_s=0.0)
    one.preferences = Preferences(language="es")
    assert one.step([near_car], frame_urgency=DANGER, now_s=1.0) == ()
    (alert,) = one.step([near_car], frame_urgency=DANGER, now_s=6.0)
    assert (alert.language, alert.text) == ("es", "Peligro: coche a las 12, a 2 metros.")


def test_the_summary_names_what_the_person_wants_to_hear_of() -> None:
    tracks = [
        thing("door", distance_m=3.0),
        thing("chair", distance_m=3.0),
        thing("door", distance_m=30.0),
        thing("bus", is_confirmed=False),
    ]
    one = scheduler(groups_told={"doors", "vehicles"}, direction_style="sides")
    assert one.summary(tracks) == "In view: a door ahead, 3 metres."
