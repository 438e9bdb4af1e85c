from __future__ import annotations

import math
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.maxsight.classes import vocabulary
from engines.maxsight.preferences import RANGES, Preferences


def test_everything_is_told_until_somebody_mutes_it() -> None:
    assert Preferences().groups_told == set(vocabulary().groups)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"mode": "expert"}, "person, clinician, developer"),
        ({"language": "fr"}, "en, es, de"),
        ({"direction_style": "compass"}, "clock, sides"),
        ({"groups_told": {"people", "stairs"}}, "people, vehicles"),
        ({"groups_told": "people"}, "people, vehicles"),
        ({"max_distance_m": 0.5}, "between 1 and 50 metres"),
        ({"max_distance_m": math.nan}, "between 1 and 50 metres"),
        ({"max_distance_m": True}, "between 1 and 50 metres"),
        ({"max_distance_m": "10"}, "between 1 and 50 metres"),
        ({"seconds_between": -1}, "between 0 and 60 seconds"),
        ({"seconds_between": math.inf}, "between 0 and 60 seconds"),
        ({"voice_speed": 0.1}, "between 0.5 and 3"),
    ],
    ids=[
        "unknown mode",
        "unknown language",
        "unknown style",
        "unknown group",
        "one group as a text",
        "too near",
        "no number",
        "a truth value",
        "a text",
        "negative pause",
        "endless pause",
        "voice too slow",
    ],
)
def test_a_value_that_makes_no_sense_is_refused_in_words(
    given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Preferences(**given)


@pytest.mark.parametrize("name", RANGES)
@given(value=st.floats(allow_nan=True))
def test_a_number_is_kept_exactly_if_it_is_in_its_range(name: str, value: float) -> None:
    lowest, highest, _ = RANGES[name]
    given_: dict[str, Any] = {name: value}
    if lowest <= value <= highest:
        assert getattr(Preferences(**given_), name) == value
    else:
        with pytest.raises(ValueError, match="between"):
            Preferences(**given_)


@pytest.mark.parametrize("group", vocabulary().groups)
def test_a_group_can_be_muted_and_told_again(group: str) -> None:
    everything = Preferences(language="de")
    muted = everything.with_group(group, is_told=False)
    assert muted.groups_told == set(vocabulary().groups) - {group}
    assert muted.language == "de"
    assert muted.with_group(group, is_told=True) == everything


@pytest.mark.parametrize("is_told", [True, False])
def test_a_group_that_does_not_exist_cannot_be_muted_or_told(is_told: bool) -> None:
    with pytest.raises(ValueError, match="groups"):
        Preferences().with_group("stairs", is_told=is_told)


def test_preferences_never_change_in_place() -> None:
    with pytest.raises(FrozenInstanceError):
        Preferences().language = "de"  # type: ignore[misc]
