from __future__ import annotations

import csv
from pathlib import Path

import pytest

from engines.maxsight.preferences import Preferences
from engines.maxsight.timeline import COLUMNS
from engines.maxsight.video import VideoReader
from engines.maxsight.watch import clock_time, main, watch
from engines.runtime.settings import Settings
from tests.engines.maxsight.scenes import seen_at
from tests.engines.maxsight.sessions import Eyes
from tests.engines.maxsight.videos import write_video


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Write a video of two seconds, ten frames each."""
    return write_video(tmp_path / "street.mp4", 20, fps=10)


def test_alerts_are_told_with_their_times_and_every_frame_is_remembered(film: Path) -> None:
    lines: list[str] = []
    eyes = Eyes(lambda frame, at_s: [seen_at(2.0)] if at_s >= 1.0 else [])
    with VideoReader(film) as video:
        entries = list(watch(video, eyes, Preferences(language="de"), lines.append))
    assert [entry.captured_s for entry in entries] == pytest.approx([n / 10 for n in range(20)])
    told = [entry for entry in entries if entry.alerts]
    assert len(lines) == len(told) == 1
    assert 1.0 <= told[0].captured_s <= 1.5
    assert lines[0].startswith(clock_time(told[0].captured_s))
    assert "Auto" in lines[0] and "2 Meter" in lines[0]


@pytest.mark.parametrize(
    ("at_s", "expected"),
    [(0, "0:00:00.0"), (3.24, "0:00:03.2"), (59.97, "0:01:00.0"), (3723.4, "1:02:03.4")],
)
def test_times_are_written_as_hours_minutes_and_seconds(at_s: float, expected: str) -> None:
    assert clock_time(at_s) == expected


def test_without_a_checkpoint_it_says_so_and_ends_with_2(
    film: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RELEAF_CHECKPOINTS_DIR", str(tmp_path / "none"))
    assert main([str(film)]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "checkpoints/maxsight-a" in said.err and said.err.count("\n") == 1


def test_a_damaged_video_is_named_and_it_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "street.mp4"
    path.write_bytes(b"no video")
    assert main([str(path)]) == 2
    assert "street.mp4" in capsys.readouterr().err


@pytest.mark.parametrize("pace", ["0", "nan", "-1", "soon", "1e9"])
def test_a_pace_that_is_none_is_refused(
    film: Path, pace: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(film), "--every-s", pace])
    assert ended.value.code == 2
    assert "seconds from" in capsys.readouterr().err


def test_the_timeline_has_a_row_for_every_frame_that_was_looked_at(
    film: Path,
    tmp_path: Path,
    random_settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RELEAF_CHECKPOINTS_DIR", str(random_settings.checkpoints_dir))
    monkeypatch.setenv("RELEAF_CPU_THREADS", "1")
    target = tmp_path / "out.csv"
    assert main([str(film), "--csv", str(target), "--every-s", "0.5"]) == 0
    assert "4 frames looked at." in capsys.readouterr().out
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["time_s"] for row in rows] == ["0.000", "0.500", "1.000", "1.500"]
    assert all(float(row["latency_ms"]) > 0 for row in rows)
    assert main([str(film), "--csv", str(tmp_path / "no folder" / "out.csv")]) == 2
    assert "can't be written" in capsys.readouterr().err
