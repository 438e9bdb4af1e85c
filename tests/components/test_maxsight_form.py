from __future__ import annotations

from dataclasses import replace

import pytest

from components.maxsight_form import (
    DIRECTIONS,
    FORM,
    GROUP_NAMES,
    LANGUAGES,
    MODES,
    Form,
    groups,
    range_of,
    voice_choice,
)
from engines.maxsight import preferences as engine
from engines.maxsight.classes import vocabulary
from engines.maxsight.preferences import Preferences
from engines.runtime.errors import InputError

OTHER = Preferences(
    mode="developer",
    groups_told=frozenset({"doors", "vehicles"}),
    max_distance_m=4.5,
    seconds_between=0.0,
    voice_speed=2.5,
    language="de",
    direction_style="sides",
    is_vibrating=False,
)
GIVEN = Form.of(Preferences())


@pytest.mark.parametrize("preferences", [Preferences(), OTHER], ids=["given", "other"])
def test_preferences_survive_the_form(preferences: Preferences) -> None:
    assert Form.of(preferences).preferences() == preferences
    assert Form(*Form.of(preferences).values).preferences() == preferences


def test_every_choice_of_the_engine_is_offered_with_a_name() -> None:
    assert tuple(key for _, key in MODES) == engine.MODES
    assert tuple(key for _, key in LANGUAGES) == engine.LANGUAGES
    assert tuple(key for _, key in DIRECTIONS) == engine.DIRECTION_STYLES
    assert [key for _, key in groups()] == list(vocabulary().groups)
    assert set(GROUP_NAMES) == set(vocabulary().groups)


def test_the_fields_of_the_form_have_an_order() -> None:
    assert GIVEN.values == tuple(getattr(GIVEN, name) for name in FORM)


def test_no_group_at_all_is_silence_and_allowed() -> None:
    for nothing in ([], None):
        assert replace(GIVEN, groups=nothing).preferences().groups_told == frozenset()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mode", "doctor"),
        ("mode", None),
        ("groups", ["ghosts"]),
        ("groups", 5),
        ("groups", [["people"]]),
        ("distance_m", 0.0),
        ("distance_m", None),
        ("distance_m", "far"),
        ("seconds_between", float("nan")),
        ("seconds_between", 1e9),
        ("voice_speed", True),
        ("language", "tlh"),
        ("language", ["en"]),
        ("direction", {}),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(field: str, value: object) -> None:
    with pytest.raises(InputError) as caught:
        replace(GIVEN, **{field: value}).preferences()
    assert caught.value.what and caught.value.do.endswith(".")


def test_the_ends_of_every_range_are_allowed() -> None:
    names = {
        "max_distance_m": "distance_m",
        "seconds_between": "seconds_between",
        "voice_speed": "voice_speed",
    }
    for name, field in names.items():
        for end in range_of(name):
            assert getattr(replace(GIVEN, **{field: end}).preferences(), name) == end


@pytest.mark.parametrize(
    ("remembered", "who"),
    [("reader", "reader"), ("off", "off"), (None, "page"), ("loud", "page"), (["off"], "page")],
)
def test_who_speaks_is_taken_from_the_browsers_memory_if_it_is_a_choice(
    remembered: object, who: str
) -> None:
    assert voice_choice(remembered) == who
