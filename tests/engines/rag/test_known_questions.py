"""Known questions lead to the documents that answer them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.rag.documents import load_documents
from engines.rag.engine import RagEngine
from engines.rag.known_questions import FILE_NAME, KnownQuestions, read_known_questions
from engines.rag.session import ChatSession
from engines.runtime.errors import InputError
from engines.runtime.settings import Settings

DIRECTIONS = {"jar?": (1.0, 0.0), "glass?": (0.6, 0.8), "tyre?": (0.0, 1.0)}


def vectors_of(texts: Sequence[str]) -> NDArray[np.float32]:
    return np.array([DIRECTIONS[text] for text in texts], np.float32)


def entry(question: str, document: str) -> dict[str, str]:
    return {"question": question, "document": document, "heading": "In short"}


def test_a_document_is_as_near_as_its_nearest_question() -> None:
    known = KnownQuestions.of(
        [entry("jar?", "guide/jar"), entry("glass?", "guide/jar"), entry("tyre?", "guide/tyre")],
        {"guide/jar", "guide/tyre"},
        vectors_of,
    )
    nearness = known.nearness(np.array([0.0, 1.0], np.float32))
    assert nearness == pytest.approx({"guide/jar": 0.8, "guide/tyre": 1.0})


def test_questions_to_documents_that_are_not_there_are_left_out() -> None:
    known = KnownQuestions.of([entry("jar?", "guide/jar")], {"guide/tyre"}, vectors_of)
    assert known.documents == ()


def test_without_a_file_no_question_is_known(tmp_path: Path) -> None:
    assert read_known_questions(tmp_path) == ()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("jar", id="no JSON"),
        pytest.param(json.dumps(["jar"]), id="no object"),
        pytest.param(json.dumps({"question": "jar?", "document": "guide/jar"}), id="no heading"),
        pytest.param(json.dumps(entry("jar?", "guide/jar") | {"document": 3}), id="no text"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / FILE_NAME).write_text(json.dumps(entry("jar?", "guide/jar")) + "\n" + line + "\n")
    with pytest.raises(InputError, match="Line 2"):
        read_known_questions(tmp_path)


def test_every_shipped_document_has_known_questions() -> None:
    folder = Settings().knowledge_dir
    asked = {entry["document"] for entry in read_known_questions(folder)}
    assert asked == {document.id for document in load_documents(folder)}


def test_a_known_question_finds_its_document_first(engine: RagEngine) -> None:
    known = read_known_questions(Settings().knowledge_dir)[::250]
    found = [engine.find(entry["question"], ChatSession()) for entry in known]
    first = [f.hits[0].chunk.document_id == e["document"] for f, e in zip(found, known)]
    assert sum(first) >= len(known) - 1
