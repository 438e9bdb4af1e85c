"""The shipped checkpoint at work: real photos in, consistent answers out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from engines.runtime.device import Placement, choose_placement
from engines.runtime.errors import EngineUnavailableError, InputError, ReleafError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.waste.engine import WasteEngine
from engines.waste.images import open_picture
from engines.waste.taxonomy import ITEMS, TRIPLES

CHECKPOINT = Settings().checkpoints_dir / "waste"
PLAIN_CPU = Placement(torch.device("cpu"), torch.float32, "a test")


def opened(path: Path) -> Image.Image:
    return open_picture(path, max_pixels=50_000_000)


def test_every_example_of_the_app_is_recognised(
    engine: WasteEngine, example_paths: list[Path]
) -> None:
    assert len(example_paths) >= 8
    for path in example_paths:
        found = engine.classify(opened(path))
        assert path.name.startswith(found.item.id), f"{path.name} is taken for {found.item.id}"
        assert found.is_waste, path.name


@pytest.mark.parametrize(
    "name", ["chelsea", "astronaut", "rocket", "camera", "moon", "brick", "gravel", "grass"]
)
def test_what_is_no_waste_is_recognised_as_such(engine: WasteEngine, name: str) -> None:
    picture = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
    assert not engine.classify(picture).is_waste


def test_item_material_and_bin_agree_and_confidences_are_probabilities(
    engine: WasteEngine, photo: Image.Image, noise: Image.Image
) -> None:
    for picture in (photo, noise, photo.rotate(90), photo.crop((0, 0, 30, 400))):
        found = engine.classify(picture)
        assert (found.item.id, found.material.id, found.bin.id) in TRIPLES
        for candidate in (*found.top_items, *found.top_materials, *found.top_bins):
            assert 0 <= candidate.confidence <= 1 + 1e-9
        assert found.top_items[0] == found.item
        assert 0 <= found.waste_probability <= 1
        assert found.latency_ms > 0


@pytest.mark.parametrize("count", [1, 3, 20])
def test_top_k_gives_that_many_candidates_likeliest_first(
    engine: WasteEngine, photo: Image.Image, count: int
) -> None:
    confidences = [c.confidence for c in engine.classify(photo, top_k=count).top_items]
    assert len(confidences) == count
    assert confidences == sorted(confidences, reverse=True)


def test_a_batch_gives_the_answers_of_the_single_pictures_in_order(
    engine: WasteEngine, example_paths: list[Path]
) -> None:
    pictures = [opened(path) for path in example_paths] * 5  # more than one batch
    together = engine.classify_batch(pictures)
    assert len(together) == len(pictures)
    for picture, answer in list(zip(pictures, together, strict=True))[:: len(example_paths) - 1]:
        alone = engine.classify(picture)
        assert alone.item.id == answer.item.id
        # bfloat16 rounds differently for other batch shapes
        assert alone.item.confidence == pytest.approx(answer.item.confidence, abs=0.1)


def test_nothing_in_gives_nothing_out(engine: WasteEngine) -> None:
    assert engine.classify_batch([]) == ()


def test_a_black_frame_and_a_senseless_top_k_are_refused(
    engine: WasteEngine, photo: Image.Image
) -> None:
    with pytest.raises(InputError, match="all one colour"):
        engine.classify(Image.new("RGB", (640, 480)))
    with pytest.raises(InputError, match="candidate"):
        engine.classify(photo, top_k=0)


def test_the_precision_of_this_machine_answers_as_float32_does(
    engine: WasteEngine, example_paths: list[Path]
) -> None:
    exact = WasteEngine(Settings(), PLAIN_CPU)
    exact.load()
    for path in example_paths:
        ours, reference = engine.classify(opened(path)), exact.classify(opened(path))
        assert ours.item.id == reference.item.id
        assert ours.item.confidence == pytest.approx(reference.item.confidence, abs=0.1)


def test_the_heat_map_covers_the_picture_and_speaks_for_the_item(
    engine: WasteEngine, example_paths: list[Path]
) -> None:
    picture = opened(example_paths[0])
    heat = engine.explain(picture)
    assert heat.shape == (picture.height, picture.width)
    assert (float(heat.min()), float(heat.max())) == (0.0, pytest.approx(1.0, abs=0.2))


def test_hiding_what_the_heat_map_marks_costs_more_confidence_than_hiding_the_rest(
    engine: WasteEngine, example_paths: list[Path]
) -> None:
    drops_marked, drops_rest = [], []
    for path in example_paths:
        picture = opened(path)
        heat = engine.explain(picture)
        pixels = np.asarray(picture).copy()
        index = ITEMS.index(engine.classify(picture).item.id)

        def confidence(values: np.ndarray, index: int = index) -> float:
            found = engine.classify(Image.fromarray(values), top_k=len(ITEMS))
            return {c.id: c.confidence for c in found.top_items}[ITEMS[index]]

        marked = heat >= np.quantile(heat, 0.75)
        grey = pixels.mean(axis=(0, 1)).astype(np.uint8)
        hidden, rest = pixels.copy(), pixels.copy()
        hidden[marked] = grey
        rest[heat <= np.quantile(heat, 0.25)] = grey
        before = confidence(pixels)
        drops_marked.append(before - confidence(hidden))
        drops_rest.append(before - confidence(rest))
    assert np.mean(drops_marked) > np.mean(drops_rest)


def test_ten_people_at_once_all_get_their_own_answer(example_paths: list[Path]) -> None:
    settings = Settings()
    lane = CpuLane.from_settings(settings)
    pool = EnginePool(settings, lane)
    pool.register("waste", lambda: WasteEngine(settings, choose_placement(settings)))
    chosen = (example_paths * 10)[:10]

    def ask(path: Path) -> str:
        picture = opened(path)
        return pool.run("waste", lambda engine: engine.classify(picture)).item.id

    with ThreadPoolExecutor(10) as people:
        answers = list(people.map(ask, chosen))
    lane.close()
    assert all(path.name.startswith(answer) for path, answer in zip(chosen, answers, strict=True))


def broken_checkpoint(folder: Path, break_it: Callable[[Path], None]) -> Settings:
    shutil.copytree(CHECKPOINT, folder / "waste")
    break_it(folder / "waste")
    return Settings(checkpoints_dir=folder)


def change_card(folder: Path, **changes: Any) -> None:
    card = json.loads((folder / "card.json").read_text())
    card["inference"].update(changes)
    (folder / "card.json").write_text(json.dumps(card))


def drop_a_tensor(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("item_head.weight")
    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        pytest.param(lambda f: (f / "model.safetensors").unlink(), "missing", id="missing"),
        pytest.param(
            lambda f: (f / "model.safetensors").write_bytes(b"\1" * 5000), "damaged", id="corrupt"
        ),
        pytest.param(
            lambda f: (f / "model.safetensors").write_bytes(
                (CHECKPOINT / "model.safetensors").read_bytes()[:100_000]
            ),
            "damaged",
            id="cut off",
        ),
        pytest.param(drop_a_tensor, "doesn't fit", id="a tensor is missing"),
        pytest.param(lambda f: (f / "card.json").unlink(), "card", id="no card"),
        pytest.param(lambda f: (f / "card.json").write_text("{"), "JSON", id="card cut off"),
        pytest.param(
            lambda f: change_card(f, items=list(ITEMS)[::-1]), "other items", id="other classes"
        ),
        pytest.param(lambda f: change_card(f, bins=["up", "down"]), "other bins", id="other bins"),
        pytest.param(lambda f: change_card(f, temperature="hot"), "card", id="bad calibration"),
        pytest.param(
            lambda f: change_card(f, backbone="resnet18"), "doesn't fit", id="other network"
        ),
        pytest.param(lambda f: change_card(f, backbone="no_such"), "card", id="unknown network"),
        pytest.param(lambda f: change_card(f, input_size=-3), "card", id="bad input size"),
    ],
)
def test_a_bad_checkpoint_is_reported_with_what_to_do(
    break_it: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    settings = broken_checkpoint(tmp_path, break_it)
    engine = WasteEngine(settings, PLAIN_CPU)
    with pytest.raises(ReleafError, match=words) as caught:
        engine.load()
    assert caught.value.do
    assert not engine.health().is_ready


def test_an_unloaded_engine_says_so_and_can_be_loaded_again(photo: Image.Image) -> None:
    engine = WasteEngine(Settings(), PLAIN_CPU)
    with pytest.raises(EngineUnavailableError):
        engine.classify(photo)
    engine.load()
    engine.classify(photo)
    engine.unload()
    assert not engine.health().is_ready
    with pytest.raises(EngineUnavailableError):
        engine.classify(photo)
