"""Photos become samples: boxes stay on their things, keys decide all, lists are padded."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.decode import cell_grid
from engines.maxsight.fit import data
from engines.maxsight.fit.data import (
    EPOCH_SHIFT,
    FILL,
    Batch,
    DetectionDataset,
    Phase,
    Sample,
    draw_keys,
    join,
    repeats,
)
from engines.maxsight.fit.labels import make_labels
from engines.maxsight.fit.pack import Frame, load_frames
from engines.maxsight.fit.photometric import change_colours
from engines.maxsight.fit.pixels import PixelCache
from engines.maxsight.geometry import FAR, MEDIUM, NEAR
from tests.engines.maxsight.fit.toy import (
    CAR,
    COLOURS,
    COUNT,
    DOG,
    DOOR,
    PERSON,
    WORDS,
    labels_of,
    paint,
    random_frame,
    seen_boxes,
    toy_frame,
    write_pack,
)

WHOLE = Phase(until=1, side=320, mosaic=0.0, scales=(0.5, 0.75))
ZOOM = Phase(until=1, side=224, mosaic=0.0, scales=(1.0, 2.0))
MOSAIC = Phase(until=1, side=256, mosaic=1.0, scales=(1.0, 1.0))
PERSON_BOX = (40.0, 30.0, 100.0, 130.0)


def dataset_of(
    folder: Path, *frames: Frame, phases: tuple[Phase, ...] = (WHOLE,), is_augmented: bool = True
) -> DetectionDataset:
    write_pack(folder, "train", frames)
    cache = PixelCache(folder / "pixels.u8", load_frames(folder, "train", WORDS))
    labels = [labels_of(frame) for frame in frames]
    return DetectionDataset(cache, labels, WORDS, phases, is_augmented=is_augmented)


@pytest.fixture
def true_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the colours as they are painted, so that a thing can be found by its colour."""
    monkeypatch.setattr(data, "change_colours", lambda pixels, rng: pixels)


def coloured(sample: Sample, class_index: int) -> np.ndarray:
    """Return where a sample shows a class, (S, S) bool, blurred borders left out."""
    distance = sample.pixels.permute(1, 2, 0).int() - torch.tensor(COLOURS[class_index])
    return (distance.abs().amax(dim=2) < 70).numpy()


# Boxes and pixels


@pytest.mark.usefixtures("true_colours")
def test_boxes_of_a_whole_photo_fit_their_things_to_the_pixel(tmp_path: Path) -> None:
    dataset = dataset_of(tmp_path, toy_frame((PERSON, PERSON_BOX), (CAR, (200, 90, 300, 150))))
    is_left: Counter[bool] = Counter()
    for seed in range(30):
        sample = dataset[0, seed]
        assert sample.classes.tolist() == [PERSON, CAR]
        for class_index, box in zip((PERSON, CAR), sample.boxes.numpy(), strict=True):
            rows, columns = np.nonzero(coloured(sample, class_index))
            found = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(box, found, atol=1.0)
        is_left[bool(sample.boxes[0, 0] < sample.boxes[1, 0])] += 1
    assert min(is_left[True], is_left[False]) >= 5  # both as taken and mirrored


@pytest.mark.usefixtures("true_colours")
@pytest.mark.parametrize("phase", [ZOOM, MOSAIC], ids=["zoomed", "mosaic"])
def test_boxes_of_cut_photos_lie_on_their_things(tmp_path: Path, phase: Phase) -> None:
    frames = [random_frame(number) for number in range(6)]
    dataset = dataset_of(tmp_path, *frames, phases=(phase,))
    seen = 0
    for seed in range(30):
        sample = dataset[seed % 6, seed]
        assert sample.pixels.shape == (3, phase.side, phase.side)
        for class_index, box in zip(sample.classes.tolist(), sample.boxes.numpy(), strict=True):
            x0, y0, x1, y1 = box
            assert 0 <= x0 < x1 <= phase.side and 0 <= y0 < y1 <= phase.side
            inner = slice(math.ceil(y0 + 1), int(y1 - 1)), slice(math.ceil(x0 + 1), int(x1 - 1))
            inside = coloured(sample, class_index)[inner]
            assert inside.mean() > 0.97 if inside.size else min(x1 - x0, y1 - y0) < 5
            seen += 1
    assert seen >= 20


@pytest.mark.usefixtures("true_colours")
@pytest.mark.parametrize("phase", [ZOOM, MOSAIC], ids=["zoomed", "mosaic"])
def test_what_is_left_of_a_cut_thing_is_marked_or_not_counted(tmp_path: Path, phase: Phase) -> None:
    dataset = dataset_of(tmp_path, *(random_frame(number) for number in range(6)), phases=(phase,))
    centres = cell_grid(phase.side, phase.side)[0].numpy()
    unseen = 0
    for seed in range(30):
        sample = dataset[seed % 6, seed]
        column, row = centres.astype(int).T
        for class_index in (PERSON, CAR, DOG):
            seen = coloured(sample, class_index)
            shows = seen[row, column] & seen[row - 1, column - 1]  # centres lie between pixels
            boxes = sample.boxes[sample.classes == class_index].numpy()[:, None]
            is_in_box = (centres >= boxes[..., :2] - 1) & (centres <= boxes[..., 2:] + 1)
            is_unmarked = shows & ~is_in_box.all(axis=2).any(axis=0)
            assert not sample.is_seen.numpy()[is_unmarked].any()
            assert not sample.known.numpy()[is_unmarked, class_index].any()
            unseen += int(is_unmarked.sum())
    assert unseen > 0


def test_without_augmentation_the_photo_lies_at_the_top_left_as_in_use(tmp_path: Path) -> None:
    frame = toy_frame((PERSON, PERSON_BOX))
    phase = Phase(until=1, side=320, mosaic=1.0, scales=(0.5, 0.5))
    sample = dataset_of(tmp_path, frame, phases=(phase,), is_augmented=False)[0, 5]
    pixels = sample.pixels.permute(1, 2, 0).numpy()
    assert np.array_equal(pixels[:240], paint(frame))
    assert (pixels[240:] == FILL).all()
    assert sample.boxes.tolist() == [list(PERSON_BOX)]


def test_a_crowd_is_no_object_and_its_cells_count_for_no_one(tmp_path: Path) -> None:
    frame = toy_frame((CAR, (200, 90, 300, 150)), (PERSON, PERSON_BOX), crowds=[1])
    sample = dataset_of(tmp_path, frame, is_augmented=False)[0, 0]
    centres = cell_grid(320, 320)[0]
    low, high = torch.tensor(PERSON_BOX).view(2, 2)
    inside = ((centres >= low) & (centres <= high)).all(dim=1)
    assert sample.classes.tolist() == [CAR]
    assert torch.equal(sample.is_seen, ~inside)
    assert torch.equal(sample.known[:, PERSON] == 0, inside)
    assert (sample.known[:, [CAR, DOOR]] == 2).all()


def test_a_photo_that_marks_few_classes_says_nothing_of_the_others(tmp_path: Path) -> None:
    frame = toy_frame((PERSON, PERSON_BOX), annotated=[PERSON])
    sample = dataset_of(tmp_path, frame, is_augmented=False)[0, 0]
    is_photo = cell_grid(320, 320)[0][:, 1] < 240
    for class_index, known in ((PERSON, 2), (CAR, 1), (DOOR, 0)):
        assert (sample.known[is_photo, class_index] == known).all()
    assert (sample.known[~is_photo] == 2).all()  # the grey below it is surely empty


# Zones and urgency: at 320 px, a box of h pixels of a thing H metres tall is 263 H / h away.
@pytest.mark.parametrize(
    ("class_index", "box", "zone", "urgency"),
    [
        (CAR, (40, 30, 300, 200), NEAR, 3),
        (CAR, (40, 30, 140, 100), MEDIUM, 2),
        (CAR, (40, 30, 90, 70), FAR, 1),
        (PERSON, (40, 30, 80, 130), MEDIUM, 1),
        (DOG, (40, 30, 80, 50), MEDIUM, 0),
    ],
    ids=["car at 2 m", "car at 6 m", "car at 10 m", "person at 4 m", "dog at 7 m"],
)
def test_zone_and_urgency_follow_from_size(
    tmp_path: Path, class_index: int, box: tuple[float, float, float, float],
    zone: int, urgency: int,
) -> None:  # fmt: skip
    sample = dataset_of(tmp_path, toy_frame((class_index, box)), is_augmented=False)[0, 0]
    assert sample.zones.tolist() == [zone]
    assert int(sample.urgency) == urgency


def test_what_is_shown_larger_is_nearer(tmp_path: Path) -> None:
    frame = toy_frame((PERSON, (140, 90, 180, 150)))  # 7.2 m as taken
    close = Phase(until=1, side=320, mosaic=0.0, scales=(3.0, 3.0))
    sample = dataset_of(tmp_path, frame, phases=(close,))
    found = [one for seed in range(20) if len((one := sample[0, seed]).zones)]
    assert found
    assert {zone for one in found for zone in one.zones.tolist()} == {NEAR}


def test_in_larger_frames_the_same_photo_is_as_near(tmp_path: Path) -> None:
    """What grows with the frame is not nearer for it."""
    frame = toy_frame((CAR, (40, 30, 140, 100)))  # 6 m as taken
    phases = [
        Phase(until=1, side=384, mosaic=0.0, scales=(1.0, 1.0), frame_side=side)
        for side in (320, 384)
    ]
    photo, grown = (dataset_of(tmp_path, frame, phases=(phase,))[0, 3] for phase in phases)
    sizes = [sample.boxes[0, 2:] - sample.boxes[0, :2] for sample in (photo, grown)]
    torch.testing.assert_close(sizes[1], sizes[0] * 1.2, rtol=0.02, atol=0.0)
    assert photo.zones.tolist() == grown.zones.tolist() == [MEDIUM]
    assert photo.urgency == grown.urgency == 2


def test_only_likely_things_make_a_frame_urgent(tmp_path: Path) -> None:
    frame = toy_frame(annotated=[PERSON])
    dataset = dataset_of(tmp_path, frame, is_augmented=False)
    for chance, urgency in ((0.49, 0), (0.51, 2)):
        seen = seen_boxes((CAR, (40, 30, 140, 100), chance))
        dataset.labels = [make_labels(frame, seen, WORDS)]
        assert int(dataset[0, 0].urgency) == urgency


# Keys, phases and batches


def test_a_sample_is_decided_by_its_key_alone(tmp_path: Path) -> None:
    frames = [random_frame(number) for number in range(4)]
    phase = Phase(until=1, side=128, mosaic=0.5, scales=(0.3, 1.0))
    dataset = dataset_of(tmp_path, *frames, phases=(phase,))
    for seed in range(8):
        np.random.seed(seed)
        torch.manual_seed(seed)
        one, again, other = dataset[1, seed], dataset[1, seed], dataset[1, seed + 100]
        assert all(torch.equal(a, b) for a, b in zip(one, again, strict=True))
        assert not torch.equal(one.pixels, other.pixels)


def test_the_epoch_in_a_key_decides_the_phase(tmp_path: Path) -> None:
    phases = tuple(Phase(until, side, 0.0, (0.5, 0.5)) for until, side in ((2, 64), (3, 96)))
    dataset = dataset_of(tmp_path, random_frame(0), phases=phases)
    sides = [dataset[0, (epoch << EPOCH_SHIFT) + 7].pixels.shape[1] for epoch in range(5)]
    assert sides == [64, 64, 96, 96, 96]


def test_objects_are_padded_with_chance_0(tmp_path: Path) -> None:
    frames = toy_frame((PERSON, PERSON_BOX), (CAR, (200, 90, 300, 150))), toy_frame(number=2)
    dataset = dataset_of(tmp_path, *frames, is_augmented=False)
    batch = join([dataset[0, 0], dataset[1, 0]])
    assert isinstance(batch, Batch)
    assert batch.pixels.shape == (2, 3, 320, 320) and batch.pixels.dtype == torch.uint8
    assert batch.boxes.shape == (2, 2, 4) and batch.wanted.shape == (2, 2, COUNT)
    assert batch.chances.tolist() == [[1, 1], [0, 0]]
    assert batch.classes[0].tolist() == [PERSON, CAR]
    assert join([dataset[1, 0]]).boxes.shape == (1, 1, 4)


def test_a_rare_class_is_shown_more_often_by_the_root_of_its_rarity() -> None:
    frames = [toy_frame((PERSON, PERSON_BOX))] * 398 + [toy_frame()]
    rare = toy_frame((PERSON, PERSON_BOX), (DOG, (200, 90, 300, 150)))
    found = repeats([labels_of(frame) for frame in (*frames, rare)], WORDS)
    assert found[:-1].tolist() == [1.0] * 399
    assert found[-1] == pytest.approx(math.sqrt(0.02 / (1 / 400)))


def test_ignored_boxes_and_the_teacher_s_make_no_photo_rare() -> None:
    crowd = labels_of(toy_frame((DOG, PERSON_BOX), crowds=[0]))
    guess = make_labels(toy_frame(annotated=[]), seen_boxes((DOG, PERSON_BOX, 0.9)), WORDS)
    plain = [labels_of(toy_frame((PERSON, PERSON_BOX)))] * 100
    assert repeats([*plain, crowd, guess], WORDS).tolist() == [1.0] * 102


@given(
    weights=st.lists(st.floats(1.0, 5.0), min_size=1, max_size=40),
    seed=st.integers(0, 99),
    epoch=st.integers(0, 40),
)
@settings(deadline=None)
def test_a_photo_is_drawn_as_often_as_its_weight_says(
    weights: list[float], seed: int, epoch: int
) -> None:
    keys = draw_keys(np.array(weights), seed=seed, epoch=epoch)
    assert len(keys) == round(sum(weights))
    drawn = Counter(index for index, _ in keys)
    for index, weight in enumerate(weights):
        assert abs(drawn[index] - weight * len(keys) / sum(weights)) < 1 + 1e-6
    assert {one >> EPOCH_SHIFT for _, one in keys} == {epoch}


def test_an_epoch_is_drawn_the_same_at_every_call_and_differs_from_the_next() -> None:
    weights = np.ones(50)
    first, again, other = (draw_keys(weights, seed=0, epoch=epoch) for epoch in (0, 0, 1))
    assert first == again
    assert [index for index, _ in first] != [index for index, _ in other]


# Colours, the pack and the decoded photos


def test_other_colours_leave_the_picture_s_edges_where_they_are() -> None:
    photo = np.full((64, 64, 3), 30, np.uint8)
    photo[16:48, 20:52] = (200, 120, 90)
    changed = 0
    for seed in range(60):
        found = change_colours(photo.copy(), np.random.default_rng(seed))
        assert found.shape == photo.shape and found.dtype == np.uint8
        level = found.astype(float).mean(axis=2)
        inside, outside = level[24:40, 28:44].mean(), level[:8].mean()
        assert inside > outside
        rows, columns = np.nonzero(level > (inside + outside) / 2)
        edges = np.quantile(rows, [0.02, 0.98]), np.quantile(columns, [0.02, 0.98])
        np.testing.assert_allclose(edges, [(16, 47), (20, 51)], atol=3)
        changed += not np.array_equal(found, photo)
    assert changed > 40


def test_photos_are_decoded_once_and_again_when_the_list_changes(tmp_path: Path) -> None:
    frames = [random_frame(1), toy_frame((CAR, (5, 5, 20, 30)), number=2, size=(48, 64))]
    write_pack(tmp_path, "train", frames)
    read = load_frames(tmp_path, "train", WORDS)
    for count in (1, 2):
        cache = PixelCache(tmp_path / "cache" / "train.u8", read[:count])
        for index in range(count):
            assert np.array_equal(cache[index], paint(frames[index]))
    (tmp_path / "images" / "train_1.png").unlink()
    again = PixelCache(tmp_path / "cache" / "train.u8", read)
    assert np.array_equal(again[1], paint(frames[1]))


def test_a_photo_of_another_size_is_named(tmp_path: Path) -> None:
    write_pack(tmp_path, "train", [toy_frame(size=(48, 64))])
    wrong = [toy_frame(path=tmp_path / "images" / "train_1.png")]
    with pytest.raises(ValueError, match=r"train_1\.png is no picture of 320x240"):
        PixelCache(tmp_path / "train.u8", wrong)
    assert not (tmp_path / "train.u8").exists()


def test_the_pack_is_read_with_its_boxes_and_with_what_it_marks(tmp_path: Path) -> None:
    box, crowd = (5.0, 6.0, 20.0, 30.0), (30.0, 6.0, 40.0, 30.0)
    first = toy_frame((CAR, box), (PERSON, crowd), crowds=[1], annotated=[CAR], size=(48, 64))
    write_pack(tmp_path, "val", [first, toy_frame((CAR, (5, 6, 5, 30)), number=2)])
    one, flat = load_frames(tmp_path, "val", WORDS)
    assert (one.id, one.width, one.height, one.source) == (1, 64, 48, "made up")
    assert one.path.exists()
    assert one.boxes.tolist() == [list(box), list(crowd)]
    assert one.classes.tolist() == [CAR, PERSON]
    assert one.is_crowd.tolist() == [False, True]
    assert np.flatnonzero(one.is_annotated).tolist() == [CAR]
    assert len(flat.boxes) == 0  # a box without width is none
    with pytest.raises(FileNotFoundError):
        load_frames(tmp_path, "train", WORDS)
