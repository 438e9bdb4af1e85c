"""A checkpoint of Stage A with random weights: for shapes and plumbing, it knows nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from engines.maxsight.classes import vocabulary
from engines.maxsight.fit.export import save_half, write_float_graph
from engines.maxsight.stage_a import StageA
from engines.maxsight.stage_a_network import load_stage_a
from engines.maxsight.stage_a_runner import CHECKPOINT, GRAPH_FILE, StageARunner
from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from engines.runtime.weights import CARD_FILE, WEIGHTS_FILE

OUTPUT_SCALE, PYRAMID_SPREAD = 10.0, 300.0


def random_stage_a(seed: int = 0) -> StageA:
    """Make a network whose answers vary from place to place; a fresh one says the same everywhere.

    Kaiming's start lets the features through, but they grow with each block, so the pyramid's
    are scaled down to a spread of about 1.
    """
    torch.manual_seed(seed)
    model = StageA(len(vocabulary().trained))
    outputs = (
        model.detection.class_out, model.detection.objectness_out, model.detection.sides_out,
        model.detection.zone_out,
    )  # fmt: skip
    with torch.no_grad():
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d) and layer not in outputs:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        for smooth in model.pyramid.smooth:
            assert isinstance(smooth, nn.Conv2d)
            smooth.weight /= PYRAMID_SPREAD
        for layer in outputs:
            layer.weight *= OUTPUT_SCALE
    return model.eval()


def inference(thresholds: Mapping[str, float] | None = None, side: int = 384) -> dict[str, Any]:
    """Write the part "inference" of a card; by default every class is trusted."""
    ids = vocabulary().trained_ids
    return {
        "classes": list(ids),
        "thresholds": dict(thresholds) if thresholds else dict.fromkeys(ids, 0.02),
        "input_side": side,
        "objectness_power": 0.0,
    }


def write_card(folder: Path, part: Any) -> None:
    """Write card.json of a checkpoint folder, anew if there is one."""
    (folder / CARD_FILE).unlink(missing_ok=True)
    card = {"name": "maxsight-a random", "version": "0", "inference": part}
    (folder / CARD_FILE).write_text(json.dumps(card))


def write_checkpoint(checkpoints_dir: Path, *, side: int = 384, has_graph: bool = True) -> Path:
    """Write a checkpoint folder with an fp32 graph and return it."""
    folder = checkpoints_dir / CHECKPOINT
    folder.mkdir(parents=True)
    save_half(random_stage_a(), folder / WEIGHTS_FILE)
    if has_graph:
        rounded = load_stage_a(folder / WEIGHTS_FILE, classes=len(vocabulary().trained))
        write_float_graph(rounded, folder / GRAPH_FILE)
    write_card(folder, inference(side=side))
    return folder


def folder_of(settings: Settings) -> Path:
    """Return the checkpoint's folder."""
    return settings.checkpoints_dir / CHECKPOINT


def runner_of(settings: Settings, placement: Placement) -> StageARunner:
    """Return Stage A with the checkpoint loaded."""
    runner = StageARunner(settings, placement)
    runner.load()
    return runner
