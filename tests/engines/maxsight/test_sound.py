"""A listener hears chunks of any kind and says what it knows; files become tables."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from engines.maxsight.sound import PROBLEM_WORDS, SoundListener, SoundReport, level_db, main
from engines.maxsight.sound_classes import output_ids
from engines.maxsight.sound_files import find_files, listen_to_file, write_rows
from engines.runtime.device import Placement
from engines.runtime.errors import InputError, StorageError
from engines.runtime.settings import Settings
from tests.engines.maxsight.sound_toy import (
    LONGEST_NAMED_HZ,
    ToneRunner,
    noise,
    tone,
    tone_of,
    write_checkpoint,
    write_sound,
)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory, placement: Placement) -> ToneRunner:
    folder = tmp_path_factory.mktemp("checkpoints")
    write_checkpoint(folder)
    return ToneRunner(Settings(checkpoints_dir=folder, cpu_threads=1), placement)


def names_in(report: SoundReport) -> list[str]:
    return [event.class_id for event in report.events]


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("kind", ["int16 mono", "float stereo"])
def test_a_siren_is_heard_at_every_rate_and_in_every_kind(
    runner: ToneRunner, rate_hz: int, kind: str
) -> None:
    listener = SoundListener(runner)
    sound = tone(tone_of("siren"), 2.0, rate_hz=rate_hz)
    chunk = (
        (sound * 32767).astype(np.int16) if kind == "int16 mono" else np.stack([sound, sound], 1)
    )
    for piece in np.array_split(chunk, 7):
        report = listener.hear(piece, rate_hz)
    assert names_in(report) == ["siren"] and report.heard == "sound"
    assert report.at_s == pytest.approx(1.5, abs=0.51)
    assert report.loudness_db == pytest.approx(-9.03, abs=0.2)
    assert report.events[0].began_s <= 0.5 and report.problems == ()


def test_a_sound_that_stops_goes_to_the_timeline(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    listener.hear(tone(tone_of("dog_bark"), 2.0), 16_000)
    for _ in range(6):
        report = listener.hear(noise(1.0), 16_000)
    assert report.events == () and report.heard == "background"
    assert [event.class_id for event in report.ended] == ["dog_bark"]
    assert report.ended[0].has_ended


def test_what_gets_louder_is_said_to(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    sound = tone(tone_of("siren"), 4.0) * np.linspace(0.02, 1.0, 64_000, dtype=np.float32)
    assert listener.hear(sound, 16_000).events[0].trend == "louder"


def test_a_muted_sound_is_not_told_and_the_others_are(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    listener.muted = {"siren"}
    report = listener.hear(tone(tone_of("siren"), 2.0), 16_000)
    assert report.events == () and report.heard == "background"
    report = listener.hear(tone(tone_of("alarm"), 3.0), 16_000)
    assert names_in(report) == ["alarm"]


def test_a_strange_sound_is_unknown(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    assert listener.hear(tone(LONGEST_NAMED_HZ + 1_000, 2.0), 16_000).heard == "unknown"
    assert listener.likeliest()[0] == "unknown"


def test_silence_is_silence_and_after_three_seconds_a_problem(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    assert listener.hear(np.zeros(0, np.int16), 16_000).heard == "nothing"
    report = listener.hear(np.zeros(16_000, np.int16), 16_000)
    assert report.heard == "silence" and report.problems == ()
    assert report.loudness_db == -np.inf
    report = listener.hear(np.zeros(40_000, np.int16), 16_000)
    assert report.problems == ("muted",)
    assert listener.likeliest() == ("silence", 1.0)
    assert listener.hear(noise(1.0), 16_000).problems == ()


@pytest.mark.parametrize(
    ("chunk", "problem"),
    [
        (np.sign(tone(500, 1.0)), "clipped"),
        (np.full(16_000, np.nan, np.float32), "broken"),
        (noise(1.0) + 0.4, "offset"),
    ],
    ids=["clipped", "no numbers", "offset"],
)
def test_bad_sound_is_named_in_words(runner: ToneRunner, chunk: np.ndarray, problem: str) -> None:
    report = SoundListener(runner).hear(chunk, 16_000)
    assert problem in report.problems
    assert all(PROBLEM_WORDS[one].endswith(".") for one in report.problems)


def test_an_offset_hides_no_sound(runner: ToneRunner) -> None:
    report = SoundListener(runner).hear(0.5 * tone(tone_of("siren"), 2.0) + 0.4, 16_000)
    assert names_in(report) == ["siren"]


def test_refused_sound_leaves_what_was_heard(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    listener.hear(tone(tone_of("siren"), 2.0), 16_000)
    for chunk, rate_hz in ((noise(1.0), 4_000), (noise(61.0), 16_000), (noise(1.0) * 1e6, 16_000)):
        with pytest.raises(InputError):
            listener.hear(chunk, rate_hz)
    assert names_in(listener.hear(np.zeros(0), 16_000)) == ["siren"]


def test_a_change_of_rate_on_the_way_is_followed(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    listener.hear(tone(tone_of("siren"), 1.0), 16_000)
    report = listener.hear(tone(tone_of("siren"), 1.0, rate_hz=48_000), 48_000)
    assert names_in(report) == ["siren"] and not report.ended


def test_memory_is_bounded_over_ten_minutes(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    for _ in range(10):
        report = listener.hear(noise(60.0), 16_000)
    assert report.at_s == 600.0
    held = sum(part.size for part in vars(listener).values() if isinstance(part, np.ndarray))
    assert held <= 48_000


def test_finishing_ends_every_sound(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    listener.hear(tone(tone_of("siren"), 1.2), 16_000)
    report = listener.finish()
    assert report.events == () and [event.class_id for event in report.ended] == ["siren"]
    assert report.at_s == pytest.approx(1.2)


def test_two_people_hear_their_own(runner: ToneRunner) -> None:
    one, other = SoundListener(runner), SoundListener(runner)
    one.hear(tone(tone_of("siren"), 2.0), 16_000)
    assert other.hear(noise(1.0), 16_000).events == ()


def test_the_fusion_vector_is_of_the_last_second(runner: ToneRunner) -> None:
    listener = SoundListener(runner)
    assert not listener.vector().any()
    listener.hear(noise(3.0), 16_000)
    assert listener.vector().shape == (128,) and listener.vector().any()


@pytest.mark.parametrize(
    ("sound", "level"),
    [(tone(400, 1.0, peak=1.0), -3.01), (np.full(100, 0.5, np.float32), -np.inf)],
    ids=["full sine", "offset only"],
)
def test_levels_are_below_full_scale_and_know_no_offset(sound: np.ndarray, level: float) -> None:
    assert level_db(sound) == pytest.approx(level, abs=0.01)


def test_a_file_becomes_a_row_for_each_second(runner: ToneRunner, tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    sound = np.concatenate([tone(tone_of("siren"), 2.0), np.zeros(40_000, np.float32)])
    write_sound(path, np.concatenate([sound, noise(0.3)]), 16_000, "pcm_s16le")
    problems: list[str] = []
    rows = list(listen_to_file(runner, path, problems))
    assert [row.second for row in rows] == [0, 1, 2, 3, 4] and problems == []
    assert rows[0].class_id == rows[1].class_id == "siren"
    assert rows[3].class_id == "silence"
    assert all(row.class_id in {*output_ids(), "unknown", "silence"} for row in rows)
    assert all(0 <= row.confidence <= 1 and row.latency_ms > 0 for row in rows)
    out = tmp_path / "deep" / "results.csv"
    assert write_rows(out, rows) == 5
    read = list(csv.reader(out.open()))
    assert read[0] == ["file", "class", "confidence", "second", "latency_ms"]
    assert read[1][:2] == [str(path), "siren"]


def test_folders_are_searched_and_missing_paths_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("b.wav", "in/a.MP3", "notes.txt"):
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in find_files([tmp_path])] == ["b.wav", "a.MP3"]
    with pytest.raises(InputError, match="gone"):
        find_files([tmp_path / "gone"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no sound file"):
        find_files([tmp_path / "empty"])


def test_a_table_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_rows(tmp_path / "file" / "results.csv", [])


def test_the_command_writes_the_table_and_names_what_it_could_not_hear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checkpoint(tmp_path / "checkpoints")
    monkeypatch.setenv("RELEAF_CHECKPOINTS_DIR", str(tmp_path / "checkpoints"))
    monkeypatch.setenv("RELEAF_CPU_THREADS", "1")
    write_sound(tmp_path / "a.wav", noise(1.4), 16_000, "pcm_s16le")
    (tmp_path / "broken.wav").write_bytes(b"nothing")
    out = tmp_path / "results.csv"
    main([str(tmp_path / "a.wav"), str(tmp_path / "broken.wav"), "--out", str(out)])
    assert len(out.read_text().splitlines()) == 3
    assert "broken.wav" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.tmp"))
    with pytest.raises(SystemExit, match="None of the files"):
        main([str(tmp_path / "broken.wav"), "--out", str(out)])
