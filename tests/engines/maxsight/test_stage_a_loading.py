"""Stage A's checkpoint: what cannot be used is refused in words."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import onnx
import pytest

from engines.maxsight.classes import vocabulary
from engines.maxsight.stage_a_network import OnnxNetwork
from engines.maxsight.stage_a_runner import GRAPH_FILE, StageARunner
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, WeightsCorruptError
from engines.runtime.settings import Settings
from engines.runtime.weights import CARD_FILE, WEIGHTS_FILE
from tests.engines.maxsight.random_checkpoint import (
    folder_of,
    inference,
    runner_of,
    write_card,
    write_checkpoint,
)
from tests.engines.maxsight.test_frames import noise, read_photo


def test_a_missing_checkpoint_is_said_in_words(tmp_path: Path, placement: Placement) -> None:
    runner = StageARunner(Settings(checkpoints_dir=tmp_path), placement)
    with pytest.raises(EngineUnavailableError, match="checkpoints/maxsight-a"):
        runner.load()
    assert not runner.health().is_ready
    with pytest.raises(EngineUnavailableError, match="not loaded"):
        runner.look(noise(48, 64), 0, 0.0)


def test_a_card_is_needed(own_copy: Settings, placement: Placement) -> None:
    (folder_of(own_copy) / CARD_FILE).unlink()
    with pytest.raises(WeightsCorruptError, match="card"):
        StageARunner(own_copy, placement).load()


BAD_CARDS: dict[str, tuple[dict[str, Any] | None, str]] = {
    "no inference": (None, 'no part "inference"'),
    "other order of classes": ({"classes": list(vocabulary().trained_ids[::-1])}, "other classes"),
    "no classes": ({"classes": None}, "other classes"),
    "nothing trusted": ({"thresholds": {}}, "trusts no class"),
    "no thresholds": ({"thresholds": None}, "trusts no class"),
    "stairs": ({"thresholds": {"stairs": 0.5}}, "stairs, which is not trained"),
    "threshold 0": ({"thresholds": {"car": 0}}, "threshold of car"),
    "threshold above 1": ({"thresholds": {"car": 1.1}}, "threshold of car"),
    "threshold in words": ({"thresholds": {"car": "high"}}, "threshold of car"),
    "threshold not a number": ({"thresholds": {"car": math.nan}}, "threshold of car"),
    "odd side": ({"input_side": 300}, "input side"),
    "huge side": ({"input_side": 4096}, "input side"),
    "no power": ({"objectness_power": None}, "objectness power"),
    "negative power": ({"objectness_power": -1}, "objectness power"),
}


@pytest.mark.parametrize(("change", "sentence"), BAD_CARDS.values(), ids=BAD_CARDS.keys())
def test_a_card_that_cannot_be_used_is_refused(
    own_copy: Settings, placement: Placement, change: dict[str, Any] | None, sentence: str
) -> None:
    write_card(folder_of(own_copy), None if change is None else {**inference(), **change})
    with pytest.raises(WeightsCorruptError, match=sentence):
        StageARunner(own_copy, placement).load()


@pytest.mark.parametrize("name", [GRAPH_FILE, WEIGHTS_FILE])
def test_a_damaged_file_is_refused(own_copy: Settings, placement: Placement, name: str) -> None:
    (folder_of(own_copy) / name).unlink()
    (folder_of(own_copy) / name).write_bytes(b"not a network")
    if name == WEIGHTS_FILE:
        (folder_of(own_copy) / GRAPH_FILE).unlink()
    with pytest.raises(WeightsCorruptError, match=name):
        StageARunner(own_copy, placement).load()


def test_a_graph_for_one_size_only_is_refused(own_copy: Settings, placement: Placement) -> None:
    graph = folder_of(own_copy) / GRAPH_FILE
    model = onnx.load(graph)
    for place, side in ((2, 320), (3, 320)):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_value = side
    graph.unlink()
    onnx.save(model, graph)
    with pytest.raises(WeightsCorruptError, match="frames of any size"):
        StageARunner(own_copy, placement).load()


def test_the_graph_uses_the_threads_of_the_settings_and_does_not_spin(
    random_settings: Settings,
) -> None:
    network = OnnxNetwork(folder_of(random_settings) / GRAPH_FILE, threads=3)
    options = network.session.get_session_options()
    assert options.intra_op_num_threads == 3
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert options.get_session_config_entry("session.inter_op.allow_spinning") == "0"


def test_health_says_what_runs_until_it_is_unloaded(
    own_copy: Settings, placement: Placement
) -> None:
    runner = runner_of(own_copy, placement)
    assert "ONNX Runtime" in runner.health().detail and runner.health().is_ready
    (folder_of(own_copy) / GRAPH_FILE).unlink()
    runner.load()
    assert "PyTorch on cpu" in runner.health().detail
    runner.unload()
    assert not runner.health().is_ready


def test_the_weights_alone_are_enough(tmp_path: Path, placement: Placement) -> None:
    write_checkpoint(tmp_path, has_graph=False)
    runner = runner_of(Settings(checkpoints_dir=tmp_path, cpu_threads=1), placement)
    assert runner.look(read_photo(), 3, 0.5).frame_id == 3
