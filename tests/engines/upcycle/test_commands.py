"""The two command lines: what they read, what they write, and how they fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from engines.upcycle import recommend, score
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.loading import Loaded

REPO = Path(__file__).resolve().parents[3]
FIELDS = ["id", "score", "forbidden", "reason", "item_node", "project_node"]


@pytest.fixture(autouse=True)
def loaded_once(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the commands take the engine that is loaded already."""
    monkeypatch.setattr(UpcycleEngine, "load", lambda self: self.use(loaded))


def run_score(tmp_path: Path, content: bytes) -> tuple[int, list[dict[str, Any]]]:
    pairs, out = tmp_path / "pairs.jsonl", tmp_path / "out.jsonl"
    pairs.write_bytes(content)
    status = score.main(["--pairs", str(pairs), "--out", str(out)])
    return status, [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def test_pairs_are_scored_in_their_order(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [
        {"id": "a", "item": "glass jar", "project": "flower vase"},
        {"id": 7, "item": "railway sleeper", "project": "children's sandbox", "note": "extra"},
        {"id": "c", "item": "two broken umbrellas", "project": "tote bag"},
    ]
    status, found = run_score(tmp_path, "\n".join(map(json.dumps, lines)).encode())
    assert status == 0
    assert [entry["id"] for entry in found] == ["a", 7, "c"]
    for entry in found:
        assert list(entry) == FIELDS
        assert 0.0 <= entry["score"] <= 1.0 and isinstance(entry["score"], float)
        assert isinstance(entry["forbidden"], bool) and entry["reason"]
        assert entry["item_node"].startswith("item:")
        assert entry["project_node"].startswith("project:")
    assert [entry["forbidden"] for entry in found] == [False, True, False]
    assert found[1]["score"] == 0.0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    ("line", "says"),
    [
        pytest.param(b"{not json", "Line 2 is no JSON", id="broken"),
        pytest.param(b"[1, 2]", "Line 2 is no JSON object", id="list"),
        pytest.param(b"\xff\xfe\x00", "Line 2 is no JSON", id="no text"),
        pytest.param(b'{"id": NaN, "item": "jar", "project": "vase"}', "is no JSON", id="NaN"),
        pytest.param(b"[" * 100_000, "Line 2 is no JSON", id="deep"),
        pytest.param(b'{"id": "b", "item": "jar"}', 'no text "project"', id="field missing"),
        pytest.param(b'{"id": "b", "item": 3, "project": "x"}', 'no text "item"', id="number"),
        pytest.param(b'{"id": "b", "item": "", "project": "vase"}', "entered", id="empty"),
        pytest.param(
            b'{"id": "b", "item": "asdf", "project": "vase"}', "understood", id="nonsense"
        ),
        pytest.param(b'{"id": "b", "item": "a gun", "project": "vase"}', "weapons", id="weapon"),
        pytest.param(
            b'{"id": "b", "item": "jar", "project": "' + b"x" * 5000 + b'"}', "5,000", id="long"
        ),
        pytest.param(
            b'{"id": "b", "item": "\\ud800", "project": "vase"}', "entered", id="surrogate"
        ),
    ],
)
def test_a_bad_line_is_named_and_the_others_go_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: bytes, says: str
) -> None:
    good = b'{"id": "good", "item": "glass jar", "project": "flower vase"}'
    status, found = run_score(tmp_path, b"\n".join([good, line, good]))
    assert status == 1
    assert [entry["id"] for entry in found][::2] == ["good", "good"]
    assert found[0] == found[2]
    assert list(found[1]) == FIELDS
    assert says in found[1]["reason"]
    assert (found[1]["score"], found[1]["forbidden"]) == (0.0, False)
    assert found[1]["item_node"] is None and found[1]["project_node"] is None
    assert found[1]["id"] in (None, "b")
    assert "line 2: " in capsys.readouterr().err


def test_blank_lines_windows_endings_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    line = '{"id": "ü", "item": "glass jar", "project": "vase\u2028for flowers"}'
    status, found = run_score(tmp_path, b"\xef\xbb\xbf\r\n" + line.encode() + b"\r\n\r\n")
    assert status == 0 and [entry["id"] for entry in found] == ["ü"]


def test_an_empty_file_gives_an_empty_file(tmp_path: Path) -> None:
    assert run_score(tmp_path, b"") == (0, [])


def test_a_file_that_is_not_there_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert score.main(["--pairs", str(tmp_path / "no.jsonl"), "--out", str(out)]) == 2
    assert "no.jsonl can't be read" in capsys.readouterr().err
    assert not out.exists()


def test_an_out_that_cannot_be_written_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"id": 1, "item": "glass jar", "project": "vase"}')
    out = tmp_path / "missing" / "out.jsonl"
    assert score.main(["--pairs", str(pairs), "--out", str(out)]) == 2
    assert "can't be written" in capsys.readouterr().err


def test_the_input_is_never_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "pairs.jsonl"
    pairs.write_text('{"id": 1, "item": "glass jar", "project": "vase"}')
    before = pairs.read_text()
    assert score.main(["--pairs", str(pairs), "--out", str(pairs)]) == 2
    assert "same file" in capsys.readouterr().err
    assert pairs.read_text() == before


def recommended(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert recommend.main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_recommend_writes_json(capsys: pytest.CaptureFixture[str], engine: UpcycleEngine) -> None:
    found = recommended(capsys, "glass jar", "--k", "10")
    expected = engine.recommend(engine.link("glass jar"))
    assert [p["id"] for p in found["projects"]] == [e.project.id for e in expected.best]
    assert found["item"]["id"] == "glass_jar" and found["danger"] is None
    assert {"name", "score", "why", "documented", "minutes", "tools"} <= set(found["projects"][0])
    assert len(recommended(capsys, "glass jar", "--k", "3")["projects"]) == 3


def test_recommend_writes_text_for_a_person(capsys: pytest.CaptureFixture[str]) -> None:
    assert recommend.main(["two broken umbrellas"]) == 0
    text = capsys.readouterr().out
    assert "broken umbrella" in text and "\n1. " in text and "\n10. " in text
    assert all(len(line) <= recommend.WIDTH for line in text.splitlines() if line.startswith("   "))


def test_recommend_says_where_a_battery_goes(capsys: pytest.CaptureFixture[str]) -> None:
    assert recommend.main(["AA battery"]) == 0
    assert "Take it to a battery collection point" in capsys.readouterr().out
    assert recommended(capsys, "AA battery")["projects"] == []


def test_recommend_filters_and_says_which_to_relax(capsys: pytest.CaptureFixture[str]) -> None:
    found = recommended(
        capsys, "glass jar", "--max-minutes", "30", "--place", "indoor", "--for-children"
    )
    assert all(project["minutes"] <= 30 for project in found["projects"])
    assert recommend.main(["glass jar", "--tools", "", "--hardest", "easy"]) == 0
    assert "Without the filter tools" in capsys.readouterr().out
    assert recommend.main(["glass jar", "--tools", "", "--max-minutes", "1"]) == 0
    text = capsys.readouterr().out
    assert "No project fits" in text and "max_minutes" in text and "tools" in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(["asdf"], "was not understood", id="nonsense"),
        pytest.param([""], "Nothing was entered", id="empty"),
        pytest.param(["my grandmother"], "not people", id="person"),
        pytest.param(["glass jar", "--tools", "laser"], "There is no tool 'laser'", id="tool"),
    ],
)
def test_recommend_says_what_is_wrong(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert recommend.main(arguments) == 2
    captured = capsys.readouterr()
    assert says in captured.err and captured.out == ""


def test_tools_are_known_by_id_and_by_name(loaded: Loaded) -> None:
    found = recommend.tools_from(" Scissors, needle and thread ,hot_glue_gun,", loaded.knowledge)
    assert found == {"scissors", "needle_and_thread", "hot_glue_gun"}


@pytest.mark.parametrize("k", ["0", "-1", "ten"])
def test_a_number_that_is_none_is_refused(capsys: pytest.CaptureFixture[str], k: str) -> None:
    with pytest.raises(SystemExit) as stopped:
        recommend.main(["glass jar", "--k", k])
    assert stopped.value.code == 2
    assert "--k" in capsys.readouterr().err


def test_the_command_runs_in_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "engines.upcycle.recommend", "glass jar", "--k", "2", "--json"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
    )
    assert len(json.loads(done.stdout)["projects"]) == 2
