"""Stage A at work, on a random network: plumbing, refusals, and what may be emitted."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from engines.maxsight import stage_a_runner
from engines.maxsight.classes import vocabulary
from engines.maxsight.frames import letterbox
from engines.maxsight.stage_a import StageAOutput
from engines.maxsight.stage_a_network import EagerNetwork, OnnxNetwork
from engines.maxsight.stage_a_runner import GRAPH_FILE, StageARunner
from engines.maxsight.tiers import Tier1, Urgency, Zone
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, InputError
from engines.runtime.settings import Settings
from engines.runtime.weights import WEIGHTS_FILE
from tests.engines.maxsight.random_checkpoint import folder_of, inference, runner_of, write_card
from tests.engines.maxsight.test_frames import noise, read_photo

SIDE = 384
# Of a frame of 4:3, which becomes 288 × 384.
CELLS = 36 * 48 + 18 * 24 + 9 * 12
WORDS = vocabulary()
BEST = 20


@pytest.fixture(scope="module")
def runner(random_settings: Settings, placement: Placement) -> StageARunner:
    loaded = runner_of(random_settings, placement)
    loaded.warmup()
    return loaded


# The two ways to compute


@pytest.mark.parametrize("turned", [False, True], ids=["lying", "upright"])
def test_the_graph_equals_pytorch_on_a_real_photo(
    random_settings: Settings, placement: Placement, turned: bool
) -> None:
    folder = folder_of(random_settings)
    photo = read_photo()
    canvas, _ = letterbox(np.rot90(photo).copy() if turned else photo, SIDE)
    in_graph = OnnxNetwork(folder / GRAPH_FILE, threads=1)(canvas)
    eager = EagerNetwork(folder / WEIGHTS_FILE, classes=len(WORDS.trained), placement=placement)(
        canvas
    )
    for name, graph_part, eager_part in zip(StageAOutput._fields, in_graph, eager, strict=True):
        assert eager_part.numel() == 1 or eager_part.std() > 0.01
        torch.testing.assert_close(graph_part, eager_part, rtol=1e-3, atol=1e-3, msg=name)


def test_both_ways_see_the_same_things(own_copy: Settings, placement: Placement) -> None:
    runner = runner_of(own_copy, placement)
    by_graph = runner.look(read_photo(), 7, 1.5)
    (folder_of(own_copy) / GRAPH_FILE).unlink()
    runner.load()
    by_pytorch = runner.look(read_photo(), 7, 1.5)
    # Further down, scores that are equal but for rounding change places.
    best, same = by_graph.objects[:BEST], by_pytorch.objects[:BEST]
    assert len(best) == BEST, "the random network should see something"
    assert [one.class_id for one in best] == [one.class_id for one in same]
    for one, other in zip(best, same, strict=True):
        np.testing.assert_allclose(one.box, other.box, atol=0.5)
        assert one.score == pytest.approx(other.score, abs=1e-3)
    assert by_graph.urgency == by_pytorch.urgency
    assert by_graph.uncertainty == pytest.approx(by_pytorch.uncertainty, abs=1e-3)


# What a frame gives


def test_a_frame_keeps_its_number_its_time_and_its_size(runner: StageARunner) -> None:
    seen = runner.look(noise(480, 640), 41, 12.25)
    assert (seen.frame_id, seen.captured_s, seen.frame_size) == (41, 12.25, (480, 640))
    assert seen.latency_ms > 0
    assert 0 <= seen.uncertainty <= 1


@pytest.mark.parametrize(
    "size", [(480, 640), (640, 480), (32, 32), (1440, 2560), (64, 1000)],
    ids=["webcam", "upright", "tiny", "large", "a strip"],
)  # fmt: skip
def test_boxes_lie_inside_the_frame_as_it_was_given(
    runner: StageARunner, size: tuple[int, int]
) -> None:
    seen = runner.look(noise(*size), 0, 0.0)
    height, width = seen.frame_size
    assert seen.frame_size == size
    assert seen.objects
    for one in seen.objects:
        x0, y0, x1, y1 = one.box
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    # Scores are sorted and the boxes of the large frames are not those of the network's input.
    assert [one.score for one in seen.objects] == sorted(
        (one.score for one in seen.objects), reverse=True
    )


def test_a_larger_picture_of_the_same_gives_larger_boxes_and_equal_distances(
    runner: StageARunner,
) -> None:
    small = read_photo()[:288, :384]
    large = small.repeat(8, axis=0).repeat(8, axis=1)  # 3072 × 2304, above the working size
    first, second = runner.look(small, 0, 0.0), runner.look(large, 1, 0.0)
    assert second.frame_size == (2304, 3072)
    pairs = list(zip(first.objects, second.objects, strict=False))[:3]
    assert pairs
    for one, other in pairs:
        assert one.class_id == other.class_id
        np.testing.assert_allclose(np.array(one.box) * 8, other.box, atol=8)
        assert one.distance_m == pytest.approx(other.distance_m, rel=0.05)


@pytest.mark.parametrize("frame", [None, np.zeros((1, 1, 3), np.uint8)], ids=["none", "1x1"])
def test_a_bad_frame_is_refused_and_the_next_one_is_seen(runner: StageARunner, frame: Any) -> None:
    with pytest.raises(InputError):
        runner.look(frame, 0, 0.0)
    assert runner.look(noise(48, 64), 1, 0.0).frame_id == 1


def test_classes_without_a_threshold_are_never_emitted(
    own_copy: Settings, placement: Placement
) -> None:
    photos = [read_photo(), noise(480, 640), np.zeros((480, 640, 3), np.uint8)]
    runner = runner_of(own_copy, placement)
    everything = {one.class_id for photo in photos for one in runner.look(photo, 0, 0.0).objects}
    trusted = sorted(everything)[0]
    assert len(everything) > 1, "otherwise nothing would be left out"
    write_card(folder_of(own_copy), inference({trusted: 0.02}))
    runner.load()
    for photo in photos:
        assert {one.class_id for one in runner.look(photo, 0, 0.0).objects} <= {trusted}
    assert any(runner.look(photo, 0, 0.0).objects for photo in photos)


def test_each_class_has_its_own_threshold(own_copy: Settings, placement: Placement) -> None:
    runner = runner_of(own_copy, placement)
    before = runner.look(read_photo(), 0, 0.0).objects
    best = before[0]
    strict = math.nextafter(best.score, 1.0) + 1e-4
    write_card(
        folder_of(own_copy),
        inference({**dict.fromkeys(WORDS.trained_ids, 0.02), best.class_id: strict}),
    )
    runner.load()
    after = runner.look(read_photo(), 0, 0.0).objects
    assert best.class_id not in {one.class_id for one in after}
    kept = [one for one in before if one.class_id != best.class_id]
    # A class that is left out also frees places among the candidates, so there can be more.
    assert {one.class_id for one in kept} <= {one.class_id for one in after}


# From outputs made by hand


def output_with(
    class_id: str,
    box: tuple[float, float, float, float],
    *,
    score_logit: float = 3.0,
    urgency: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0),
    uncertainty: float = 0.0,
) -> StageAOutput:
    """Make the outputs for one thing; the box is in pixels of a frame of 320 × 240."""
    classes = torch.full((1, CELLS, len(WORDS.trained)), -12.0)
    sides = torch.zeros(1, CELLS, 4)
    x0, y0, x1, y1 = (place * SIDE / 320 for place in box)
    column, row = int((x0 + x1) / 2 // 8), int((y0 + y1) / 2 // 8)
    cell, cx, cy = row * 48 + column, column * 8 + 4.0, row * 8 + 4.0
    classes[0, cell, WORDS.index_of(class_id)] = score_logit
    sides[0, cell] = torch.tensor([cx - x0, cy - y0, x1 - cx, y1 - cy]).div(8).log()
    return StageAOutput(
        classes,
        torch.zeros(1, CELLS),
        sides,
        torch.zeros(1, CELLS, 3),
        torch.tensor([urgency]),
        torch.tensor([[uncertainty]]),
    )


def look_with(
    output: StageAOutput,
    settings: Settings,
    placement: Placement,
    monkeypatch: pytest.MonkeyPatch,
    size: tuple[int, int] = (480, 640),
) -> Tier1:
    network: Callable[..., StageAOutput] = lambda canvas: output  # noqa: E731
    monkeypatch.setattr(stage_a_runner, "OnnxNetwork", lambda path, **_: network)
    return runner_of(settings, placement).look(np.zeros((*size, 3), np.uint8), 0, 0.0)


# Boxes in a frame of 640 × 480 at half size; the focal length is 526.6 pixels of the frame.
SEEN = {
    "a person far away": ("person", (100, 100, 112, 140), Zone.FAR, 10.86, False, Urgency.SAFE),
    "a person at 5 m": ("person", (100, 60, 130, 147), Zone.MEDIUM, 4.99, False, Urgency.CAUTION),
    "a person near": ("person", (100, 20, 180, 220), Zone.NEAR, 2.17, False, Urgency.WARNING),
    "a car near": ("car", (40, 60, 240, 200), Zone.NEAR, 2.82, False, Urgency.DANGER),
    "a car at 6 m": ("car", (80, 80, 180, 146), Zone.MEDIUM, 5.98, False, Urgency.WARNING),
    "a bottle near": ("bottle", (100, 100, 120, 160), Zone.NEAR, 1.18, False, Urgency.SAFE),
    "a car cut by the edge": ("car", (0, 100, 180, 150), Zone.NEAR, 7.90, True, Urgency.DANGER),
    "a chair at the edge": ("chair", (280, 180, 319, 238), Zone.MEDIUM, 4.09, True, Urgency.SAFE),
}  # fmt: skip


@pytest.mark.parametrize(
    ("class_id", "box", "zone", "distance_m", "is_cut", "urgency"), SEEN.values(), ids=SEEN.keys()
)
def test_distance_zone_and_urgency_follow_from_class_and_size(
    class_id: str, box: tuple[float, float, float, float], zone: Zone, distance_m: float,
    is_cut: bool, urgency: Urgency, random_settings: Settings, placement: Placement,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    tier1 = look_with(output_with(class_id, box), random_settings, placement, monkeypatch)
    (seen,) = tier1.objects
    assert seen.class_id == class_id
    np.testing.assert_allclose(seen.box, np.array(box) * 2, atol=1e-3)
    assert seen.score == pytest.approx(1 / (1 + math.exp(-3.0)))
    assert (seen.zone, seen.is_cut, seen.urgency) == (zone, is_cut, urgency)
    assert seen.distance_m == pytest.approx(distance_m, abs=0.01)


@pytest.mark.parametrize("level", list(Urgency), ids=lambda level: level.name.lower())
def test_the_frame_head_gives_urgency_and_uncertainty(
    level: Urgency, random_settings: Settings, placement: Placement,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    logits = tuple(2.0 if one == level else 0.0 for one in Urgency)
    output = output_with("car", (40, 60, 240, 200), urgency=logits, uncertainty=math.log(3))
    tier1 = look_with(output, random_settings, placement, monkeypatch)
    assert tier1.urgency is level
    assert tier1.uncertainty == pytest.approx(0.75)


@pytest.mark.parametrize("part", StageAOutput._fields)
def test_numbers_that_are_none_are_an_error_and_never_silence(
    part: str, random_settings: Settings, placement: Placement, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = output_with("car", (40, 60, 240, 200))
    broken = getattr(output, part).clone()
    broken.view(-1)[0] = math.nan
    with pytest.raises(EngineUnavailableError, match="numbers that are none"):
        look_with(output._replace(**{part: broken}), random_settings, placement, monkeypatch)
