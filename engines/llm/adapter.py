"""A LoRA adapter: see for which model it was made, and merge it into that model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import safe_open

from engines.runtime.errors import (
    EngineUnavailableError,
    InputError,
    WeightsCorruptError,
    WeightsMissingError,
)

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

ADAPTER_FILE, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"


def check_adapter(folder: Path, names: Sequence[str]) -> None:
    """See that an adapter says it was made for the model that goes by one of these names.

    Names are compared whole or by their last part, since copies of a model lie in other places.

    Raises:
        WeightsMissingError: if there is no adapter. WeightsCorruptError: if its configuration
            cannot be read.
        InputError: if it is no LoRA adapter, or was made for another model, or names none.
    """
    for needed in (ADAPTER_CONFIG, ADAPTER_FILE):
        if not (folder / needed).is_file():
            raise WeightsMissingError(
                f"There is no {needed} in {folder}.", "Name the folder of a PEFT adapter."
            )
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        made_for, kind = config["base_model_name_or_path"] or "", config["peft_type"]
    except (ValueError, KeyError, TypeError) as error:
        raise WeightsCorruptError(
            f"{folder / ADAPTER_CONFIG} is no configuration of a PEFT adapter.",
            "Restore the adapter's folder, or train it again.",
        ) from error
    if kind != "LORA":
        raise InputError(f"The adapter in {folder} is of the kind {kind}.", "Use a LoRA adapter.")
    if not _is_same(str(made_for), names):
        named = f"for {made_for}" if made_for else "for a model that it does not name"
        raise InputError(
            f"The adapter in {folder} was trained {named}, not for {names[0]}.",
            f"Choose that model, or use an adapter that was trained for {names[0]}.",
        )


def put_beside(network: PreTrainedModel, folder: Path, *, names: Sequence[str]) -> PeftModel:
    """Lay an adapter beside the network's weights, which stay as they are.

    Args:
        names: what the network is called.

    Raises:
        EngineUnavailableError: if the package peft is missing.
        WeightsCorruptError: if the adapter is damaged, or its layers are not the network's.
        WeightsMissingError, InputError: as `check_adapter`.
    """
    try:
        from peft import PeftModel, get_peft_model_state_dict
    except ImportError as error:
        raise EngineUnavailableError(
            f"The adapter in {folder} needs the package peft, which is not installed.",
            "Run: pip install peft, or set RELEAF_LLM_ADAPTER to off.",
        ) from error
    check_adapter(folder, names)
    try:
        with safe_open(folder / ADAPTER_FILE, framework="pt") as file:
            found = set(file.keys())
        beside = PeftModel.from_pretrained(network, str(folder))
        # PEFT only warns where an adapter lacks a layer, or has one that the model lacks. Left to
        # itself, it asks the Hub whether the table of words has grown.
        if found != set(get_peft_model_state_dict(beside, save_embedding_layers=False)):
            raise ValueError("its layers are not those of the model")
    except Exception as error:
        # A damaged file and other shapes raise SafetensorError, RuntimeError, ValueError, KeyError.
        raise WeightsCorruptError(
            f"The adapter in {folder} does not fit {names[0]}: {error}",
            "Use an adapter that was trained for this model, or set RELEAF_LLM_ADAPTER to off.",
        ) from error
    return beside


def with_adapter(
    network: PreTrainedModel, folder: Path, *, names: Sequence[str]
) -> PreTrainedModel:
    """Merge an adapter into the network, in place, so that it costs nothing when writing.

    Raises:
        As `put_beside`; WeightsCorruptError also if the merged weights are not finite.
    """
    beside: Any = put_beside(network, folder, names=names)
    try:
        merged: PreTrainedModel = beside.merge_and_unload(safe_merge=True)
    except ValueError as error:
        raise WeightsCorruptError(
            f"The adapter in {folder} holds numbers that are not finite.",
            "Restore its file, or set RELEAF_LLM_ADAPTER to off.",
        ) from error
    return merged


def _is_same(named: str, known: Sequence[str]) -> bool:
    def last(name: str) -> str:
        return name.rstrip("/").rsplit("/", 1)[-1].casefold()

    return bool(named) and last(named) in {last(name) for name in known}
