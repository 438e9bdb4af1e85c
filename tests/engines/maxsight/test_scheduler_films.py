"""Whatever comes into view, the rules of alerts hold: random films."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.alert_memory import COOLDOWN_S, LEAST_DISTANCE_M, LEAVES_AFTER_S, is_coming
from engines.maxsight.classes import vocabulary
from engines.maxsight.scheduler import LEAST_SPOKEN_DANGER_SCORE
from engines.maxsight.tiers import TrackedObject, Urgency, Zone
from engines.maxsight.urgency import urgency_of_track, vocabulary_entry
from tests.engines.maxsight.films import any_tracks, films, run, scheduler
from tests.engines.maxsight.tracks import coming

SAFE, DANGER = Urgency.SAFE, Urgency.DANGER


any_groups = st.frozensets(st.sampled_from(vocabulary().groups))
any_times = st.floats(allow_nan=True, allow_infinity=True)


@settings(max_examples=60, deadline=None)
@given(films, st.sampled_from([0.0, 5.0, 30.0]))
def test_no_minute_has_more_than_two_alerts_unless_danger(film: list[Any], pause_s: float) -> None:
    done = run(film, scheduler(seconds_between=pause_s))
    alerts = [alert for _, _, said in done for alert in said]
    for index, alert in enumerate(alerts):
        if alert.urgency < DANGER:
            minute = [one for one in alerts[: index + 1] if alert.at_s - one.at_s <= 59.999]
            assert len(minute) <= 2
            if len(minute) > 1:
                assert alert.at_s - minute[-2].at_s >= pause_s - 1e-6


@settings(max_examples=60, deadline=None)
@given(films, any_groups)
def test_a_new_likely_danger_is_always_said_at_once_unless_its_group_is_muted(
    film: list[Any], groups: frozenset[str]
) -> None:
    seen_s: dict[int, float] = {}
    for now_s, tracks, said in run(film, scheduler(groups_told=groups)):
        told = {one for alert in said for one in (alert.track_id, *alert.also_track_ids)}
        # A thing has left when a frame lacks it; between the frames of a slow camera it has not.
        in_view = {track.track_id for track in tracks}
        seen_s = {
            one: at_s
            for one, at_s in seen_s.items()
            if one in in_view or now_s - at_s <= LEAVES_AFTER_S + 1e-6
        }
        for track in tracks:
            is_new = track.track_id not in seen_s
            is_danger = urgency_of_track(track) == DANGER
            is_likely = track.score >= LEAST_SPOKEN_DANGER_SCORE
            is_told = vocabulary_entry(track.class_id).group in groups
            if is_new and is_danger and is_likely and track.is_confirmed and is_told:
                assert track.track_id in told
            seen_s[track.track_id] = now_s


@settings(max_examples=60, deadline=None)
@given(films)
def test_the_same_thing_waits_unless_it_comes_closer_or_is_more_urgent(film: list[Any]) -> None:
    last: dict[int, tuple[float, TrackedObject]] = {}
    seen_s: dict[int, float] = {}
    for now_s, tracks, said in run(film, scheduler(seconds_between=0.0)):
        told = {one for alert in said for one in (alert.track_id, *alert.also_track_ids)}
        for track in tracks:
            has_left = now_s - seen_s.get(track.track_id, now_s) > LEAVES_AFTER_S - 1e-6
            seen_s[track.track_id] = now_s
            if track.track_id not in told:
                continue
            before_s, before = last.get(track.track_id, (-math.inf, track))
            is_nearer = max(track.distance_m, LEAST_DISTANCE_M) <= before.distance_m / 2
            is_more_urgent = urgency_of_track(track) > urgency_of_track(before)
            is_over = now_s - before_s >= COOLDOWN_S - 1e-6
            has_begun_to_come = is_coming(track) and not is_coming(before)
            assert is_over or has_left or is_nearer or is_more_urgent or has_begun_to_come
            last[track.track_id] = (now_s, track)


@settings(max_examples=60, deadline=None)
@given(films, any_groups)
def test_muted_groups_and_safe_things_are_never_named(
    film: list[Any], groups: frozenset[str]
) -> None:
    for _, tracks, said in run(film, scheduler(groups_told=groups)):
        by_id = {track.track_id: track for track in tracks}
        for alert in said:
            assert groups
            for track_id in (alert.track_id, *alert.also_track_ids):
                if track_id is not None:
                    assert vocabulary_entry(by_id[track_id].class_id).group in groups
                    assert urgency_of_track(by_id[track_id]) > SAFE


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(any_times, st.lists(any_tracks, max_size=3)), max_size=40))
def test_no_clock_breaks_it(film: list[tuple[float, list[TrackedObject]]]) -> None:
    one = scheduler()
    for now_s, tracks in film:
        assert len(one.step(tracks, frame_urgency=SAFE, now_s=now_s)) <= 1
    # Whatever happened, a new danger is said and its cooldown ends.
    newcomer = coming("car", track_id=-1, contact_s=4.0, zone=Zone.NEAR)
    assert one.step([newcomer], frame_urgency=DANGER, now_s=0.0)
    assert one.step([newcomer], frame_urgency=DANGER, now_s=5.9) == ()
    assert one.step([newcomer], frame_urgency=DANGER, now_s=6.1)
