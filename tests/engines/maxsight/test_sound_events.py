"""Sounds begin, grow louder, and end."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engines.maxsight.sound_classes import output_ids, sounds
from engines.maxsight.sound_events import (
    HOP_S,
    LOOKS_TO_BEGIN,
    TIMELINE_LENGTH,
    SoundEvent,
    SoundMemory,
    trend_of,
)
from engines.maxsight.tiers import Urgency

THRESHOLDS = {one.id: 0.5 for one in sounds()}


def said(**likely: float) -> NDArray[np.float64]:
    """Return probabilities with the rest on the background."""
    found = np.zeros(len(output_ids()))
    for name, value in likely.items():
        found[output_ids().index(name)] = value
    found[-1] = 1.0 - found.sum()
    return found


def listen(
    memory: SoundMemory, looks: list[NDArray[np.float64]], levels_db: list[float] | None = None
) -> list[tuple[SoundEvent, ...]]:
    levels = levels_db or [-30.0] * len(looks)
    return [
        memory.update((number + 1) * HOP_S, look, level)
        for number, (look, level) in enumerate(zip(looks, levels, strict=True))
    ]


def test_a_sound_is_new_once_then_goes_on_then_ends() -> None:
    memory = SoundMemory(sounds(), THRESHOLDS)
    looks = [said()] * 2 + [said(siren=0.95)] * 4 + [said()] * 6
    reports = listen(memory, looks)
    names = [[event.class_id for event in report] for report in reports]
    assert names[:2] == [[], []] and ["siren"] in names and names[-1] == []
    heard = [report[0] for report in reports if report]
    assert [event.is_new for event in heard] == [True] + [False] * (len(heard) - 1)
    (ended,) = memory.ended
    assert ended.has_ended and ended.class_id == "siren" and ended.is_alarm
    assert 1.0 <= ended.began_s <= 2.0 and 3.0 <= ended.last_s <= 4.0
    assert ended.confidence == max(event.confidence for event in heard)


def test_one_unlucky_look_neither_begins_nor_ends_a_sound() -> None:
    memory = SoundMemory(sounds(), THRESHOLDS)
    begun = listen(memory, [said(), said(siren=0.9), said(), said()])
    assert not any(begun)
    memory = SoundMemory(sounds(), THRESHOLDS)
    going = listen(memory, [said(siren=0.95)] * 4 + [said()] + [said(siren=0.95)] * 3)
    assert not going[0] and all(going[1:]) and not memory.ended


def test_the_first_tenths_of_a_sound_name_no_other() -> None:
    memory = SoundMemory(sounds(), THRESHOLDS | {"alarm": 0.3})
    reports = listen(memory, [said(alarm=0.95)] + [said(siren=0.95)] * 4)
    names = [[event.class_id for event in report] for report in reports]
    assert names[:2] == [[], []] and names[-1] == ["siren"]
    assert not any("alarm" in report for report in names)


def test_the_only_look_at_something_short_may_name_it() -> None:
    memory = SoundMemory(sounds(), THRESHOLDS)
    (event,) = memory.update(0.3, said(dog_bark=0.9), -30.0, is_last=True)
    assert event.class_id == "dog_bark" and event.is_new


def test_a_sound_without_a_threshold_is_never_named() -> None:
    memory = SoundMemory(sounds(), {"alarm": 0.5})
    assert not any(listen(memory, [said(siren=1.0)] * 6))


def test_two_sounds_at_once_are_both_told_the_urgent_one_first() -> None:
    memory = SoundMemory(sounds(), dict.fromkeys(THRESHOLDS, 0.3))
    reports = listen(memory, [said(speech=0.5, siren=0.4)] * 2)
    assert [event.class_id for event in reports[-1]] == ["siren", "speech"]


@pytest.mark.parametrize(
    ("levels_db", "trend"),
    [
        ([-40.0 + 2 * step for step in range(8)], "louder"),
        ([-20.0 - 2 * step for step in range(8)], "quieter"),
        ([-30.0] * 8, "steady"),
        ([-30.0, -24.0] * 4, "steady"),
        ([-60.0, -20.0], "steady"),
        ([-30.0, -30.0, -30.0, 0.0, -30.0, -30.0, -30.0, -30.0], "steady"),
        ([-float("inf")] * 4, "steady"),
    ],
    ids=["rising", "falling", "level", "wailing", "too short", "one bang", "silence"],
)
def test_the_trend_of_loudness_is_told(levels_db: list[float], trend: str) -> None:
    assert trend_of(levels_db) == trend


def test_a_warning_that_comes_closer_becomes_a_danger_and_speech_stays_harmless() -> None:
    rising = [-50.0 + 3 * step for step in range(8)]
    for name, before, after in (
        ("train", Urgency.WARNING, Urgency.DANGER),
        ("speech", Urgency.SAFE, Urgency.SAFE),
    ):
        memory = SoundMemory(sounds(), THRESHOLDS)
        reports = listen(memory, [said(**{name: 0.95})] * 8, rising)
        assert reports[1][0].urgency == before and reports[1][0].trend == "steady"
        assert reports[-1][0].urgency == after and reports[-1][0].trend == "louder"
        assert reports[-1][0].loudness_db == rising[-1]


def test_the_timeline_stays_short_however_long_one_listens() -> None:
    memory = SoundMemory(sounds(), THRESHOLDS)
    for _ in range(TIMELINE_LENGTH + 20):
        listen(memory, [said(siren=1.0)] * LOOKS_TO_BEGIN)
        memory.end_all()
    assert len(memory.ended) == TIMELINE_LENGTH
    assert memory.smoothed == {}


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 16), st.floats(0, 1), st.floats(-90, 0)), max_size=40))
def test_whatever_is_heard_each_sound_is_open_once_and_times_are_in_order(
    looks: list[tuple[int, float, float]],
) -> None:
    memory = SoundMemory(sounds(), THRESHOLDS)
    for number, (index, likely, level_db) in enumerate(looks, start=1):
        found = np.zeros(len(output_ids()))
        found[index % len(found)] += likely
        found[-1] += 1.0 - likely
        events = memory.update(number * HOP_S, found, level_db)
        assert len({event.class_id for event in events}) == len(events)
        for event in events:
            assert 0 <= event.began_s <= event.last_s <= number * HOP_S
            assert 0 <= event.confidence <= 1
        urgencies = [event.urgency for event in events]
        assert urgencies == sorted(urgencies, reverse=True)
