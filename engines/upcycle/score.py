"""Score a file of pairs: `python -m engines.upcycle.score --pairs FILE.jsonl --out FILE.jsonl`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tqdm import tqdm

from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.errors import InputError, ReleafError
from engines.runtime.settings import load_settings
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.results import PairScore


def read_lines(path: Path) -> list[tuple[int, bytes]]:
    """Read the lines of a file that hold something, each with its number from 1.

    They stay bytes, so that a damaged line spoils no other, and a line ends only where JSONL says.

    Raises:
        InputError: if the file can't be read.
    """
    try:
        lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    except OSError as error:
        raise InputError(
            f"{path} can't be read ({error.strerror}).", "Name a JSONL file."
        ) from error
    return [(number, line) for number, line in enumerate(lines, start=1) if line.strip()]


def parse_pair(number: int, line: bytes) -> tuple[dict[str, Any], str]:
    """Read one line, {"id", "item", "project"}.

    Returns:
        The object, and what is wrong with it in a sentence, or "". It keeps its "id" where it has
        one.
    """
    try:
        entry = json.loads(line.decode("utf-8"), parse_constant=_refuse)
    except (ValueError, RecursionError):
        return {}, f"Line {number} is no JSON."
    if not isinstance(entry, dict):
        return {}, f"Line {number} is no JSON object."
    for name in ("item", "project"):
        if not isinstance(entry.get(name), str):
            return entry, f'Line {number} has no text "{name}".'
    return entry, ""


def _refuse(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads and JSON does not know."""
    raise ValueError(name)


def score_all(
    engine: UpcycleEngine, lines: Sequence[tuple[int, bytes]]
) -> Iterator[tuple[dict[str, Any], bool]]:
    """Score pairs one by one.

    Yields:
        A record for each line, and whether the pair was understood. One that was not has score 0,
        is not forbidden, has no nodes, and says why in "reason".
    """
    for number, line in lines:
        entry, problem = parse_pair(number, line)
        found = PairScore(0.0, False, problem, None, None)
        if not problem:
            try:
                found = engine.score_pair(entry["item"], entry["project"])
            except InputError as error:
                problem = str(error)
                found = replace(found, reason=problem)
        record = {
            "id": entry.get("id"),
            "score": round(found.score, 6),
            "forbidden": found.is_forbidden,
            "reason": found.reason,
            "item_node": found.item_node,
            "project_node": found.project_node,
        }
        yield record, not problem


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0 if every line was scored, 1 if some were not (named on stderr), 2 if nothing could be
        done.
    """
    parser = argparse.ArgumentParser(prog="python -m engines.upcycle.score", description=__doc__)
    parser.add_argument(
        "--pairs", type=Path, required=True, help='JSONL of {"id","item","project"}, free text'
    )
    parser.add_argument("--out", type=Path, required=True, help="JSONL of scores to write")
    arguments = parser.parse_args(argv)
    are_all_scored = True
    try:
        settings = load_settings()
        limit_threads(settings.cpu_threads)
        lines = read_lines(arguments.pairs)
        if arguments.out.exists() and arguments.out.samefile(arguments.pairs):
            raise InputError("--pairs and --out name the same file.", "Name another for --out.")
        engine = UpcycleEngine(settings, choose_placement(settings))
        engine.load()
        # A lone surrogate, which JSON can hold and UTF-8 can't, goes out as it came: escaped.
        with arguments.out.open("w", encoding="utf-8", errors="backslashreplace") as target:
            scored = tqdm(score_all(engine, lines), total=len(lines), unit="pair", disable=None)
            for (record, is_scored), (number, _) in zip(scored, lines):
                target.write(json.dumps(record, ensure_ascii=False) + "\n")
                if not is_scored:
                    are_all_scored = False
                    tqdm.write(f"line {number}: {record['reason']}", file=sys.stderr)
    except ReleafError as error:
        print(error, file=sys.stderr)
        return 2
    except OSError as error:
        print(f"{arguments.out} can't be written ({error.strerror}).", file=sys.stderr)
        return 2
    return 0 if are_all_scored else 1


if __name__ == "__main__":
    sys.exit(main())
