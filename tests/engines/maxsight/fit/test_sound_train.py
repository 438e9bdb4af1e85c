"""The training of sounds on a few tones: it learns, resumes, and counts right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from engines.maxsight.fit.sound_data import WINDOW_SAMPLES, Clip, Sounds, load_clips
from engines.maxsight.fit.sound_train import (
    MASK_COLUMNS,
    MASK_ROWS,
    MASKS,
    Loss,
    divergence,
    macro_recall,
    main,
    mask,
    predict,
    train,
    windows_of,
)
from engines.maxsight.sound_classes import AUDIOSET_CLASSES, learnt_ids
from engines.maxsight.sound_network import SoundNetwork
from engines.maxsight.sound_outputs import output_count
from engines.runtime.fit import FitConfig
from tests.engines.maxsight.fit.sound_pack import write_pack
from tests.engines.maxsight.sound_toy import random_network

BATCH, DRAWS = 4, 8
TRAINED = len(learnt_ids()) + AUDIOSET_CLASSES


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Clip], Sounds]:
    folder = tmp_path_factory.mktemp("pack")
    clips = load_clips(write_pack(folder))
    return clips, Sounds(folder, clips, folder / "sounds.npz")


def run(pack: tuple[list[Clip], Sounds], folder: Path, epochs: int) -> SoundNetwork:
    clips, sounds = pack
    network = random_network(classes=TRAINED)
    result = train(
        network,
        random_network(classes=AUDIOSET_CLASSES),
        training=[clip for clip in clips if clip.split == "train"],
        watched=[clip for clip in clips if clip.split == "val"],
        sounds=sounds,
        config=FitConfig(
            run_dir=folder, epochs=epochs, batch_size=BATCH, warmup_epochs=1.0, patience=epochs,
            mixed_precision="no", is_cpu_only=True, ema_decay=0.5,
        ),
        draws=DRAWS,
    )  # fmt: skip
    assert result.best_epoch == result.epochs_done - 1
    assert all(0 <= one["macro_recall"] <= 1 for one in result.history)
    return network


def test_masks_hide_few_rows_and_columns_behind_the_mean() -> None:
    torch.manual_seed(1)
    pictures = torch.randn(16, 128, 200)
    masked = mask(pictures)
    hidden = masked != pictures
    rows, columns = hidden.all(2).sum(1), hidden.all(1).sum(1)
    assert rows.max() <= MASKS * MASK_ROWS and columns.max() <= MASKS * MASK_COLUMNS
    assert hidden.any(1).any(1).float().mean() > 0.8
    for index in range(16):
        if hidden[index].any():
            values = masked[index][hidden[index]]
            torch.testing.assert_close(values, pictures[index].mean().expand_as(values))


@pytest.mark.parametrize(
    ("count", "windows"),
    [(100, 1), (32_000, 1), (32_001, 2), (48_000, 2), (80_000, 4), (79_000, 4)],
)
def test_windows_cover_the_clip_from_beginning_to_end(count: int, windows: int) -> None:
    sound = np.arange(1, count + 1, dtype=np.float32)
    made = windows_of(sound)
    assert made.shape == (windows, WINDOW_SAMPLES)
    assert made[0, 0] == 1 and made.max() == count
    if count >= WINDOW_SAMPLES:
        assert made[-1, -1] == count


def test_macro_recall_counts_every_class_alike() -> None:
    wanted = np.array([0] * 8 + [1] * 2)
    said = np.array([0] * 8 + [0, 1])
    assert macro_recall(said, wanted) == pytest.approx(0.75)
    with pytest.raises(ValueError, match="no clip"):
        macro_recall(said[:0], wanted[:0])


def test_the_loss_falls_on_two_tones_and_audiosets_outputs_stay() -> None:
    published = random_network(1, classes=AUDIOSET_CLASSES)
    network, loss_of = random_network(classes=TRAINED), Loss(published)
    times_s = torch.arange(WINDOW_SAMPLES) / 16_000
    sound = torch.stack([0.3 * torch.sin(2 * torch.pi * hz * times_s) for hz in (300.0, 3_000.0)])
    batch = (sound.repeat(2, 1), torch.tensor([1, 6, 1, 6]))
    before = {name: tensor.clone() for name, tensor in published.state_dict().items()}

    def distance() -> float:
        with torch.inference_mode():
            picture = loss_of.picture_of(sound)
            kept = network(picture)[:, len(learnt_ids()) :].sigmoid()
            return float((kept - published(picture).sigmoid()).abs().mean())

    far = distance()
    optimizer = torch.optim.AdamW(network.parameters(), lr=2e-3)
    losses = []
    for _ in range(14):
        optimizer.zero_grad()
        loss = loss_of(network, batch)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-4:]) < 0.75 * np.mean(losses[:2])
    assert distance() < 0.5 * far
    for name, tensor in published.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_the_divergence_is_nothing_between_equals_and_known_for_halves() -> None:
    logits = torch.randn(3, 5)
    assert float(divergence(logits, logits)) == pytest.approx(0.0, abs=1e-5)
    # Of one output: a half against three quarters.
    found = divergence(torch.zeros(2, 1), torch.full((2, 1), float(np.log(3.0))))
    assert float(found) == pytest.approx(0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25))


def test_predictions_do_not_depend_on_the_batch(pack: tuple[list[Clip], Sounds]) -> None:
    clips, sounds = pack
    network = random_network()
    together = predict(network, clips[:5], sounds, batch_size=32)
    apart = predict(network, clips[:5], sounds, batch_size=1)
    assert together.shape == (5, output_count())
    np.testing.assert_allclose(together, apart, atol=1e-4)


def test_a_run_that_was_stopped_ends_where_a_whole_one_ends(
    pack: tuple[list[Clip], Sounds], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = run(pack, tmp_path / "whole", epochs=2)
    calls = 0
    true_call = Loss.__call__

    def breaks_in_the_second_epoch(self: Loss, *arguments: object) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls > DRAWS // BATCH + 1:
            raise KeyboardInterrupt
        return true_call(self, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Loss, "__call__", breaks_in_the_second_epoch)
        with pytest.raises(KeyboardInterrupt):
            run(pack, tmp_path / "stopped", epochs=2)
    resumed = run(pack, tmp_path / "stopped", epochs=2)
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(resumed.state_dict()[name], tensor, msg=name)


def test_the_command_refuses_sounds_that_are_too_thin_to_learn(
    tmp_path: Path,
) -> None:
    write_pack(tmp_path / "pack")
    with pytest.raises(SystemExit, match="siren"):
        main(
            [
                "--data", str(tmp_path / "pack"), "--start", str(tmp_path / "none.pt"),
                "--run", str(tmp_path / "run"),
            ]
        )  # fmt: skip
