from __future__ import annotations

import gc
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from engines.maxsight.context_worker import ContextBox
from engines.maxsight.frames import Pixels
from engines.maxsight.picture_state import FROZEN_AFTER_S
from engines.maxsight.pipeline import PipelineStep
from engines.maxsight.preferences import Preferences
from engines.maxsight.session import (
    TIMELINE_FRAMES,
    MaxSightSession,
    SceneReport,
    SessionStore,
)
from engines.maxsight.tiers import (
    ContextResult,
    GateReport,
    SeenObject,
    Tier1,
    TrackedObject,
    Urgency,
    Zone,
)
from engines.runtime.errors import EngineUnavailableError
from tests.engines.maxsight.scenes import FRAME_SIZE, StillWorld, seen, seen_at, times

TIMEOUT_S = 20.0
GATE = GateReport("absent", "Skipped: there is no context pass.")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class Eyes:
    """Stages that see what a test wants; they note the numbers of the frames."""

    def __init__(self, see: Callable[[Pixels, float], Sequence[SeenObject]]) -> None:
        self.see, self.frames = see, list[int]()

    def __call__(
        self, frame: Pixels, *, frame_id: int, captured_s: float, box: ContextBox
    ) -> PipelineStep:
        self.frames.append(frame_id)
        size = frame.shape[0], frame.shape[1]
        tier1 = Tier1(
            frame_id, captured_s, size, tuple(self.see(frame, captured_s)), Urgency.SAFE, 0.1, 20.0
        )
        return PipelineStep(tier1, GATE, box.latest)


def nothing(frame: Pixels, at_s: float) -> list[SeenObject]:
    return []


def session_of(see=nothing, **given) -> MaxSightSession:
    return MaxSightSession(Eyes(see), Clock(), Preferences(**given))


@cache
def frame_of(seed: int = 0, size: tuple[int, int] = FRAME_SIZE) -> Pixels:
    """Return a frame with something on it."""
    coarse = np.random.default_rng(seed).integers(0, 255, (size[0] // 8, size[1] // 8, 3))
    return coarse.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def coming_car(speed_m_s: float = 8.0, start_m: float = 30.0):
    return lambda frame, at_s: [seen_at(start_m - speed_m_s * at_s)]


def play(
    session: MaxSightSession, *, seconds: float, per_s: float = 12.0, start_s: float = 0.0
) -> list[SceneReport]:
    count = max(1, round(seconds * per_s))
    return [
        session.step(frame_of(index % 7), at_s)
        for index, at_s in enumerate(times(count, per_s, start_s))
    ]


# A frame and its report


def test_a_report_carries_what_was_seen_and_the_number_of_its_frame() -> None:
    session = session_of(lambda frame, at_s: [seen_at(4, "chair")])
    context = ContextResult(1, 90.0, {})
    session._box.put(context)
    reports = [session.step(frame_of(), at_s) for at_s in (5.0, 5.1)]
    assert [report.frame_id for report in reports] == [1, 2]
    assert reports[1].captured_s == 5.1
    assert reports[1].tier1 is not None and reports[1].tier1.frame_id == 2
    assert [track.class_id for track in reports[1].tracks] == ["chair"]
    assert (reports[1].gate, reports[1].context) == (GATE, context)
    assert (reports[1].picture, reports[1].problem) == ("fine", None)
    assert session.last is reports[1]


def test_a_car_that_comes_straight_on_is_told_as_a_danger_before_it_arrives() -> None:
    session = session_of(coming_car())
    reports = play(session, seconds=2.5)
    told = [alert for report in reports for alert in report.alerts]
    danger = next(alert for alert in told if alert.urgency == Urgency.DANGER)
    assert danger.is_interrupting
    # It would arrive after 3.75 s, and is near only after 3.4 s.
    assert danger.at_s <= 1.0
    assert reports[-1].urgency == Urgency.DANGER
    assert session.alerts == tuple(told)


def test_an_empty_street_is_silent_and_safe() -> None:
    reports = play(session_of(), seconds=8)
    assert all(report.urgency == Urgency.SAFE and not report.alerts for report in reports)


@pytest.mark.parametrize("zoom_per_frame", [1.0, 1.015, 0.985], ids=["pan", "closer", "away"])
def test_a_moving_camera_raises_no_urgency(zoom_per_frame) -> None:
    world, corners = StillWorld(), (780.0, 420.0, 840.0, 480.0)
    place = {"x": 780.0, "zoom": 1.0}

    def see(frame: Pixels, at_s: float) -> list[SeenObject]:
        box = world.box(corners, place["x"], 450, zoom=place["zoom"])
        return [replace(seen(box, "car", distance_m=9), zone=Zone.FAR, urgency=Urgency.CAUTION)]

    session = session_of(see)
    for at_s in times(18, 12):
        report = session.step(world.view(place["x"], 450, zoom=place["zoom"]), at_s)
        assert report.urgency == Urgency.CAUTION
        place["zoom"] *= zoom_per_frame
        place["x"] += 6.0 if zoom_per_frame == 1.0 else 0.0


def test_changed_preferences_hold_from_the_next_alert_on() -> None:
    session = session_of(lambda frame, at_s: [seen_at(1.2 if at_s < 10 else 6)])
    assert session.preferences.language == "en"
    session.preferences = replace(session.preferences, language="de")
    play(session, seconds=1)
    assert session.alerts and {alert.language for alert in session.alerts} == {"de"}
    assert "Auto" in session.alerts[0].text


def test_the_last_alert_is_repeated_in_the_same_words() -> None:
    session = session_of(coming_car())
    assert session.repeat() is None
    play(session, seconds=2.5)
    repeated = session.repeat()
    assert repeated is not None and repeated.text == session.alerts[-1].text


def test_the_summary_names_what_is_in_the_newest_frame() -> None:
    session = session_of(lambda frame, at_s: [seen_at(3, "chair" if at_s < 5 else "door")])
    empty = session.summary()
    play(session, seconds=1)
    assert "chair" in session.summary() and "chair" not in empty
    play(session, seconds=1, start_s=10)
    assert "door" in session.summary() and "chair" not in session.summary()


# Bad input


@pytest.mark.parametrize(
    "frame",
    [
        None,
        "frame",
        np.zeros((0, 0, 3), np.uint8),
        np.zeros((1, 1, 3), np.uint8),
        np.full((48, 64, 3), math.nan),
        np.zeros((48, 64, 7), np.uint8),
        np.zeros(12, np.uint8),
    ],
    ids=["none", "text", "empty", "1 × 1", "NaN", "seven channels", "a row"],
)
def test_an_unreadable_frame_is_said_to_be_and_the_next_one_works(frame) -> None:
    eyes = Eyes(lambda frame, at_s: [seen_at(4)])
    session = MaxSightSession(eyes, Clock())
    bad, good = session.step(frame, 1.0), session.step(frame_of(), 1.1)
    assert (bad.frame_id, bad.picture, bad.tier1, bad.urgency) == (1, "unreadable", None, None)
    assert bad.problem and bad.alerts == () and bad.tracks == ()
    assert good.picture == "fine" and len(good.tracks) == 1
    assert eyes.frames == [2]
    assert [entry.latency_ms for entry in session.timeline] == [None, 20.0]


@pytest.mark.parametrize(
    ("level", "picture"), [(0, "black"), (6, "black"), (255, "blank"), (120, "blank")]
)
def test_a_picture_of_one_colour_is_looked_at_and_reported(level, picture) -> None:
    noise = np.random.default_rng(0).integers(0, 3, (*FRAME_SIZE, 3))
    frame = np.clip(noise + level, 0, 255).astype(np.uint8)
    report = session_of().step(frame, 0.0)
    assert report.picture == picture
    assert report.problem is not None and report.problem.startswith("The picture")
    assert report.tier1 is not None


def test_a_frozen_picture_is_reported_until_it_moves_again() -> None:
    session, found = session_of(), []
    for at_s in times(60, 12, 0.0):
        found.append((at_s, session.step(frame_of(1), at_s).picture))
    assert all((name == "frozen") == (at_s >= FROZEN_AFTER_S) for at_s, name in found)
    assert session.step(frame_of(2), 6.0).picture == "fine"


@pytest.mark.parametrize("captured_s", [None, math.nan, math.inf])
def test_the_clock_is_read_where_no_time_is_given(captured_s) -> None:
    clock = Clock(7.5)
    session = MaxSightSession(Eyes(nothing), clock)
    assert session.step(frame_of(), captured_s).captured_s == 7.5


@pytest.mark.parametrize("back_s", [0.05, 60.0, 1e9])
def test_a_clock_that_jumps_back_changes_nothing(back_s) -> None:
    session = session_of(lambda frame, at_s: [seen_at(1.2)])
    before = play(session, seconds=3, start_s=1e6)
    after = play(session, seconds=3, start_s=1e6 + 3 - back_s)
    assert {track.track_id for report in before + after for track in report.tracks} == {1}
    assert len(session.alerts) >= 1
    # 6 s pass in all, so the same thing is said once, or again at the very end.
    assert sum(len(report.alerts) for report in after[:-12]) == 0


@pytest.mark.parametrize("per_s", [0.2, 1.0, 60.0])
def test_slow_and_fast_cameras_are_followed(per_s) -> None:
    session = session_of(lambda frame, at_s: [seen_at(4, "chair")])
    reports = play(session, seconds=max(3.0, 5 / per_s), per_s=per_s)
    assert {track.track_id for report in reports for track in report.tracks} == {1}
    assert reports[-1].tracks[0].growth_per_s == 0


def test_frames_of_changing_size_are_followed_anew() -> None:
    session = session_of(lambda frame, at_s: [seen_at(4, "chair")])
    sizes = [(480, 640), (640, 480), (480, 640)]
    numbers = [
        session.step(frame_of(index, size), float(index)).tracks[0].track_id
        for index, size in enumerate(sizes)
    ]
    assert numbers == [1, 2, 3]


def test_stages_that_fail_are_passed_on_and_the_next_frame_works() -> None:
    is_broken = [True]

    def see(frame: Pixels, at_s: float) -> list[SeenObject]:
        if is_broken[0]:
            raise EngineUnavailableError("MaxSight is not there.", "Try again.")
        return [seen_at(4)]

    session = session_of(see)
    with pytest.raises(EngineUnavailableError):
        session.step(frame_of(), 0.0)
    assert session.timeline == () and session.last is None
    is_broken[0] = False
    assert len(session.step(frame_of(), 0.1).tracks) == 1


def test_a_restart_forgets_the_scene_and_keeps_the_person() -> None:
    session = session_of(lambda frame, at_s: [seen_at(1.2)], language="es")
    first = play(session, seconds=1)
    session.restart()
    assert session.last is None and session.repeat() is None
    assert session.preferences.language == "es"
    again = play(session, seconds=1, start_s=1.0)
    assert len(session.timeline) == len(first) + len(again)
    assert again[0].frame_id == first[-1].frame_id + 1
    # A new photo of the same thing is spoken of, whatever was said of the last one.
    assert [bool(sum(len(one.alerts) for one in run)) for run in (first, again)] == [True, True]


# Memory


@pytest.mark.slow
def test_the_memory_of_a_long_session_stays_flat() -> None:
    random = np.random.default_rng(0)
    frames = [frame_of(seed, (48, 64)) for seed in range(5)]

    def see(frame: Pixels, at_s: float) -> list[SeenObject]:
        x = float(random.integers(10, 50))
        return [seen((x, 10.0, x + 8, 30.0), "person"), seen((2.0, 2.0, 60.0, 40.0), "door")]

    session = session_of(see)
    objects_held = {}
    for index, at_s in enumerate(times(3000, 12, 0.0)):
        session.step(frames[index % 5], at_s)
        if index in (TIMELINE_FRAMES + 200, 2999):
            gc.collect()
            objects_held[index] = len(gc.get_objects())
    assert len(session.timeline) == TIMELINE_FRAMES
    assert session.timeline[-1].frame_id == 3000
    before, after = objects_held.values()
    # A leak of one object per frame would be 800.
    assert after - before < 200


# Many people


def marked_frame(person: int) -> Pixels:
    frame = frame_of(person).copy()
    frame[:, :, 2] = person
    return frame


def see_the_mark(frame: Pixels, at_s: float) -> list[SeenObject]:
    """See one thing whose place and class tell whose frame it is."""
    person = int(frame[0, 0, 2])
    return [seen_at(1.2, ("car", "chair", "person")[person % 3], x=70 + 10.0 * person)]


def test_fifty_sessions_at_once_stay_apart() -> None:
    eyes = Eyes(see_the_mark)
    store = SessionStore(lambda: MaxSightSession(eyes, Clock()), Clock())
    start = threading.Barrier(50)

    def walk(person: int) -> list[SceneReport]:
        session = store.get(f"person {person}")
        session.preferences = Preferences(language=("en", "es", "de")[person % 3])
        start.wait(TIMEOUT_S)
        return [session.step(marked_frame(person), at_s) for at_s in times(10, 12)]

    with ThreadPoolExecutor(50) as pool:
        walks = list(pool.map(walk, range(50)))
    assert len(store) == 50
    for person, reports in enumerate(walks):
        assert [report.frame_id for report in reports] == list(range(1, 11))
        tracks: list[TrackedObject] = [track for one in reports for track in one.tracks]
        assert len(tracks) == 10 and {track.track_id for track in tracks} == {1}
        assert {track.class_id for track in tracks} == {("car", "chair", "person")[person % 3]}
        seen_box = see_the_mark(marked_frame(person), 0.0)[0].box
        assert tracks[-1].box[0] == pytest.approx(max(0.0, seen_box[0]), abs=1)
        session = store.get(f"person {person}")
        assert len(session.timeline) == 10
        assert {alert.language for alert in session.alerts} <= {("en", "es", "de")[person % 3]}


def test_frames_of_one_person_are_taken_one_after_the_other() -> None:
    at_work = threading.Semaphore(1)
    overlaps = []

    def see(frame: Pixels, at_s: float) -> list[SeenObject]:
        overlaps.append(not at_work.acquire(blocking=False))
        threading.Event().wait(0.005)
        at_work.release()
        return []

    session = session_of(see)
    with ThreadPoolExecutor(8) as pool:
        reports = list(pool.map(lambda at_s: session.step(frame_of(), at_s), times(24, 12)))
    assert not any(overlaps)
    assert sorted(report.frame_id for report in reports) == list(range(1, 25))


def test_nobody_waits_for_a_frame_that_takes_long() -> None:
    is_looking, may_go_on = threading.Event(), threading.Event()

    def see(frame: Pixels, at_s: float) -> list[SeenObject]:
        if at_s == 99.0:
            is_looking.set()
            assert may_go_on.wait(TIMEOUT_S)
        return [seen_at(1.2)]

    eyes = Eyes(see)
    first, second = MaxSightSession(eyes, Clock()), MaxSightSession(eyes, Clock())
    play(first, seconds=1)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(first.step, frame_of(), 99.0)
        assert is_looking.wait(TIMEOUT_S)
        first.preferences = Preferences(language="de")
        assert first.repeat() is not None and "Auto" in first.summary()
        assert len(first.timeline) == 12
        assert len(second.step(frame_of(), 0.0).tracks) == 1
        assert not slow.done()
        may_go_on.set()
        assert slow.result(TIMEOUT_S).frame_id == 13


# The store


@pytest.fixture
def clock() -> Clock:
    return Clock(1000.0)


@pytest.fixture
def store(clock) -> SessionStore:
    return SessionStore(session_of, clock, idle_s=60, most=3)


def test_a_person_gets_the_same_session_and_another_person_another(store) -> None:
    assert store.get("ada") is store.get("ada")
    assert store.get("ada") is not store.get("ben")


def test_idle_sessions_end_and_used_ones_stay(store, clock) -> None:
    ada, ben = store.get("ada"), store.get("ben")
    clock.now_s += 50
    assert store.get("ada") is ada
    clock.now_s += 50
    store.end_idle()
    assert len(store) == 1
    assert store.get("ada") is ada
    assert store.get("ben") is not ben


def test_asking_for_any_session_ends_the_idle_ones(store, clock) -> None:
    store.get("ada")
    clock.now_s += 61
    store.get("ben")
    assert len(store) == 1


def test_an_ended_session_is_gone_and_ending_it_twice_does_no_harm(store) -> None:
    ada = store.get("ada")
    store.end("ada")
    store.end("ada")
    assert len(store) == 0 and store.get("ada") is not ada


def test_beyond_the_limit_the_one_unused_longest_ends(store) -> None:
    kept = {name: store.get(name) for name in ("ada", "ben", "cem")}
    store.get("ada")
    store.get("dora")
    assert len(store) == 3
    assert store.get("ada") is kept["ada"] and store.get("cem") is kept["cem"]


def test_a_clock_that_jumps_back_ends_no_session_and_keeps_none_for_longer(store, clock) -> None:
    ada = store.get("ada")
    clock.now_s -= 900
    assert store.get("ada") is ada
    clock.now_s += 61
    store.end_idle()
    assert len(store) == 0


def test_many_threads_that_ask_for_one_person_get_one_session(clock) -> None:
    store = SessionStore(session_of, clock)
    with ThreadPoolExecutor(16) as pool:
        sessions = set(pool.map(store.get, ["ada"] * 64))
    assert len(sessions) == 1
