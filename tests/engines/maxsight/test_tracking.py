"""Which boxes of a frame are things already known, where they are, and what never counts."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.tiers import Urgency, Zone
from engines.maxsight.tracking import LOST_AFTER_S, SHOWN_UNSEEN_S, Tracker
from tests.engines.maxsight.scenes import FOCAL_PX, FRAME_SIZE, feed, seen, seen_at, times

NAN = math.nan


# Identity


def test_two_things_side_by_side_keep_their_numbers() -> None:
    tracker = Tracker()
    for at_s in times(30, 12, 0.0):
        shown = feed(tracker, [seen_at(6, x=200 + 40 * at_s), seen_at(6, x=430 - 20 * at_s)], at_s)
        assert [track.track_id for track in shown] == [1, 2]
        assert shown[0].box[0] < shown[1].box[0]


@pytest.mark.parametrize("hidden_s", [0.1, 0.4, 0.8, 1.3])
def test_a_number_is_kept_through_a_short_occlusion(hidden_s) -> None:
    tracker = Tracker()
    for at_s in times(60, 12, 0.0):
        is_hidden = 2 <= at_s < 2 + hidden_s
        shown = feed(tracker, [] if is_hidden else [seen_at(8, x=150 + 60 * at_s)], at_s)
        if is_hidden and at_s - 2 > SHOWN_UNSEEN_S:
            assert shown == []
        if not is_hidden:
            assert [track.track_id for track in shown] == [1]


def test_a_hidden_thing_moves_on_while_it_is_still_shown() -> None:
    tracker = Tracker()
    for at_s in times(24, 12, 0.0):
        shown = feed(tracker, [seen_at(8, x=150 + 60 * at_s)], at_s)
    before = shown[0].box[0]
    [track] = feed(tracker, [], 24 / 12 + 0.2)
    assert track.box[0] > before + 5


@pytest.mark.parametrize("per_s", [0.2, 1.0, 12.0, 60.0])
def test_a_stale_track_ends_and_its_number_is_never_used_again(per_s) -> None:
    tracker = Tracker()
    for at_s in times(5, per_s, 0.0):
        [track] = feed(tracker, [seen_at(8)], at_s)
    assert track.track_id == 1
    gone_s = at_s + LOST_AFTER_S + 1 / per_s
    assert feed(tracker, [], gone_s) == []
    [again] = feed(tracker, [seen_at(8)], gone_s + 1 / per_s)
    assert again.track_id == 2
    assert again.age_s == 0


@pytest.mark.parametrize("per_s", [0.2, 1.0, 12.0, 60.0])
def test_a_still_thing_keeps_its_number_at_any_pace(per_s) -> None:
    tracker = Tracker()
    for at_s in times(20, per_s, 0.0):
        [track] = feed(tracker, [seen_at(8)], at_s)
    assert track.track_id == 1
    assert track.age_s == pytest.approx(19 / per_s)


def test_a_name_that_wavers_within_its_group_stays_one_thing() -> None:
    tracker = Tracker()
    for index, at_s in enumerate(times(12, 12)):
        name = "truck" if index % 4 == 3 else "car"
        [track] = feed(tracker, [seen_at(8, name)], at_s)
        assert (track.track_id, track.class_id) == (1, "car")


def test_a_thing_of_another_group_is_another_thing() -> None:
    tracker = Tracker()
    feed(tracker, [seen_at(8, "person")], 0.0)
    shown = feed(tracker, [seen_at(8, "door")], 0.1)
    assert [(track.track_id, track.class_id) for track in shown] == [(1, "person"), (2, "door")]


def test_one_thing_with_two_names_is_told_once_by_the_better() -> None:
    [track] = feed(Tracker(), [seen_at(8, "car", score=0.6), seen_at(8.1, "truck", score=0.7)], 0.0)
    assert track.class_id == "truck"


# What is said of a thing


def test_boxes_are_smoother_than_what_is_detected() -> None:
    tracker, random = Tracker(), np.random.default_rng(0)
    raw, smooth = [], []
    for at_s in times(120, 12):
        box = tuple(np.array([300.0, 200.0, 360.0, 320.0]) + random.normal(0, 4, 4))
        [track] = feed(tracker, [seen(box)], at_s)
        raw.append(box), smooth.append(track.box)
    changes = [np.abs(np.diff(np.array(boxes), axis=0)).mean() for boxes in (raw, smooth)]
    assert changes[1] < 0.6 * changes[0]
    assert np.mean(smooth, axis=0) == pytest.approx([300, 200, 360, 320], abs=1.5)


@pytest.mark.parametrize(
    ("x", "angle_deg", "hour"),
    [(320, 0, 12), (80, -24.5, 11), (560, 24.5, 1), (420, 10.75, 12)],
    ids=["ahead", "left", "right", "nearly ahead"],
)
def test_the_direction_is_right(x, angle_deg, hour) -> None:
    [track] = feed(Tracker(), [seen_at(12, x=x)], 0.0)
    assert track.angle_deg == pytest.approx(math.degrees(math.atan((x - 320) / FOCAL_PX)))
    assert track.angle_deg == pytest.approx(angle_deg, abs=0.2)
    assert track.clock_hour == hour


@pytest.mark.parametrize(
    ("scores", "is_confirmed"),
    [([0.85], True), ([0.5], False), ([0.5, 0.5], True), ([0.3, 0.3], False), ([0.3] * 3, True)],
    ids=["one sure", "one unsure", "two fair", "two faint", "three faint"],
)
def test_a_thing_is_believed_when_it_was_seen_well_enough(scores, is_confirmed) -> None:
    tracker = Tracker()
    for at_s, score in zip(times(len(scores), 12), scores, strict=True):
        [track] = feed(tracker, [seen_at(8, score=score)], at_s)
    assert track.is_confirmed == is_confirmed


def test_nearer_and_more_urgent_count_at_once_and_relax_later() -> None:
    tracker, found = Tracker(), []
    for index, at_s in enumerate(times(24, 12, 0.0)):
        is_near = index in (4, 8, 9)
        one = seen_at(4)
        one = replace(one, zone=Zone.NEAR, urgency=Urgency.DANGER) if is_near else one
        [track] = feed(tracker, [one], at_s)
        found.append((track.zone, track.urgency))
    assert found[3] == (Zone.MEDIUM, Urgency.CAUTION)
    assert found[4:15] == [(Zone.NEAR, Urgency.DANGER)] * 11
    assert found[17:] == [(Zone.MEDIUM, Urgency.CAUTION)] * 7


# Bad input


@pytest.mark.parametrize(
    "bad",
    [
        seen((NAN, 10.0, 50.0, 90.0)),
        seen((10.0, 10.0, math.inf, 90.0)),
        seen((50.0, 50.0, 50.0, 50.0)),
        seen((90.0, 90.0, 10.0, 10.0)),
        replace(seen_at(8), score=NAN),
        replace(seen_at(8), distance_m=NAN),
    ],
    ids=["NaN", "infinite", "empty", "inverted", "score NaN", "distance NaN"],
)
def test_what_is_no_box_is_left_out(bad) -> None:
    tracker = Tracker()
    assert feed(tracker, [bad], 0.0) == []
    [track] = feed(tracker, [bad, seen_at(8, x=500)], 0.1)
    assert track.track_id == 1


@pytest.mark.parametrize("back_s", [0.01, 5.0, 1e6])
def test_a_clock_that_jumps_back_neither_ends_tracks_nor_makes_them_approach(back_s) -> None:
    tracker = Tracker()
    for index, at_s in enumerate(times(24, 12, 1e6)):
        [track] = feed(tracker, [seen_at(8)], at_s - (back_s if index >= 12 else 0))
    assert track.track_id == 1 and track.growth_per_s == 0
    assert track.age_s == pytest.approx(22 / 12, abs=0.1)


@pytest.mark.parametrize("at_s", [NAN, math.inf, -math.inf])
def test_a_time_that_is_no_number_does_not_count(at_s) -> None:
    tracker = Tracker()
    for given_s in (0.0, 0.1, at_s, 0.2):
        [track] = feed(tracker, [seen_at(8)], given_s)
    assert track.age_s == pytest.approx(0.2)


def test_frames_with_the_same_time_do_no_harm() -> None:
    tracker = Tracker()
    for _ in range(50):
        [track] = feed(tracker, [seen_at(8)], 5.0)
    assert track.track_id == 1 and track.growth_per_s == 0


def test_a_camera_that_is_turned_upright_starts_anew() -> None:
    tracker = Tracker()
    feed(tracker, [seen_at(8)], 0.0)
    [track] = tracker.update([seen_at(8)], at_s=0.1, frame_size=(640, 480))
    assert track.track_id == 2


def test_what_is_remembered_stays_small() -> None:
    tracker, random = Tracker(), np.random.default_rng(0)
    for at_s in times(120, 12):
        somewhere = [seen_at(8, x=float(random.integers(60, 580))) for _ in range(3)]
        assert len(feed(tracker, somewhere, at_s)) <= 60
    assert feed(tracker, [], at_s + LOST_AFTER_S + 1) == []
    assert not tracker._tracks and not tracker._library.tracked_objects


coordinates = st.floats(-1e4, 1e4) | st.sampled_from([NAN, math.inf, -math.inf])


@given(
    st.lists(
        st.lists(st.tuples(coordinates, coordinates, coordinates, coordinates), max_size=4),
        min_size=1,
        max_size=6,
    ),
    st.lists(st.floats(-10, 10) | st.just(NAN), min_size=6, max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_any_boxes_at_any_times_give_boxes_inside_the_frame(frames, steps) -> None:
    tracker, at_s = Tracker(), 0.0
    for boxes, step_s in zip(frames, steps, strict=False):
        at_s += step_s
        for track in feed(tracker, [seen(box) for box in boxes], at_s):
            x0, y0, x1, y1 = track.box
            assert 0 <= x0 < x1 <= FRAME_SIZE[1] and 0 <= y0 < y1 <= FRAME_SIZE[0]
            assert track.distance_m > 0 and math.isfinite(track.growth_per_s)
