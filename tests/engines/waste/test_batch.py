"""Many files at once, in the app and from the shell."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest
from PIL import Image

from engines.waste.batch import CSV_COLUMNS, FileResult, classify_files, find_pictures, write_csv
from engines.waste.classify import main
from engines.waste.engine import WasteEngine


@pytest.fixture
def folder(tmp_path: Path, example_paths: list[Path]) -> Path:
    """Return a folder with three good pictures, one of them deeper, and two bad files."""
    (tmp_path / "deeper").mkdir()
    shutil.copy(example_paths[0], tmp_path / "a.jpg")
    shutil.copy(example_paths[1], tmp_path / "c.jpg")
    shutil.copy(example_paths[2], tmp_path / "deeper" / "d.jpg")
    (tmp_path / "b.jpg").write_bytes(b"this is no picture")
    Image.new("RGB", (100, 100)).save(tmp_path / "black.png")
    (tmp_path / "notes.txt").write_text("not looked at")
    return tmp_path


def test_one_bad_file_is_named_and_the_rest_is_answered_in_order(
    folder: Path, engine: WasteEngine
) -> None:
    files = [(path.name, path) for path in find_pictures([folder])]
    results = list(classify_files(files, engine.classify_batch, max_pixels=10**7))
    assert [r.file for r in results] == ["a.jpg", "b.jpg", "black.png", "c.jpg", "d.jpg"]
    assert [bool(r.problem) for r in results] == [False, True, True, False, False]
    assert "not a picture" in results[1].problem
    for result in (results[0], results[3], results[4]):
        assert result.classification is not None


def test_fifty_files_are_all_answered(example_paths: list[Path], engine: WasteEngine) -> None:
    files = [(f"{n}.jpg", example_paths[n % len(example_paths)]) for n in range(50)]
    results = list(classify_files(files, engine.classify_batch, max_pixels=10**7))
    assert [r.file for r in results] == [name for name, _ in files]
    assert all(r.classification is not None for r in results)


def test_a_file_name_that_looks_like_a_formula_is_harmless_in_the_csv() -> None:
    target = io.StringIO()
    write_csv([FileResult("=HYPERLINK(1).jpg", None, "bad")], target)
    row = next(iter(csv.DictReader(io.StringIO(target.getvalue()))))
    assert row["file"] == "'=HYPERLINK(1).jpg"


def test_the_command_writes_a_row_for_every_file_of_a_tree(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "results.csv"
    assert main([str(folder), "--out", str(out)]) == 1  # some files were unreadable
    rows = list(csv.DictReader(out.open(encoding="utf-8")))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [Path(row["file"]).name for row in rows] == [
        "a.jpg",
        "b.jpg",
        "black.png",
        "c.jpg",
        "d.jpg",
    ]
    assert rows[0]["item"] and 0 < float(rows[0]["item_confidence"]) <= 1
    assert rows[0]["is_waste"] == "true"
    assert rows[1]["item"] == ""
    assert "b.jpg: This file is not a picture" in capsys.readouterr().err


def test_the_command_succeeds_on_good_files_and_prints_to_the_shell(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder / "a.jpg")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == ",".join(CSV_COLUMNS)


def test_the_command_says_what_is_wrong_with_a_path_or_a_target(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(folder / "nowhere")]) == 2
    assert "doesn't exist" in capsys.readouterr().err
    assert main([str(folder / "a.jpg"), "--out", str(folder / "no" / "x.csv")]) == 2
    assert "can't be written" in capsys.readouterr().err
