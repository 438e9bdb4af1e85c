"""Let a checkpoint look at the photos of the pack: all it sees, or as the app would show it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from engines.maxsight.classes import Vocabulary
from engines.maxsight.decode import Detections, decode
from engines.maxsight.fit.evaluate import Precision, average_precision
from engines.maxsight.fit.pack import Frame
from engines.maxsight.fit.thresholds import Reading
from engines.maxsight.frames import Pixels, letterbox
from engines.maxsight.stage_a_network import Network, OnnxNetwork
from engines.maxsight.stage_a_runner import CHECKPOINT, GRAPH_FILE, StageARunner
from engines.runtime.device import Placement
from engines.runtime.fit import write_card
from engines.runtime.settings import Settings
from engines.runtime.weights import WEIGHTS_FILE

# What average precision is computed down to; as in training.
LOW_SCORE = 0.02


def read_photo(frame: Frame) -> Pixels:
    """Read a photo of the pack, (H, W, 3) uint8 RGB.

    Raises:
        ValueError: if there is none or it has another size than the pack says.
    """
    bgr = cv2.imread(str(frame.path), cv2.IMREAD_COLOR)
    if bgr is None or bgr.shape[:2] != (frame.height, frame.width):
        raise ValueError(f"{frame.path} is no picture of {frame.width} × {frame.height}")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def look_at_all(
    network: Network, frames: Sequence[Frame], *, side: int, powers: Sequence[float]
) -> dict[Reading, list[Detections]]:
    """Detect every trained class down to LOW_SCORE in whole photos, once for each power."""
    found: dict[Reading, list[Detections]] = {Reading(side, power): [] for power in powers}
    for frame in frames:
        canvas, scale = letterbox(read_photo(frame), side)
        output = network(canvas)
        for reading, own in found.items():
            own += decode(
                output,
                input_size=(canvas.shape[0], canvas.shape[1]),
                scales=[scale],
                frame_sizes=[(frame.height, frame.width)],
                min_score=LOW_SCORE,
                objectness_power=reading.power,
            )
    return found


def precision_of(
    network: Network, frames: Sequence[Frame], *, side: int, words: Vocabulary, power: float = 0.0
) -> Precision:
    """Compute the average precision of a network on photos, as training does after each epoch."""
    (found,) = look_at_all(network, frames, side=side, powers=[power]).values()
    return average_precision(frames, found, words)


def compare_on_val(
    float_graph: Path, graph: Path, frames: Sequence[Frame], *, words: Vocabulary, side: int
) -> dict[str, float]:
    """Measure mAP50 of two graphs on the same photos, and what the second one loses."""
    threads = torch.get_num_threads()
    scores = [
        precision_of(OnnxNetwork(path, threads=threads), frames, side=side, words=words).mean()
        for path in (float_graph, graph)
    ]
    return {
        "photos": len(frames),
        "map50_float": scores[0],
        "map50_int8": scores[1],
        "map50_loss": scores[0] - scores[1],
    }


def inference_part(
    reading: Reading, thresholds: Mapping[str, float], words: Vocabulary
) -> dict[str, Any]:
    """Return the part "inference" of a card, as `stage_a_runner.read_inference` reads it."""
    return {
        "classes": list(words.trained_ids),
        "thresholds": dict(thresholds),
        "input_side": reading.side,
        "objectness_power": reading.power,
    }


@contextmanager
def runner_of(
    checkpoint: Path,
    reading: Reading,
    thresholds: Mapping[str, float],
    *,
    words: Vocabulary,
    settings: Settings,
) -> Iterator[StageARunner]:
    """Load a checkpoint as the app would if its card said this; the checkpoint stays as it is."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / CHECKPOINT
        folder.mkdir()
        for name in (WEIGHTS_FILE, GRAPH_FILE):
            (folder / name).symlink_to((checkpoint / name).resolve())
        blank = dict.fromkeys(("created", "summary", "command", "data", "licence"), "measuring")
        write_card(
            folder,
            {
                "name": CHECKPOINT, "version": "measuring", **blank, "metrics": {}, "limits": [],
                "inference": inference_part(reading, thresholds, words),
            },
        )  # fmt: skip
        runner = StageARunner(
            settings.model_copy(update={"checkpoints_dir": Path(temporary)}),
            Placement(torch.device("cpu"), torch.float32, "to measure"),
        )
        runner.load()
        yield runner
        runner.unload()
