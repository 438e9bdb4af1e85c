"""Videos made of photos, and what a session says while it watches them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from engines.maxsight.fit.calm import (
    Look,
    Video,
    alerts_of,
    is_calm,
    is_parked_near,
    summarise_calm,
    summarise_parked,
)
from engines.maxsight.fit.pack import Frame
from engines.maxsight.tiers import Tier1
from tests.engines.maxsight.fit.seen_frames import all_found, tier1
from tests.engines.maxsight.fit.toy import CAR, DOOR, PERSON, WORDS, paint, toy_frame

NEAR_CAR, MEDIUM_CAR = (40.0, 40.0, 260.0, 190.0), (100.0, 80.0, 170.0, 120.0)
# 2.1 times 85 % of the way to the camera.
ALMOST_NEAR_CAR = (60.0, 60.0, 240.0, 180.0)


def painted(folder: Path, *marks: Any) -> Frame:
    """Write a toy photo and return it."""
    frame = toy_frame(*marks, path=folder / "photo.png")
    cv2.imwrite(str(frame.path), paint(frame))
    return frame


def saying(frame: Frame) -> Look:
    """Return what finds all true boxes at each look, as a detector without noise would."""
    seen = all_found(frame)

    def look(picture: Any, frame_id: int, captured_s: float) -> Tier1:
        return tier1(frame, *seen.objects)

    return look


def test_a_pan_shows_other_parts_and_returns(tmp_path: Path) -> None:
    frame = painted(tmp_path, (CAR, MEDIUM_CAR))
    video = Video(frame, seconds=24.0, fps=1.0, is_panning=True)
    pictures = dict(video.pictures())
    assert len(pictures) == 24
    assert all(one.shape == (240, 320, 3) and one.dtype == np.uint8 for one in pictures.values())
    middles = [video.boxes(at_s)[0][0, ::2].mean() for at_s in (0.0, 6.0, 12.0, 18.0)]
    assert middles[1] < middles[0] < middles[3]
    assert middles[2] == pytest.approx(middles[0], abs=1)


def test_boxes_move_with_the_picture(tmp_path: Path) -> None:
    video = Video(painted(tmp_path, (CAR, MEDIUM_CAR)), seconds=20.0, fps=1.0, is_panning=True)
    for at_s, picture in video.pictures():
        x0, y0, x1, y1 = video.boxes(at_s)[0][0]
        green = (picture[:, :, 1].astype(int) - picture[:, :, 0]) > 100
        rows, columns = np.nonzero(green)
        seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert seen == pytest.approx([x0, y0, x1, y1], abs=4)


def test_without_a_pan_the_view_is_the_photo_but_for_trembling(tmp_path: Path) -> None:
    frame = painted(tmp_path, (CAR, NEAR_CAR))
    video = Video(frame, seconds=2.0, fps=5.0, is_panning=False, seed=4)
    pictures = [picture for _, picture in video.pictures()]
    assert not np.array_equal(pictures[0], pictures[1])
    for picture in pictures:
        assert np.abs(picture.astype(int) - paint(frame)).mean() < 6
    again = [picture for _, picture in video.pictures()]
    assert all(np.array_equal(one, two) for one, two in zip(pictures, again, strict=True))


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (toy_frame(), True),
        (toy_frame((PERSON, (100.0, 50.0, 160.0, 220.0))), True),
        (toy_frame((CAR, MEDIUM_CAR)), True),
        (toy_frame((CAR, NEAR_CAR)), False),
        (toy_frame((CAR, NEAR_CAR), crowds=[0]), False),
        (toy_frame((CAR, ALMOST_NEAR_CAR)), False),
        (toy_frame(annotated=[DOOR]), False),
    ],
    ids=["empty", "a person", "a car", "near", "difficult", "near in the view", "not marked"],
)
def test_calm_videos_have_no_danger_in_any_view(frame: Frame, expected: bool) -> None:
    assert is_calm(Video(frame, seconds=10.0, fps=1.0, is_panning=True), WORDS) is expected


def test_a_parked_car_is_near_and_counted() -> None:
    assert is_parked_near(toy_frame((CAR, NEAR_CAR)), WORDS)
    assert not is_parked_near(toy_frame((CAR, MEDIUM_CAR)), WORDS)
    assert not is_parked_near(toy_frame((CAR, NEAR_CAR), crowds=[0]), WORDS)


def test_an_empty_street_stays_silent_and_a_parked_car_is_repeated(tmp_path: Path) -> None:
    empty = painted(tmp_path)
    silent = alerts_of(Video(empty, 20.0, 5.0, is_panning=True), saying(empty))
    assert silent == []
    parked = painted(tmp_path, (CAR, NEAR_CAR))
    alerts = alerts_of(Video(parked, 20.0, 5.0, is_panning=False), saying(parked))
    assert len(alerts) >= 2
    assert all(alert.is_interrupting for alert in alerts)

    summary = summarise_parked([alerts, []], seconds=20.0)
    assert (summary["videos"], summary["said_at_all"]) == (2, 1)
    assert summary["dangers_said_a_minute"] == pytest.approx(len(alerts) * 3 / 2)
    assert summary["median_seconds_to_the_first"] == pytest.approx(alerts[0].at_s)
    assert summary["longest_pause_s"] >= 6.0

    calm = summarise_calm([[], alerts], seconds=20.0)
    assert calm["alerts_a_minute"] == pytest.approx(len(alerts) * 3 / 2)
    assert calm["videos_above_2_a_minute"] == 1
    assert calm["false_dangers_a_minute"] == calm["alerts_a_minute"]
    assert calm["said"] == {"car: danger": len(alerts)}


def test_no_video_gives_no_numbers() -> None:
    assert summarise_calm([], seconds=60.0)["alerts_a_minute"] is None
    assert summarise_parked([], seconds=60.0)["dangers_said_a_minute"] is None
