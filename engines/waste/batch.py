"""Classify many files: one bad file is named and doesn't stop the rest."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from PIL import Image

from engines.runtime.errors import InputError, ReleafError
from engines.waste.engine import Classification
from engines.waste.images import open_picture, reject_blank

CSV_COLUMNS = (
    "file", "item", "item_confidence", "material", "bin", "is_waste", "is_sure", "latency_ms",
)  # fmt: skip
PICTURE_SUFFIXES = {
    ".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif",
}  # fmt: skip
FILES_AT_ONCE = 16


@dataclass(frozen=True)
class FileResult:
    """The answer for one file: either a classification or what is wrong with it."""

    file: str
    classification: Classification | None
    problem: str = ""

    @property
    def row(self) -> dict[str, str]:
        """The columns of CSV_COLUMNS as text; of an unreadable file, all but its name are empty."""
        found = self.classification
        if found is None:
            return dict.fromkeys(CSV_COLUMNS, "") | {"file": self.file}
        return {
            "file": self.file,
            "item": found.item.id,
            "item_confidence": f"{found.item.confidence:.4f}",
            "material": found.material.id,
            "bin": found.bin.id,
            "is_waste": str(found.is_waste).lower(),
            "is_sure": str(found.is_sure).lower(),
            "latency_ms": f"{found.latency_ms:.1f}",
        }


def classify_files(
    files: Sequence[tuple[str, Path]],
    classify_batch: Callable[[list[Image.Image]], Sequence[Classification]],
    *,
    max_pixels: int,
) -> Iterator[FileResult]:
    """Classify files in their order, a few at a time.

    Args:
        files: (name to show, path) of each.
        classify_batch: the engine's method, or a call that takes its turn on the lane.
        max_pixels: most pixels of one picture.
    """
    for start in range(0, len(files), FILES_AT_ONCE):
        chosen = files[start : start + FILES_AT_ONCE]
        pictures: list[Image.Image] = []
        problems: list[str] = []
        for _, path in chosen:
            try:
                picture = open_picture(path, max_pixels=max_pixels)
                reject_blank(picture)
            except InputError as error:
                problems.append(str(error))
            else:
                problems.append("")
                pictures.append(picture)
        try:
            answers = iter(classify_batch(pictures) if pictures else ())
        except ReleafError as error:  # this handful is lost, the next may go through
            problems = [problem or str(error) for problem in problems]
            answers = iter(())
        for (name, _), problem in zip(chosen, problems, strict=True):
            yield FileResult(name, None if problem else next(answers), problem)


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """List files as they are, and the pictures below folders, in order.

    Raises:
        InputError: if a path doesn't exist.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(
                p for p in path.rglob("*") if p.is_file() and p.suffix.lower() in PICTURE_SUFFIXES
            )
        elif path.exists():
            found.append(path)
        else:
            raise InputError(f"{path} doesn't exist.", "Check the spelling of the path.")
    return found


def write_csv(results: Iterable[FileResult], target: TextIO) -> None:
    """Write the results as CSV with CSV_COLUMNS; every file has a row."""
    writer = csv.DictWriter(target, CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for result in results:
        # A leading '=', '+', '-' or '@' would be run as a formula by a spreadsheet.
        row = result.row
        if row["file"][:1] in ("=", "+", "-", "@"):
            row["file"] = "'" + row["file"]
        writer.writerow(row)
