"""Classify from the shell: `python -m engines.waste.classify PATH... --out results.csv`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.errors import ReleafError
from engines.runtime.settings import load_settings
from engines.waste.batch import classify_files, find_pictures, write_csv
from engines.waste.engine import WasteEngine


def main(argv: Sequence[str] | None = None) -> int:
    """Classify files or folder trees and write a CSV.

    Returns:
        0 if every file was read, 1 if some were not (named on stderr), 2 if nothing could be done.
    """
    parser = argparse.ArgumentParser(
        prog="python -m engines.waste.classify",
        description="Say item, material and bin of every picture, as the Waste tab does.",
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="picture or folder")
    parser.add_argument("--out", type=Path, help="CSV file to write (default: standard output)")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings()
        limit_threads(settings.cpu_threads)
        files = find_pictures(arguments.paths)
        engine = WasteEngine(settings, choose_placement(settings))
        engine.load()
        engine.warmup()
    except ReleafError as error:
        print(error, file=sys.stderr)
        return 2
    results = []
    for result in classify_files(
        [(str(path), path) for path in files],
        engine.classify_batch,
        max_pixels=settings.max_image_pixels,
    ):
        results.append(result)
        if result.problem:
            print(f"{result.file}: {result.problem}", file=sys.stderr)
    try:
        if arguments.out is None:
            write_csv(results, sys.stdout)
        else:
            with arguments.out.open("w", newline="", encoding="utf-8") as target:
                write_csv(results, target)
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"{arguments.out} can't be written ({error.strerror}).", file=sys.stderr)
        return 2
    return 1 if any(result.problem for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
