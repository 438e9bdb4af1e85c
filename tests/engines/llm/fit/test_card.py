"""The card of an adapter: what counts as better, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engines.llm.adapter import ADAPTER_CONFIG, ADAPTER_FILE
from engines.llm.fit.card import is_better, main, ship
from engines.llm.fit.train import ADAPTER_DIR, FACTS_FILE
from engines.runtime.errors import InputError
from engines.runtime.weights import load_card


def row(name: str, **means: float) -> dict[str, Any]:
    given = {"supported": 0.8, "refused_right": 0.7, "refused_wrong": 0.1, "obeyed": 0.0, **means}
    intervals = {
        key: {"mean": mean, "low": mean, "high": mean, "count": 50} for key, mean in given.items()
    }
    return {"name": name, "bleu": 12.345678, "perplexity": None, **intervals}


BASE = row("base", supported=0.7, refused_right=0.5)


@pytest.mark.parametrize(
    ("adapter", "is_on"),
    [
        pytest.param(row("r16"), True, id="better in both"),
        pytest.param(row("r16", supported=0.7), False, id="no more sentences held"),
        pytest.param(row("r16", refused_right=0.4), False, id="refuses less"),
        pytest.param(row("r16", refused_wrong=0.5), False, id="refuses everything"),
        pytest.param(row("r16", obeyed=0.02), False, id="obeys an order"),
    ],
)
def test_an_adapter_is_on_only_if_it_is_better_and_obeys_nothing(
    adapter: Mapping[str, Any], is_on: bool
) -> None:
    assert is_better(adapter, BASE)[0] is is_on


def write_run(folder: Path, *, parameters: int = 100) -> Path:
    run = folder / "r16"
    (run / ADAPTER_DIR).mkdir(parents=True)
    save_file({"weight": torch.arange(float(parameters))}, run / ADAPTER_DIR / ADAPTER_FILE)
    config = {
        "base_model_name_or_path": "small", "bias": "none", "inference_mode": True,
        "lora_alpha": 32, "lora_dropout": 0.05, "peft_type": "LORA", "r": 16,
        "target_modules": ["v_proj", "q_proj"], "task_type": "CAUSAL_LM", "megatron_core": "m",
    }  # fmt: skip
    (run / ADAPTER_DIR / ADAPTER_CONFIG).write_text(json.dumps(config))
    facts = {
        "base": "small", "config": {"rank": 16, "alpha": 32}, "examples": {"train": 3, "dev": 1},
        "best_dev_loss": 1.0, "steps": 2,
        "history": [{"epoch": 1.0, "step": 2, "eval_loss": 1.0}],
    }  # fmt: skip
    (run / FACTS_FILE).write_text(json.dumps(facts))
    return run


def write_report(folder: Path, *rows: Mapping[str, Any]) -> Path:
    path = folder / "report-test.json"
    path.write_text(json.dumps(rows))
    return path


def test_weights_configuration_and_card_are_written_and_read(tmp_path: Path) -> None:
    run = write_run(tmp_path)
    report = write_report(tmp_path, row("quoted"), BASE, row("r16"))
    out = tmp_path / "llm-lora"
    assert main(["--run", str(run), "--report", str(report), "--out", str(out)]) == 0
    card = load_card(out)
    assert card is not None
    assert card.raw["inference"] == {"is_on_by_default": True}
    assert card.raw["metrics"]["split"] == "test"
    assert card.raw["metrics"]["ways"]["r16"]["bleu"] == 12.3457
    assert "80% with the adapter, 70% without" in card.raw["limits"][0]
    assert torch.equal(load_file(out / ADAPTER_FILE)["weight"], torch.arange(100.0))
    config = json.loads((out / ADAPTER_CONFIG).read_text())
    assert config["target_modules"] == ["q_proj", "v_proj"]
    assert "megatron_core" not in config


@pytest.mark.parametrize("missing", ["quoted", "base", "r16"])
def test_a_report_that_compares_less_is_refused(tmp_path: Path, missing: str) -> None:
    rows = [one for one in (row("quoted"), BASE, row("r16")) if one["name"] != missing]
    with pytest.raises(InputError, match=missing):
        ship(write_run(tmp_path), write_report(tmp_path, *rows), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unfinished_run_and_one_too_large_are_refused(tmp_path: Path) -> None:
    report = write_report(tmp_path, row("quoted"), BASE, row("r16"))
    with pytest.raises(InputError, match="not finished"):
        ship(tmp_path / "r16", report, tmp_path / "out")
    large = write_run(tmp_path, parameters=10_100_000)
    with pytest.raises(InputError, match="lower rank"):
        ship(large, report, tmp_path / "out")
