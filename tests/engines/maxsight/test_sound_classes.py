"""The list of sounds that have a name."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.maxsight.sound_classes import (
    kept_sounds,
    learnt_ids,
    output_ids,
    read_sounds,
    sounds,
)
from engines.maxsight.tiers import Urgency

GOOD = (
    "sounds:\n"
    "  - {id: siren, names: {en: siren, es: sirena, de: Sirene}, urgency: 3, alarm: true, "
    "haptic_ms: [400, 100, 400]}\n"
)
SECOND = GOOD.splitlines()[1].replace("id: siren", "id: bell")
KEPT = SECOND.replace("100, 400]}", "100, 600], audioset: [355]}")
THIRD = KEPT.replace("id: bell", "id: gong").replace("600", "700")


def test_the_shipped_sounds_are_named_in_every_language_and_background_comes_last() -> None:
    assert output_ids()[-1] == "background" and len(output_ids()) == len(sounds()) + 1
    for one in sounds():
        for language in ("en", "es", "de"):
            assert one.name_in(language).strip() == one.name_in(language) != ""


def test_what_was_learnt_comes_first_and_kept_sounds_name_their_outputs(tmp_path: Path) -> None:
    kept = [one.id for one in kept_sounds()]
    assert "doorbell" in kept and output_ids() == (*learnt_ids()[:-1], *kept, "background")
    assert all(one.audioset for one in kept_sounds())
    path = tmp_path / "sounds.yaml"
    path.write_text(f"{GOOD}{KEPT}\n")
    assert [(one.id, one.audioset) for one in read_sounds(path)] == [
        ("siren", ()),
        ("bell", (355,)),
    ]


def test_what_warns_is_an_alarm_and_matters_most() -> None:
    alarms = {one.id: one.urgency for one in sounds() if one.is_alarm}
    for name in ("alarm", "siren", "car_horn"):
        assert alarms[name] == Urgency.DANGER
    # A doorbell calls, and warns of nothing.
    assert alarms.pop("doorbell") == Urgency.CAUTION
    assert min(alarms.values()) >= Urgency.WARNING


def test_alarms_can_be_told_apart_by_feel() -> None:
    patterns = [one.haptic_ms for one in sounds() if one.is_alarm]
    assert len(set(patterns)) == len(patterns)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (GOOD.replace("urgency: 3", "urgency: 4"), "urgency"),
        (GOOD.replace("400]", "400, 50]"), "motor on"),
        (GOOD.replace("[400", "[5"), "20 to 1,000"),
        (GOOD.replace(", de: Sirene", ""), "de: is missing"),
        (GOOD.replace("id: siren", "id: background"), "not named"),
        (GOOD + GOOD.splitlines()[1] + "\n", "twice"),
        (GOOD + SECOND + "\n", "alike"),
        (GOOD.replace("alarm: true", "alarm: true, loud: true"), "not a known field"),
        (GOOD.replace("400]}", "400], audioset: [527]}"), "527"),
        (f"sounds:\n{KEPT}\n{GOOD.splitlines()[1]}\n", "after all others"),
        (f"{GOOD}{KEPT}\n{THIRD}\n", "one sound only"),
        ("sounds: [", "not valid YAML"),
        ("sounds: []\n", "sounds"),
    ],
)
def test_a_list_that_does_not_fit_says_where(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "sounds.yaml"
    path.write_text(GOOD)
    assert [one.id for one in read_sounds(path)] == ["siren"]
    path.write_text(text)
    with pytest.raises(ValueError, match=problem):
        read_sounds(path)
