"""The report of the sounds: how thresholds are chosen and what the card says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from scipy.special import softmax

from engines.maxsight.fit import sound_heard
from engines.maxsight.fit.sound_data import load_clips
from engines.maxsight.fit.sound_report import (
    MIN_TOLD,
    USUAL_THRESHOLD,
    choose_thresholds,
    describe_data,
    even_weights,
    fit_temperature,
    main,
    missed_goals,
    naming,
)
from engines.maxsight.fit.sound_train import FACTS_FILE
from engines.maxsight.sound_classes import AUDIOSET_CLASSES, learnt_ids, output_ids
from engines.maxsight.sound_network import SoundNetwork
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from tests.engines.maxsight.fit.sound_pack import HEARD, KEPT, write_pack

IDS = output_ids()
SIREN, DOG, BACKGROUND = IDS.index("siren"), IDS.index("dog_bark"), IDS.index("background")


def said(*pairs: tuple[int, float]) -> np.ndarray:
    """Return probabilities, each row's rest on the background (or on the alarm for it)."""
    found = np.zeros((len(pairs), len(IDS)))
    for row, (index, likely) in zip(found, pairs, strict=True):
        row[index] = likely
        row[BACKGROUND if index != BACKGROUND else 0] += 1 - likely
    return found


def test_a_threshold_is_the_least_at_which_four_of_five_names_are_right() -> None:
    rows = [(SIREN, 0.9)] * 20 + [(SIREN, 0.42)] * 10 + [(BACKGROUND, 0.9)] * 10
    wanted = np.array([SIREN] * 20 + [BACKGROUND] * 20)
    chosen = choose_thresholds(said(*rows), wanted)
    assert chosen["siren"] == pytest.approx(0.45)
    rows = [(SIREN, 0.9)] * 20 + [(BACKGROUND, 0.9)] * 20
    assert choose_thresholds(said(*rows), wanted)["siren"] == pytest.approx(0.3)


def test_a_sound_that_is_mostly_named_wrong_is_not_named() -> None:
    rows = [(SIREN, 0.9)] * 40
    wanted = np.array([SIREN] * 20 + [DOG] * 20)
    assert "siren" not in choose_thresholds(said(*rows), wanted)


def test_few_clips_leave_the_usual_threshold() -> None:
    wanted = np.array([SIREN] * (MIN_TOLD - 1) + [BACKGROUND] * 20)
    rows = [(SIREN, 0.9)] * (MIN_TOLD - 1) + [(BACKGROUND, 0.9)] * 20
    chosen = choose_thresholds(said(*rows), wanted)
    assert chosen["siren"] == chosen["cat"] == USUAL_THRESHOLD
    assert "background" not in chosen


def test_the_temperature_finds_what_was_made_too_sure() -> None:
    rng = np.random.default_rng(0)
    true = rng.normal(size=(4_000, 3)) * 2
    wanted = np.array([rng.choice(3, p=row) for row in softmax(true, axis=1)])
    found = fit_temperature((true * 2.5).astype(np.float32), wanted)
    assert found == pytest.approx(2.5, rel=0.15)


def test_even_weights_give_each_class_the_same() -> None:
    weights = even_weights(np.array([0, 0, 0, 2]))
    np.testing.assert_allclose(weights, [1 / 6, 1 / 6, 1 / 6, 1 / 2])


def test_naming_counts_right_wrong_and_background() -> None:
    rows = [(SIREN, 0.9), (SIREN, 0.9), (DOG, 0.2), (BACKGROUND, 0.9), (SIREN, 0.6)]
    wanted = np.array([SIREN, DOG, DOG, BACKGROUND, BACKGROUND])
    found = naming(said(*rows), wanted, {"siren": 0.5, "dog_bark": 0.5})
    assert found["sounds_named_right"][0] == pytest.approx(1 / 3)
    assert found["sounds_named_wrong"][0] == pytest.approx(1 / 3)
    assert found["background_named"][0] == pytest.approx(1 / 2)


def test_missed_goals_are_said_and_met_ones_are_not() -> None:
    def val(macro: float, siren: float) -> dict[str, object]:
        one = {"siren": {"recall": [siren, 0, 1], "clips": 14}}
        return {"val": {"macro_recall": [macro, 0, 1], "per_class": one}}

    assert missed_goals(val(0.9, 0.93)) == []
    assert len(missed_goals(val(0.8, 0.5))) == 2


def test_the_data_is_told_by_source_and_terms(tmp_path: Path) -> None:
    told = describe_data(load_clips(write_pack(tmp_path)), {"doorbell": (7, 7)})
    assert "open" in told["one"] and "non-commercial" in told["two"] and "siren" in told["one"]
    assert told["not learnt: doorbell"] == "7 training clips of 7 recordings"


def test_the_command_writes_a_checkpoint_that_the_app_can_load(
    tmp_path: Path, placement: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = write_pack(tmp_path / "pack", each=6, heard=HEARD | KEPT)
    monkeypatch.setattr(sound_heard, "MIN_LEFT", 1)
    torch.manual_seed(0)
    torch.save(SoundNetwork().state_dict(), tmp_path / "start.pt")
    for name, left_out in (("main", []), ("without_one", ["one"])):
        (tmp_path / name).mkdir()
        trained = SoundNetwork(len(learnt_ids()) + AUDIOSET_CLASSES)
        save_file(trained.state_dict(), tmp_path / name / sound_heard.BEST_FILE)
        facts = {"leave_out": left_out, "licences": "all", "epochs": 1, "draws": 8, "seed": 0}
        (tmp_path / name / FACTS_FILE).write_text(json.dumps(facts))
    out = tmp_path / "checkpoints" / "maxsight-sound"
    main(
        [
            "--data", str(pack), "--start", str(tmp_path / "start.pt"),
            "--run", str(tmp_path / "main"), "--without", str(tmp_path / "without_one"),
            "--out", str(out),
        ]
    )  # fmt: skip
    card = json.loads((out / "card.json").read_text())
    assert card["metrics"]["val"]["clips"] == 3
    assert card["metrics"]["other_sources"]["runs"] == ["without_one"]
    assert "cat" in card["metrics"]["other_sources"]["not_measured"]
    assert card["inference"]["classes"] == list(learnt_ids())
    told = card["metrics"]["kept_from_audioset"]
    assert {name: (one["clips"], one["recordings"]) for name, one in told.items()} == dict.fromkeys(
        KEPT, (7, 7)
    )
    runner = SoundRunner(
        Settings(checkpoints_dir=tmp_path / "checkpoints", cpu_threads=1), placement
    )
    runner.load()
    assert runner.inference.thresholds == card["inference"]["thresholds"]
