"""Training files of three kinds: whole, broken, mixed and very large."""

from __future__ import annotations

import csv
import json
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.llm.fit.reading import MAX_DEPTH, MAX_ROW_CHARS, read_rows
from engines.runtime.errors import InputError

ROWS = [
    {"question": "Jar?", "answer": "Glass bank."},
    {"question": "缶?", "answer": "Crate, “缶”."},
]
NOT_AN_OBJECT = "it is not an object with names"


def write_json(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text(json.dumps(rows), encoding="utf-8")


def write_jsonl(path: Path, rows: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_csv(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["question", "answer"])
        writer.writeheader()
        writer.writerows(rows)


WRITERS: dict[str, Callable[[Path, list[dict[str, str]]], None]] = {
    "json": write_json,
    "jsonl": write_jsonl,
    "csv": write_csv,
}
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.fixed_dictionaries({"question": TEXTS, "answer": TEXTS}), min_size=1),
    kind=st.sampled_from(sorted(WRITERS)),
    mark=st.booleans(),
)
def test_what_was_written_is_read(
    tmp_path: Path, rows: list[dict[str, str]], kind: str, mark: bool
) -> None:
    path = tmp_path / f"rows.{kind}"
    WRITERS[kind](path, rows)
    if mark:
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert [row for _, row in read_rows(path)] == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        pytest.param('{"data": [{"a": 1}, {"a": 2}]}', [{"a": 1}, {"a": 2}], id="under a name"),
        pytest.param('{"tags": ["x"], "rows": [{"a": 1}]}', [{"a": 1}], id="after another list"),
        pytest.param(
            '{"info": {"by": {"who": [{"b": 1}]}}, "rows": [{"a": [{"c": 1}]}], "end": [{"d": 1}]}',
            [{"a": [{"c": 1}]}],
            id="after deeper lists",
        ),
        pytest.param('[{"a": 1}, 2, "b", null, ["c"]]', [{"a": 1}, *[NOT_AN_OBJECT] * 4], id="mix"),
        pytest.param('{"rows": ["a"]}', [NOT_AN_OBJECT], id="no object in the list"),
        pytest.param("[]", [], id="an empty list"),
        pytest.param('{"rows": []}', [], id="an empty list under a name"),
    ],
)
def test_rows_are_found_in_a_json_file(tmp_path: Path, text: str, rows: list[Any]) -> None:
    path = tmp_path / "rows.json"
    path.write_text(text, encoding="utf-8")
    assert [row for _, row in read_rows(path)] == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"", "not JSON", id="empty"),
        pytest.param(b"hello", "not JSON", id="plain text"),
        pytest.param(b"PK\x03\x04\x00\xff", "not JSON", id="an archive"),
        pytest.param(b'{"a": 1}', "no list of rows", id="one object"),
        pytest.param(b'{"a": 1}\n{"a": 2}\n', "not JSON", id="lines of JSON"),
        pytest.param(b"5", "no list of rows", id="a number"),
        pytest.param(b'[{"a": 1}, {"a":', "breaks off near row 2", id="cut off"),
        pytest.param(b'[{"a": 1}] x', "breaks off near row 1", id="more after the end"),
        pytest.param(b'[{"a": 1}, {"a": "\xe9"}]', "invalid bytes in UTF8", id="another encoding"),
        pytest.param('[{"a": 1}]'.encode("utf-16"), "not JSON", id="two bytes a letter"),
        pytest.param(b"[" * 1_000_000, "without end", id="brackets without end"),
        pytest.param(b'{"a":' * 1_000_000, "without end", id="objects without end"),
    ],
)
def test_a_broken_json_file_is_reported(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "rows.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as raised:
        list(read_rows(path))
    assert "rows.json" in str(raised.value)


def test_a_broken_line_does_not_stop_the_next(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    lines = [
        b'{"a": 1}',
        b"",
        b'{"a": ',
        b'{"a": "\xe9"}',
        b"[1]",
        b'"' + b"x" * 2 * MAX_ROW_CHARS + b'"',
        b"[" * 100_000,
        b'{"a": 2}',
    ]
    path.write_bytes(b"\r\n".join(lines))
    assert list(read_rows(path)) == [
        ("rows.jsonl:1", {"a": 1}),
        ("rows.jsonl:3", "it is not JSON"),
        ("rows.jsonl:4", "its encoding is not UTF-8"),
        ("rows.jsonl:5", NOT_AN_OBJECT),
        ("rows.jsonl:6", "it is far too long"),
        ("rows.jsonl:7", "it is not JSON"),
        ("rows.jsonl:8", {"a": 2}),
    ]


def test_a_row_too_long_does_not_stop_the_next_in_a_json_file(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    long = {"a": ["x" * 1000] * (MAX_ROW_CHARS // 1000)}
    path.write_text(json.dumps([{"a": 1}, long, {"a": 2}]), encoding="utf-8")
    assert [row for _, row in read_rows(path)] == [{"a": 1}, "it is far too long", {"a": 2}]


def test_a_deep_row_within_reason_is_read(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    deep = "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)
    path.write_text(f'[{{"a": {deep}}}]', encoding="utf-8")
    ((_, row),) = read_rows(path)
    assert row == {"a": json.loads(deep)}


def test_a_broken_row_of_a_table_does_not_stop_the_next(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    long = "x" * 2 * MAX_ROW_CHARS
    path.write_text(f'question,answer\na,b\nc,d,e\nf\n{long},g\nh,"i\nj"\nk,\n', encoding="utf-8")
    assert list(read_rows(path)) == [
        ("rows.csv:2", {"question": "a", "answer": "b"}),
        ("rows.csv:3", "it has more columns than the first row"),
        ("rows.csv:4", {"question": "f"}),
        ("rows.csv:5", "it is no row of a table"),
        ("rows.csv:7", {"question": "h", "answer": "i\nj"}),
        ("rows.csv:8", {"question": "k", "answer": ""}),
    ]


def test_a_lost_character_in_a_table_can_be_seen(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes("question,answer\nDéchèterie?,Yes\n".encode("latin-1"))
    ((_, row),) = read_rows(path)
    assert row == {"question": "D\ufffdch\ufffdterie?", "answer": "Yes"}


@pytest.mark.parametrize("content", [b"", b"x" * 2 * MAX_ROW_CHARS], ids=["empty", "one long line"])
def test_a_table_without_a_first_row_is_reported(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"rows\.csv"):
        list(read_rows(path))


@pytest.mark.parametrize("name", ["rows.txt", "rows", "rows.parquet"])
def test_another_kind_of_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("a", encoding="utf-8")
    with pytest.raises(InputError, match=r"\.json, \.jsonl, \.csv"):
        read_rows(tmp_path / name)


@pytest.mark.parametrize("name", ["none.csv", "."])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="There is no file"):
        read_rows(tmp_path / name)


def many_rows() -> Iterator[str]:
    text = "Rinse the jar and put it in the glass bank. " * 40
    for number in range(20_000):
        yield json.dumps({"question": f"Jar {number}?", "answer": text})


def large_file(path: Path) -> None:
    with path.open("w", encoding="utf-8") as file:
        if path.suffix == ".csv":
            file.write("question,answer\n")
            file.writelines(
                f"{n},{json.loads(row)['answer']}\n" for n, row in enumerate(many_rows())
            )
        elif path.suffix == ".json":
            file.write('{"rows": [')
            file.writelines(f"{',' if n else ''}{row}" for n, row in enumerate(many_rows()))
            file.write("]}")
        else:
            file.writelines(f"{row}\n" for row in many_rows())


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_memory_stays_flat_however_large_the_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"large.{kind}"
    large_file(path)
    assert path.stat().st_size > 30_000_000
    tracemalloc.start()
    try:
        count = sum(isinstance(row, dict) for _, row in read_rows(path))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 2_000_000


def test_a_large_file_of_one_line_is_never_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("question,answer\n" + "x" * 30_000_000 + "\na,b\n", encoding="utf-8")
    tracemalloc.start()
    try:
        rows = [row for _, row in read_rows(path)]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert rows == ["it is no row of a table", {"question": "a", "answer": "b"}]
    assert peak < 12_000_000
