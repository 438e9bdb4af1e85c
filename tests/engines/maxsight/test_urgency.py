from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.maxsight.classes import vocabulary
from engines.maxsight.tiers import SeenObject, Tier1, TrackedObject, Urgency, Zone
from engines.maxsight.urgency import final_urgency, is_approaching, urgency_of_track
from tests.engines.maxsight.tracks import coming, thing

SAFE, CAUTION, WARNING, DANGER = Urgency
NEAR, MEDIUM, FAR = Zone


def frame(urgency: Urgency, *objects: SeenObject) -> Tier1:
    return Tier1(1, 0.0, (480, 640), objects, urgency, uncertainty=0.1, latency_ms=20.0)


@pytest.mark.parametrize(
    ("track", "expected"),
    [
        (thing("person", zone=FAR), SAFE),
        (thing("person", zone=MEDIUM), CAUTION),
        (thing("person", zone=NEAR), WARNING),
        (coming("person", contact_s=5.0), WARNING),
        (coming("person", contact_s=1.0, zone=NEAR), WARNING),
        (thing("car", zone=FAR), CAUTION),
        (thing("car", zone=MEDIUM), WARNING),
        (thing("car", zone=NEAR), DANGER),
        (coming("car", contact_s=5.0), DANGER),
        (coming("car", contact_s=8.0, zone=FAR, distance_m=40.0), WARNING),
        (coming("car", contact_s=2.5, zone=FAR, distance_m=30.0), DANGER),
        (coming("car", contact_s=20.0), WARNING),
        (coming("car", contact_s=5.0, approach_m_s=0.1), WARNING),
        (coming("car", contact_s=5.0, approach_m_s=math.nan), WARNING),
        (coming("dog", contact_s=2.0), WARNING),
        (coming("dog", contact_s=6.0), SAFE),
        (coming("chair", contact_s=1.0, zone=MEDIUM), SAFE),
        (thing("chair", zone=NEAR), CAUTION),
        (thing("bottle", zone=NEAR), SAFE),
        (thing("chair", zone=FAR, urgency=DANGER), DANGER),
    ],
    ids=[
        "far person",
        "person a few metres away",
        "near person",
        "person who comes closer is what the reference table says",
        "person about to arrive is no danger",
        "far car",
        "car a few metres away",
        "near car",
        "car that comes closer",
        "far car that takes long",
        "far car that is fast",
        "car that takes too long to count",
        "car that crawls",
        "approach that is no number",
        "running dog",
        "dog that takes its time",
        "chair that the camera moves to",
        "near chair",
        "small item",
        "never below what it was judged before",
    ],
)
def test_a_thing_is_as_urgent_as_its_class_distance_and_movement(
    track: TrackedObject, expected: Urgency
) -> None:
    assert urgency_of_track(track) == expected


def test_what_cannot_move_by_itself_never_approaches() -> None:
    still = [one.id for one in vocabulary().trained if not one.moves]
    assert still
    assert not any(is_approaching(coming(class_id, contact_s=1.0)) for class_id in still)


seen_car = SeenObject("car", 0.9, (0.0, 0.0, 9.0, 9.0), NEAR, 2.0, False, DANGER)


@pytest.mark.parametrize(
    ("tier1", "tracks", "expected"),
    [
        (frame(SAFE), (), SAFE),
        (frame(DANGER), (thing("chair"),), DANGER),
        (frame(SAFE), (coming("car", contact_s=4.0),), DANGER),
        (frame(SAFE, seen_car), (), DANGER),
        (frame(CAUTION), (thing("person"),), CAUTION),
    ],
    ids=[
        "nothing there",
        "the network sees more than the rule",
        "the rule sees more than the network",
        "a thing seen that is not followed yet",
        "both agree",
    ],
)
def test_the_higher_of_learned_head_and_rule_wins(
    tier1: Tier1, tracks: tuple[TrackedObject, ...], expected: Urgency
) -> None:
    assert final_urgency(tier1, tracks).frame == expected


levels = st.sampled_from(list(Urgency))
numbers = st.floats(-20, 60) | st.just(math.nan)
any_tracks = st.builds(
    thing,
    st.sampled_from(vocabulary().trained_ids),
    zone=st.sampled_from(list(Zone)),
    approach_m_s=numbers,
    time_to_contact_s=st.none() | numbers,
    urgency=levels,
)


@given(levels, st.lists(any_tracks, max_size=5))
def test_nothing_is_ever_judged_safer_and_judging_twice_changes_nothing(
    head: Urgency, tracks: list[TrackedObject]
) -> None:
    once = final_urgency(frame(head), tracks)
    assert once.frame >= head
    for before, after in zip(tracks, once.tracks, strict=True):
        assert before.urgency <= after.urgency <= once.frame
    assert final_urgency(frame(head), once.tracks) == once


@given(any_tracks)
def test_a_nearer_zone_is_never_less_urgent(track: TrackedObject) -> None:
    far, medium, near = (
        urgency_of_track(replace(track, zone=zone)) for zone in (FAR, MEDIUM, NEAR)
    )
    assert far <= medium <= near


def test_a_class_that_is_not_trained_is_refused() -> None:
    with pytest.raises(KeyError, match="stairs"):
        urgency_of_track(thing("stairs"))
