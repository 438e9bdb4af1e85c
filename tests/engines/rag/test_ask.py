from __future__ import annotations

import json
from pathlib import Path

import pytest

from engines.rag.ask import main, read_questions
from engines.runtime.errors import InputError


def test_a_file_of_questions_becomes_a_file_of_answers(tmp_path: Path) -> None:
    questions, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [
        {"id": "a", "question": "where does a glass jar go", "region": "germany"},
        {"id": "b", "question": "what is the capital of Peru"},
        {"id": "c", "question": "🗑️"},
    ]
    questions.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n")
    assert main(["--questions", str(questions), "--out", str(out)]) == 0
    jar, peru, emoji = (json.loads(line) for line in out.read_text().splitlines())
    assert (jar["id"], jar["is_refusal"], jar["mode"]) == ("a", False, "quoted")
    assert "Germany" in jar["answer"]
    cited = {citation["number"]: citation["passage"] for citation in jar["citations"]}
    for sentence in jar["sentences"]:
        assert any(sentence["text"] in cited[number] for number in sentence["citations"])
    assert jar["confidence"] in ("high", "medium", "low")
    assert jar["timings_ms"]
    assert peru["is_refusal"]
    assert emoji["is_refusal"]
    assert emoji["error"]


@pytest.mark.parametrize(
    ("text", "message"),
    [('{"id": 1}', "no question"), ("not json", "Line 1"), ("[1]", "no question")],
)
def test_a_line_that_is_no_question_is_named(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "in.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_questions(path)


def test_a_missing_file_is_named_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert main(["--questions", str(tmp_path / "none.jsonl"), "--out", str(out)]) == 2
    assert "none.jsonl" in capsys.readouterr().err
    assert not out.exists()
