"""The command that detects in a COCO set."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO

from engines.maxsight import detect
from engines.maxsight.classes import vocabulary
from engines.maxsight.stage_a_runner import CHECKPOINT
from engines.runtime.errors import InputError
from tests.engines.maxsight.random_checkpoint import inference, write_card, write_checkpoint

IDS = vocabulary().trained_ids
# A COCO set names and numbers things in its own way.
CATEGORIES = [
    {"id": 7, "name": "person"}, {"id": 3, "name": "stop sign"}, {"id": 40, "name": "couch"},
    {"id": 41, "name": "Giraffe"},
]  # fmt: skip


def write_set(folder: Path, **given: Any) -> Path:
    """Write two pictures and their COCO file, and return that."""
    (folder / "images").mkdir(parents=True)
    images = []
    for number in (5, 8):
        name = f"{number}.png"
        noise = np.random.default_rng(number).integers(0, 256, (90, 120, 3), dtype=np.uint8)
        Image.fromarray(noise).save(folder / "images" / name)
        images.append({"id": number, "file_name": name, "width": 120, "height": 90})
    path = folder / "set.json"
    raw = {"images": images, "categories": CATEGORIES, "annotations": [], **given}
    path.write_text(json.dumps(raw))
    return path


@pytest.fixture(scope="module")
def checkpoints_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a random network of 128 pixels, without its graph, that is trusted with sofas only."""
    folder: Path = tmp_path_factory.mktemp("checkpoints")
    checkpoint = write_checkpoint(folder, side=128, has_graph=False)
    write_card(checkpoint, inference({"sofa": 0.5}, side=128))
    return folder


@pytest.fixture
def settings_of_tests(checkpoints_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEAF_CHECKPOINTS_DIR", str(checkpoints_dir))
    monkeypatch.setenv("RELEAF_CPU_THREADS", "1")
    monkeypatch.setenv("RELEAF_DEVICE", "cpu")


def run(coco: Path, out: Path, *more: str) -> None:
    images = coco.parent / "images"
    detect.main(["--coco", str(coco), "--images", str(images), "--out", str(out), *more])


@pytest.mark.usefixtures("settings_of_tests")
def test_detections_are_cocos_and_times_are_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coco, out = write_set(tmp_path), tmp_path / "results" / "detections.json"
    run(coco, out)
    detections = json.loads(out.read_text())
    assert detections
    assert {row["image_id"] for row in detections} <= {5, 8}
    assert {row["category_id"] for row in detections} <= {7, 3, 40}
    for row in detections:
        x, y, width, height = row["bbox"]
        assert x >= 0 and y >= 0 and x + width <= 120.01 and y + height <= 90.01
        assert width > 0 and height > 0 and detect.LOW_SCORE <= row["score"] <= 1
    loaded = COCO(str(coco)).loadRes(str(out))
    assert len(loaded.getAnnIds()) == len(detections)
    printed = capsys.readouterr().out
    assert re.search(r"\d+\.\d ms a picture \(median\), \d+\.\d ms at p95", printed)
    assert "Never found, as not trained: Giraffe." in printed

    run(coco, out, "--trusted")
    trusted = json.loads(out.read_text())
    assert all(row["category_id"] == 40 and row["score"] >= 0.5 for row in trusted)
    assert len(trusted) < len(detections)


def test_a_categorys_name_is_read_in_cocos_and_vocs_way(tmp_path: Path) -> None:
    names = ["traffic light", "dining table", "tv", "tvmonitor", "airplane", "pottedplant", "Bus"]
    coco = write_set(tmp_path, categories=[{"id": n, "name": name} for n, name in enumerate(names)])
    known = detect.read_coco(coco, tmp_path / "images", IDS).categories
    assert set(known) == {
        "traffic_light", "table", "tv_monitor", "aeroplane", "potted_plant", "bus",
    }  # fmt: skip


BAD_SETS: dict[str, tuple[str, str]] = {
    "no JSON": ("{", "is not JSON"),
    "no list of images": ('{"categories": []}', "is no COCO set"),
    "a list": ("[1, 2]", "is no COCO set"),
    "an image without an id": ('{"images": [{"file_name": "a"}], "categories": []}', "no COCO set"),
    "no picture": ('{"images": [], "categories": [{"id": 1, "name": "car"}]}', "lists no picture"),
    "strange categories": (
        '{"images": [{"id": 1, "file_name": "a"}], "categories": [{"id": 1, "name": "yak"}]}',
        "no category that MaxSight knows",
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD_SETS.values(), ids=BAD_SETS.keys())
def test_what_is_no_coco_set_is_said(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "set.json"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        detect.read_coco(path, tmp_path, IDS)


def test_files_that_are_not_there_are_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        detect.read_coco(tmp_path / "none.json", tmp_path, IDS)
    with pytest.raises(InputError, match="There is no folder"):
        detect.read_coco(write_set(tmp_path), tmp_path / "none", IDS)


@pytest.mark.usefixtures("settings_of_tests")
def test_broken_pictures_are_named_and_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coco, out = write_set(tmp_path), tmp_path / "detections.json"
    (tmp_path / "images" / "5.png").write_bytes(b"no picture")
    run(coco, out)
    assert {row["image_id"] for row in json.loads(out.read_text())} == {8}
    assert "5.png: The file is no picture." in capsys.readouterr().err
    (tmp_path / "images" / "8.png").unlink()
    out.unlink()
    with pytest.raises(SystemExit, match="None of the pictures could be read"):
        run(coco, out)
    assert not out.exists()


def test_without_a_checkpoint_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEAF_CHECKPOINTS_DIR", str(tmp_path))
    with pytest.raises(SystemExit, match=f"not in checkpoints/{CHECKPOINT}"):
        run(write_set(tmp_path / "set"), tmp_path / "detections.json")
