"""A danger that just stands there is not repeated for ever; one that comes is never held back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.alert_memory import LONGEST_COOLDOWN_OF_DANGER_S
from engines.maxsight.scheduler import MINUTE_S, AlertScheduler
from engines.maxsight.tiers import TrackedObject, Urgency, Zone
from tests.engines.maxsight.films import films, run, scheduler
from tests.engines.maxsight.tracks import coming, thing

MINUTES_5 = 300.0
# A parked car 2 m ahead; two metres is near, five is not.
parked = thing("car", zone=Zone.NEAR, distance_m=2.0)
farther = thing("car", zone=Zone.MEDIUM, distance_m=5.0)


def told(
    one: AlertScheduler,
    scene: Callable[[float], Sequence[TrackedObject]],
    *,
    until_s: float,
    from_s: float = 0.0,
    per_s: float = 5.0,
) -> list[float]:
    """Return when dangers are said of a scene, seconds."""
    said: list[float] = []
    for index in range(round((until_s - from_s) * per_s)):
        now_s = from_s + index / per_s
        alerts = one.step(scene(now_s), frame_urgency=Urgency.SAFE, now_s=now_s)
        said += [alert.at_s for alert in alerts if alert.urgency == Urgency.DANGER]
    return said


def test_a_parked_car_is_said_ever_more_rarely_in_five_minutes() -> None:
    said = told(scheduler(), lambda t: [parked], until_s=MINUTES_5)
    assert said == pytest.approx([0, 6, 60, 84, 132, 192, 252], abs=1.0)


def test_a_row_of_parked_cars_is_said_no_more_often_than_one() -> None:
    row = [
        thing("car", track_id=index, zone=Zone.NEAR, distance_m=2.0, angle_deg=20.0 * index)
        for index in range(4)
    ]
    said = told(scheduler(), lambda t: row, until_s=MINUTES_5)
    assert len(said) == 7


@pytest.mark.parametrize(
    ("scene", "said_s"),
    [
        (lambda t: [coming("car", contact_s=4.0, zone=Zone.NEAR, distance_m=2.0)], 100.0),
        (lambda t: [coming("car", contact_s=9.0, zone=Zone.NEAR, distance_m=2.0)], 100.0),
        (lambda t: [thing("car", zone=Zone.NEAR, distance_m=0.9)], 100.0),
        (lambda t: [] if t < 103 else [parked], 103.0),
        (lambda t: [farther] if t < 110 else [parked], 110.0),
        (lambda t: [parked, thing("bus", track_id=2, zone=Zone.NEAR)], 100.0),
        (lambda t: [thing("car", zone=Zone.NEAR, distance_m=1.5)], None),
        (lambda t: [thing("car", zone=Zone.NEAR, distance_m=2.0, angle_deg=20.0)], None),
        (lambda t: [] if t < 101.5 else [parked], None),
        (lambda t: [farther] if t < 103 else [parked], None),
        (lambda t: [] if t < 101.5 else [thing("car", track_id=7, zone=Zone.NEAR,
                                               distance_m=2.2, angle_deg=5.0)], None),
        (lambda t: [coming("car", contact_s=60.0, zone=Zone.NEAR, distance_m=2.0)], None),
    ],
    ids=[
        "it begins to come",
        "it creeps",
        "it is nearer by half",
        "it had left",
        "it was no danger for a while",
        "another danger appears",
        "it is nearer, but not by half",
        "it is seen from another side",
        "it was lost for a moment",
        "it was no danger for a moment",
        "it was lost and has a new number",
        "it would take a minute to arrive",
    ],
)  # fmt: skip
def test_what_breaks_the_silence_about_a_parked_car(
    scene: Callable[[float], Sequence[TrackedObject]], said_s: float | None
) -> None:
    one = scheduler()
    # It was said at 84 s and would be again at 132 s.
    told(one, lambda t: [parked], until_s=100.0)
    said = told(one, scene, from_s=100.0, until_s=120.0)
    assert said[:1] == ([] if said_s is None else [pytest.approx(said_s)])


def test_after_it_moved_the_pauses_begin_anew() -> None:
    one = scheduler()
    told(one, lambda t: [parked], until_s=200.0)
    nearer = thing("car", zone=Zone.NEAR, distance_m=0.9)
    said = told(one, lambda t: [nearer], from_s=200.0, until_s=300.0)
    # The last before was at 192 s: with 200 s, that minute is full until 252 s.
    assert said == pytest.approx([200.0, 252.0, 264.0], abs=1.0)


def test_a_danger_that_comes_and_stops_is_said_like_one_that_stands() -> None:
    def scene(now_s: float) -> list[TrackedObject]:
        near = {"zone": Zone.NEAR, "distance_m": 2.0}
        return [coming("car", contact_s=4.0, **near) if now_s < 15 else thing("car", **near)]

    said = told(scheduler(), scene, until_s=60.0)
    assert said == pytest.approx([0, 6, 12], abs=0.3)


def test_a_second_car_right_behind_the_first_is_said_when_it_is_seen_to_come() -> None:
    def scene(now_s: float) -> list[TrackedObject]:
        near = {"zone": Zone.NEAR, "distance_m": 2.0}
        if now_s < 1:
            return [coming("car", contact_s=2.0, **near)]
        if now_s < 1.4:
            return [thing("car", track_id=2, **near)]
        return [coming("car", track_id=2, contact_s=2.0, **near)]

    said = told(scheduler(), scene, until_s=3.0)
    assert said == pytest.approx([0.0, 1.4], abs=0.01)


# A parked car as a tracker shows it: its size trembles, and it is lost and found again.
glimpses = st.tuples(st.floats(0.85, 1.15), st.floats(-5.0, 5.0), st.booleans())


@settings(max_examples=15, deadline=None)
@given(st.lists(glimpses, min_size=1, max_size=30), st.sampled_from([0.0, 5.0, 60.0]))
def test_a_still_danger_is_said_twice_a_minute_at_most_but_never_forgotten(
    film: list[tuple[float, float, bool]], pause_s: float
) -> None:
    numbers = [1]

    def scene(now_s: float) -> list[TrackedObject]:
        scale, angle_deg, is_found_anew = film[round(now_s * 2) % len(film)]
        numbers[0] += is_found_anew
        return [
            thing("car", track_id=numbers[0], zone=Zone.NEAR,
                  distance_m=2.0 * scale, angle_deg=angle_deg)
        ]  # fmt: skip

    said = told(scheduler(seconds_between=pause_s), scene, until_s=MINUTES_5, per_s=2.0)
    assert len(said) <= 7
    assert all(later - first > MINUTE_S - 1e-6 for first, later in zip(said, said[2:]))
    assert said[0] == 0.0
    gaps_s = [after - before for before, after in pairwise([*said, MINUTES_5])]
    assert max(gaps_s) <= LONGEST_COOLDOWN_OF_DANGER_S + 1.0


@settings(max_examples=60, deadline=None)
@given(films, st.integers(0, 200), st.sampled_from([2.0, 9.9]), st.floats(0.5, 2.5))
def test_a_danger_that_begins_to_come_is_said_at_that_frame_whatever_was_said_before(
    film: list[Any], stood_s: int, contact_s: float, distance_m: float
) -> None:
    one = scheduler(seconds_between=60.0)
    run(film, one)
    now_s = sum(pause_s for pause_s, _, _ in film)
    known = {"track_id": -1, "zone": Zone.NEAR, "distance_m": distance_m}
    for _ in range(stood_s):
        now_s += 1.0
        one.step([thing("car", **known)], frame_urgency=Urgency.SAFE, now_s=now_s)
    track = coming("car", contact_s=contact_s, **known)
    (alert,) = one.step([track], frame_urgency=Urgency.SAFE, now_s=now_s + 0.1)
    assert -1 in (alert.track_id, *alert.also_track_ids)
    assert alert.is_interrupting
