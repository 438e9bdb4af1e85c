"""The teacher: a hand-made detector of bright squares, and how far a teacher is trusted."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

from engines.maxsight.fit import teacher
from engines.maxsight.fit.pack import Frame
from engines.maxsight.fit.teacher import (
    BINS,
    COCO_NAMES,
    MEAN_BGR,
    MIN_SCORE,
    SIDE,
    STD_BGR,
    STRIDES,
    Teacher,
    TeacherBoxes,
    measure_chances,
)
from tests.engines.maxsight.fit.toy import (
    CAR,
    COUNT,
    DOG,
    PERSON,
    WORDS,
    seen_boxes,
    toy_frame,
    write_pack,
)

# What the detector says of a cell as bright as can be.
SAYS = {"person": 0.8, "dog": 0.4, "zebra": 0.9}
# Strides from a cell's middle to the left, top, right and bottom of its box.
REACH = (1, 2, 3, 2)


def write_detector(path: Path) -> None:
    """Write a graph with PicoDet's inputs and outputs whose scores are each cell's brightness.

    Only the finest grid looks: a cell is as bright as its 8 × 8 pixels' blue.
    """
    blue = np.zeros((1, 3, 8, 8), np.float32)
    blue[0, 0] = 1 / 64 / 255
    scores = np.zeros((1, len(COCO_NAMES)), np.float32)
    for name, score in SAYS.items():
        scores[0, COCO_NAMES.index(name)] = score
    constants: dict[str, np.ndarray] = {
        "blue": blue, "scores": scores, "grid": np.array([1, -1, 1], np.int64),
        "std": STD_BGR.reshape(1, 3, 1, 1), "mean": MEAN_BGR.reshape(1, 3, 1, 1),
    }  # fmt: skip
    nodes = [
        helper.make_node("Mul", ["image", "std"], ["scaled"]),
        helper.make_node("Add", ["scaled", "mean"], ["pixels"]),
        helper.make_node("Conv", ["pixels", "blue"], ["cells"], strides=[8, 8]),
        helper.make_node("Reshape", ["cells", "grid"], ["rows"]),
        helper.make_node("MatMul", ["rows", "scores"], ["scores_8"]),
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, SIDE, SIDE])
    outputs = []
    for kind, width in (("scores", len(COCO_NAMES)), ("sides", 4 * BINS)):
        for stride in STRIDES:
            name, shape = f"{kind}_{stride}", [1, (-(-SIDE // stride)) ** 2, width]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
            if name == "scores_8":
                continue
            constants[f"given_{name}"] = given = np.zeros(shape, np.float32)
            nodes.append(helper.make_node("Identity", [f"given_{name}"], [name]))
            if kind == "sides":
                for side, reach in enumerate(REACH):
                    given[:, :, side * BINS + reach] = 60.0
    graph = helper.make_graph(
        nodes, "bright squares", [image], outputs,
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("detector") / "detector.onnx"
    write_detector(path)
    return path


@pytest.fixture(scope="module")
def looking(detector: Path) -> Teacher:
    return Teacher(detector, WORDS)


def photo_with_bright_cells(*cells: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Make a black photo with white cells, (row, column) of the finest grid."""
    square = np.zeros((SIDE, SIDE, 3), np.uint8)
    for row, column in cells:
        square[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = 255
    return cv2.resize(square, size[::-1], interpolation=cv2.INTER_NEAREST)


@pytest.mark.parametrize("size", [(416, 416), (208, 416), (832, 416)], ids=str)
def test_a_bright_square_is_found_where_it_is(looking: Teacher, size: tuple[int, int]) -> None:
    found = looking.look(photo_with_bright_cells((10, 40), size=size))
    assert found.classes.tolist() == [PERSON]
    # The photo and its mirror image reach 1 and 3 cells to a side, so 2 on average.
    x, y = 40 * 8 + 4, 10 * 8 + 3.5
    scale = np.array([size[1], size[0]] * 2) / SIDE
    np.testing.assert_allclose(
        found.boxes, [np.array([x - 16, y - 16, x + 16, y + 16]) * scale], atol=1.5
    )


def test_names_that_are_no_trained_class_are_not_heard(looking: Teacher) -> None:
    found = looking.look(photo_with_bright_cells((10, 40), size=(416, 416)))
    assert "zebra" not in WORDS.trained_ids
    assert found.scores.tolist() == pytest.approx([SAYS["person"]], abs=1e-5)
    assert found.chances.tolist() == found.scores.tolist()


def test_two_names_of_one_thing_become_one_box_with_both(looking: Teacher) -> None:
    found = looking.look(photo_with_bright_cells((10, 40), size=(416, 416)))
    expected = np.zeros(COUNT)
    expected[[PERSON, DOG]] = SAYS["person"], SAYS["dog"]
    np.testing.assert_allclose(found.soft, [expected], atol=1e-5)


def test_things_apart_stay_apart_best_first_and_inside_the_photo(looking: Teacher) -> None:
    photo = photo_with_bright_cells((10, 40), (0, 51), size=(416, 416))
    photo[:8, -8:] = 128
    found = looking.look(photo)
    assert found.scores.tolist() == pytest.approx([0.8, 0.8 * 128 / 255], abs=1e-3)
    assert found.boxes[1].tolist() == pytest.approx([396, 0, 416, 19.5], abs=0.6)
    assert found.scores.min() >= MIN_SCORE


def test_a_dark_photo_shows_nothing(looking: Teacher) -> None:
    found = looking.look(np.zeros((100, 80, 3), np.uint8))
    assert found.boxes.shape == (0, 4) and found.soft.shape == (0, COUNT)
    assert [len(part) for part in (found.classes, found.scores, found.chances)] == [0, 0, 0]


# How often it is right

HERE, THERE = (10.0, 10.0, 50.0, 50.0), (100.0, 10.0, 150.0, 60.0)


def chance_of(score: float, *photos: tuple[Frame, TeacherBoxes]) -> float:
    curve = measure_chances([frame for frame, _ in photos], [seen for _, seen in photos])
    return float(curve.predict([score])[0])


def test_a_score_is_right_as_often_as_measured() -> None:
    frame = toy_frame((PERSON, HERE))
    right, wrong = seen_boxes((PERSON, HERE, 0.5)), seen_boxes((PERSON, THERE, 0.5))
    sure = seen_boxes((PERSON, HERE, 0.9))
    photos = [(frame, right), (frame, wrong), (frame, wrong), (frame, wrong), (frame, sure)]
    assert chance_of(0.5, *photos) == pytest.approx(0.25)
    assert chance_of(0.1, *photos) == pytest.approx(0.25)  # never outside what was measured
    assert chance_of(0.9, *photos) == 1
    assert chance_of(0.7, *photos) == pytest.approx(0.625)


WHOLE = toy_frame((PERSON, HERE))
JUDGED = {
    "right": ((PERSON, HERE, 0.5), WHOLE, 1.0),
    "a little beside it": ((PERSON, (10.0, 20.0, 50.0, 60.0), 0.5), WHOLE, 1.0),
    "far beside it": ((PERSON, (10.0, 30.0, 50.0, 70.0), 0.5), WHOLE, 0.0),
    "another class": ((CAR, HERE, 0.5), WHOLE, 0.0),
    "a class that is not marked": (
        (CAR, HERE, 0.5),
        toy_frame((PERSON, HERE), annotated=[PERSON]),
        None,
    ),
    "a crowd": ((PERSON, HERE, 0.5), toy_frame((PERSON, HERE), crowds=[0]), None),
}


@pytest.mark.parametrize(("seen", "frame", "expected"), JUDGED.values(), ids=JUDGED.keys())
def test_a_box_is_right_on_a_true_one_of_its_class(
    seen: tuple[int, tuple[float, float, float, float], float],
    frame: Frame,
    expected: float | None,
) -> None:
    judged = frame, seen_boxes(seen)
    # A wrong box at 0.2 and a right one at 0.8 give 0.5 to what is not counted between them.
    below = toy_frame(), seen_boxes((PERSON, HERE, 0.2))
    above = WHOLE, seen_boxes((PERSON, HERE, 0.8))
    found = chance_of(0.5, judged, below, above)
    assert found == pytest.approx(0.5 if expected is None else expected)


def test_a_thing_found_twice_is_right_once_for_the_better_score() -> None:
    seen = seen_boxes((PERSON, HERE, 0.5), (PERSON, HERE, 0.9))
    photo = toy_frame((PERSON, HERE)), seen
    assert chance_of(0.9, photo) == 1
    assert chance_of(0.5, photo) == 0


# What is kept


def test_what_was_seen_is_read_as_it_was_written(tmp_path: Path) -> None:
    frames = [toy_frame(number=number) for number in (7, 3, 5)]
    seen = [
        seen_boxes((PERSON, HERE, 0.5), (CAR, THERE, 0.3)),
        seen_boxes(),
        seen_boxes((PERSON, HERE, 0.9)),
    ]
    teacher.save(tmp_path / "new" / "train.npz", frames, seen)
    read = teacher.load(tmp_path / "new" / "train.npz")
    assert list(read) == [7, 3, 5]
    for one, other in zip(seen, read.values(), strict=True):
        for name in ("boxes", "classes", "scores", "soft", "chances"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name), strict=True)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["train.npz"]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Write a pack in which one bright square of two is a person."""
    size, box = (416, 416), (308.0, 67.0, 340.0, 99.0)
    frames = [toy_frame((PERSON, box), size=size), toy_frame(number=2, size=size)]
    for split in ("train", "val"):
        write_pack(tmp_path, split, frames)
        for frame in frames:
            bright = photo_with_bright_cells((10, 40), size=size)
            Image.fromarray(bright).save(tmp_path / "images" / f"{split}_{frame.id}.png")
    return tmp_path


def test_the_command_marks_train_with_chances_and_val_with_scores(
    pack: Path, detector: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    teacher.main(["--data", str(pack), "--weights", str(detector), "--out", str(out)])
    for split, chance in (("train", 0.5), ("val", SAYS["person"])):
        for seen in teacher.load(out / f"{split}.npz").values():
            assert seen.classes.tolist() == [PERSON]
            assert seen.chances.tolist() == pytest.approx([chance], abs=1e-5)
    assert "score 0.8: right 0.50" in capsys.readouterr().out


def test_a_photo_that_cannot_be_read_is_named(pack: Path, detector: Path) -> None:
    (pack / "images" / "train_2.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"train_2\.png can't be read"):
        teacher.main(["--data", str(pack), "--weights", str(detector), "--out", str(pack / "o")])
