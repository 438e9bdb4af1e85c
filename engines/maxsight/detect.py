"""Detect in a COCO set: `python -m engines.maxsight.detect --coco SET.json --images DIR --out F`.

Writes COCO's format of detections and prints the time each picture took. By default every trained
class comes down to a low score, as average precision wants it; `--trusted` names only what the app
would name.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engines.maxsight.classes import vocabulary
from engines.maxsight.frames import Pixels
from engines.maxsight.stage_a_runner import StageARunner
from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.errors import InputError, ReleafError, StorageError
from engines.runtime.settings import Settings

# As in training's evaluation; lower scores change average precision by nothing that counts.
LOW_SCORE = 0.02


@dataclass(frozen=True)
class CocoSet:
    """What is looked at.

    Attributes:
        pictures: image id -> file.
        categories: class id of ours -> category id of the set.
        unknown: the set's categories that are no trained class; they are never found.
    """

    pictures: dict[int, Path]
    categories: dict[str, int]
    unknown: tuple[str, ...]


class EveryClassRunner(StageARunner):
    """Look with every trained class down to a low score, trusted or not."""

    def load(self) -> None:
        """Read the checkpoint. Raises as `StageARunner.load` does."""
        super().load()
        loaded = self._ready()
        thresholds = dict.fromkeys(range(len(loaded.words.trained)), LOW_SCORE)
        self._loaded = replace(loaded, inference=replace(loaded.inference, thresholds=thresholds))


def read_coco(path: Path, images_dir: Path, class_ids: Sequence[str]) -> CocoSet:
    """Read a COCO set; categories are matched by name, "stop sign" and "stop_sign" alike.

    Raises:
        InputError: if it cannot be read, is no COCO set, lists no picture, or shares no category
            with `class_ids`.
    """
    try:
        raw = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise InputError(
            f"The file {path} cannot be read.", "Check the path after --coco."
        ) from error
    except ValueError as error:
        raise InputError(
            f"{path} is not JSON.", "Give a COCO file with images and categories."
        ) from error
    try:
        pictures = {int(one["id"]): images_dir / str(one["file_name"]) for one in raw["images"]}
        names = {str(one["name"]): int(one["id"]) for one in raw["categories"]}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is no COCO set.",
            "It needs images with id and file_name, and categories with id and name.",
        ) from error
    if not pictures:
        raise InputError(f"{path} lists no picture.", "Give a set with images.")
    if not images_dir.is_dir():
        raise InputError(f"There is no folder {images_dir}.", "Check the path after --images.")
    ours = {name: _plain(name) for name in names}
    categories = {ours[name]: number for name, number in names.items() if ours[name] in class_ids}
    if not categories:
        raise InputError(
            f"{path} has no category that MaxSight knows.",
            f"It knows {', '.join(class_ids)}.",
        )
    unknown = tuple(name for name in names if ours[name] not in class_ids)
    return CocoSet(pictures, categories, unknown)


def detect(
    runner: StageARunner, coco: CocoSet
) -> tuple[list[dict[str, Any]], list[float], list[str]]:
    """Look at all pictures of a set, one after the other.

    Returns:
        COCO detections (bbox x, y, width, height in pixels); milliseconds of each picture from
        its pixels to its detections; and what was wrong with pictures that were left out.
    """
    detections: list[dict[str, Any]] = []
    times_ms: list[float] = []
    problems: list[str] = []
    for image_id, path in coco.pictures.items():
        try:
            seen = runner.look(_read_picture(path), image_id, 0.0)
        except InputError as error:
            problems.append(f"{path}: {error}")
            continue
        times_ms.append(seen.latency_ms)
        for thing in seen.objects:
            if thing.class_id in coco.categories:
                x0, y0, x1, y1 = thing.box
                detections.append(
                    {
                        "image_id": image_id,
                        "category_id": coco.categories[thing.class_id],
                        "bbox": [round(side, 2) for side in (x0, y0, x1 - x0, y1 - y0)],
                        "score": round(thing.score, 5),
                    }
                )
    return detections, times_ms, problems


def _plain(name: str) -> str:
    """Write a name as ours are; COCO's own names for some of them differ."""
    plain = "_".join(name.strip().lower().replace("-", " ").split())
    other = {
        "couch": "sofa", "dining_table": "table", "diningtable": "table", "tv": "tv_monitor",
        "tvmonitor": "tv_monitor", "airplane": "aeroplane", "motorbike": "motorcycle",
        "pottedplant": "potted_plant",
    }  # fmt: skip
    return other.get(plain, plain)


def _read_picture(path: Path) -> Pixels:
    try:
        data = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError("The file cannot be read.", "Check the folder after --images.") from error
    # OpenCV turns pictures upright as their EXIF says, which is how COCO's boxes are meant.
    bgr = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if bgr is None:
        raise InputError("The file is no picture.", "Replace it, or take it out of the set.")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _write(path: Path, detections: Sequence[dict[str, Any]]) -> None:
    temporary = path.with_name(path.name + ".tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(detections), "utf-8")
        os.replace(temporary, path)
    except OSError as error:
        raise StorageError(
            f"{path} could not be written.", "Check the path after --out and the space on the disk."
        ) from error


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--coco", type=Path, required=True, help="COCO JSON: images, categories")
    parser.add_argument("--images", type=Path, required=True, help="folder of the pictures")
    parser.add_argument("--out", type=Path, required=True, help="detections.json to write")
    parser.add_argument("--trusted", action="store_true", help="only what the app would name")
    arguments = parser.parse_args(argv)
    try:
        settings = Settings()
        limit_threads(settings.cpu_threads)
        kind = StageARunner if arguments.trusted else EveryClassRunner
        runner = kind(settings, choose_placement(settings))
        runner.load()
        coco = read_coco(arguments.coco, arguments.images, vocabulary().trained_ids)
        runner.warmup()
        detections, times_ms, problems = detect(runner, coco)
        for problem in problems:
            print(problem, file=sys.stderr)
        if not times_ms:
            raise InputError(
                "None of the pictures could be read.", "Check the folder after --images."
            )
        _write(arguments.out, detections)
    except ReleafError as error:
        sys.exit(str(error))
    if coco.unknown:
        print(f"Never found, as not trained: {', '.join(coco.unknown)}.")
    median, p95 = np.percentile(times_ms, [50, 95])
    print(f"{len(detections)} detections in {len(times_ms)} pictures, in {arguments.out}.")
    print(f"{median:.1f} ms a picture (median), {p95:.1f} ms at p95.")
    print(runner.health().detail)


if __name__ == "__main__":
    main()
