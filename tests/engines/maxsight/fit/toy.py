"""Small made-up photos for the tests of the fit: rectangles of plain colour, one for each class."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from engines.maxsight.classes import vocabulary
from engines.maxsight.fit.labels import Labels, make_labels
from engines.maxsight.fit.pack import Frame
from engines.maxsight.fit.teacher import TeacherBoxes

WORDS = vocabulary()
COUNT = len(WORDS.trained)
PERSON, CAR, DOG, DOOR = (WORDS.index_of(name) for name in ("person", "car", "dog", "door"))
COLOURS = {PERSON: (255, 0, 0), CAR: (0, 255, 0), DOG: (0, 0, 255)}
BACKGROUND = (40, 40, 40)
Mark = tuple[int, tuple[float, float, float, float]]


def toy_frame(
    *marks: Mark,
    number: int = 1,
    size: tuple[int, int] = (240, 320),
    crowds: Sequence[int] = (),
    annotated: Sequence[int] | None = None,
    path: Path = Path("none.png"),
) -> Frame:
    """Make a photo with true boxes; `annotated` are classes, by default all."""
    everything = np.arange(COUNT)
    is_annotated = np.isin(everything, everything if annotated is None else annotated)
    return Frame(
        id=number,
        path=path,
        width=size[1],
        height=size[0],
        source="made up",
        boxes=np.array([box for _, box in marks], np.float32).reshape(-1, 4),
        classes=np.array([class_index for class_index, _ in marks], np.int64),
        is_crowd=np.isin(np.arange(len(marks)), crowds),
        is_annotated=is_annotated,
    )


def seen_boxes(*marks: tuple[int, tuple[float, float, float, float], float]) -> TeacherBoxes:
    """Make what a teacher sees: class, box and chance of each."""
    soft = np.zeros((len(marks), COUNT), np.float32)
    for row, (class_index, _, chance) in zip(soft, marks, strict=True):
        row[class_index] = chance
    chances = np.array([chance for _, _, chance in marks], np.float32)
    return TeacherBoxes(
        boxes=np.array([box for _, box, _ in marks], np.float32).reshape(-1, 4),
        classes=np.array([class_index for class_index, _, _ in marks], np.int64),
        scores=chances,
        soft=soft,
        chances=chances,
    )


def labels_of(frame: Frame) -> Labels:
    """Return the labels of a photo without a teacher."""
    return make_labels(frame, seen_boxes(), WORDS)


def paint(frame: Frame) -> np.ndarray:
    """Draw a photo, (H, W, 3) uint8 RGB: each box in the colour of its class."""
    photo = np.full((frame.height, frame.width, 3), BACKGROUND, np.uint8)
    for class_index, (x0, y0, x1, y1) in zip(frame.classes, frame.boxes.astype(int), strict=True):
        photo[y0:y1, x0:x1] = COLOURS[class_index]
    return photo


def random_frame(number: int) -> Frame:
    """Make a photo of one to three things that don't touch, nor the edge."""
    rng = np.random.default_rng(number)
    marks: list[Mark] = []
    for column in rng.permutation(3)[: rng.integers(1, 4)]:
        x, y = int(column) * 105 + int(rng.integers(4, 20)), int(rng.integers(4, 90))
        width, height = (int(side) for side in rng.integers(40, (80, 140)))
        class_index = (PERSON, CAR, DOG)[rng.integers(3)]
        marks.append((class_index, (x, y, x + width, y + height)))
    return toy_frame(*marks, number=number)


def write_pack(folder: Path, split: str, frames: Sequence[Frame]) -> None:
    """Write photos as `train` or `val` of a detection pack; COCO ids are the indices plus one."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    marks, images = [], []
    for frame in frames:
        name = f"{split}_{frame.id}.png"
        Image.fromarray(paint(frame)).save(folder / "images" / name)
        images.append(
            {
                "id": frame.id, "file_name": name, "width": frame.width, "height": frame.height,
                "source": frame.source,
                "annotated_classes": (np.flatnonzero(frame.is_annotated) + 1).tolist(),
            }
        )  # fmt: skip
        for (x0, y0, x1, y1), class_index, is_crowd in zip(
            frame.boxes.tolist(), frame.classes, frame.is_crowd, strict=True
        ):
            marks.append(
                {
                    "image_id": frame.id, "category_id": int(class_index) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0], "iscrowd": int(is_crowd),
                }
            )  # fmt: skip
    categories = [{"id": i + 1, "name": name} for i, name in enumerate(WORDS.trained_ids)]
    text = {"images": images, "annotations": marks, "categories": categories}
    (folder / f"{split}.json").write_text(json.dumps(text))
