"""The training command on a small pack: it learns and survives a kill; its parts do their work."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image

from engines.waste.feedback import Correction, FeedbackLog
from engines.waste.fit.data import (
    NO_LABEL,
    Photo,
    WasteDataset,
    draw_keys,
    load_feedback,
    load_negatives,
    load_photos,
    make_cutouts,
)
from engines.waste.fit.evaluate import bootstrap_interval, expected_calibration_error
from engines.waste.fit.train import loss_of, main
from engines.waste.model import HeadLogits
from engines.waste.taxonomy import ITEM_BY_ID

REPO = Path(__file__).resolve().parents[4]
EPOCHS = 5
EXAMPLES = sorted((REPO / "assets" / "examples").glob("*.jpg"))


def arguments(pack: Path, run: Path, *, save_every_s: int = 1000) -> list[str]:
    return [
        "--data", str(pack), "--run", str(run),
        "--epochs", str(EPOCHS), "--warmup-epochs", "1", "--learning-rate", "1e-3",
        "--draws", "32", "--batch-size", "8", "--size", "64", "--test-size", "64",
        "--workers", "0", "--save-every-s", str(save_every_s),
    ]  # fmt: skip


def history(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def test_the_loss_falls_on_32_photos_and_a_killed_run_resumes_to_the_same_loss(
    pack: Path, tmp_path: Path
) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    main(arguments(pack, whole))
    losses = [row["loss"] for row in history(whole)]
    assert losses[-1] < 0.8 * losses[0]

    command = [
        sys.executable,
        "-m",
        "engines.waste.fit.train",
        *arguments(pack, killed, save_every_s=0),
    ]
    process = subprocess.Popen(command, cwd=REPO, stdout=subprocess.DEVNULL)
    deadline_s = time.monotonic() + 180
    while time.monotonic() < deadline_s and process.poll() is None:
        if any(int(state.name.split("-")[1]) >= 6 for state in killed.glob("state-*")):
            break
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(history(killed)) < EPOCHS if (killed / "log.jsonl").exists() else True
    main(arguments(pack, killed))
    assert [row["loss"] for row in history(killed)] == pytest.approx(losses, rel=1e-4)


def test_the_pack_is_read_with_its_splits_and_negatives(pack: Path) -> None:
    photos = load_photos(pack / "waste")
    assert len(photos) == 32
    assert Counter(photo.split for photo in photos) == {"train": 28, "dev": 4}
    negatives = load_negatives(pack / "detection")
    assert "coins.jpg" not in {photo.path.name for photo in negatives}  # marked as a bottle
    assert all(photo.labels == (NO_LABEL,) * 3 for photo in negatives)


def test_a_sample_is_decided_by_its_key_alone(pack: Path, tmp_path: Path) -> None:
    photos = load_photos(pack / "waste")
    make_cutouts(photos, tmp_path / "cutouts")
    dataset = WasteDataset(
        photos, size=48, backgrounds=[photos[0].path], cutout_dir=tmp_path / "cutouts"
    )
    torch.manual_seed(1)
    first, labels = dataset[3, 99]
    torch.manual_seed(2)
    again, _ = dataset[3, 99]
    other, _ = dataset[3, 100]
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert first.shape == (3, 48, 48)
    assert -1 <= float(first.min()) <= float(first.max()) <= 1
    assert labels == photos[3].labels


def test_items_are_drawn_equally_often_and_negatives_as_asked() -> None:
    def photo(item: str | None, source: str) -> Photo:
        known = ITEM_BY_ID.get(item or "")
        return Photo(
            Path("x"),
            item,
            known.materials[0] if known else None,
            known.bin if known else None,
            source,
            "train",
        )

    photos = [photo("paper", "a")] * 200 + [photo("wood", "b")] * 10 + [photo(None, "c")] * 30
    keys = draw_keys(photos, count=20_000, negative_share=0.25, seed=0, epoch=0)
    drawn = Counter(photos[index].item for index, _ in keys)
    assert drawn[None] / 20_000 == pytest.approx(0.25, abs=0.02)
    assert drawn["wood"] / drawn["paper"] == pytest.approx(1, abs=0.06)
    assert keys == draw_keys(photos, count=20_000, negative_share=0.25, seed=0, epoch=0)
    assert keys != draw_keys(photos, count=20_000, negative_share=0.25, seed=0, epoch=1)


class Fixed(torch.nn.Module):
    """Answers the same logits whatever it sees."""

    def __init__(self, item: torch.Tensor) -> None:
        super().__init__()
        self.item = item
        self.backbone = torch.nn.Identity()

    def forward(self, pixels: torch.Tensor) -> HeadLogits:
        count = len(pixels)
        return HeadLogits(self.item, torch.zeros(count, 15), torch.zeros(count, 4))


def test_photos_without_waste_only_count_in_the_waste_term() -> None:
    pixels = torch.zeros(2, 3, 8, 8)
    nothing = torch.full((2,), NO_LABEL)
    low = loss_of(Fixed(torch.full((2, 20), -20.0)), (pixels, [nothing] * 3))
    high = loss_of(Fixed(torch.full((2, 20), 5.0)), (pixels, [nothing] * 3))
    assert float(low) == pytest.approx(0, abs=1e-5)
    assert float(high) > 1


def test_corrections_become_training_photos(tmp_path: Path) -> None:
    log = FeedbackLog(tmp_path / "feedback.jsonl")
    picture = Image.fromarray(skimage.data.coffee())
    for said, photo in (("paper", picture), ("not_waste", picture), ("wood", None)):
        log.append(
            Correction.make(
                said=said, predicted="battery", confidence=0.4, checkpoint="1", photo=photo
            )
        )
    found = load_feedback(log.path, tmp_path / "photos")
    assert [photo.item for photo in found] == ["paper", None]
    assert all(photo.path.exists() for photo in found)


def test_calibration_error_is_the_gap_between_confidence_and_accuracy() -> None:
    confidence = np.array([0.9] * 10 + [0.6] * 10)
    is_right = np.array([True] * 9 + [False] + [True] * 3 + [False] * 7)
    assert expected_calibration_error(confidence, is_right) == pytest.approx(0.15)


def test_the_bootstrap_interval_holds_the_mean_and_narrows_with_more_photos() -> None:
    rng = np.random.default_rng(0)
    few = bootstrap_interval((rng.random(40) < 0.9).astype(float))
    many = bootstrap_interval((rng.random(4000) < 0.9).astype(float))
    for mean, low, high in (few, many):
        assert low <= mean <= high
    assert many[2] - many[1] < few[2] - few[1]


def test_mixup_mixes_every_picture_with_another_and_their_labels_alike() -> None:
    class Seen(Fixed):
        pixels = torch.empty(0)

        def forward(self, pixels: torch.Tensor) -> HeadLogits:
            self.pixels = pixels
            return super().forward(pixels)

    side, count = 4, 16
    pixels = torch.arange(count).float().reshape(-1, 1, 1, 1).expand(-1, 3, side, side)
    model = Seen(torch.zeros(count, 20))
    labels = [torch.arange(count) % classes for classes in (20, 15, 4)]
    # With even logits every label costs the same, mixed or not.
    plain = loss_of(model, (pixels, labels))
    torch.manual_seed(3)
    mixed = loss_of(model, (pixels, labels), mixup=1.0)
    assert float(mixed) == pytest.approx(float(plain), rel=1e-5)
    assert (model.pixels != pixels).any()
    assert float(model.pixels.mean()) == pytest.approx(float(pixels.mean()), rel=1e-5)
    # Logits that are right for the pictures as they were fit the mixed labels less.
    sharp = Seen(torch.nn.functional.one_hot(labels[0], 20).float() * 30)
    whole = loss_of(sharp, (pixels, labels))
    torch.manual_seed(3)
    assert float(loss_of(sharp, (pixels, labels), mixup=1.0)) > float(whole) + 0.5
