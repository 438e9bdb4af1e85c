"""Read training rows from JSON, JSONL and CSV files, one by one, however large the file is."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

import ijson

from engines.runtime.errors import InputError

SUFFIXES = (".json", ".jsonl", ".csv")
# A row larger than this is no example, and would only fill the memory.
MAX_ROW_CHARS = 1_000_000
# Deeper than any row; a file of nothing but brackets would fill the memory.
MAX_DEPTH = 100
_STARTS, _ENDS = ("start_map", "start_array"), ("end_map", "end_array")

Row = Mapping[str, Any]


def read_rows(path: Path) -> Iterator[tuple[str, Row | str]]:
    """Yield each row with its place, such as "file.csv:12"; what is no row comes as a reason.

    A .json file holds a list of objects, or an object with such a list in it ("data", "rows", ...).
    Only one row is in memory at a time.

    Raises:
        InputError: if the file is not there, is of another kind, or is not what its name says.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.", "Check the name.")
    readers = {".json": _read_json, ".jsonl": _read_jsonl, ".csv": _read_csv}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise InputError(
            f"{path.name} is none of {', '.join(SUFFIXES)}.", "Convert it to one of these."
        )
    return reader(path)


def _read_jsonl(path: Path) -> Iterator[tuple[str, Row | str]]:
    with path.open("rb") as file:
        number = 0
        while True:
            line = file.readline(MAX_ROW_CHARS)
            if not line:
                return
            number += 1
            place = f"{path.name}:{number}"
            if len(line) == MAX_ROW_CHARS and not line.endswith(b"\n"):
                while line and not line.endswith(b"\n"):
                    line = file.readline(MAX_ROW_CHARS)
                yield place, "it is far too long"
                continue
            if not line.strip():
                continue
            try:
                row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError:
                yield place, "its encoding is not UTF-8"
            except (ValueError, RecursionError):
                yield place, "it is not JSON"
            else:
                yield place, row if isinstance(row, dict) else "it is not an object with names"


def _read_json(path: Path) -> Iterator[tuple[str, Row | str]]:
    key = _key_of_rows(path)
    level = 1 if key is None else 2
    is_inside, number, size = key is None, 0, 0
    builder = ijson.ObjectBuilder()
    try:
        for event, value, depth in _events(path):
            if key is not None and depth == 1 and event == "map_key":
                is_inside = value == key
            if not is_inside or depth < level:
                continue
            is_border = depth == level
            if is_border and event not in _ENDS:
                builder, number, size = ijson.ObjectBuilder(), number + 1, 0
            size += len(value) if isinstance(value, str) else 1
            if size <= MAX_ROW_CHARS:
                builder.event(event, value)
            if is_border and event not in _STARTS:
                place = f"{path.name}:{number}"
                if size > MAX_ROW_CHARS:
                    yield place, "it is far too long"
                else:
                    row = builder.value
                    yield place, row if isinstance(row, dict) else "it is not an object with names"
    except (ijson.JSONError, ValueError) as error:
        raise _not_json(path, f"it breaks off near row {number} ({_cause(error)})") from error


def _key_of_rows(path: Path) -> str | None:
    """Return the name under which an object holds its rows, None if the file is a list itself.

    The first list of objects is taken; without one, the first list of anything.
    """
    found = key = last = None
    try:
        for event, value, depth in _events(path):
            if event == "start_array" and depth == 0:
                return None
            if event == "start_map" and depth == 2 and last == "start_array":
                return str(key)
            if event == "map_key" and depth == 1:
                key = value
            if event == "start_array" and depth == 1 and found is None:
                found = key
            last = event
    except (ijson.JSONError, ValueError) as error:
        raise _not_json(path, f"it is not JSON ({_cause(error)})") from error
    if found is None:
        raise _not_json(path, "it holds no list of rows")
    return str(found)


def _events(path: Path) -> Iterator[tuple[str, Any, int]]:
    """Yield what the parser meets, with how many lists and objects stand around it."""
    depth = 0
    with path.open("rb") as file:
        _skip_mark(file)
        for event, value in ijson.basic_parse(file):
            depth -= event in _ENDS
            yield event, value, depth
            depth += event in _STARTS
            if depth > MAX_DEPTH:
                raise ijson.JSONError("lists in lists without end")


def _cause(error: Exception) -> str:
    # The parser shows the place of the mistake on further lines; a person needs the first.
    text = error.args[0] if error.args else ""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
    return text.strip().split("\n")[0].rstrip(".")


def _skip_mark(file: Any) -> None:
    if file.read(3) != b"\xef\xbb\xbf":
        file.seek(0)


def _not_json(path: Path, why: str) -> InputError:
    return InputError(
        f"{path.name} can't be read: {why}.", "Check that it is whole, or save it again as JSON."
    )


def _read_csv(path: Path) -> Iterator[tuple[str, Row | str]]:
    csv.field_size_limit(MAX_ROW_CHARS)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        lines = _Lines(file)
        reader = csv.DictReader(lines)
        try:
            names = reader.fieldnames
        except csv.Error as error:
            raise InputError(
                f"{path.name} can't be read: its first row is no row of a table ({error}).",
                "Save the table again as CSV in UTF-8.",
            ) from error
        if not names:
            raise InputError(f"{path.name} is empty.", "Save the table again, with its first row.")
        rows = iter(reader)
        while True:
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error:
                yield f"{path.name}:{lines.number}", "it is no row of a table"
                continue
            place = f"{path.name}:{lines.number}"
            if None in row:
                yield place, "it has more columns than the first row"
                continue
            yield place, {str(name): value for name, value in row.items() if value is not None}


class _Lines:
    """The lines of a text file; one that is too long counts as no row and is never in memory."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.number = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._file.readline(MAX_ROW_CHARS)
        if not line:
            raise StopIteration
        self.number += 1
        if len(line) < MAX_ROW_CHARS or line.endswith("\n"):
            return line
        while line and not line.endswith("\n"):
            line = self._file.readline(MAX_ROW_CHARS)
        raise csv.Error("a line is far too long")
