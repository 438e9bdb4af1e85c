"""Many people at once, and the store that keeps their sessions."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from engines.maxsight.frames import Pixels
from engines.maxsight.preferences import Preferences
from engines.maxsight.session import MaxSightSession, SceneReport, SessionStore
from engines.maxsight.tiers import SeenObject, TrackedObject
from tests.engines.maxsight.scenes import seen_at, times
from tests.engines.maxsight.sessions import Clock, Eyes, frame_of, play, session_of

TIMEOUT_S = 20.0


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
