"""The training set that comes with the project."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from engines.llm.fit.checking import Checker
from engines.llm.fit.data import SPLITS, split_of
from engines.llm.fit.examples import Example, example_of
from engines.llm.fit.reading import read_rows
from engines.llm.fit.templates import messages_of
from engines.llm.prompt import NO_ANSWER, Exchange, Passage, build_messages, encode_chat

FILE = Path(__file__).resolve().parents[4] / "assets" / "llm" / "examples.jsonl"
KINDS = {"answer", "refusal", "hazard", "place", "typo", "follow_up", "injection"}
PROMPT_TOKENS = 600
NUMBERS = re.compile(r"\[(\d+)\]")
# A sentence ends with its mark, perhaps in quotes, and then come the numbers of its passages.
CITED = re.compile(r"[.!?][”\"»]?(?: \[\d+\])+$")
Row = dict[str, Any]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    read = []
    for place, row in read_rows(FILE):
        assert isinstance(row, dict), place
        read.append(row)
    return read


@pytest.fixture(scope="module")
def examples(rows: list[Row]) -> list[Example]:
    return [example for row in rows for example in example_of(row)]


def without_no_answer(row: Row) -> str:
    return str(row["answer"]).removeprefix(NO_ANSWER).strip()


def cited_parts(answer: str) -> list[str]:
    """Split an answer after the numbers behind each sentence."""
    return [part for part in re.split(r"(?<=\])\s+(?!\[)", answer) if part]


def messages_for(row: Row, tokenizer: Any) -> list[dict[str, str]]:
    return build_messages(
        row["question"],
        [Passage(n, p["title"], p["text"]) for n, p in enumerate(row["passages"], start=1)],
        history=[Exchange(**turn) for turn in row.get("history", [])],
        tokenizer=tokenizer,
        token_budget=10_000,
    )


def test_it_holds_at_least_900_examples_of_every_kind(rows: list[Row]) -> None:
    assert len(rows) >= 900
    counts = Counter(row["kind"] for row in rows)
    assert set(counts) == KINDS
    assert min(counts.values()) >= 40
    assert len({row["id"] for row in rows}) == len(rows)


def test_every_row_becomes_one_example_that_is_fit(
    rows: list[Row], examples: list[Example], tokenizer: Any
) -> None:
    checker = Checker(lambda text: len(tokenizer(text)["input_ids"]), max_tokens=900)
    assert len(examples) == len(rows)
    for row, example in zip(rows, examples, strict=True):
        assert checker.reason(example) is None, row["id"]


def test_every_number_is_one_of_a_passage(rows: list[Row]) -> None:
    for row in rows:
        for number in NUMBERS.findall(row["answer"]):
            assert 1 <= int(number) <= len(row["passages"]), row["id"]


def test_every_sentence_is_cited(rows: list[Row]) -> None:
    for row in rows:
        answer = without_no_answer(row)
        assert answer or row["kind"] == "refusal", row["id"]
        for part in cited_parts(answer):
            assert CITED.search(part), (row["id"], part)
            # One sentence to a number; a new one begins with a capital letter.
            assert not re.search(r"[.!?] (?!\[)[A-Z]", part), (row["id"], part)


def test_refusals_and_only_they_begin_with_the_words_of_the_chat(rows: list[Row]) -> None:
    for row in rows:
        assert row["answer"].startswith(NO_ANSWER) == (row["kind"] == "refusal"), row["id"]
        if row["kind"] != "refusal":
            assert NO_ANSWER not in row["answer"], row["id"]


def test_follow_ups_and_only_they_have_an_earlier_turn(rows: list[Row]) -> None:
    for row in rows:
        assert bool(row.get("history")) == (row["kind"] == "follow_up"), row["id"]


def test_no_document_is_in_two_splits(examples: list[Example]) -> None:
    splits: dict[str, set[str]] = {}
    for example in examples:
        assert example.document, example.id
        splits.setdefault(example.document, set()).add(split_of(example))
    assert {document for document, found in splits.items() if len(found) > 1} == set()
    counts = Counter(example.split for example in examples)
    assert set(counts) == set(SPLITS)
    assert counts["dev"] >= 80
    assert counts["test"] >= 80


def test_no_question_stands_twice(rows: list[Row]) -> None:
    asked = Counter(
        (
            " ".join(re.findall(r"\w+", row["question"].lower())),
            json.dumps(row.get("history", [])),
        )
        for row in rows
    )
    assert [question for question, count in asked.items() if count > 1] == []


def test_prompts_are_those_of_the_chat_and_short(
    rows: list[Row], examples: list[Example], tokenizer: Any
) -> None:
    lengths = []
    for row, example in zip(rows, examples, strict=True):
        messages = messages_for(row, tokenizer)
        assert messages_of(example) == messages, row["id"]
        lengths.append(len(encode_chat(tokenizer, messages)))
    fitting = sum(length <= PROMPT_TOKENS for length in lengths)
    assert fitting >= 0.95 * len(rows), f"{fitting} of {len(rows)}, longest {max(lengths)}"


def test_answers_are_short(rows: list[Row]) -> None:
    for row in rows:
        assert len(NUMBERS.sub("", row["answer"]).split()) <= 90, row["id"]
