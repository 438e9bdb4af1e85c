from __future__ import annotations

import tracemalloc
import wave
from pathlib import Path

import numpy as np
import pytest

from engines.maxsight.video import VideoReader
from engines.runtime.errors import InputError
from tests.engines.maxsight.videos import (
    SIZE,
    number_of,
    set_times,
    time_scale,
    turn,
    write_video,
)


def times_of(path: Path, **given) -> list[float]:
    with VideoReader(path, **given) as video:
        return [at_s for _, at_s in video]


@pytest.mark.parametrize(
    ("name", "code"), [("a.mp4", "mp4v"), ("a.avi", "MJPG")], ids=["mp4", "avi"]
)
def test_frames_come_in_order_as_red_green_blue_with_their_times(
    tmp_path: Path, name: str, code: str
) -> None:
    with VideoReader(write_video(tmp_path / name, 10, fps=10, code=code)) as video:
        assert video.duration_s == pytest.approx(1.0)
        frames, times = zip(*video)
    assert [number_of(frame) for frame in frames] == list(range(10))
    assert times == pytest.approx([number / 10 for number in range(10)], abs=1e-3)
    assert frames[0].shape == (*SIZE, 3) and frames[0].dtype == np.uint8
    red, green, blue = frames[0][5, 60]
    assert red > 150 and green < 60 and blue < 60


@pytest.mark.parametrize("fps", [5.0, 12.0, 25.0, 60.0])
def test_at_most_twelve_frames_of_a_second_are_taken_and_nearly_as_many(
    tmp_path: Path, fps: float
) -> None:
    times = times_of(write_video(tmp_path / "a.mp4", int(4 * fps), fps=fps))
    assert len(times) == pytest.approx(4 * min(fps, 12.0), abs=1)
    for start_s in np.arange(0, 3, 0.25):
        assert sum(start_s <= at_s < start_s + 1 for at_s in times) <= 13


def test_a_pace_of_ones_own_is_kept(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 100)
    assert times_of(path, frames_per_s=1.0) == pytest.approx([0, 1, 2, 3], abs=0.05)


@pytest.mark.parametrize("pace", [0.0, -1.0, float("nan"), float("inf")])
def test_a_pace_that_is_none_is_refused(tmp_path: Path, pace: float) -> None:
    with pytest.raises(ValueError, match="frames a second"):
        VideoReader(write_video(tmp_path / "a.mp4", 2), frames_per_s=pace)


def test_a_variable_frame_rate_is_taken_by_the_frames_own_times(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 8, fps=10)
    unit = time_scale(path) / 10
    # 0.1 s apart, then 2 s nothing, then 0.02 s apart.
    set_times(path, [round(unit * share) for share in (1, 1, 20, 1, 0.2, 0.2, 0.2, 1)])
    with VideoReader(path) as video:
        taken = [(number_of(frame), round(at_s, 2)) for frame, at_s in video]
    assert taken == [(0, 0.0), (1, 0.1), (2, 0.2), (3, 2.2), (4, 2.3)]


def test_a_video_of_a_turned_phone_comes_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", 3)
    turn(path)
    with VideoReader(path) as video:
        frames = [frame for frame, _ in video]
    height, width = SIZE
    assert {frame.shape for frame in frames} == {(width, height, 3)}
    # What was at the top is at the right now.
    assert frames[0][60, -5, 0] > 150 and frames[0][60, 5, 0] < 60


def test_frames_before_a_wanted_time_are_passed_over(tmp_path: Path) -> None:
    with VideoReader(write_video(tmp_path / "a.mp4", 25)) as video:
        first, later = video.read(), video.read(0.6)
        assert first is not None and first[1] == 0.0
        assert later is not None and later[1] == pytest.approx(0.6)
        assert video.read(60.0) is None
        assert video.read() is None


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no video at all" * 99),
        lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 3]),
        lambda path: path.write_bytes(path.read_bytes()[:40] + bytes(5000)),
    ],
    ids=["empty", "text", "cut off", "only a header"],
)
def test_a_damaged_file_is_refused_with_a_sentence(tmp_path: Path, spoil) -> None:
    path = write_video(tmp_path / "street.mp4")
    spoil(path)
    with pytest.raises(InputError, match=r"street\.mp4") as caught, VideoReader(path) as video:
        video.read()
    assert "MP4" in caught.value.do


def test_a_file_with_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as sound:
        sound.setparams((1, 2, 8000, 0, "NONE", ""))
        sound.writeframes(bytes(16000))
    with pytest.raises(InputError, match="no video track"):
        VideoReader(path)


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.mp4", tmp_path):
        with pytest.raises(InputError, match="There is no file"):
            VideoReader(path)


def test_a_film_that_breaks_off_gives_the_frames_it_has(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.avi", 50, code="MJPG")
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert 5 <= len(times_of(path)) < 24


def test_a_long_video_is_read_in_the_memory_of_a_few_frames(tmp_path: Path) -> None:
    # Two hours, one frame a minute: long by its times, small as a file.
    path = write_video(tmp_path / "a.mp4", 120, fps=10, size=(240, 320))
    set_times(path, [60 * time_scale(path)] * 120)
    frame_bytes = 240 * 320 * 3
    with VideoReader(path) as video:
        assert video.duration_s is not None and video.duration_s > 7000
        tracemalloc.start()
        times = [at_s for _, at_s in video]
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert len(times) == 120 and times[-1] == pytest.approx(119 * 60)
    assert peak < 6 * frame_bytes
