"""The training of Stage A on a few made-up photos: it learns, and it survives a kill."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from engines.maxsight.fit import teacher, train
from engines.maxsight.fit.data import DetectionDataset, Phase, join
from engines.maxsight.fit.export import save_half
from engines.maxsight.fit.losses import LossWeights
from engines.maxsight.fit.pack import Frame, load_frames
from engines.maxsight.fit.pixels import PixelCache
from engines.maxsight.geometry import FAR, MEDIUM, NEAR
from engines.maxsight.heads.detection import STRIDES
from engines.maxsight.stage_a import StageA, StageAOutput
from engines.runtime.fit import FitConfig, FitResult
from engines.runtime.weights import WEIGHTS_FILE
from tests.engines.maxsight.fit.toy import (
    CAR,
    COUNT,
    DOG,
    PERSON,
    WORDS,
    labels_of,
    paint,
    random_frame,
    seen_boxes,
    toy_frame,
    write_pack,
)
from tests.engines.maxsight.gluon_names import gluon_names
from tests.engines.maxsight.random_checkpoint import random_stage_a

EPOCHS, STEPS_PER_EPOCH, BATCH, SIDE = 2, 4, 2, 96
KILL_AFTER_STEPS = 2
START_S = 120.0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a pack of eight photos; the states of runs in it are large, so they don't stay."""
    path: Path = tmp_path_factory.mktemp("training")
    photos = [random_frame(number) for number in range(STEPS_PER_EPOCH * BATCH)]
    write_pack(path, "train", photos)
    write_pack(path, "val", photos[:1])
    yield path
    shutil.rmtree(path)


def cache_of(folder: Path, split: str, frames: list[Frame]) -> PixelCache:
    return PixelCache(folder / f"{split}_pixels.u8", frames)


def fit(folder: Path, run: str, *, save_every_s: float) -> FitResult:
    """Train a random network on the photos of a pack, as far as an earlier run had not."""
    model = random_stage_a()
    frames, val_frames = (load_frames(folder, split, WORDS) for split in ("train", "val"))
    return train.train(
        model,
        frozenset(name for name, _ in model.backbone.named_parameters() if "stage4" not in name),
        frames=frames,
        labels=[labels_of(frame) for frame in frames],
        pixels=cache_of(folder, "train", frames),
        val_frames=val_frames,
        val_pixels=cache_of(folder, "val", val_frames),
        words=WORDS,
        phases=[Phase(until=EPOCHS, side=SIDE, mosaic=0.0, scales=(0.3, 0.3))],
        config=FitConfig(
            run_dir=folder / run,
            epochs=EPOCHS,
            batch_size=BATCH,
            learning_rate=3e-4,
            warmup_epochs=0.5,
            clip_norm=5.0,
            ema_decay=0.9,
            save_every_s=save_every_s,
            is_cpu_only=True,
        ),
        is_augmented=False,
    )


def losses(result: FitResult) -> list[float]:
    return [row["loss"] for row in result.history]


@pytest.mark.slow
def test_the_loss_falls_on_eight_photos_and_a_killed_run_resumes_to_the_same_loss(
    folder: Path,
) -> None:
    whole = fit(folder, "whole", save_every_s=1e9)
    assert losses(whole)[-1] < 0.8 * losses(whole)[0]

    # A process of its own, killed in the middle of an epoch.
    process = multiprocessing.get_context("spawn").Process(
        target=fit, args=(folder, "killed"), kwargs={"save_every_s": 0.0}
    )
    process.start()
    state = folder / "killed" / f"state-{KILL_AFTER_STEPS:08d}"
    end_s = time.monotonic() + START_S
    while process.is_alive() and not state.exists() and time.monotonic() < end_s:
        time.sleep(0.01)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert state.exists()

    resumed = fit(folder, "killed", save_every_s=1e9)
    assert losses(resumed) == pytest.approx(losses(whole), rel=1e-3)
    assert resumed.best_epoch == whole.best_epoch


def test_the_command_goes_from_published_weights_to_a_network(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    own = random_stage_a().backbone.state_dict()
    published = {
        theirs: own[ours].numpy()
        for theirs, ours in gluon_names()
        if not ours.startswith(("stage4", "last_bn"))
    }
    np.savez(folder / "backbone.npz", **published)
    frames = load_frames(folder, "train", WORDS)
    teacher.save(folder / "teacher" / "train.npz", frames, [seen_boxes()] * len(frames))
    phase = Phase(until=1, side=64, mosaic=0.5, scales=(0.3, 0.5))
    plans = {name: replace(plan, phases=(phase,)) for name, plan in train.PLANS.items()}
    monkeypatch.setattr(train, "PLANS", plans)
    usual = [
        "--data", str(folder), "--backbone", str(folder / "backbone.npz"),
        "--teacher", str(folder / "teacher"), "--batch-size", "8", "--workers", "0",
    ]  # fmt: skip
    train.main([*usual, "--run", str(folder / "runs" / "main"), "--gradnorm"])
    assert "best epoch 0, score " in capsys.readouterr().out
    best = load_file(folder / "runs" / "main" / "best.safetensors")
    StageA(COUNT).load_state_dict(best)
    name = "stage2.0.conv1.weight"  # frozen, so still as published
    assert torch.equal(best[f"backbone.{name}"], own[name])
    assert not torch.equal(best["backbone.stage3.0.conv1.weight"], own["stage3.0.conv1.weight"])
    assert (folder / "runs" / "train_pixels.u8").stat().st_size == 8 * 320 * 240 * 3

    # The second part starts where the first was.
    last = train.last_weights(folder / "runs" / "main")
    finish = folder / "runs" / "finish"
    train.main(
        [*usual, "--run", str(finish), "--plan", "finish", "--start", str(folder / "runs" / "main")]
    )
    name = "backbone.stage3.0.conv1.weight"
    moved = (load_file(finish / "best.safetensors")[name] - last[name]).abs().max()
    assert 0 < moved <= 2 * train.LOADED_RATE


def test_training_can_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    model = StageA(COUNT)
    save_half(model, tmp_path / WEIGHTS_FILE)
    again = StageA(COUNT)
    again.load_state_dict(train.last_weights(tmp_path))
    name = "backbone.stage3.0.conv1.weight"
    own, read = model.state_dict()[name], again.state_dict()[name]
    assert read.dtype == torch.float32
    assert torch.equal(read, own.half().float())


def test_a_run_that_saved_nothing_is_named_when_another_is_to_start_from_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no saved state"):
        train.last_weights(tmp_path)


def test_the_command_names_what_it_lacks(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        train.parse_arguments(["--data", "x"])
    assert "--backbone, --teacher, --run" in capsys.readouterr().err


# What moves and how fast


def test_stem_and_the_first_two_stages_are_frozen_and_nothing_else() -> None:
    model = StageA(3)
    train.freeze(model)
    frozen = {name.split(".")[1] for name, p in model.named_parameters() if not p.requires_grad}
    assert frozen == {"input_bn", "stem_conv", "stem_bn", "stage1", "stage2"}
    for part in frozen:
        assert not any(p.requires_grad for p in model.backbone.get_submodule(part).parameters())


def test_statistics_of_the_loaded_stages_stay_and_those_of_the_rest_move() -> None:
    model = random_stage_a()
    before = {name: value.clone() for name, value in model.named_buffers()}
    model.train()
    train.keep_statistics(model)
    with torch.no_grad():
        model(torch.rand(2, 3, 64, 64) * 255)
    moved = {
        ".".join(name.split(".")[:2])
        for name, value in model.named_buffers()
        if not torch.equal(value, before[name])
    }
    assert moved == {
        "backbone.stage4", "backbone.last_bn", "detection.class_tower", "detection.box_tower",
    }  # fmt: skip


def test_loaded_weights_learn_at_a_rate_of_their_own_on_the_same_schedule() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 4))
    matrices = [p for p in model.parameters() if p.ndim > 1]
    rest = [p for p in model.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.05}, {"params": rest, "weight_decay": 0.0}], lr=0.8
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (2 + step))
    slow = {id(p) for p in model[0].parameters()}
    train.split_rates(optimizer, schedule, slow, learning_rate=0.2)
    for step in range(3):
        for group in optimizer.param_groups:
            for p in group["params"]:
                rate = 0.2 if id(p) in slow else 0.8
                assert group["lr"] == pytest.approx(rate / (2 + step))
                assert group["weight_decay"] == (0.05 if p.ndim > 1 else 0.0)
        optimizer.step()
        schedule.step()
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in model.parameters())


def test_zones_that_are_rare_weigh_more(tmp_path: Path) -> None:
    # Near, near and medium: shares 2/3 and 1/3, and far counts as if seen once.
    boxes = [(CAR, (40, 30, 300, 200)), (CAR, (40, 30, 300, 200)), (CAR, (40, 30, 140, 100))]
    frames = [toy_frame(box, number=number) for number, box in enumerate(boxes)]
    write_pack(tmp_path, "train", frames)
    cache = cache_of(tmp_path, "train", load_frames(tmp_path, "train", WORDS))
    phases = [Phase(until=1, side=320, mosaic=0.0, scales=(1.0, 1.0))]
    dataset = DetectionDataset(
        cache, [labels_of(frame) for frame in frames], WORDS, phases, is_augmented=False
    )
    weights = train.zone_weights_of(dataset, [(index, 0) for index in range(3)])
    assert weights[[NEAR, MEDIUM, FAR]].tolist() == pytest.approx([0.6, 1.2, 1.2])


def test_the_parts_of_the_loss_are_printed_now_and_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(train, "LOG_EVERY", 2)
    frames = load_frames(folder, "train", WORDS)[:2]
    phases = [Phase(until=1, side=64, mosaic=0.0, scales=(0.3, 0.3))]
    dataset = DetectionDataset(
        cache_of(folder, "two", frames), [labels_of(frame) for frame in frames], WORDS, phases
    )
    loss_of = train.LossOf(LossWeights(), torch.ones(3))
    model, batch = random_stage_a().train(), join([dataset[0, 0], dataset[1, 0]])
    assert loss_of(model, batch).isfinite()
    assert capsys.readouterr().out == ""
    loss_of(model, batch)
    printed = capsys.readouterr().out
    for part in ("s a step", "classes", "objectness", "box", "zone", "urgency", "uncertainty"):
        assert part in printed


# Whole photos, as in use


class SeesOnePerson(nn.Module):
    """Answers with one person at (32, 64, 96, 240) of 320 × 240 pixels, whatever it is shown."""

    strides = STRIDES

    def __init__(self) -> None:
        super().__init__()
        self.chance = nn.Parameter(torch.tensor(3.0))
        self.shown = 0

    def forward(self, pixels: Tensor) -> StageAOutput:
        assert pixels.shape[2:] == (288, 384)
        count, cells = len(pixels), 36 * 48 + 18 * 24 + 9 * 12
        self.shown += count
        row = 36 * 48 + 10 * 24 + 4  # of P4: its centre is x = 72, y = 168
        classes, sides = torch.full((count, cells, COUNT), -20.0), torch.zeros(count, cells, 4)
        classes[:, row, PERSON] = self.chance
        edges = torch.tensor([32.0, 64, 96, 240]) * 384 / 320 - torch.tensor([72.0, 168] * 2)
        sides[:, row] = (edges.abs() / 16).log()
        return StageAOutput(
            classes, torch.zeros(count, cells), sides, torch.zeros(count, cells, 3),
            torch.zeros(count, 4), torch.zeros(count, 1),
        )  # fmt: skip


def test_whole_photos_are_judged_in_their_own_pixels(tmp_path: Path) -> None:
    person = (PERSON, (16.0, 32.0, 48.0, 120.0))
    small = [toy_frame(person, number=number, size=(120, 160)) for number in range(3)]
    large = toy_frame((PERSON, (32, 64, 96, 240)), (DOG, (150, 50, 250, 150)), number=3)
    write_pack(tmp_path, "val", [*small, large])
    frames = load_frames(tmp_path, "val", WORDS)
    cache = cache_of(tmp_path, "val", frames)
    model = SeesOnePerson()
    found = train.detect_all(model, frames, cache)
    assert model.shown == 4
    for one, frame in zip(found, frames, strict=True):
        np.testing.assert_allclose(one.boxes, frame.boxes[:1], atol=0.5)
    numbers = train.score_on_val(model, frames, cache, WORDS)
    assert numbers == pytest.approx(
        {"map50": 0.5, "map50_many": 0.0, "score": 0.25, "ap_person": 1.0, "ap_dog": 0.0}
    )


def test_a_photo_of_the_cache_is_the_photo_of_the_pack(folder: Path) -> None:
    frames = load_frames(folder, "val", WORDS)
    expected = paint(replace(random_frame(0), path=frames[0].path))
    assert np.array_equal(cache_of(folder, "val", frames)[0], expected)
