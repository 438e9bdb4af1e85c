"""The MaxSight tab's handlers with photos and videos."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import gradio as gr
import numpy as np
import pytest

from components.maxsight_actions import MaxSightTab
from components.maxsight_playback import KEPT_FRAMES
from components.maxsight_viewer import PHOTO_LOOKS, PICTURE_SIDE, picture_url
from engines.runtime.lane import CpuLane
from tests.components.maxsight_eyes import (
    Clock,
    Eyes,
    Person,
    frame_of,
    near_car,
    read,
    tab_of,
)
from tests.engines.maxsight.videos import number_of, write_video

ONE: Any = Person("one")


@pytest.fixture
def film(tmp_path: Path) -> str:
    """Write a video of two seconds, ten frames each, numbered."""
    return str(write_video(tmp_path / "a.mp4", 20, fps=10))


def shown(message: dict[str, Any]) -> int:
    """Read the number of the frame that a message's picture shows."""
    encoded = base64.b64decode(message["picture"].removeprefix("data:image/jpeg;base64,"))
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    return number_of(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB))


# A photo


@pytest.mark.parametrize("name", ["street.png", "street.jpg"])
def test_a_photo_is_looked_at_until_what_is_on_it_is_believed(
    lane: CpuLane, clock: Clock, tmp_path: Path, name: str
) -> None:
    eyes = Eyes(near_car)
    tab = tab_of(eyes, lane, clock)
    assert cv2.imwrite(str(tmp_path / name), frame_of())
    message = read(tab.photo(ONE, str(tmp_path / name)))
    assert len(eyes.frames) == PHOTO_LOOKS
    assert (message["source"], message["size"]) == ("photo", [480, 640])
    assert [thing["name"] for thing in message["objects"]] == ["car"]
    assert len(message["alerts"]) == 1
    assert "a car" in read(tab.around(ONE))["text"]


def test_a_photo_that_is_none_is_told(tab: MaxSightTab, tmp_path: Path) -> None:
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"no picture")
    assert "not a picture" in read(tab.photo(ONE, str(path)))["error"]
    assert tab.photo(ONE, None) == gr.skip()


def test_the_next_photo_knows_nothing_of_the_one_before(
    lane: CpuLane, clock: Clock, tmp_path: Path
) -> None:
    eyes = Eyes(near_car)
    tab = tab_of(eyes, lane, clock)
    assert cv2.imwrite(str(tmp_path / "a.png"), frame_of())
    assert read(tab.photo(ONE, str(tmp_path / "a.png")))["objects"]
    eyes.see = lambda at_s: []
    message = read(tab.photo(ONE, str(tmp_path / "a.png")))
    assert message["objects"] == [] and message["alerts"] == []


@pytest.mark.parametrize(
    ("size", "expected"),
    [((480, 640), (480, 640)), ((4320, 7680), (540, 960)), ((1920, 64), (960, 32))],
    ids=["as it is", "8K", "tall"],
)
def test_a_picture_is_sent_no_larger_than_needed(size, expected) -> None:
    url = picture_url(np.full((*size, 3), 90, np.uint8))
    encoded = base64.b64decode(url.split(",")[1])
    picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape[:2] == expected
    assert max(picture.shape) <= PICTURE_SIDE


# A video, step by step


def test_a_video_shows_its_first_frame_and_goes_forwards(tab: MaxSightTab, film: str) -> None:
    first = read(tab.video(ONE, film))
    assert (first["source"], first["at_s"], shown(first)) == ("video", 0.0, 0)
    assert first["progress"] == {
        "at_s": 0.0,
        "duration_s": 2.0,
        "isFirst": True,
        "isLast": False,
        "isPlaying": False,
    }
    second = read(tab.forward(ONE))
    assert (shown(second), second["progress"]["at_s"]) == (1, 0.1)
    assert not second["progress"]["isFirst"]
    assert second["frame"] == 2


def test_going_back_shows_what_was_shown_but_says_nothing_again(
    tab: MaxSightTab, film: str
) -> None:
    forwards = [read(tab.video(ONE, film)), *(read(tab.forward(ONE)) for _ in range(4))]
    assert any(message["alerts"] for message in forwards)
    back = [read(tab.back(ONE)) for _ in range(4)]
    assert [message["frame"] for message in back] == [4, 3, 2, 1]
    assert [shown(message) for message in back] == [3, 2, 1, 0]
    assert back[-1]["progress"]["isFirst"]
    assert not any(message["alerts"] for message in back)
    assert "no earlier frame" in read(tab.back(ONE))["error"]
    again = [read(tab.forward(ONE)) for _ in range(5)]
    assert [message["frame"] for message in again] == [2, 3, 4, 5, 6]


def test_the_last_frame_is_marked_and_after_it_the_end_is_told(tab: MaxSightTab, film: str) -> None:
    read(tab.video(ONE, film))
    messages = [read(tab.forward(ONE)) for _ in range(19)]
    assert [message["progress"]["isLast"] for message in messages] == [False] * 18 + [True]
    assert "ends here" in read(tab.forward(ONE))["error"]
    assert shown(read(tab.back(ONE))) == 18


def test_only_so_many_frames_are_kept_to_go_back_to(tab: MaxSightTab, tmp_path: Path) -> None:
    frames = KEPT_FRAMES + 10
    read(tab.video(ONE, str(write_video(tmp_path / "a.mp4", frames, fps=10))))
    for _ in range(frames - 1):
        read(tab.forward(ONE))
    back = [read(tab.back(ONE)) for _ in range(KEPT_FRAMES)]
    assert "error" in back[-1] and back[-2]["frame"] == 11
    assert back[-2]["progress"]["isFirst"]


def test_without_a_video_the_buttons_say_so(tab: MaxSightTab) -> None:
    answers = [tab.forward(ONE), tab.back(ONE), *tab.play(ONE)]
    assert all("no video yet" in read(answer)["error"] for answer in answers)


def test_a_video_that_cannot_be_read_is_told_and_the_next_one_works(
    tab: MaxSightTab, film: str, tmp_path: Path
) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no video")
    assert "damaged or has no video track" in read(tab.video(ONE, str(path)))["error"]
    assert shown(read(tab.video(ONE, film))) == 0


def test_a_video_that_was_taken_away_is_closed(tab: MaxSightTab, film: str) -> None:
    read(tab.video(ONE, film))
    assert tab.video(ONE, None) == gr.skip()
    assert "no video yet" in read(tab.forward(ONE))["error"]


def test_a_camera_frame_takes_over_from_a_video(tab: MaxSightTab, film: str) -> None:
    read(tab.video(ONE, film))
    assert read(tab.look(ONE, frame_of()))["source"] == "camera"
    assert "no video yet" in read(tab.forward(ONE))["error"]


# A video through


def test_a_video_plays_through_at_its_own_pace(tab: MaxSightTab, clock: Clock, film: str) -> None:
    read(tab.video(ONE, film))
    started_s, at = clock.now_s, []
    for message in map(read, tab.play(ONE)):
        at.append((message["progress"]["at_s"], clock.now_s - started_s))
    assert [place_s for place_s, _ in at] == pytest.approx([n / 10 for n in range(1, 20)])
    for place_s, passed_s in at:
        assert passed_s == pytest.approx(max(0.0, place_s - 0.2), abs=0.11)
    assert message["progress"]["isLast"] and not message["progress"]["isPlaying"]
    assert message["stage"]["dropped"] == 0


def test_frames_that_the_engine_is_too_slow_for_are_passed_over_and_counted(
    lane: CpuLane, clock: Clock, film: str
) -> None:
    tab = tab_of(Eyes(near_car, before=lambda: clock.sleep(0.35)), lane, clock)
    read(tab.video(ONE, film))
    messages = [read(message) for message in tab.play(ONE)]
    assert 5 <= len(messages) <= 9
    last = messages[-1]
    assert last["progress"]["isLast"]
    assert len(messages) + 1 + last["stage"]["dropped"] == 20


def test_play_pressed_again_pauses_and_a_third_time_goes_on(tab: MaxSightTab, film: str) -> None:
    read(tab.video(ONE, film))
    playing = tab.play(ONE)
    assert read(next(playing))["progress"]["isPlaying"]
    assert list(tab.play(ONE)) == []
    assert list(playing) == []
    (*_, last) = tab.play(ONE)
    assert read(last)["progress"]["isLast"]


@pytest.mark.parametrize("act", ["stop", "forward", "leave"])
def test_stop_a_step_and_leaving_end_the_play_through(
    tab: MaxSightTab, film: str, act: str
) -> None:
    read(tab.video(ONE, film))
    playing = tab.play(ONE)
    next(playing)
    getattr(tab, act)(ONE)
    assert list(playing) == []


def test_another_video_chosen_while_one_plays_is_shown_alone(
    tab: MaxSightTab, film: str, tmp_path: Path
) -> None:
    read(tab.video(ONE, film))
    playing = tab.play(ONE)
    next(playing)
    other = str(write_video(tmp_path / "b.mp4", 3, fps=10))
    assert read(tab.video(ONE, other))["progress"]["duration_s"] == pytest.approx(0.3)
    assert list(playing) == []
    assert shown(read(tab.forward(ONE))) == 1


def test_a_play_through_goes_on_from_a_frame_gone_back_to(tab: MaxSightTab, film: str) -> None:
    read(tab.video(ONE, film))
    for _ in range(3):
        tab.forward(ONE)
    tab.back(ONE)
    frames = [read(message)["frame"] for message in tab.play(ONE)]
    assert frames == list(range(4, 21))
    # At the end, back and through again, from what is kept alone.
    tab.back(ONE)
    (again,) = [read(message) for message in tab.play(ONE)]
    assert (again["frame"], again["progress"]["isPlaying"]) == (20, False)
