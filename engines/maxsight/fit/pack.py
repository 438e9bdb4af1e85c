"""The detection pack: what is in its JSON files, as arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engines.maxsight.classes import Vocabulary


@dataclass(frozen=True)
class Frame:
    """One photo with its true boxes.

    Attributes:
        id: COCO image id.
        path: the JPEG.
        width, height: pixels.
        source: where it comes from.
        boxes: (N, 4) float32, x0, y0, x1, y1 in pixels.
        classes: (N,) indices of trained classes.
        is_crowd: (N,) boxes to ignore: neither object nor background.
        is_annotated: (C,) classes that are exhaustively marked in this photo.
    """

    id: int
    path: Path
    width: int
    height: int
    source: str
    boxes: np.ndarray
    classes: np.ndarray
    is_crowd: np.ndarray
    is_annotated: np.ndarray


def load_frames(data_dir: Path, split: str, words: Vocabulary) -> list[Frame]:
    """Read `train` or `val` of the pack in `data_dir`; classes are matched by name.

    Raises:
        FileNotFoundError: if the pack is not there.
    """
    pack = json.loads((data_dir / f"{split}.json").read_text())
    index_of = {
        category["id"]: words.trained_ids.index(category["name"])
        for category in pack["categories"]
        if category["name"] in words.trained_ids
    }
    marks: dict[int, list[dict]] = {image["id"]: [] for image in pack["images"]}
    for mark in pack["annotations"]:
        if mark["category_id"] in index_of and min(mark["bbox"][2:]) > 0:
            marks[mark["image_id"]].append(mark)
    frames = []
    for image in pack["images"]:
        own = marks[image["id"]]
        corners = np.array([mark["bbox"] for mark in own], np.float32).reshape(-1, 4)
        corners[:, 2:] += corners[:, :2]
        is_annotated = np.zeros(len(words.trained), bool)
        is_annotated[[index_of[c] for c in image["annotated_classes"] if c in index_of]] = True
        frames.append(
            Frame(
                id=image["id"],
                path=data_dir / "images" / image["file_name"],
                width=image["width"],
                height=image["height"],
                source=image["source"],
                boxes=corners,
                classes=np.array([index_of[mark["category_id"]] for mark in own], np.int64),
                is_crowd=np.array([bool(mark["iscrowd"]) for mark in own], bool),
                is_annotated=is_annotated,
            )
        )
    return frames
