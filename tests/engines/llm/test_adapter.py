"""An adapter over the language model: which is used, and what is said of one that does not fit."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import peft
import pytest
import torch
from safetensors.torch import load_file, save_file

from engines.llm.adapter import ADAPTER_FILE
from engines.llm.model import LanguageModel
from engines.llm.source import ADAPTER_OFF, SHIPPED_ADAPTER
from engines.runtime.errors import (
    EngineUnavailableError,
    InputError,
    WeightsCorruptError,
    WeightsMissingError,
)
from tests.engines.llm.conftest import Make, network_of, next_logits


def test_an_adapter_that_is_not_there_is_reported(tmp_path: Path, make: Make) -> None:
    with pytest.raises(WeightsMissingError, match="RELEAF_LLM_ADAPTER"):
        make(llm_adapter=tmp_path / "adapter").load()


@pytest.mark.parametrize("is_shipped", [True, False], ids=["in checkpoints", "in settings"])
def test_an_adapter_without_peft_says_what_to_install(
    own_cache: Path,
    make: Make,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_shipped: bool,
) -> None:
    folder = tmp_path / "checkpoints" / SHIPPED_ADAPTER if is_shipped else tmp_path / "adapter"
    folder.mkdir(parents=True)
    save_file({"weight": torch.zeros(1)}, folder / ADAPTER_FILE)
    write_own_card(folder, is_on=True)
    monkeypatch.setitem(sys.modules, "peft", None)  # as if it were not installed
    model = make(cache_dir=own_cache, llm_adapter=None if is_shipped else folder)
    with pytest.raises(EngineUnavailableError, match="pip install peft"):
        model.load()


def write_own_card(folder: Path, *, is_on: bool) -> None:
    card = {"name": "own", "version": "1", "inference": {"is_on_by_default": is_on}}
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize("has_card", [True, False], ids=["not better", "no card"])
def test_the_projects_adapter_that_is_not_better_is_left_out(
    own_cache: Path, make: Make, tmp_path: Path, has_card: bool
) -> None:
    folder = tmp_path / "checkpoints" / SHIPPED_ADAPTER
    folder.mkdir(parents=True)
    # Reading it would fail.
    save_file({"weight": torch.zeros(1)}, folder / ADAPTER_FILE)
    if has_card:
        write_own_card(folder, is_on=False)
    model = make(cache_dir=own_cache)
    model.load()
    assert "with an adapter" not in model.health().detail


def write_adapter(folder: Path, model: LanguageModel, made_for: str) -> None:
    """Save an adapter that changes the model; it is laid over the model's own network."""
    lora = peft.get_peft_model(
        network_of(model), peft.LoraConfig(r=2, target_modules=["q_proj", "v_proj"])
    )
    for name, parameter in lora.named_parameters():
        if "lora_B" in name:
            torch.nn.init.ones_(parameter)
    lora.peft_config["default"].base_model_name_or_path = made_for
    lora.save_pretrained(folder)


def test_an_adapter_changes_the_model_unless_it_is_off(
    small_folder: Path, make: Make, tmp_path: Path
) -> None:
    plain, network = make(llm_model=str(small_folder)), make(llm_model=str(small_folder))
    plain.load()
    network.load()
    write_adapter(tmp_path / "adapter", network, small_folder.name)
    adapted = make(llm_model=str(small_folder), llm_adapter=tmp_path / "adapter")
    adapted.load()
    assert "with an adapter" in adapted.health().detail
    assert not torch.allclose(next_logits(adapted), next_logits(plain))
    off = make(llm_model=str(small_folder), llm_adapter=Path(ADAPTER_OFF))
    off.load()
    assert "with an adapter" not in off.health().detail
    assert torch.equal(next_logits(off), next_logits(plain))


def test_an_adapter_made_for_another_model_is_refused_by_name(
    small_folder: Path, make: Make, tmp_path: Path
) -> None:
    network = make(llm_model=str(small_folder))
    network.load()
    write_adapter(tmp_path / "adapter", network, "another/Llama-7B")
    model = make(llm_model=str(small_folder), llm_adapter=tmp_path / "adapter")
    with pytest.raises(InputError, match=f"Llama-7B, not for {small_folder.name}"):
        model.load()


DAMAGE: dict[str, Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]] = {
    "other layers": lambda weights: {"weight": torch.zeros(1)},
    "a layer missing": lambda weights: dict(list(weights.items())[1:]),
    "not finite": lambda weights: {k: v * torch.inf for k, v in weights.items()},
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_an_adapter_that_does_not_fit_is_reported(
    small_folder: Path,
    make: Make,
    tmp_path: Path,
    damage: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
) -> None:
    network = make(llm_model=str(small_folder))
    network.load()
    write_adapter(tmp_path / "adapter", network, small_folder.name)
    weights = load_file(tmp_path / "adapter" / ADAPTER_FILE)
    save_file(damage(weights), tmp_path / "adapter" / ADAPTER_FILE)
    model = make(llm_model=str(small_folder), llm_adapter=tmp_path / "adapter")
    with pytest.raises(WeightsCorruptError, match="adapter"):
        model.load()
