"""Trained networks put together, and which of them hears which clips."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from engines.maxsight.fit import sound_heard
from engines.maxsight.fit.sound_data import Sounds, load_clips
from engines.maxsight.fit.sound_heard import listen_elsewhere, load_runs
from engines.maxsight.fit.sound_kept import shipped
from engines.maxsight.fit.sound_train import FACTS_FILE, predict
from engines.maxsight.sound_classes import AUDIOSET_CLASSES, learnt_ids
from engines.maxsight.sound_network import SoundNetwork
from tests.engines.maxsight.fit.sound_pack import write_pack

LEARNT = len(learnt_ids())
LAST = "classifier.5.weight"
BELOW = "classifier.2.weight"


def write_run(folder: Path, seed: int, left_out: list[str]) -> Path:
    folder.mkdir()
    torch.manual_seed(seed)
    network = SoundNetwork(LEARNT + AUDIOSET_CLASSES)
    save_file(network.state_dict(), folder / sound_heard.BEST_FILE)
    facts = {"leave_out": left_out, "licences": "all", "epochs": 1, "draws": 8, "seed": seed}
    (folder / FACTS_FILE).write_text(json.dumps(facts))
    return folder


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    return [write_run(tmp_path / str(seed), seed, []) for seed in (1, 2)]


@pytest.fixture
def published() -> SoundNetwork:
    torch.manual_seed(0)
    return SoundNetwork()


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_runs_are_averaged_and_mixed_with_the_published_network_but_for_what_was_learnt(
    runs: list[Path], published: SoundNetwork, share: float
) -> None:
    mixed = load_runs(runs, published=published, share=share).state_dict()
    first, second = (load_file(run / sound_heard.BEST_FILE) for run in runs)
    start = published.state_dict()

    def between(before: torch.Tensor, name: str, rows: slice) -> torch.Tensor:
        mean = (first[name][rows] + second[name][rows]) / 2
        return before + share * (mean - before)

    whole, learnt, kept = slice(None), slice(LEARNT), slice(LEARNT, None)
    torch.testing.assert_close(mixed[BELOW], between(start[BELOW], BELOW, whole))
    torch.testing.assert_close(mixed[LAST][kept], between(start[LAST], LAST, kept))
    torch.testing.assert_close(mixed[LAST][learnt], (first[LAST] + second[LAST])[learnt] / 2)


def test_runs_without_the_same_sources_are_heard_as_one(
    tmp_path: Path, published: SoundNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound_heard, "MIN_LEFT", 1)
    pack = write_pack(tmp_path / "pack")
    clips = load_clips(pack)
    sounds = Sounds(pack, clips, tmp_path / "sounds.npz")
    without = [write_run(tmp_path / f"without_one_{seed}", seed, ["one"]) for seed in (3, 4)]
    other = write_run(tmp_path / "without_two", 5, ["two"])
    heard = listen_elsewhere(
        [without[0], other, without[1]], clips, sounds, published=published, share=0.5
    )
    assert [clip.source for clip in heard.clips] == sorted(clip.source for clip in heard.clips)
    assert sorted(clip.file for clip in heard.clips) == sorted(clip.file for clip in clips)
    ones = [clip for clip in clips if clip.source == "one"]
    network = load_runs(without, published=published, share=0.5)
    expected = predict(shipped(network), ones, sounds)
    np.testing.assert_allclose(heard.logits[: len(ones)], expected, atol=1e-5)
