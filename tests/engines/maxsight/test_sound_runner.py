"""The network of sounds at work: what it loads and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.maxsight.sound_classes import kept_sounds, output_ids
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, WeightsCorruptError
from engines.runtime.settings import Settings
from engines.runtime.weights import CARD_FILE, WEIGHTS_FILE
from tests.engines.maxsight.sound_toy import noise, tone, write_checkpoint


def runner_of(folder: Path, placement: Placement) -> SoundRunner:
    return SoundRunner(Settings(checkpoints_dir=folder, cpu_threads=1), placement)


def test_it_says_how_likely_each_sound_is(tmp_path: Path, placement: Placement) -> None:
    write_checkpoint(tmp_path)
    runner = runner_of(tmp_path, placement)
    runner.load()
    runner.warmup()
    assert runner.health().is_ready and "random" in runner.health().detail
    first, second = runner.probabilities(tone(700, 2.0)), runner.probabilities(noise(2.0))
    assert first.shape == (len(output_ids()),)
    assert first.sum() == pytest.approx(1.0, abs=1e-4) and not np.allclose(first, second)


def test_the_temperature_evens_out_what_it_says(tmp_path: Path, placement: Placement) -> None:
    write_checkpoint(tmp_path / "sharp")
    write_checkpoint(tmp_path / "even", temperature=10.0)
    found = []
    for name in ("sharp", "even"):
        runner = runner_of(tmp_path / name, placement)
        runner.load()
        found.append(runner.probabilities(noise(1.0, peak=0.5)))
    kept = [output_ids().index(one.id) for one in kept_sounds()]
    logs = [np.log(one) for one in found]
    assert np.isfinite(logs).all()
    for sharp, even in zip(*(one[kept] - one[-1] for one in logs), strict=True):
        assert sharp == pytest.approx(even, abs=1e-3)
    sharp, even = (np.delete(one, kept) for one in logs)
    np.testing.assert_allclose(sharp - sharp[-1], 10 * (even - even[-1]), atol=1e-3)


def test_without_a_checkpoint_it_says_so(tmp_path: Path, placement: Placement) -> None:
    runner = runner_of(tmp_path, placement)
    with pytest.raises(EngineUnavailableError, match="maxsight-sound"):
        runner.load()
    assert not runner.health().is_ready
    with pytest.raises(EngineUnavailableError):
        runner.probabilities(noise(1.0))


def test_unloaded_it_listens_no_more(tmp_path: Path, placement: Placement) -> None:
    write_checkpoint(tmp_path)
    runner = runner_of(tmp_path, placement)
    runner.load()
    runner.unload()
    with pytest.raises(EngineUnavailableError):
        runner.probabilities(noise(1.0))


def test_too_little_sound_is_refused(tmp_path: Path, placement: Placement) -> None:
    write_checkpoint(tmp_path)
    runner = runner_of(tmp_path, placement)
    runner.load()
    with pytest.raises(ValueError, match=r"0\.2 s"):
        runner.probabilities(noise(0.1))


@pytest.mark.parametrize(
    ("part", "problem"),
    [
        ({"classes": ["siren", "background"]}, "other sounds"),
        ({"audioset": [0]}, "other sounds"),
        ({"audioset": None}, "other sounds"),
        ({"thresholds": {}}, "trusts no sound"),
        ({"thresholds": {"background": 0.5}}, "background"),
        ({"thresholds": {"unicorn": 0.5}}, "unicorn"),
        ({"thresholds": {"siren": 1.0}}, "siren"),
        ({"thresholds": {"siren": True}}, "siren"),
        ({"temperature": 0}, "temperature"),
        ({"temperature": "warm"}, "temperature"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    tmp_path: Path, placement: Placement, part: dict[str, Any], problem: str
) -> None:
    write_checkpoint(tmp_path, **part)
    with pytest.raises(WeightsCorruptError, match=problem):
        runner_of(tmp_path, placement).load()


@pytest.mark.parametrize("change", ["no card", "no inference", "damaged weights", "other weights"])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, placement: Placement, change: str) -> None:
    folder = write_checkpoint(tmp_path)
    if change == "no card":
        (folder / CARD_FILE).unlink()
    elif change == "no inference":
        (folder / CARD_FILE).write_text(json.dumps({"name": "a", "version": "1"}))
    elif change == "damaged weights":
        (folder / WEIGHTS_FILE).write_bytes(b"damaged")
    else:
        from safetensors.torch import load_file, save_file

        tensors = load_file(folder / WEIGHTS_FILE)
        tensors.pop("classifier.5.bias")
        save_file(tensors, folder / WEIGHTS_FILE)
    with pytest.raises(WeightsCorruptError):
        runner_of(tmp_path, placement).load()
