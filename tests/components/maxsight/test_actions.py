"""The MaxSight tab's handlers with a camera, on stages that see what the test wants."""

from __future__ import annotations

import csv
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest

from components.maxsight_actions import MaxSightTab
from components.maxsight_form import Form
from components.maxsight_viewer import ALERT_RESENT_S, LATE_FRAMES_S
from engines.maxsight.preferences import Preferences
from engines.maxsight.timeline import COLUMNS
from engines.runtime.lane import CpuLane
from engines.runtime.settings import Settings
from tests.components.maxsight_eyes import (
    LATENCY_MS,
    TIMEOUT_S,
    Clock,
    Eyes,
    Person,
    frame_of,
    near_car,
    read,
    tab_of,
)

ONE: Any = Person("one")
OTHER: Any = Person("other")
SKIPPED = gr.skip()


def film(
    tab: MaxSightTab, clock: Clock, frames: int, person: Any = ONE, per_s: float = 10.0
) -> list[dict[str, Any]]:
    """Let a camera send frames at a steady pace, and read the messages."""
    messages = []
    for index in range(frames):
        clock.now_s += 1 / per_s
        messages.append(read(tab.look(person, frame_of(index % 7))))
    return messages


# The camera


def test_frames_become_messages_with_rising_numbers_and_times(
    tab: MaxSightTab, clock: Clock
) -> None:
    messages = film(tab, clock, 5)
    assert [message["frame"] for message in messages] == [1, 2, 3, 4, 5]
    assert [message["at_s"] for message in messages] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    assert {message["source"] for message in messages} == {"camera"}
    assert [thing["name"] for thing in messages[-1]["objects"]] == ["car"]
    assert messages[-1]["stage"]["fps"] == 10.0
    assert messages[-1]["picture"] is None


def test_no_frame_changes_nothing(tab: MaxSightTab) -> None:
    assert tab.look(ONE, None) == SKIPPED


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((1, 1, 3), np.uint8),
        np.full((64, 64, 3), np.nan),
        np.zeros((64, 64, 7), np.uint8),
        "a frame",
    ],
    ids=["1 × 1", "not numbers", "seven channels", "text"],
)
def test_a_frame_that_is_none_says_so_and_the_next_one_is_taken(
    tab: MaxSightTab, frame: Any
) -> None:
    message = read(tab.look(ONE, frame))
    assert message["problem"] and message["urgency"] is None
    assert read(tab.look(ONE, frame_of()))["problem"] is None


def test_a_frame_that_comes_while_one_is_at_work_is_dropped_and_counted(
    lane: CpuLane, clock: Clock
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait() -> None:
        begun.set()
        assert go_on.wait(TIMEOUT_S)

    tab = tab_of(Eyes(before=wait), lane, clock)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(tab.look, ONE, frame_of())
        assert begun.wait(TIMEOUT_S)
        # It comes back at once, though the first is still at work.
        assert tab.look(ONE, frame_of(1)) == SKIPPED
        assert tab.look(ONE, frame_of(2)) == SKIPPED
        assert not first.done()
        go_on.set()
        assert read(first.result(TIMEOUT_S))["frame"] == 1
    message = read(tab.look(ONE, frame_of(3)))
    assert (message["frame"], message["stage"]["dropped"]) == (2, 2)


def test_frames_that_were_overwritten_on_the_way_count_as_dropped(
    tab: MaxSightTab, clock: Clock
) -> None:
    told = []
    for sent in ("0 10", "1 60", "4 210", "5 260", "9 460", "", "0 900", "2 1000"):
        clock.now_s += 0.05
        message = read(tab.look(ONE, frame_of(), sent))
        told.append((message["stage"]["dropped"], message["sentMs"]))
    assert told == [
        (0, 10), (0, 60), (2, 210), (2, 260), (5, 460), (5, None), (5, 900), (6, 1000),
    ]  # fmt: skip


@pytest.mark.parametrize("sent", ["", "x y", "1", "-1 5", "1e9 nan", "9" * 400 + " 1", "١ ٢ ٣"])
def test_a_count_that_is_none_is_left_out(tab: MaxSightTab, sent: str) -> None:
    message = read(tab.look(ONE, frame_of(), sent))
    assert (message["stage"]["dropped"], message["sentMs"]) == (0, None)


def test_an_alert_is_sent_again_for_a_while_under_the_same_number(
    tab: MaxSightTab, clock: Clock
) -> None:
    messages = film(tab, clock, 30)
    with_alert = [message for message in messages if message["alerts"]]
    ids = {alert["id"] for message in with_alert for alert in message["alerts"]}
    assert ids == {1}
    span_s = with_alert[-1]["at_s"] - with_alert[0]["at_s"]
    assert span_s == pytest.approx(ALERT_RESENT_S, abs=0.11)


def test_what_comes_right_after_stop_is_left_out_and_a_start_begins_anew(
    tab: MaxSightTab, clock: Clock
) -> None:
    film(tab, clock, 3)
    assert read(tab.stop(ONE)) == {"ended": True}
    clock.now_s += LATE_FRAMES_S / 2
    assert tab.look(ONE, frame_of()) == SKIPPED
    clock.now_s += LATE_FRAMES_S
    message = read(tab.look(ONE, frame_of()))
    assert message["at_s"] == 0.0
    assert message["frame"] == 4


# What goes wrong


def test_without_a_checkpoint_every_action_says_so_and_nothing_breaks(
    lane: CpuLane, clock: Clock
) -> None:
    tab = tab_of(Eyes(is_missing=True), lane, clock)
    message = read(tab.look(ONE, frame_of()))
    assert set(message) == {"error"}
    assert "MaxSight cannot see. Restore the folder with git." in message["error"]
    assert "no picture now" in read(tab.around(ONE))["text"]
    assert read(tab.stop(ONE)) == {"ended": True}
    assert tab.prefer(ONE, *Form.of(Preferences(language="de")).values)[0] == ""


def test_while_the_engine_loads_frames_say_so_and_do_not_wait(lane: CpuLane, clock: Clock) -> None:
    eyes = Eyes(near_car, may_load=threading.Event())
    tab = tab_of(eyes, lane, clock, is_loaded=False)
    for _ in range(3):
        assert "still loading" in read(tab.look(ONE, frame_of()))["error"]
    eyes.may_load.set()
    tab.context.pool.get("maxsight")
    assert read(tab.look(ONE, frame_of()))["frame"] == 1


def test_stages_that_break_off_are_told_and_the_next_frame_works(
    lane: CpuLane, clock: Clock
) -> None:
    eyes = Eyes(near_car, before=lambda: (_ for _ in ()).throw(RuntimeError("broken")))
    tab = tab_of(eyes, lane, clock)
    assert "broke off" in read(tab.look(ONE, frame_of()))["error"]
    eyes.before = lambda: None
    assert read(tab.look(ONE, frame_of()))["objects"]


# Sessions


def test_fifty_people_at_once_stay_apart(lane: CpuLane, clock: Clock) -> None:
    tab = tab_of(Eyes(near_car), lane, clock)
    people: list[Any] = [Person(f"person {index}") for index in range(50)]
    languages = ("en", "es", "de")
    for index, person in enumerate(people):
        tab.prefer(person, *Form.of(Preferences(language=languages[index % 3])).values)

    def visit(index: int) -> list[dict[str, Any]]:
        return [read(tab.look(people[index], frame_of(seed))) for seed in range(index % 5 + 1)]

    with ThreadPoolExecutor(8) as threads:
        visits = list(threads.map(visit, range(50)))
    for index, messages in enumerate(visits):
        assert [message["frame"] for message in messages] == list(range(1, index % 5 + 2))
        assert {message["language"] for message in messages} == {languages[index % 3]}
        assert messages[-1]["stage"]["dropped"] == 0


def test_who_closes_the_page_is_forgotten(tab: MaxSightTab, clock: Clock) -> None:
    film(tab, clock, 3)
    film(tab, clock, 2, OTHER)
    tab.leave(ONE)
    assert len(tab.sessions) == 1
    assert film(tab, clock, 1)[0]["frame"] == 1
    assert film(tab, clock, 1, OTHER)[0]["frame"] == 3


def test_calls_without_a_session_meet_nobody_elses(tab: MaxSightTab) -> None:
    nobody: Any = Person(None)
    assert [read(tab.look(nobody, frame_of()))["frame"] for _ in range(2)] == [1, 1]


# Asking and choosing


def test_what_is_around_is_answered_in_the_persons_language_each_time_anew(
    tab: MaxSightTab, clock: Clock
) -> None:
    film(tab, clock, 5)
    first, second = read(tab.around(ONE)), read(tab.around(ONE))
    assert "a car at 12 o'clock, 2 metres" in first["text"]
    assert first["lang"] == "en-US" and second["n"] > first["n"]
    tab.prefer(ONE, *Form.of(Preferences(language="de")).values)
    assert "ein Auto auf 12 Uhr" in read(tab.around(ONE))["text"]


def test_settings_hold_from_the_next_frame_on_and_are_remembered(
    tab: MaxSightTab, clock: Clock
) -> None:
    film(tab, clock, 1)
    wanted = Preferences(language="es", direction_style="sides", voice_speed=2.0)
    problem, remembered = tab.prefer(ONE, *Form.of(wanted).values)
    assert problem == ""
    (thing,) = film(tab, clock, 1)[0]["objects"]
    assert (thing["name"], thing["direction"]) == ("coche", "delante")
    assert tab.recall(OTHER, remembered) == Form.of(wanted).values
    assert film(tab, clock, 1, OTHER)[0]["language"] == "es"


def test_a_setting_that_does_not_fit_is_told_and_the_others_stay(
    tab: MaxSightTab, clock: Clock
) -> None:
    values = list(Form.of(Preferences(language="de")).values)
    values[2] = -3
    problem, remembered = tab.prefer(ONE, *values)
    assert "between 1 and 50 metres" in problem
    assert remembered == SKIPPED
    assert film(tab, clock, 1)[0]["language"] == "en"


@pytest.mark.parametrize("memory", [None, [], ["person"], [None] * 8, 7, {"a": 1}])
def test_a_memory_that_no_longer_fits_gives_the_usual_settings(
    tab: MaxSightTab, memory: Any
) -> None:
    assert tab.recall(ONE, memory) == Form.of(Preferences()).values


# The artificial load


def test_load_counts_as_stage_as_time_and_the_gate_reacts_for_that_person_alone(
    lane: CpuLane, clock: Clock
) -> None:
    tab = tab_of(Eyes(near_car), lane, clock, Settings(gate_max_latency_ms=50.0))
    assert film(tab, clock, 1)[0]["stage"]["gate"] == "absent"
    tab.load(ONE, 40.0)
    stage = film(tab, clock, 1)[0]["stage"]
    assert stage["gate"] == "slow"
    assert stage["ms"] >= LATENCY_MS + 40.0
    assert f"{stage['ms']:.1f} ms, more than 50 ms" in stage["reason"]
    other = film(tab, clock, 1, OTHER)[0]["stage"]
    assert (other["gate"], other["ms"]) == ("absent", LATENCY_MS)
    tab.load(ONE, 0)
    assert film(tab, clock, 1)[0]["stage"]["ms"] == LATENCY_MS


@pytest.mark.parametrize("load_ms", [None, -5.0])
def test_a_load_that_is_none_is_no_load(tab: MaxSightTab, clock: Clock, load_ms: Any) -> None:
    tab.load(ONE, load_ms)
    assert film(tab, clock, 1)[0]["stage"]["ms"] == LATENCY_MS


# The timeline


def test_the_timeline_is_a_csv_with_a_row_a_frame(tab: MaxSightTab, clock: Clock) -> None:
    film(tab, clock, 12)
    tab.look(ONE, np.zeros((1, 1, 3), np.uint8))
    download, said = tab.timeline(ONE)
    assert "downloaded" in said
    with Path(download["value"]).open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert [row["frame"] for row in rows] == [str(number) for number in range(1, 14)]
    assert any("car" in row["alerts"].lower() for row in rows)
    assert (rows[0]["latency_ms"], rows[0]["context_pass"]) == ("20.0", "absent")
    assert (rows[-1]["picture"], rows[-1]["urgency"], rows[-1]["latency_ms"]) == (
        "unreadable", "", "",
    )  # fmt: skip


def test_a_timeline_that_cannot_be_written_is_told(
    tab: MaxSightTab, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(prefix: str) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("components.maxsight_actions.tempfile.mkdtemp", full)
    download, said = tab.timeline(ONE)
    assert download == SKIPPED
    assert "No space left on device" in said
