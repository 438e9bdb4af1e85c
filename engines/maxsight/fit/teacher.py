"""A small detector trained on COCO (PicoDet-S) marks what our photos leave unmarked.

`python -m engines.maxsight.fit.teacher --data DIR --weights picodet_s_416_coco.onnx --out DIR`
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
from sklearn.isotonic import IsotonicRegression

from engines.maxsight.boxes import iou_matrix, suppress
from engines.maxsight.classes import Vocabulary, vocabulary
from engines.maxsight.fit.pack import Frame, load_frames

SIDE = 416
STRIDES = (8, 16, 32, 64)
BINS = 8
MEAN_BGR = np.array([103.53, 116.28, 123.675], np.float32)
STD_BGR = np.array([57.375, 57.12, 58.395], np.float32)
NMS_IOU = 0.6
MIN_SCORE = 0.1
# Boxes of two classes that overlap this much are one thing with two names.
SAME_THING_IOU = 0.8
COCO_NAMES = (
    "person", "bicycle", "car", "motorcycle", "aeroplane", "bus", "train", "truck", "boat",
    "traffic_light", "fire_hydrant", "stop_sign", "parking_meter", "bench", "bird", "cat", "dog",
    "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe", "backpack", "umbrella",
    "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports_ball", "kite",
    "baseball_bat", "baseball_glove", "skateboard", "surfboard", "tennis_racket", "bottle",
    "wine_glass", "cup", "fork", "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange",
    "broccoli", "carrot", "hot_dog", "pizza", "donut", "cake", "chair", "sofa", "potted_plant",
    "bed", "table", "toilet", "tv_monitor", "laptop", "mouse", "remote", "keyboard", "cell_phone",
    "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
    "teddy_bear", "hair_drier", "toothbrush",
)  # fmt: skip


@dataclass(frozen=True)
class TeacherBoxes:
    """What the teacher sees in one photo.

    Attributes:
        boxes: (N, 4) float32, x0, y0, x1, y1 in pixels of the photo.
        classes: (N,) index of the likeliest trained class.
        scores: (N,) the teacher's own score in [0, 1].
        chances: (N,) how often a box with such a score is right, measured on true boxes.
        soft: (N, C) the same for all trained classes; 0 for those it does not know.
    """

    boxes: np.ndarray
    classes: np.ndarray
    scores: np.ndarray
    soft: np.ndarray
    chances: np.ndarray


class Teacher:
    """PicoDet-S in onnxruntime; a photo and its mirror image are averaged cell by cell."""

    def __init__(self, weights: Path, words: Vocabulary) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(weights), options, providers=["CPUExecutionProvider"]
        )
        self.class_count = len(words.trained)
        self.known = [i for i, name in enumerate(words.trained_ids) if name in COCO_NAMES]
        self.columns = [COCO_NAMES.index(words.trained_ids[i]) for i in self.known]

    def look(self, bgr: np.ndarray) -> TeacherBoxes:
        """Detect in one photo (H, W, 3), BGR uint8; chances and soft are still raw scores."""
        square = cv2.resize(bgr, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
        scores, boxes = self._raw(square)
        other_scores, other_boxes = self._raw(np.ascontiguousarray(square[:, ::-1]))
        mirror = self._mirror_cells()
        other_boxes = other_boxes[mirror][:, [2, 1, 0, 3]] * [-1, 1, -1, 1] + [SIDE, 0, SIDE, 0]
        # The coarsest grid overhangs the square, so its mirrored cells don't lie on its own.
        fine = slice(0, sum((SIDE // stride) ** 2 for stride in STRIDES[:-1]))
        scores[fine] = (scores[fine] + other_scores[mirror][fine]) / 2
        boxes[fine] = (boxes[fine] + other_boxes[fine]) / 2
        scale = np.array([bgr.shape[1], bgr.shape[0]] * 2) / SIDE
        limit = np.array([bgr.shape[1], bgr.shape[0]] * 2)
        boxes = np.clip(boxes * scale, 0, limit).astype(np.float32)
        cells, columns = np.nonzero(scores >= MIN_SCORE)
        kept = suppress(boxes[cells], scores[cells, columns], columns, iou=NMS_IOU)
        return self._merge(boxes[cells[kept]], scores[cells[kept]], columns[kept])

    def _raw(self, square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return scores (cells, known classes) and boxes (cells, 4) in the square's pixels."""
        blob = ((square.astype(np.float32) - MEAN_BGR) / STD_BGR).transpose(2, 0, 1)[None]
        outputs = self.session.run(None, {"image": np.ascontiguousarray(blob)})
        scores, boxes = [], []
        for level, stride in enumerate(STRIDES):
            side = -(-SIDE // stride)
            centres = np.arange(side) * stride + (stride - 1) / 2
            cy, cx = (axis.ravel() for axis in np.meshgrid(centres, centres, indexing="ij"))
            bins = outputs[level + len(STRIDES)][0].reshape(-1, 4, BINS)
            chances = np.exp(bins - bins.max(axis=2, keepdims=True))
            chances /= chances.sum(axis=2, keepdims=True)
            sides = (chances * np.arange(BINS)).sum(axis=2) * stride
            boxes.append(
                np.stack(
                    [cx - sides[:, 0], cy - sides[:, 1], cx + sides[:, 2], cy + sides[:, 3]], 1
                )
            )
            scores.append(outputs[level][0][:, self.columns])
        return np.concatenate(scores), np.concatenate(boxes)

    @staticmethod
    def _mirror_cells() -> np.ndarray:
        """Return for each cell the index of the cell at its mirrored place."""
        parts, first = [], 0
        for stride in STRIDES:
            side = -(-SIDE // stride)
            grid = first + np.arange(side * side).reshape(side, side)
            parts.append(grid[:, ::-1].ravel())
            first += side * side
        return np.concatenate(parts)

    def _merge(self, boxes: np.ndarray, scores: np.ndarray, columns: np.ndarray) -> TeacherBoxes:
        """Give boxes of several classes on one thing to the best of them, with all scores."""
        best = scores[np.arange(len(columns)), columns]
        overlap = iou_matrix(boxes, boxes)
        soft = np.zeros((len(boxes), self.class_count), np.float32)
        is_free = np.ones(len(boxes), bool)
        leaders = []
        for index in np.argsort(-best, kind="stable"):
            if not is_free[index]:
                continue
            same = is_free & (overlap[index] >= SAME_THING_IOU)
            is_free[same] = False
            soft[index, self.known] = scores[same].max(axis=0)
            leaders.append(int(index))
        own = np.array(self.known)[columns[leaders]] if leaders else np.zeros(0, np.int64)
        return TeacherBoxes(boxes[leaders], own, best[leaders], soft[leaders], best[leaders])


def measure_chances(frames: Sequence[Frame], seen: Sequence[TeacherBoxes]) -> IsotonicRegression:
    """Learn how often a teacher's box is right at each score, where the truth is marked.

    A box is right if it overlaps a true box of its class by half; boxes on crowds don't count.
    """
    scores: list[float] = []
    is_right: list[bool] = []
    for frame, found in zip(frames, seen, strict=True):
        overlap = iou_matrix(found.boxes, frame.boxes)
        taken = np.zeros(len(frame.boxes), bool)
        for index in np.argsort(-found.scores, kind="stable"):
            if not frame.is_annotated[found.classes[index]]:
                continue
            fits = (overlap[index] >= 0.5) & (frame.classes == found.classes[index])
            if (fits & frame.is_crowd).any():
                continue
            free = np.flatnonzero(fits & ~taken)
            if len(free):
                taken[free[overlap[index][free].argmax()]] = True
            scores.append(float(found.scores[index]))
            is_right.append(bool(len(free)))
    curve = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    return curve.fit(np.array(scores), np.array(is_right, float))


def save(path: Path, frames: Sequence[Frame], seen: Sequence[TeacherBoxes]) -> None:
    """Write what was seen to one .npz file, in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp.npz")
    np.savez(
        temporary,
        image_ids=np.array([frame.id for frame in frames]),
        counts=np.array([len(found.boxes) for found in seen]),
        **{
            name: np.concatenate([getattr(found, name) for found in seen])
            for name in ("boxes", "classes", "scores", "soft", "chances")
        },
    )
    os.replace(temporary, path)


def load(path: Path) -> dict[int, TeacherBoxes]:
    """Read a file of `save`: image id -> what was seen there."""
    with np.load(path) as stored:
        arrays = {name: stored[name] for name in stored.files}
    ends = np.cumsum(arrays["counts"])
    return {
        int(image_id): TeacherBoxes(
            **{
                name: arrays[name][end - count : end]
                for name in ("boxes", "classes", "scores", "soft", "chances")
            }
        )
        for image_id, count, end in zip(arrays["image_ids"], arrays["counts"], ends, strict=True)
    }


def _look_at_all(teacher: Teacher, frames: Sequence[Frame]) -> Iterator[TeacherBoxes]:
    for index, frame in enumerate(frames):
        bgr = cv2.imread(str(frame.path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise ValueError(f"{frame.path} can't be read as a picture")
        yield teacher.look(bgr)
        if index % 1000 == 999:
            print(f"{index + 1} of {len(frames)} photos", flush=True)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the detection pack")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args(argv)
    words = vocabulary()
    teacher = Teacher(arguments.weights, words)
    frames = load_frames(arguments.data, "train", words)
    seen = list(_look_at_all(teacher, frames))
    curve = measure_chances(frames, seen)
    for score in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8):
        print(f"score {score:.1f}: right {curve.predict([score])[0]:.2f}")
    seen = [
        replace(
            found,
            chances=curve.predict(found.scores).astype(np.float32),
            soft=curve.predict(found.soft.ravel()).reshape(found.soft.shape).astype(np.float32),
        )
        if len(found.boxes)
        else found
        for found in seen
    ]
    save(arguments.out / "train.npz", frames, seen)
    frames = load_frames(arguments.data, "val", words)
    save(arguments.out / "val.npz", frames, list(_look_at_all(teacher, frames)))


if __name__ == "__main__":
    main()
