"""The report of the sounds: what is counted and what the card says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from engines.maxsight.fit import sound_heard
from engines.maxsight.fit.sound_data import load_clips
from engines.maxsight.fit.sound_report import (
    describe_data,
    main,
    missed_goals,
    naming,
)
from engines.maxsight.fit.sound_train import FACTS_FILE
from engines.maxsight.sound_classes import AUDIOSET_CLASSES, learnt_ids
from engines.maxsight.sound_network import SoundNetwork
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from tests.engines.maxsight.fit.sound_pack import HEARD, KEPT, write_pack
from tests.engines.maxsight.fit.sound_said import BACKGROUND, DOG, SIREN, said


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
    runs = [("main", [], 0), ("seed_1", [], 1), ("without_one", ["one"], 0)]
    for name, left_out, seed in runs:
        (tmp_path / name).mkdir()
        trained = SoundNetwork(len(learnt_ids()) + AUDIOSET_CLASSES)
        save_file(trained.state_dict(), tmp_path / name / sound_heard.BEST_FILE)
        facts = {"leave_out": left_out, "licences": "all", "epochs": 1, "draws": 8, "seed": seed}
        (tmp_path / name / FACTS_FILE).write_text(json.dumps(facts))
    out = tmp_path / "checkpoints" / "maxsight-sound"
    main(
        [
            "--data", str(pack), "--start", str(tmp_path / "start.pt"),
            "--run", str(tmp_path / "main"), str(tmp_path / "seed_1"),
            "--without", str(tmp_path / "without_one"), "--out", str(out),
        ]
    )  # fmt: skip
    card = json.loads((out / "card.json").read_text())
    assert card["metrics"]["val"]["clips"] == 3
    assert card["metrics"]["other_sources"]["runs"] == ["without_one"]
    assert "cat" in card["metrics"]["other_sources"]["not_measured"]
    training = card["metrics"]["training"]
    assert training["seeds"] == [0, 1]
    scores = training["log_likelihood_elsewhere_by_share"]
    assert scores[str(training["share_of_the_runs"])] == max(scores.values())
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
