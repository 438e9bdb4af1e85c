"""Stage A at work: a frame in, all of Tier 1 out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from engines.maxsight.boxes import VOTING_SHARE
from engines.maxsight.checkpoint import find_network, is_number
from engines.maxsight.classes import Vocabulary, vocabulary
from engines.maxsight.decode import Detections, decode
from engines.maxsight.frames import letterbox, to_rgb
from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE, distance_m_of, urgency_of, zone_of
from engines.maxsight.stage_a import StageAOutput
from engines.maxsight.stage_a_network import EagerNetwork, Network, OnnxNetwork
from engines.maxsight.tiers import SeenObject, Tier1, Urgency, Zone
from engines.runtime.checkpoint_engine import CheckpointEngine
from engines.runtime.errors import (
    EngineUnavailableError,
    WeightsCorruptError,
)
from engines.runtime.timing import Stopwatch
from engines.runtime.weights import Card, load_card

CHECKPOINT = "maxsight-a"
GRAPH_FILE = "model.onnx"
WARMUP_PASSES = 3
# A box this close to the edge, as a share of the longer side, is cut by it; as in training.
EDGE_SHARE = 2 / 320


@dataclass(frozen=True)
class Inference:
    """How the outputs of a checkpoint are read; its card says it.

    Attributes:
        thresholds: least score of each class that may be named, by index. Classes that are not
            trusted have none, and are never named.
        input_side: pixels of the longer side of what the network looks at, see `letterbox`.
        objectness_power: a score is class · objectness^power.
    """

    thresholds: Mapping[int, float]
    input_side: int
    objectness_power: float


@dataclass(frozen=True)
class _Loaded:
    """A network with all that was fitted for it; replaced as a whole, never changed."""

    network: Network
    inference: Inference
    words: Vocabulary
    detail: str


class StageARunner(CheckpointEngine[_Loaded]):
    """Look at frames with the trained `StageA`."""

    name, title = "maxsight-a", "MaxSight"

    def load(self) -> None:
        """Read the checkpoint: on a CPU its ONNX graph where there is one, else the weights.

        Raises:
            EngineUnavailableError: if there is no checkpoint.
            WeightsCorruptError: if it is damaged or was trained for other classes.
        """
        source, words = find_network(CHECKPOINT, self.settings, cannot="see"), vocabulary()
        card = load_card(source.path.parent)
        if card is None:
            raise _bad_card("it is missing")
        inference = read_inference(card, words)
        graph = source.path.parent / GRAPH_FILE
        network: Network
        if self.placement.device.type == "cpu" and graph.is_file():
            network = OnnxNetwork(graph, threads=self.settings.cpu_threads)
            how = "ONNX Runtime"
        else:
            network = EagerNetwork(
                source.path, classes=len(words.trained), placement=self.placement
            )
            how = f"PyTorch on {self.placement.device.type}"
        detail = (
            f"{card.name} {card.version}, {len(inference.thresholds)} of {len(words.trained)} "
            f"classes, {how}, from {source.origin}"
        )
        self._loaded = _Loaded(network, inference, words, detail)

    def warmup(self) -> None:
        """Look at grey frames, so that the first person doesn't wait."""
        side = self._ready().inference.input_side
        lying = np.full((side * 3 // 4, side, 3), 128, np.uint8)
        for grey in (lying, lying.transpose(1, 0, 2)):
            for _ in range(WARMUP_PASSES):
                self.look(grey, 0, 0.0)

    def look(self, frame: Any, frame_id: int, captured_s: float) -> Tier1:
        """Say all of Tier 1 about one frame.

        Args:
            frame: upright picture, see `frames.to_rgb`.
            frame_id: number of the frame in its session.
            captured_s: when it was captured, seconds on the session's clock.

        Returns:
            Boxes are in pixels of `frame` as it was given, however large.

        Raises:
            InputError: if the frame is no picture that can be used.
            EngineUnavailableError: if no network is loaded, or it computes numbers that are none.
        """
        loaded = self._ready()
        with Stopwatch(self.placement.device) as watch:
            rgb = to_rgb(frame)
            size = (int(frame.shape[0]), int(frame.shape[1]))
            canvas, scale = letterbox(rgb, loaded.inference.input_side)
            scale *= max(rgb.shape[:2]) / max(size)
            output = loaded.network(canvas)
            if not all(bool(torch.isfinite(part).all()) for part in output):
                raise EngineUnavailableError(
                    "The network of MaxSight computed numbers that are none.",
                    "Restart the app; if it happens again, restore checkpoints/maxsight-a.",
                )
            objects = _objects(output, loaded, canvas.shape[:2], scale, size)
        return Tier1(
            frame_id=frame_id,
            captured_s=captured_s,
            frame_size=size,
            objects=objects,
            urgency=Urgency(int(output.urgency_logits[0].argmax())),
            uncertainty=float(output.uncertainty_logits[0, 0].sigmoid()),
            latency_ms=watch.elapsed_ms,
        )


def read_inference(card: Card, words: Vocabulary) -> Inference:
    """Read the part "inference" of a card.

    It holds `classes`, the trained classes in the order of the outputs; `thresholds`, class id ->
    least score above 0 and up to 1; `input_side`, pixels; `objectness_power`, from 0 to 2.

    Raises:
        WeightsCorruptError: if something is missing, out of range, or of another vocabulary.
    """
    raw = card.raw.get("inference")
    if not isinstance(raw, dict):
        raise _bad_card('it has no part "inference"')
    if raw.get("classes") != list(words.trained_ids):
        raise WeightsCorruptError(
            "The MaxSight checkpoint was trained for other classes than this app knows.",
            "Use the checkpoint that came with this version, or train again.",
        )
    thresholds, side, power = (
        raw.get(key) for key in ("thresholds", "input_side", "objectness_power")
    )
    if not isinstance(thresholds, dict) or not thresholds:
        raise _bad_card("it trusts no class")
    for class_id, least in thresholds.items():
        if class_id not in words.trained_ids:
            raise _bad_card(f"it has a threshold for {class_id}, which is not trained")
        if not is_number(least) or not 0 < least <= 1:
            raise _bad_card(f"the threshold of {class_id} is no number above 0 and up to 1")
    if not isinstance(side, int) or not 64 <= side <= 1024 or side % 32:
        raise _bad_card("its input side is no multiple of 32 from 64 to 1,024")
    if not is_number(power) or not 0 <= power <= 2:
        raise _bad_card("its objectness power is no number from 0 to 2")
    return Inference(
        {words.index_of(name): float(least) for name, least in thresholds.items()},
        side,
        float(power),
    )


def _bad_card(reason: str) -> WeightsCorruptError:
    return WeightsCorruptError(
        f"The card of the MaxSight checkpoint can't be used: {reason}.",
        f"Restore checkpoints/{CHECKPOINT} with git, or export the network again.",
    )


def _objects(
    output: StageAOutput,
    loaded: _Loaded,
    input_size: tuple[int, ...],
    scale: float,
    size: tuple[int, int],
) -> tuple[SeenObject, ...]:
    """Decode one frame; `scale` is input pixels per frame pixel, sizes are height and width."""
    inference = loaded.inference
    trusted = torch.zeros(len(loaded.words.trained), dtype=torch.bool)
    trusted[list(inference.thresholds)] = True
    # Before anything is compared, so that what may not be named takes no candidate's place.
    logits = output.class_logits.masked_fill(~trusted, -math.inf)
    (found,) = decode(
        output._replace(class_logits=logits),
        input_size=(input_size[0], input_size[1]),
        scales=[scale],
        frame_sizes=[size],
        # What has a vote on a thing's box may be less sure than what is named.
        min_score=VOTING_SHARE * min(inference.thresholds.values()),
        objectness_power=inference.objectness_power,
    )
    return tuple(
        seen
        for index in range(len(found.scores))
        if (seen := _seen_object(found, index, loaded, size)) is not None
    )


def _seen_object(
    found: Detections, index: int, loaded: _Loaded, size: tuple[int, int]
) -> SeenObject | None:
    """Describe one detection; None where its class needs a better score or its box is empty."""
    class_index, score = int(found.classes[index]), float(found.scores[index])
    x0, y0, x1, y1 = (float(value) for value in found.boxes[index])
    if score < loaded.inference.thresholds[class_index] or x1 <= x0 or y1 <= y0:
        return None
    height, width = size
    edge = EDGE_SHARE * max(size)
    is_cut = x0 <= edge or y0 <= edge or x1 >= width - edge or y1 >= height - edge
    one = loaded.words.trained[class_index]
    assert one.height_m is not None  # every trained class has one, the vocabulary sees to it
    focal_px = FOCAL_PER_LONGER_SIDE * max(size)
    zone = zone_of(
        box_height_px=y1 - y0,
        area_share=(x1 - x0) * (y1 - y0) / (width * height),
        class_height_m=one.height_m,
        focal_px=focal_px,
        is_cut=is_cut,
    )
    return SeenObject(
        class_id=one.id,
        score=score,
        box=(x0, y0, x1, y1),
        zone=Zone(zone),
        distance_m=distance_m_of(
            box_height_px=y1 - y0, class_height_m=one.height_m, focal_px=focal_px
        ),
        is_cut=is_cut,
        urgency=Urgency(urgency_of(base_urgency=one.base_urgency, zone=zone, group=one.group)),
    )
