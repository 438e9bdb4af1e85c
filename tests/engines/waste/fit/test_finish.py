"""Finishing a run: the mix of two networks and the heads fitted anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from engines.waste.fit.finish import OTHER, fit_head, log_likelihood, main, surfaces
from engines.waste.model import MultiHeadClassifier, waste_logit


def clusters(labels: np.ndarray, width: int = 12) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 3, (OTHER + 1, width))
    return (centres[labels] + rng.normal(0, 0.5, (len(labels), width))).astype(np.float32)


def test_a_fitted_item_head_knows_the_items_and_what_is_none_of_them() -> None:
    labels = np.repeat(np.arange(OTHER + 1), 12)
    inputs = clusters(labels)
    head = nn.Linear(inputs.shape[1], OTHER)
    fit_head(head, inputs, labels, 1.0)
    with torch.no_grad():
        logits = head(torch.from_numpy(inputs))
    is_item = labels != OTHER
    assert (logits.argmax(1).numpy()[is_item] == labels[is_item]).mean() > 0.99
    odds = waste_logit(logits).numpy()
    assert ((odds > 0) == is_item).mean() > 0.99
    assert log_likelihood(head, inputs[is_item], labels[is_item]) > -0.1


def test_a_class_without_photos_never_wins() -> None:
    labels = np.repeat([0, 2], 20)
    inputs = clusters(labels)
    head = nn.Linear(inputs.shape[1], 3)
    fit_head(head, inputs, labels, 1.0)
    with torch.no_grad():
        assert 1 not in head(torch.from_numpy(inputs)).argmax(1).tolist()


def test_the_command_averages_runs_and_moves_them_towards_their_start(
    pack: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    networks = {name: MultiHeadClassifier("tf_efficientnet_lite0") for name in ("start", "a", "b")}
    for name, network in networks.items():
        (tmp_path / name).mkdir()
        save_file(network.state_dict(), tmp_path / name / "best.safetensors")
    main(
        [
            "--data", str(pack), "--backbone", "tf_efficientnet_lite0",
            "--start", str(tmp_path / "start" / "best.safetensors"),
            "--runs", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "out"),
            "--size", "64", "--shares", "0.5", "--strengths", "0.01",
        ]
    )  # fmt: skip
    found = load_file(tmp_path / "out" / "best.safetensors")
    name = "backbone.conv_stem.weight"
    start, a, b = (network.state_dict()[name] for network in networks.values())
    torch.testing.assert_close(found[name], start / 2 + (a + b) / 4)
    assert (found["item_head.bias"] != networks["start"].item_head.bias).all()


def test_surfaces_are_the_same_every_time_and_differ_from_each_other() -> None:
    first, again = (torch.stack([*surfaces(32)]) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape[1:] == (3, 32, 32)
    assert first.min() >= -1 and first.max() <= 1
    assert len({float(one.mean()) for one in first}) == len(first)
