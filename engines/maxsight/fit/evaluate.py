"""Measure detections on the pack with COCO's own evaluation (pycocotools)."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from engines.maxsight.classes import Vocabulary
from engines.maxsight.decode import Detections
from engines.maxsight.fit.pack import Frame

MANY_BOXES = 50


@dataclass(frozen=True)
class Precision:
    """Average precision at an overlap of 0.5, each in [0, 1].

    Attributes:
        by_class: class id -> average precision, for classes with true boxes.
        box_counts: class id -> number of true boxes, crowds left out.
    """

    by_class: Mapping[str, float]
    box_counts: Mapping[str, int]

    def mean(self, min_boxes: int = 1) -> float:
        """Average over classes with at least so many true boxes (mAP50)."""
        chosen = [ap for name, ap in self.by_class.items() if self.box_counts[name] >= min_boxes]
        return float(np.mean(chosen)) if chosen else 0.0


def average_precision(
    frames: Sequence[Frame], found: Sequence[Detections], words: Vocabulary
) -> Precision:
    """Compute AP50 of each class over the photos in which that class is marked.

    A detection of a class that a photo does not annotate is neither right nor wrong.
    """
    truth = _quietly(lambda: _as_coco(frames, words))
    rows = [
        (frame.id, *box[:2], box[2] - box[0], box[3] - box[1], score, class_index + 1)
        for frame, one in zip(frames, found, strict=True)
        for box, score, class_index in zip(one.boxes, one.scores, one.classes, strict=True)
        if frame.is_annotated[class_index]
    ]
    counts = {
        name: sum(int(((frame.classes == index) & ~frame.is_crowd).sum()) for frame in frames)
        for index, name in enumerate(words.trained_ids)
    }
    present = [name for name, count in counts.items() if count]
    if not rows:
        return Precision(dict.fromkeys(present, 0.0), counts)
    table = np.array(rows, dtype=np.float64)

    def run() -> COCOeval:
        judge = COCOeval(truth, truth.loadRes(table), "bbox")
        judge.params.iouThrs = np.array([0.5])
        judge.params.areaRng = [[0, 1e10]]
        judge.params.areaRngLbl = ["all"]
        judge.params.maxDets = [100]
        judge.evaluate()
        judge.accumulate()
        return judge

    precision = _quietly(run).eval["precision"][0, :, :, 0, 0]  # (recalls, classes)
    by_class = {
        name: float(precision[:, index].mean())
        for index, name in enumerate(words.trained_ids)
        if counts[name]
    }
    return Precision(by_class, counts)


def _as_coco(frames: Sequence[Frame], words: Vocabulary) -> COCO:
    truth = COCO()
    marks = [
        {
            "image_id": frame.id,
            "category_id": int(class_index) + 1,
            "bbox": [float(v) for v in (*box[:2], box[2] - box[0], box[3] - box[1])],
            "area": float((box[2] - box[0]) * (box[3] - box[1])),
            "iscrowd": int(crowd),
        }
        for frame in frames
        for box, class_index, crowd in zip(frame.boxes, frame.classes, frame.is_crowd, strict=True)
    ]
    truth.dataset = {
        "images": [{"id": f.id, "width": f.width, "height": f.height} for f in frames],
        "categories": [{"id": i + 1, "name": n} for i, n in enumerate(words.trained_ids)],
        "annotations": [{"id": index + 1, **mark} for index, mark in enumerate(marks)],
    }
    truth.createIndex()
    return truth


def _quietly(work):  # type: ignore[no-untyped-def]
    with contextlib.redirect_stdout(io.StringIO()):
        return work()


def write_numbers(path: Path, precision: Precision) -> None:
    """Write the numbers as JSON."""
    path.write_text(json.dumps({"by_class": precision.by_class}, indent=1))
