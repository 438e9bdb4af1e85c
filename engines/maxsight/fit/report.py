"""Measure a checkpoint on val, choose what it may name, and write its card.

`python -m engines.maxsight.fit.report --data DIR --checkpoint checkpoints/maxsight-a`

See `fit.measure` for what is chosen and measured on which photos.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engines.maxsight.classes import vocabulary
from engines.maxsight.fit.card import make_card
from engines.maxsight.fit.measure import POWERS, Videos, measure
from engines.maxsight.fit.pack import load_frames
from engines.maxsight.stage_a_runner import GRAPH_FILE
from engines.runtime.errors import ReleafError
from engines.runtime.fit import write_card
from engines.runtime.settings import Settings

NOTES = Path(__file__).with_name("card_notes.json")


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the detection pack")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder of fit.export")
    parser.add_argument("--out", type=Path, help="folder of the card, by default the checkpoint")
    parser.add_argument("--notes", type=Path, default=NOTES, help="JSON, the card's fixed texts")
    parser.add_argument("--export", type=Path, help="numbers of fit.export, for the card")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="runs whose logs to tell")
    parser.add_argument(
        "--earlier", type=Path, help="card of what the first run started from, to tell its runs too"
    )
    parser.add_argument(
        "--sides", type=int, nargs="+", default=[384], help="longer sides of the input, pixels"
    )
    parser.add_argument("--powers", type=float, nargs="+", default=list(POWERS))
    parser.add_argument("--photos", type=int, help="only so many of val, for a trial")
    parser.add_argument("--calm-videos", type=int, default=Videos.calm)
    parser.add_argument("--parked-videos", type=int, default=Videos.parked)
    parser.add_argument("--video-s", type=float, default=Videos.seconds)
    parser.add_argument("--video-fps", type=float, default=Videos.fps)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    words = vocabulary()
    earlier = json.loads(arguments.earlier.read_text("utf-8")) if arguments.earlier else None
    told = earlier["metrics"].get("training", {}) if earlier else {}
    if twice := told.keys() & {run.name for run in arguments.runs}:
        # Asked before anything is measured, which takes minutes.
        sys.exit(f"The earlier card tells of a run {', '.join(twice)}: rename the folder.")
    frames = load_frames(arguments.data, "val", words)
    if arguments.photos:
        drawn = np.random.default_rng(arguments.seed).permutation(len(frames))
        frames = [frames[index] for index in sorted(drawn[: arguments.photos])]
    graph = arguments.checkpoint / GRAPH_FILE
    if not graph.is_file():
        sys.exit(f"There is no {graph}. Run engines.maxsight.fit.export first.")
    try:
        measured = measure(
            arguments.checkpoint,
            frames,
            words=words,
            settings=Settings(),
            sides=arguments.sides,
            powers=arguments.powers,
            videos=Videos(
                arguments.calm_videos,
                arguments.parked_videos,
                arguments.video_s,
                arguments.video_fps,
            ),
            seed=arguments.seed,
        )
    except (ReleafError, FileNotFoundError) as error:
        sys.exit(str(error))
    card = make_card(
        json.loads(arguments.notes.read_text("utf-8")),
        measured.metrics,
        measured.inference,
        checkpoint=arguments.checkpoint,
        exported=json.loads(arguments.export.read_text("utf-8")) if arguments.export else None,
        runs=arguments.runs,
        earlier=earlier,
    )
    path = write_card(arguments.out or arguments.checkpoint, card)
    print(json.dumps(card["metrics"], indent=1))
    print("\n".join(card["limits"]))
    print(path)


if __name__ == "__main__":
    main()
