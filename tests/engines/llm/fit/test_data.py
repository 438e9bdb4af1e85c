"""The command that makes training data: mixed and broken files, splits, and what is written."""

from __future__ import annotations

import csv
import json
import logging
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.llm.fit import base, data
from engines.llm.fit.checking import Checker
from engines.llm.fit.data import (
    OTHER_FAULT,
    OTHER_SIDE,
    SPLITS,
    Summary,
    fit_examples,
    main,
    make,
    read_examples,
    read_summary,
    split_of,
)
from engines.llm.fit.examples import Example, RowError, Turn
from engines.runtime.errors import InputError

VAPE = {"title": "Dead vapes", "text": "Never bin a vape."}
MIXED: list[dict[str, Any]] = [
    {"question": "Jar?", "answer": "Glass bank.", "document": "glass"},
    {"instruction": "Sort it.", "input": "a tin", "output": "Metal.", "document": "metal"},
    {"messages": [{"user": "Tyre?", "assistant": "Garage."}], "document": "tyre"},
    {"conversations": [{"from": "human", "value": "Oil?"}, {"from": "gpt", "value": "Tip."}]},
    {"question": "Vape?", "answer": "No. [1]", "passages": [VAPE], "document": "vape"},
]


def words(text: str) -> int:
    return len(text.split())


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def made(paths: list[Path], out: Path, **options: Any) -> Summary:
    return make(paths, out, count_tokens=words, **options)


def all_of(out: Path) -> dict[str, list[Example]]:
    return {split: read_examples(out / f"{split}.jsonl") for split in SPLITS}


def many(count: int, documents: int = 20) -> list[dict[str, Any]]:
    return [
        {"question": f"Jar {n}?", "answer": f"Bank {n}.", "document": f"doc{n % documents}"}
        for n in range(count)
    ]


def test_all_forms_may_stand_in_one_file(tmp_path: Path) -> None:
    summary = made([write(tmp_path / "rows.jsonl", MIXED)], tmp_path / "out", variations=0)
    assert summary.forms == {"question": 1, "instruction": 1, "chat": 2, "grounded": 1}
    assert summary.skipped == {}
    outputs = {e.output for examples in all_of(tmp_path / "out").values() for e in examples}
    assert outputs == {"Glass bank.", "Metal.", "Garage.", "Tip.", "No. [1]"}


def test_all_forms_may_stand_in_one_table(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, sorted({key for row in MIXED for key in row}))
        writer.writeheader()
        for row in MIXED:
            cells = {k: v if isinstance(v, str) else json.dumps(v) for k, v in row.items()}
            writer.writerow(cells)
    summary = made([path], tmp_path / "out")
    assert summary.forms == {"question": 1, "instruction": 1, "chat": 2, "grounded": 1}
    assert sum(summary.kept.values()) == 5


def test_what_is_left_out_is_logged_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write(tmp_path / "rows.jsonl", [*MIXED, MIXED[0], {"question": "Lid?"}, {"text": "a"}])
    with path.open("ab") as file:
        file.write(b'{"question": "\xff"}\n{"question": "Caf\xc3\x83\xc2\xa9?", "answer": "Yes"}\n')
    with caplog.at_level(logging.WARNING):
        summary = made([path], tmp_path / "out")
    assert summary.skipped == {
        "duplicate": 1,
        "the column answer is missing": 1,
        "it has the columns text, but needs question and answer, or messages, or instruction and "
        "output": 1,
        "no row": 1,
        "broken encoding": 1,
    }
    for place, why in (
        ("rows.jsonl:6", "duplicate"),
        ("rows.jsonl:7", "the column answer is missing"),
        ("rows.jsonl:9", "its encoding is not UTF-8"),
        ("rows.jsonl:10", "broken encoding"),
    ):
        assert f"{place} is left out: {why}" in caplog.text
    assert "left out, duplicate: 1" in summary.text().splitlines()


def test_a_file_of_faults_neither_floods_the_log_nor_the_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows: list[dict[str, Any]] = [{f"column {n}": "x" * 5000} for n in range(500)]
    path = write(tmp_path / "rows.jsonl", [*MIXED, *rows])
    with caplog.at_level(logging.WARNING):
        summary = made([path], tmp_path / "out")
    assert sum(summary.skipped.values()) == 500
    assert summary.skipped[OTHER_FAULT] > 400
    assert len(summary.skipped) <= data.MOST_FAULTS + 1
    assert len(caplog.records) <= data.MOST_FAULTS + data.MOST_NAMED


@pytest.mark.parametrize(
    ("rows", "reasons"),
    [
        pytest.param([{"question": "a"}], ["the column answer is missing (1)"], id="column"),
        pytest.param([{"a": "b"}] * 3, ["it has the columns a, but needs"], id="unknown columns"),
        pytest.param(
            [{"question": "a", "answer": ""}, {"question": "", "answer": "b"}],
            ["no answer (1)", "no question (1)"],
            id="empty",
        ),
        pytest.param([], ["they hold no rows"], id="no rows"),
    ],
)
def test_files_without_a_fit_example_stop_with_the_reasons(
    tmp_path: Path, rows: list[dict[str, Any]], reasons: list[str]
) -> None:
    path = write(tmp_path / "rows.jsonl", rows)
    with pytest.raises(InputError, match="No example in these files") as raised:
        made([path], tmp_path / "out")
    for reason in reasons:
        assert reason in str(raised.value)
    assert list((tmp_path / "out").iterdir()) == []


def test_a_file_that_breaks_off_leaves_what_was_made_before(tmp_path: Path) -> None:
    out = tmp_path / "out"
    made([write(tmp_path / "rows.jsonl", MIXED)], out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(many(50))[:-20], encoding="utf-8")
    with pytest.raises(InputError, match="breaks off near row"):
        made([broken], out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_a_dry_run_counts_and_writes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", many(40))
    dry = made([path], tmp_path / "out", is_dry_run=True)
    assert not (tmp_path / "out").exists()
    assert made([path], tmp_path / "out") == dry


def test_the_same_work_is_done_once(tmp_path: Path) -> None:
    path, out = write(tmp_path / "rows.jsonl", many(40)), tmp_path / "out"
    first = made([path], out)
    stamp = (out / "train.jsonl").stat().st_mtime_ns
    assert made([path], out) == first == read_summary(out)
    assert (out / "train.jsonl").stat().st_mtime_ns == stamp
    (out / "dev.jsonl").unlink()
    assert read_summary(out) is None
    assert made([path], out) == first
    assert made([path], out, seed=1).fingerprint != first.fingerprint


def test_variations_are_added_to_what_is_trained_on_only(tmp_path: Path) -> None:
    path, out = write(tmp_path / "rows.jsonl", many(60)), tmp_path / "out"
    summary = made([path], out, variations=2)
    splits = all_of(out)
    assert summary.variations > summary.kept["train"]
    assert len(splits["train"]) == summary.kept["train"] + summary.variations
    assert len(splits["dev"]) == summary.kept["dev"]
    assert len(splits["test"]) == summary.kept["test"]
    assert sum(summary.kept.values()) == 60


@settings(deadline=None)
@given(
    document=st.text(min_size=1),
    questions=st.lists(st.text(), min_size=2, max_size=5),
    seed=st.integers(0, 1000),
)
def test_a_document_is_on_one_side(document: str, questions: list[str], seed: int) -> None:
    sides = {split_of(Example(q, q, q, document=document), seed=seed) for q in questions}
    assert len(sides) == 1
    assert sides <= set(SPLITS)


@settings(deadline=None)
@given(first=st.text(), others=st.lists(st.text(), min_size=1, max_size=4))
def test_the_turns_of_one_chat_are_on_one_side(first: str, others: list[str]) -> None:
    asked = [Turn(text, "Yes.") for text in (first, *others)]
    sides = {
        split_of(Example(turn.question, "", "Yes.", history=tuple(asked[:index])))
        for index, turn in enumerate(asked)
    }
    assert len(sides) == 1


def test_questions_about_the_same_input_are_on_one_side() -> None:
    texts = [f"Passage {n}." for n in range(50)]
    for text in texts:
        assert len({split_of(Example(f"Question {n}?", text, "Yes.")) for n in range(10)}) == 1
    assert {split_of(Example("Why?", text, "Yes.")) for text in texts} == set(SPLITS)


def test_splits_have_about_the_shares_asked_for() -> None:
    drawn = [split_of(Example("", "", "", document=f"doc{n}")) for n in range(5000)]
    shares = [drawn.count(split) / len(drawn) for split in SPLITS]
    assert shares == pytest.approx(data.SHARES, abs=0.02)
    other = [split_of(Example("", "", "", document=f"doc{n}"), seed=1) for n in range(5000)]
    assert other != drawn


def test_the_files_word_for_a_split_is_kept() -> None:
    assert {split_of(Example("", "", "", document="a", split=split)) for split in SPLITS} == {
        *SPLITS
    }
    with pytest.raises(RowError, match="its split valid is none of train, dev, test"):
        split_of(Example("", "", "", split="valid"))


def test_no_document_is_on_two_sides_even_if_the_file_says_so(tmp_path: Path) -> None:
    rows = many(90)
    for n, row in enumerate(rows):
        if n % 3:
            row["split"] = SPLITS[n % 2]
    summary = made([write(tmp_path / "rows.jsonl", rows)], tmp_path / "out")
    documents = {
        split: {example.document for example in examples}
        for split, examples in all_of(tmp_path / "out").items()
    }
    assert not documents["train"] & (documents["dev"] | documents["test"])
    assert not documents["dev"] & documents["test"]
    assert summary.skipped[OTHER_SIDE] + sum(summary.kept.values()) == 90


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "🔋", "é", '"', "\\", "\ufeff"])
def test_what_is_written_can_be_read_again(tmp_path: Path, sign: str) -> None:
    row = {
        "messages": [
            {"user": f"a {sign} b", "assistant": f"c {sign} d"},
            {"user": "And?", "assistant": f"e {sign} f"},
        ],
        "document": sign,
        "kind": "place",
        "id": "i1",
        "split": "dev",
    }
    path = write(tmp_path / "rows.jsonl", [row])
    made([path], tmp_path / "out")
    checker = Checker(words, max_tokens=100)
    examples = all_of(tmp_path / "out")["dev"]
    assert examples == list(fit_examples([path], checker))
    assert [example.id for example in examples] == ["i1", "i1"]
    assert examples[1].history == (Turn(f"a {sign} b", f"c {sign} d"),)


def test_half_a_character_anywhere_stops_nothing(tmp_path: Path) -> None:
    half = "a \ud800 b"
    rows = [
        {"question": half, "answer": "b"},
        {"question": "a", "answer": half},
        {"instruction": "a", "output": "b", "system": half},
        {"question": "c", "answer": "d", "document": half, "kind": half, "id": half},
    ]
    summary = made([write(tmp_path / "rows.jsonl", rows)], tmp_path / "out")
    assert summary.skipped == {"broken encoding": 3}
    assert sum(summary.kept.values()) == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"a": 1}', '{"history": 5}'])
def test_another_file_is_no_training_data(tmp_path: Path, text: str) -> None:
    path = tmp_path / "train.jsonl"
    if text:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"train\.jsonl can't be read"):
        read_examples(path)


def test_memory_stays_flat_while_a_large_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    passage = {"title": "Jars", "text": "Rinse the jar and put it in the glass bank. " * 40}
    with path.open("w", encoding="utf-8") as file:
        for n in range(3000):
            row = {"question": f"Jar {n}?", "answer": "Bank.", "passages": [passage]}
            file.write(json.dumps(row) + "\n")
    assert path.stat().st_size > 5_000_000
    tracemalloc.start()
    try:
        summary = made([path], tmp_path / "out")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(summary.kept.values()) == 3000
    assert peak < 2_500_000


@pytest.fixture
def command(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the command use the tokenizer that is loaded already."""
    monkeypatch.setattr(base, "read_tokenizer", lambda: tokenizer)


@pytest.mark.usefixtures("command")
def test_the_command_makes_the_files_and_says_what_it_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    long = {"question": "Jar?", "answer": "Bank.", "context": "Rinse it. " * 500}
    path, out = write(tmp_path / "rows.jsonl", [*many(30), long]), tmp_path / "out"
    assert main([str(path), "--out", str(out), "--variations", "0"]) == 0
    assert "left out, too long: 1" in capsys.readouterr().out
    assert sum(len(examples) for examples in all_of(out).values()) == 30


@pytest.mark.usefixtures("command")
@pytest.mark.parametrize("name", ["none.jsonl", "rows.txt", "empty.jsonl"])
def test_the_command_ends_with_a_reason_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    for other in ("rows.txt", "empty.jsonl"):
        (tmp_path / other).write_text("", encoding="utf-8")
    assert main([str(tmp_path / name), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.strip()


@pytest.mark.usefixtures("command")
def test_a_folder_that_is_a_file_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write(tmp_path / "rows.jsonl", many(3))
    assert main([str(path), "--out", str(path)]) == 2
    assert "Name another folder" in capsys.readouterr().err
