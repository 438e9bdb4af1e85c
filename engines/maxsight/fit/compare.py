"""Compare trained networks on val, photo by photo: mAP50 of each, and how it differs.

    python -m engines.maxsight.fit.compare --data DIR --runs RUN RUN --single-grid RUN

Every run but the first is set against the first; resamples of the photos are the same for all.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils import convert_conv2d_weight_memory_format

from engines.maxsight.classes import vocabulary
from engines.maxsight.fit.evaluate import MANY_BOXES
from engines.maxsight.fit.intervals import around, draw_photos
from engines.maxsight.fit.matching import ClassMatches, match_classes, mean_precision
from engines.maxsight.fit.pack import load_frames
from engines.maxsight.fit.pixels import PixelCache
from engines.maxsight.fit.single_grid import SingleGridStageA
from engines.maxsight.fit.train import detect_all
from engines.maxsight.stage_a import StageA
from engines.runtime.weights import load_tensors

BEST_FILE = "best.safetensors"
DRAWS = 300


def resampled(
    matches: Sequence[ClassMatches], draws: NDArray[np.int64], *, min_boxes: int
) -> NDArray[np.float64]:
    """Return the mAP50 of all photos, then of each resample: (1 + draws,)."""
    once = np.ones((1, draws.shape[1]), np.int64)
    return np.array(
        [
            mean_precision(matches, weights, min_boxes=min_boxes)
            for weights in np.concatenate([once, draws])
        ]
    )


def compare(
    of_runs: Mapping[str, Sequence[ClassMatches]], draws: NDArray[np.int64], *, min_boxes: int
) -> dict[str, dict[str, list[float]]]:
    """Return each run's mAP50 and how much more it is than the first one's, with intervals."""
    values = {name: resampled(one, draws, min_boxes=min_boxes) for name, one in of_runs.items()}
    first = next(iter(values.values()))
    found = {}
    for name, one in values.items():
        found[name] = {"map50": around(float(one[0]), one[1:])}
        if one is not first:
            more = one - first
            found[name]["more_than_first"] = around(float(more[0]), more[1:])
    return found


def load_run(run: Path, model: StageA) -> StageA:
    """Read the best weights of a run into a network of its kind."""
    model.load_state_dict(load_tensors(run / BEST_FILE))
    convert_conv2d_weight_memory_format(model, torch.channels_last)
    return model.eval()


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the detection pack")
    parser.add_argument("--runs", type=Path, nargs="+", required=True, help="of fit.train")
    parser.add_argument(
        "--single-grid", type=Path, nargs="*", default=[], help="runs with --single-grid"
    )
    parser.add_argument("--side", type=int, default=192, help="of the pictures, pixels")
    arguments = parser.parse_args(argv)
    words = vocabulary()
    frames = load_frames(arguments.data, "val", words)
    pixels = PixelCache(arguments.runs[0].parent / "val_pixels.u8", frames)
    classes = len(words.trained)
    networks = [(run, StageA(classes)) for run in arguments.runs]
    networks += [(run, SingleGridStageA(classes)) for run in arguments.single_grid]
    of_runs = {
        run.name: match_classes(
            frames, detect_all(load_run(run, model), frames, pixels, side=arguments.side), words
        )
        for run, model in networks
    }
    draws = draw_photos(len(frames), draws=DRAWS)
    found = {
        f"classes with {least} or more boxes": compare(of_runs, draws, min_boxes=least)
        for least in (MANY_BOXES, 1)
    }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
