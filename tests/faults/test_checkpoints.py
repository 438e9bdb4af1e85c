"""A checkpoint that is missing, cut off, overwritten or of another shape, one engine at a time.

Its own engine says in a sentence what is wrong and what to do; another engine that reads its
checkpoint from the same folder loads and answers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from engines.maxsight.sound_runner import SoundRunner
from engines.rag.evidence import AnswerableModel
from engines.rag.intent import IntentClassifier
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, ReleafError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.faults.engines import SOUND, SUBJECTS

WEIGHTS, GRAPH = "model.safetensors", "model.onnx"
PLAIN_CPU = Placement(torch.device("cpu"), torch.float32, "a test")
ENGINES = {subject.name: subject for subject in SUBJECTS}


def missing(path: Path) -> None:
    path.unlink()


def cut_off(path: Path) -> None:
    data = path.read_bytes()
    path.unlink()
    path.write_bytes(data[: len(data) // 2])


def overwritten(path: Path) -> None:
    path.unlink()
    path.write_bytes(bytes(range(256)) * 64)


def other_shapes(path: Path) -> None:
    """Give every matrix a row more, as if it were trained for one class more."""
    tensors = {
        name: torch.cat([tensor, tensor[:1]]) if tensor.ndim > 1 else tensor
        for name, tensor in load_file(path).items()
    }
    path.unlink()
    save_file(tensors, path)


def longer_lists(path: Path) -> None:
    """Make every list of numbers one longer: a bias of two, a mean of one more."""
    tensors = {
        name: torch.cat([tensor.reshape(-1), tensor.reshape(-1)[:1]]) if tensor.ndim < 2 else tensor
        for name, tensor in load_file(path).items()
    }
    path.unlink()
    save_file(tensors, path)


DAMAGES = (missing, cut_off, overwritten, other_shapes, longer_lists)


@pytest.fixture(scope="module")
def lane() -> Iterator[CpuLane]:
    lane = CpuLane(threads=1)
    yield lane
    lane.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of links to the shipped checkpoints; a link may be replaced."""
    for path in Settings().checkpoints_dir.resolve().glob("*/*"):
        (tmp_path / path.parent.name).mkdir(exist_ok=True)
        (tmp_path / path.parent.name / path.name).symlink_to(path)
    return tmp_path


def explained(error: ReleafError, checkpoint: str) -> None:
    """Check that a person learns which checkpoint it is and what to do, and no inside."""
    assert checkpoint in str(error)
    assert any(way in error.do for way in ("git", "Restore", "train"))
    for inside in ("Traceback", "Error", "size mismatch", "state_dict", "0x"):
        assert inside not in str(error)


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.replace("_", " "))
@pytest.mark.parametrize(
    ("name", "checkpoint"),
    [("upcycle", "upcycle"), ("maxsight-sound", "maxsight-sound"), ("maxsight", "maxsight-a")],
    ids=["upcycle", "sounds", "maxsight without its graph"],
)
def test_a_damaged_checkpoint_stops_its_own_engine_alone(
    folder: Path,
    few_facts: Path,
    lane: CpuLane,
    name: str,
    checkpoint: str,
    damage: Callable[[Path], None],
) -> None:
    (folder / "maxsight-a" / GRAPH).unlink()
    damage(folder / checkpoint / WEIGHTS)
    pool = EnginePool(Settings(checkpoints_dir=folder, graph_dir=few_facts), lane)
    ENGINES[name].register(pool)
    with pytest.raises(EngineUnavailableError) as caught:
        pool.get(name)
    explained(caught.value, checkpoint)
    assert pool.health()[0].state == "failed"
    if name != "maxsight-sound":
        ENGINES["maxsight-sound"].register(pool)
        assert sum(ENGINES["maxsight-sound"].call(pool)) == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("damage", [cut_off, overwritten], ids=lambda d: d.__name__)
def test_a_damaged_graph_is_named(
    folder: Path, lane: CpuLane, damage: Callable[[Path], None]
) -> None:
    damage(folder / "maxsight-a" / GRAPH)
    pool = EnginePool(Settings(checkpoints_dir=folder), lane)
    ENGINES["maxsight"].register(pool)
    with pytest.raises(EngineUnavailableError) as caught:
        pool.get("maxsight")
    explained(caught.value, "maxsight-a")


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__.replace("_", " "))
@pytest.mark.parametrize(
    ("load", "checkpoint"),
    [(IntentClassifier.load, "intent"), (AnswerableModel.load, "answerable")],
    ids=["intent", "answerable"],
)
def test_a_damaged_small_model_of_the_chat_is_named(
    folder: Path, load: Callable[[Settings], Any], checkpoint: str, damage: Callable[[Path], None]
) -> None:
    damage(folder / checkpoint / WEIGHTS)
    with pytest.raises(ReleafError) as caught:
        load(Settings(checkpoints_dir=folder))
    explained(caught.value, checkpoint)


def test_a_mended_checkpoint_is_taken_at_the_next_try(folder: Path, lane: CpuLane) -> None:
    weights = folder / "maxsight-sound" / WEIGHTS
    whole = weights.read_bytes()
    cut_off(weights)
    settings = Settings(checkpoints_dir=folder)
    pool = EnginePool(settings, lane, retry_after_s=0.0)
    pool.register("ears", lambda: SoundRunner(settings, PLAIN_CPU))
    with pytest.raises(EngineUnavailableError, match="damaged"):
        pool.get("ears")
    weights.write_bytes(whole)
    assert pool.run("ears", lambda ears: ears.probabilities(SOUND)).sum() == pytest.approx(1.0)
