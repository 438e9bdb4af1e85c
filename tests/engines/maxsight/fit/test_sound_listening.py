"""What a person is told of a clip, counted by listening."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.maxsight.fit.sound_listening import Told, listen, summary
from engines.maxsight.sound_classes import BACKGROUND
from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from tests.engines.maxsight.sound_toy import ToneRunner, noise, tone, tone_of, write_checkpoint


@pytest.fixture
def runner(tmp_path: Path, placement: Placement) -> ToneRunner:
    write_checkpoint(tmp_path)
    return ToneRunner(Settings(checkpoints_dir=tmp_path, cpu_threads=1), placement)


@pytest.mark.parametrize("silence", [0, 5_000])
def test_each_sound_is_told_with_its_time_from_the_clips_start(
    runner: ToneRunner, silence: int
) -> None:
    clip = np.concatenate([tone(tone_of("siren"), 3.0), tone(tone_of("dog_bark"), 3.0)])
    told = listen(runner, clip, silence)
    assert list(told.named) == ["siren", "dog_bark"]
    assert 0.5 <= told.named["siren"] <= 1.5
    assert 3.5 <= told.named["dog_bark"] <= 5.5
    assert listen(runner, noise(2.0), silence).named == {}


def test_less_than_half_a_second_is_told_of_too(runner: ToneRunner) -> None:
    assert list(listen(runner, tone(tone_of("door_knock"), 0.3), 0).named) == ["door_knock"]


def test_right_other_and_false_names_are_counted_apart() -> None:
    right, none = Told({"siren": 1.0}), Told({})
    found = summary(
        ["siren", "siren", "cat", BACKGROUND],
        [
            [right, right],
            [right, none],
            [Told({"cat": 2.0, "alarm": 1.0}), Told({"speech": 1.0})],
            [Told({"rain_water": 1.0}), none],
        ],
    )
    assert found["listenings"] == 8
    assert found["sound_named"][0] == pytest.approx((1 + 0.5 + 0.5) / 3)
    assert found["another_named"][0] == pytest.approx(1 / 3)
    assert found["background_named"][0] == 0.5
    assert found["false_alarm"][0] == pytest.approx(0.5 / 4)
    assert found["seconds_until_named"] == pytest.approx(5.0 / 4)
    for name in ("sound_named", "another_named", "false_alarm"):
        once, low, high = found[name]
        assert low <= once <= high


def test_without_background_or_right_names_nothing_is_made_up() -> None:
    found = summary(["siren"], [[Told({})]])
    assert found["background_named"] is None and found["seconds_until_named"] is None
    assert found["sound_named"] == [0.0, 0.0, 0.0]
