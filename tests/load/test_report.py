"""The numbers and the table of a run, from calls and samples written by hand."""

from __future__ import annotations

import json

import pytest

from tests.load.report import failures, machine, memory, summary, table, with_table
from tests.load.server import ROOT, slope_mb_per_min
from tests.load.work import POLITE, Call

CALLS = [
    *(Call("question", "page", "right", seconds / 100) for seconds in range(1, 101)),
    Call("question", "page", "refused", 60.0),
    Call("upcycle", "program", "wrong", 0.1, "glass jar: []"),
    Call("upcycle", "program", "lost", 9.0, "ReadTimeout: "),
]


def test_outcomes_are_counted_and_times_are_those_of_right_answers() -> None:
    question, upcycle = summary(CALLS)
    assert question == {
        "job": "question", "way": "page", "right": 100, "refused": 1, "wrong": 0, "lost": 0,
        "p50_ms": 505, "p95_ms": 950, "longest_ms": 1000,
    }  # fmt: skip
    assert (upcycle["wrong"], upcycle["lost"], "p95_ms" in upcycle) == (1, 1, False)
    assert failures(CALLS) == [
        "upcycle, program: wrong, glass jar: []",
        "upcycle, program: lost, ReadTimeout: ",
    ]


def test_the_slope_is_that_of_the_line_after_the_start() -> None:
    # 500 MB in the first quarter, and then 2 MB a minute.
    samples = [(float(s), 100 + 5.0 * min(s, 100) + 2 * s / 60) for s in range(0, 401, 5)]
    assert slope_mb_per_min(samples) == pytest.approx(2.0)
    assert memory(samples)["slope_mb_per_min"] == 2.0
    with pytest.raises(ValueError, match="no line"):
        slope_mb_per_min([(0.0, 100.0)])


@pytest.mark.parametrize(
    ("text", "is_polite"),
    [
        pytest.param(
            "Many people are using the app: 12 jobs wait already. Please try again in a minute.",
            True,
            id="the queue is full",
        ),
        pytest.param("The waste engine broke off unexpectedly. Try again.", False, id="a fault"),
        pytest.param("Queue is full!", False, id="words of others"),
    ],
)
def test_only_the_apps_own_words_are_polite(text: str, is_polite: bool) -> None:
    assert bool(POLITE.fullmatch(text)) == is_polite


def test_a_document_gets_the_table_between_its_markers_and_nothing_else() -> None:
    taken = memory([(0.0, 500.0), (30.0, 510.0), (60.0, 510.0)])
    run = {
        "machine": machine(),
        "busy": {"people": 2, "seconds": 60.0, "pause_s": 1.0, "jobs": summary(CALLS)}
        | {"memory": taken},
        "rush": {"calls": 9, "queue_limit": 4, "right": 8, "refused": 1, "wrong": 0, "lost": 0},
    }
    text = "# Load\n\n<!-- load -->\nold\n<!-- /load -->\n\nEnd.\n"
    written = with_table(text, run)
    assert written == text.replace("old", table(run))
    assert "| question | page | 100 | 1 | 0 | 0 | 505 ms | 950 ms | 1,000 ms |" in written
    assert "| upcycle | program | 0 | 0 | 1 | 1 | – | – | – |" in written
    assert with_table(written, run) == written
    with pytest.raises(ValueError, match="markers"):
        with_table("# Load", run)


def test_the_documents_table_is_that_of_its_numbers() -> None:
    text = (ROOT / "docs" / "load.md").read_text(encoding="utf-8")
    numbers = ROOT / "docs" / "load.json"
    if numbers.is_file():
        assert with_table(text, json.loads(numbers.read_text(encoding="utf-8"))) == text
    else:
        assert "<!-- load -->\n<!-- /load -->" in text, "numbers without a run"
