"""Export of Stage A: a random network and a tiny pack of made-up photos."""

from __future__ import annotations

import json
import re
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from engines.maxsight.classes import vocabulary
from engines.maxsight.fit import export
from engines.maxsight.fit.looking import compare_on_val
from engines.maxsight.fit.pack import load_frames
from engines.maxsight.frames import FILL, Pixels
from engines.maxsight.stage_a_network import OUTPUT_NAMES, OnnxNetwork, load_stage_a
from engines.maxsight.stage_a_runner import GRAPH_FILE, StageARunner
from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from engines.runtime.weights import WEIGHTS_FILE
from tests.engines.maxsight.fit.toy import random_frame, write_pack
from tests.engines.maxsight.random_checkpoint import inference, random_stage_a, write_card

SIDE = 96
PHOTOS = 8
WORDS = vocabulary()


def made_up_photo(number: int) -> np.ndarray:
    """Draw soft blobs and a rectangle, 120 × 160."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8))
    photo = np.array(coarse.resize((160, 120), Image.Resampling.BICUBIC))
    y, x = rng.integers(0, 60, 2)
    photo[y : y + 50, x : x + 70] = rng.integers(0, 256, 3)
    return photo


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a detection pack of eight photos."""
    folder: Path = tmp_path_factory.mktemp("pack")
    (folder / "images").mkdir()
    images = []
    for number in range(PHOTOS):
        name = f"{number}.png"
        Image.fromarray(made_up_photo(number)).save(folder / "images" / name)
        images.append(
            {
                "id": number, "file_name": name, "width": 160, "height": 120, "source": "made up",
                "annotated_classes": [1],
            }
        )  # fmt: skip
    text = {"images": images, "annotations": [], "categories": [{"id": 1, "name": "person"}]}
    for split in ("train", "val"):
        (folder / f"{split}.json").write_text(json.dumps(text))
    return folder


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the best weights of a run that never happened."""
    folder: Path = tmp_path_factory.mktemp("run")
    save_file(random_stage_a().state_dict(), folder / export.BEST_FILE)
    return folder


@pytest.fixture(scope="module")
def exported(pack: Path, run_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the command as a person would, and keep the fp32 graph beside the checkpoint."""
    checkpoints_dir: Path = tmp_path_factory.mktemp("checkpoints")
    command = [
        "--run", str(run_dir), "--data", str(pack), "--out",
        str(checkpoints_dir / "maxsight-a"), "--side", str(SIDE), "--photos", str(PHOTOS),
        "--float-graph", str(checkpoints_dir / "float.onnx"),
        "--numbers", str(checkpoints_dir / "export.json"), "--val-photos", "2",
    ]  # fmt: skip
    with (checkpoints_dir / "printed.txt").open("w") as printed, redirect_stdout(printed):
        export.main(command)
    return checkpoints_dir


@pytest.fixture(scope="module")
def canvases(pack: Path) -> list[Pixels]:
    return export.draw_canvases(load_frames(pack, "train", WORDS), PHOTOS, side=SIDE, seed=1)


def test_int8_follows_fp32(exported: Path, canvases: list[Pixels]) -> None:
    graphs = [
        OnnxNetwork(path, threads=1)
        for path in (exported / "float.onnx", exported / "maxsight-a" / GRAPH_FILE)
    ]
    found = export.compare(*graphs, canvases)
    for name, value in found.items():
        assert value > 0.95, name


def test_the_command_prints_sizes_and_correlations(exported: Path) -> None:
    printed = (exported / "printed.txt").read_text()
    for path in (exported / "maxsight-a").glob("model.*"):
        assert f"{path.name} {path.stat().st_size / 1e6:.1f} MB" in printed
    assert f"fp32 graph {(exported / 'float.onnx').stat().st_size / 1e6:.1f} MB" in printed
    for name in OUTPUT_NAMES:
        (value,) = re.findall(rf"^  {name} +(\d\.\d{{4}})$", printed, re.MULTILINE)
        assert float(value) > 0.95


def test_the_numbers_of_the_export_are_written_for_the_card(exported: Path) -> None:
    numbers = json.loads((exported / "export.json").read_text())
    graph = exported / "maxsight-a" / GRAPH_FILE
    assert numbers["graph_mb"] == pytest.approx(graph.stat().st_size / 1e6)
    assert set(numbers["correlations"]) == set(OUTPUT_NAMES)
    assert numbers["photos"] == 2
    assert numbers["map50_loss"] == numbers["map50_float"] - numbers["map50_int8"]


def test_a_graph_loses_nothing_against_itself(exported: Path, tmp_path: Path) -> None:
    write_pack(tmp_path, "val", [random_frame(number) for number in range(2)])
    frames = load_frames(tmp_path, "val", WORDS)
    graph = exported / "float.onnx"
    found = compare_on_val(graph, graph, frames, words=WORDS, side=SIDE)
    assert found["map50_loss"] == 0
    assert found["photos"] == 2


def test_the_files_are_half_and_a_quarter_of_the_float_graph(exported: Path) -> None:
    full = (exported / "float.onnx").stat().st_size
    folder = exported / "maxsight-a"
    assert (folder / WEIGHTS_FILE).stat().st_size < 0.52 * full
    assert (folder / GRAPH_FILE).stat().st_size < min(0.3 * full, 35e6)
    assert sorted(path.name for path in folder.iterdir()) == [GRAPH_FILE, WEIGHTS_FILE]


def test_matrices_are_rounded_to_half_and_statistics_stay_as_they_are(
    exported: Path, run_dir: Path
) -> None:
    kept = load_file(exported / "maxsight-a" / WEIGHTS_FILE)
    for name, value in load_file(run_dir / export.BEST_FILE).items():
        if value.ndim > 1:
            assert kept[name].dtype == torch.float16
            torch.testing.assert_close(kept[name].float(), value, rtol=1e-3, atol=1e-6)
        else:
            assert torch.equal(kept[name], value)


def test_the_graph_and_the_weights_are_the_same_network(
    exported: Path, canvases: list[Pixels]
) -> None:
    model = load_stage_a(exported / "maxsight-a" / WEIGHTS_FILE, classes=len(WORDS.trained))
    graph = OnnxNetwork(exported / "float.onnx", threads=1)
    with torch.inference_mode():
        expected = model(torch.from_numpy(canvases[0]).permute(2, 0, 1)[None].float())
    for name, one, other in zip(expected._fields, graph(canvases[0]), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-3, msg=name)


def test_the_runner_takes_the_exported_checkpoint(exported: Path, placement: Placement) -> None:
    write_card(exported / "maxsight-a", inference(side=SIDE))
    runner = StageARunner(Settings(checkpoints_dir=exported, cpu_threads=1), placement)
    runner.load()
    assert "ONNX Runtime" in runner.health().detail
    assert runner.look(made_up_photo(0), 0, 0.0).frame_size == (120, 160)
    (exported / "maxsight-a" / "card.json").unlink()


def quantised_nodes(graph: Path) -> set[str]:
    """Name the convolutions whose weight comes from int8."""
    nodes = onnx.load(graph).graph.node
    dequantised = {node.output[0] for node in nodes if node.op_type == "DequantizeLinear"}
    return {node.name for node in nodes if node.op_type == "Conv" and node.input[1] in dequantised}


def test_first_and_last_layers_stay_in_float_unless_asked_otherwise(
    exported: Path, canvases: list[Pixels], tmp_path: Path
) -> None:
    excluded = quantised_nodes(exported / "maxsight-a" / GRAPH_FILE)
    export.quantise(exported / "float.onnx", tmp_path / "all.onnx", canvases[:1])
    everything = quantised_nodes(tmp_path / "all.onnx")
    left_out = {name.split("/")[2].rstrip("_12") for name in everything - excluded}
    assert left_out == {"stem_conv", "class_out", "objectness_out", "sides_out", "zone_out"}
    assert excluded < everything
    # 53 convolutions of ResNet-50, 6 of the pyramid, 4 of the towers at 3 scales.
    assert len(excluded) == 53 - 1 + 6 + 12


def test_a_layer_that_is_not_there_is_named(
    exported: Path, canvases: list[Pixels], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"no layer backbone\.stage9"):
        export.quantise(
            exported / "float.onnx", tmp_path / "x.onnx", canvases, in_float=["backbone.stage9"]
        )
    assert not (tmp_path / "x.onnx").exists()


def test_runs_and_checkpoints_are_averaged(run_dir: Path, tmp_path: Path) -> None:
    run = load_file(run_dir / export.BEST_FILE)
    other = {name: value + 2 if value.is_floating_point() else value for name, value in run.items()}
    save_file(other, tmp_path / WEIGHTS_FILE)
    mean = export.average([run_dir, tmp_path])
    for name, value in run.items():
        expected = value + 1 if value.is_floating_point() else value
        torch.testing.assert_close(mean[name], expected)


def test_ranges_cannot_be_learnt_from_nothing(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without a photo"):
        export.quantise(exported / "float.onnx", tmp_path / "x.onnx", [])


def test_photos_are_drawn_by_seed_and_letterboxed(pack: Path) -> None:
    pack_frames = load_frames(pack, "train", WORDS)
    drawn = export.draw_canvases(pack_frames, 5, side=SIDE, seed=3)
    again = export.draw_canvases(pack_frames, 5, side=SIDE, seed=3)
    other = export.draw_canvases(pack_frames, 5, side=SIDE, seed=4)
    assert len(drawn) == 5
    assert all(np.array_equal(one, two) for one, two in zip(drawn, again, strict=True))
    assert not all(np.array_equal(one, two) for one, two in zip(drawn, other, strict=True))
    # 86 × 64 pixels of each photo: the next larger would need 96 rows, which is too large an area.
    assert {canvas.shape for canvas in drawn} == {(64, SIDE, 3)}
    assert all((canvas[:, 86:] == FILL).all() for canvas in drawn)
    assert not any((canvas[:, :86] == FILL).all() for canvas in drawn)


def test_a_photo_that_cannot_be_read_is_named(pack: Path, tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "train.json").write_text((pack / "train.json").read_text())
    with pytest.raises(ValueError, match=r"\.png is no picture"):
        export.draw_canvases(load_frames(tmp_path, "train", WORDS), 1, side=SIDE, seed=0)
