"""What `make bench` keeps of a run; the measuring itself is not part of the tests."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.benchmarks import record
from tests.benchmarks.__main__ import PARTS
from tests.benchmarks.record import (
    TREND,
    machine_facts,
    page,
    read_runs,
    save,
    stolen_share,
)
from tests.benchmarks.table import REPO, Row, markdown_table, number, text_table

FOLDER = REPO / "tests" / "benchmarks"
KEPT = Row("classify / bare forward", 1.254, "ratio", 1.4, "p50 24 ms against 19 ms")
MISSED = Row("start to the page answering", 12.3456, "s", 10.0, "python app.py")
FREE = Row("memory, every engine loaded", 1234.5, "MiB", None, "resident")


@pytest.mark.parametrize("part", PARTS)
def test_every_part_names_a_function_that_takes_nothing(part: str) -> None:
    module, _, function = PARTS[part].partition(":")
    path = REPO / f"{module.replace('.', '/')}.py"
    found = [
        node
        for node in ast.parse(path.read_text("utf-8")).body
        if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    assert len(found) == 1
    arguments = found[0].args
    assert len(arguments.defaults) == len(arguments.args)


def test_every_column_of_the_trend_is_a_row_that_is_measured() -> None:
    texts = {
        node.value
        for path in FOLDER.glob("*.py")
        if path.name != "record.py"
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(TREND.values()) <= texts


@pytest.mark.parametrize(
    ("row", "text"),
    [
        (KEPT, "1.25"),
        (MISSED, "12.3 s"),
        (FREE, "1,234 MiB"),
        (Row("a", 0, "ms", None, ""), "0 ms"),
    ],
    ids=["ratio", "seconds", "large", "nothing"],
)
def test_a_number_is_written_with_three_digits_and_its_unit(row: Row, text: str) -> None:
    assert number(row) == text


def test_both_tables_say_which_bound_is_missed() -> None:
    for table, mark in ((text_table, "MISSED"), (markdown_table, "missed")):
        lines = table([KEPT, MISSED, FREE]).splitlines()
        assert [mark in line for line in lines[-3:]] == [False, True, False]


def test_the_facts_name_machine_software_commit_and_time() -> None:
    facts = machine_facts()
    assert facts["cpu"] and facts["commit"] and facts["date"].endswith("+00:00")
    assert facts["cores"] >= 1
    assert facts["memory_gib"] > 0
    assert facts["packages"]["torch"] != "missing"
    assert json.loads(json.dumps(facts)) == facts


class Times(NamedTuple):
    """What psutil tells of the processor on Linux."""

    user: float
    nice: float
    system: float
    idle: float
    iowait: float
    irq: float
    softirq: float
    steal: float
    guest: float
    guest_nice: float


def test_what_neighbours_took_is_a_share_of_the_run_and_told_where_it_is_known() -> None:
    before = Times(100, 0, 10, 100, 0, 0, 0, 20, 50, 0)
    after = Times(150, 0, 20, 130, 0, 0, 0, 30, 90, 0)
    assert stolen_share(before, after) == 0.1
    assert stolen_share(before, before) is None
    assert stolen_share((1.0, 2.0), (2.0, 3.0)) is None
    runs: list[dict[str, Any]] = [
        {"facts": machine_facts() | {"stolen_share": 0.1}, "failed": [], "rows": []}
    ]
    assert "neighbours meanwhile: 10.0% of its time" in page(runs)
    runs[0]["facts"]["stolen_share"] = None
    assert "neighbours" not in page(runs)


def test_runs_are_added_and_the_page_shows_the_last_and_the_trend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "RUNS_FILE", tmp_path / "docs" / "benchmarks.json")
    monkeypatch.setattr(record, "PAGE_FILE", tmp_path / "docs" / "benchmarks.md")
    facts = machine_facts() | {"commit": "abc1234"}
    save([KEPT, FREE], facts | {"date": "2026-01-02T00:00:00+00:00"})
    save([KEPT, MISSED], facts | {"date": "2026-03-04T00:00:00+00:00"}, failed=["chat"])
    runs = read_runs(record.RUNS_FILE)
    assert [len(run["rows"]) for run in runs] == [2, 2]
    text = record.PAGE_FILE.read_text("utf-8")
    assert text == page(runs)
    assert "Not measured, since it failed: chat." in text
    table, _, trend = text.partition("## Trend")
    assert MISSED.name in table
    assert FREE.name not in table
    rows = trend.strip().splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == ["| 2026-01-02", "| 2026-03-04"]
    assert [row.split(" | ")[-1] for row in rows] == ["0 |", "1 |"]
    width = {line.count("|") for line in trend.strip().splitlines()}
    assert len(width) == 1
    assert "1.25" in rows[0]
    assert "–" in rows[0]


def test_the_page_in_docs_is_what_the_command_wrote() -> None:
    runs = read_runs(record.RUNS_FILE)
    has_page = record.PAGE_FILE.is_file()
    assert has_page == bool(runs)
    if has_page:
        assert record.PAGE_FILE.read_text("utf-8") == page(runs)
