"""What every training run shares: schedule, early stopping, best weights, resume after a kill."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.utils.data import Dataset

from engines.runtime.fit import (
    CARD_FIELDS,
    FitConfig,
    Run,
    SampleKey,
    decay_groups,
    mean_weights,
    mix_weights,
    warmup_cosine,
    write_card,
)

REPO = Path(__file__).resolve().parents[3]


class Line(Dataset[tuple[Tensor, Tensor]]):
    """Points of a plane with noise; the key's seed decides the noise."""

    def __getitem__(self, key: SampleKey) -> tuple[Tensor, Tensor]:
        generator = torch.Generator().manual_seed(key[0] * 1000 + key[1])
        x = torch.randn(4, generator=generator)
        return x, x.sum().unsqueeze(0)


def squared_error(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return (model(batch[0]) - batch[1]).pow(2).mean()


def make_run(
    folder: Path,
    *,
    epochs: int = 3,
    patience: int = 99,
    loss_of: Callable[[nn.Module, Any], Tensor] = squared_error,
    scores: list[float] | None = None,
) -> Run:
    torch.manual_seed(5)
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.1), nn.Linear(8, 1))
    asked = iter(scores or [])

    def evaluate(averaged: nn.Module) -> dict[str, float]:
        score = next(asked) if scores else -float(averaged(torch.ones(1, 4)).sub(4).abs())
        return {"score": score}

    config = FitConfig(
        run_dir=folder,
        epochs=epochs,
        batch_size=8,
        learning_rate=1e-2,
        warmup_epochs=1,
        ema_decay=0.9,
        patience=patience,
        mixed_precision="no",
        is_cpu_only=True,
    )
    return Run(
        model,
        loss_of=loss_of,
        dataset=Line(),
        keys_of=lambda epoch: [(index, epoch) for index in range(64)],
        evaluate=evaluate,
        config=config,
    )


@given(st.integers(1, 50), st.integers(51, 500), st.floats(0, 0.5))
def test_the_schedule_rises_to_one_and_falls_to_its_floor(
    warmup: int, total: int, floor: float
) -> None:
    factors = [
        warmup_cosine(step, warmup_steps=warmup, total_steps=total, floor=floor)
        for step in range(total + 1)
    ]
    assert factors[: warmup + 1] == sorted(factors[: warmup + 1])
    assert factors[warmup:] == sorted(factors[warmup:], reverse=True)
    assert factors[warmup] == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(floor)


def test_the_schedule_is_the_formula_of_the_reference_halfway() -> None:
    low, high = 1e-6, 3e-4
    factor = warmup_cosine(60, warmup_steps=20, total_steps=100, floor=low / high)
    assert factor * high == pytest.approx(low + (high - low) * (1 + math.cos(math.pi / 2)) / 2)


def test_only_matrices_decay() -> None:
    groups = decay_groups(nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3)), 0.05)
    assert [p.ndim for p in groups[0]["params"]] == [2]
    assert groups[1]["weight_decay"] == 0
    assert len(groups[1]["params"]) == 3


def test_the_mean_of_networks_has_their_mean_weights_and_the_first_ones_counters() -> None:
    networks = [
        {"weight": torch.full((2,), value), "batches": torch.tensor(count)}
        for value, count in ((1.0, 7), (2.0, 9), (6.0, 9))
    ]
    mean = mean_weights(networks)
    torch.testing.assert_close(mean["weight"], torch.full((2,), 3.0))
    assert mean["batches"] == 7


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1.0), (1.0, 5.0), (0.25, 2.0)])
def test_a_mix_lies_between_its_two_networks_and_has_the_last_ones_counters(
    share: float, expected: float
) -> None:
    start, end = (
        {"weight": torch.full((2,), value), "batches": torch.tensor(count)}
        for value, count in ((1.0, 7), (5.0, 9))
    )
    mixed = mix_weights(start, end, share)
    torch.testing.assert_close(mixed["weight"], torch.full((2,), expected))
    assert mixed["batches"] == 9


def test_training_learns_and_leaves_the_best_averaged_weights_in_the_model(tmp_path: Path) -> None:
    run = make_run(tmp_path, epochs=8)
    result = run.fit()
    assert result.history[-1]["loss"] < 0.3 * result.history[0]["loss"]
    best = load_file(tmp_path / "best.safetensors")
    for name, value in run.plain_model.state_dict().items():
        torch.testing.assert_close(value, best[name])


def test_training_stops_when_patience_ends_and_names_the_best_epoch(tmp_path: Path) -> None:
    result = make_run(tmp_path, epochs=9, patience=2, scores=[0.1, 0.9, 0.5, 0.4, 0.3]).fit()
    assert (result.best_epoch, result.epochs_done) == (1, 4)


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    run = make_run(tmp_path, loss_of=lambda model, batch: model(batch[0]).sum() * float("nan"))
    with pytest.raises(FloatingPointError, match="step 0"):
        run.fit()


def test_an_epoch_too_small_for_one_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no batch"):
        Run(
            nn.Linear(1, 1),
            loss_of=squared_error,
            dataset=Line(),
            keys_of=lambda epoch: [(0, 0)],
            evaluate=lambda model: {"score": 0.0},
            config=FitConfig(
                run_dir=tmp_path,
                epochs=1,
                batch_size=8,
                mixed_precision="no",
                is_cpu_only=True,
            ),
        )


def test_a_finished_run_started_again_trains_no_further(tmp_path: Path) -> None:
    first = make_run(tmp_path).fit()
    again = make_run(tmp_path).fit()
    assert again.history == first.history


KILLED = textwrap.dedent(
    """
    import sys, time
    from dataclasses import replace
    from pathlib import Path
    from tests.engines.runtime.test_fit import make_run, squared_error

    def slow(model, batch):
        time.sleep(0.05)
        return squared_error(model, batch)

    run = make_run(Path(sys.argv[1]), epochs=3, loss_of=slow)
    run.config = replace(run.config, save_every_s=0.0)
    run.fit()
    """
)


@pytest.mark.parametrize("states_before_kill", [1, 7, 12], ids=lambda n: f"at state {n}")
def test_a_killed_run_resumes_to_the_same_losses(tmp_path: Path, states_before_kill: int) -> None:
    whole = make_run(tmp_path / "whole").fit()
    folder = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(folder)], cwd=REPO, env=os.environ | {"PYTHONPATH": "."}
    )
    deadline_s = time.monotonic() + 180
    while time.monotonic() < deadline_s:
        steps = [int(path.name.split("-")[1]) for path in folder.glob("state-*")]
        if steps and max(steps) >= states_before_kill:
            break
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "log.jsonl").exists() or len(
        (folder / "log.jsonl").read_text().splitlines()
    ) < len(whole.history), "the run ended before it was killed"
    resumed = make_run(folder).fit()
    for before, after in zip(whole.history, resumed.history, strict=True):
        assert after["loss"] == pytest.approx(before["loss"], rel=1e-6)
        assert after["score"] == pytest.approx(before["score"], rel=1e-6)


def test_a_card_has_all_its_parts_or_is_refused(tmp_path: Path) -> None:
    card = dict.fromkeys(CARD_FIELDS, "x")
    assert json.loads(write_card(tmp_path, card).read_text()) == card
    card.pop("limits")
    with pytest.raises(ValueError, match="limits"):
        write_card(tmp_path, card)
