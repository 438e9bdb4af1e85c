"""A small pack of photos in the form of the real one."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from engines.waste.taxonomy import ITEM_BY_ID

REPO = Path(__file__).resolve().parents[4]
EXAMPLES = sorted((REPO / "assets" / "examples").glob("*.jpg"))


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a pack of 32 photos in the form of the real one, from our own pictures."""
    root = tmp_path_factory.mktemp("pack")
    (root / "waste" / "images").mkdir(parents=True)
    (root / "detection" / "images").mkdir(parents=True)
    ours = [path for path in EXAMPLES if not path.name.startswith("not_waste")]
    rng = np.random.default_rng(0)
    rows = []
    for index in range(32):
        source = ours[index % len(ours)]
        item = next(name for name in ITEM_BY_ID if source.name.startswith(name))
        picture = Image.open(source).convert("RGB")
        left, top = (int(v) for v in rng.integers(0, 60, 2))
        file = f"images/{item}_{index}.jpg"
        picture.crop((left, top, picture.width - 40, picture.height - 40)).resize((160, 160)).save(
            root / "waste" / file
        )
        known = ITEM_BY_ID[item]
        split = "dev" if index % 8 == 7 else "train"
        rows.append([file, item, known.materials[0], known.bin, split, f"s{index % 2}", "own"])
    with (root / "waste" / "labels.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["file", "item", "material", "bin", "split", "source", "licence"])
        writer.writerows(rows)
    images = []
    for index, name in enumerate(["chelsea", "astronaut", "rocket", "coins"]):
        picture = Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
        picture.resize((160, 120)).save(root / "detection" / "images" / f"{name}.jpg")
        images.append({"id": index, "file_name": f"{name}.jpg", "source": "voc2007"})
    labels = {
        "images": images,
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "bottle"}],
        "annotations": [{"image_id": 3, "category_id": 2}],
    }
    for split in ("train", "val"):
        (root / "detection" / f"{split}.json").write_text(json.dumps(labels))
    return root
