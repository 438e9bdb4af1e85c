from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.maxsight_message import (
    METER_FRAMES,
    URGENCY_WORDS,
    VOICES,
    NumberedAlert,
    Progress,
    StageMeter,
    as_json,
    contrast,
    error_message,
    said_message,
    scene_message,
)
from engines.maxsight.classes import Language
from engines.maxsight.picture_state import PROBLEMS
from engines.maxsight.preferences import LANGUAGES, Preferences
from engines.maxsight.scheduler import Alert
from engines.maxsight.session import SceneReport
from engines.maxsight.tiers import GateReport, Tier1, TrackedObject, Urgency, Zone
from engines.runtime.errors import InputError

CAR = TrackedObject(
    track_id=4,
    class_id="car",
    score=0.8312,
    box=(64.0, 120.0, 320.0, 480.0),
    zone=Zone.NEAR,
    distance_m=3.14,
    angle_deg=-20.0,
    clock_hour=11,
    growth_per_s=0.0,
    time_to_contact_s=None,
    approach_m_s=0.0,
    age_s=1.0,
    is_confirmed=True,
    urgency=Urgency.WARNING,
)
TIER1 = Tier1(12, 3.2, (480, 640), (), Urgency.SAFE, 0.314159, 14.26)
REPORT = SceneReport(
    frame_id=12,
    captured_s=3.2,
    tier1=TIER1,
    tracks=(CAR,),
    urgency=Urgency.WARNING,
    alerts=(),
    gate=GateReport("slow", "Skipped: slow."),
    context=None,
    picture="fine",
    problem=None,
)
ALERT = Alert(4, "car", Urgency.DANGER, "Peligro: coche.", "es", (400, 100, 400), True, 3.2)


def message_of(report: SceneReport = REPORT, **given):
    preferences = given.pop("preferences", Preferences())
    meter = given.pop("meter", StageMeter())
    return json.loads(as_json(scene_message(report, preferences, meter, source="camera", **given)))


def test_a_message_has_the_keys_that_the_page_reads() -> None:
    message = message_of()
    assert set(message) == {
        "frame", "source", "at_s", "size", "mode", "language", "urgency", "urgencyWord",
        "problem", "problemLanguage", "problemVoice", "objects", "alerts", "stage", "picture",
        "progress", "sentMs", "ended",
    }  # fmt: skip
    assert (message["frame"], message["at_s"], message["size"]) == (12, 3.2, [480, 640])
    assert (message["urgency"], message["urgencyWord"]) == (2, "warning")
    assert message["problem"] is None and message["ended"] is False


def test_a_thing_is_told_with_its_place_distance_and_how_sure_it_is() -> None:
    (car,) = message_of()["objects"]
    assert car == {
        "id": 4,
        "name": "car",
        "isSure": True,
        "score": 0.831,
        "box": [0.1, 0.25, 0.5, 1.0],
        "urgency": 2,
        "urgencyWord": "warning",
        "direction": "at 11 o'clock",
        "distance": "3 metres",
        "distanceM": 3.1,
        "zone": "close by",
        "said": "Car at 11 o'clock, 3 metres.",
        "contrast": None,
    }


def test_what_is_unsure_is_said_as_maybe() -> None:
    (car,) = message_of(replace(REPORT, tracks=(replace(CAR, score=0.4),)))["objects"]
    assert not car["isSure"]
    assert car["said"].startswith("Maybe a car")


@pytest.mark.parametrize(
    ("language", "name", "word", "direction", "distance", "zone"),
    [
        ("es", "coche", "advertencia", "a la izquierda", "a 3 metros", "muy cerca"),
        ("de", "Auto", "Warnung", "links", "3 Meter", "ganz nah"),
    ],
    ids=["es", "de"],
)
def test_words_are_in_the_persons_language(language, name, word, direction, distance, zone) -> None:
    message = message_of(preferences=Preferences(language=language, direction_style="sides"))
    (car,) = message["objects"]
    assert message["urgencyWord"] == word
    told = [car[key] for key in ("name", "urgencyWord", "direction", "distance", "zone")]
    assert told == [name, word, direction, distance, zone]


def test_every_language_has_four_different_words_of_urgency_and_a_voice() -> None:
    assert set(URGENCY_WORDS) == set(VOICES) == set(LANGUAGES)
    assert all(len(set(words)) == len(Urgency) for words in URGENCY_WORDS.values())


def test_a_frame_that_could_not_be_read_has_a_problem_and_no_urgency() -> None:
    message = message_of(
        replace(REPORT, tier1=None, tracks=(), urgency=None, gate=None, problem="Uncover it.")
    )
    assert message["problem"] == "Uncover it."
    assert (message["problemLanguage"], message["problemVoice"]) == ("en", "en-US")
    assert [message[key] for key in ("urgency", "urgencyWord", "size", "stage")] == [None] * 4
    assert message["objects"] == []


@pytest.mark.parametrize(
    ("language", "word"), [("en", "black"), ("es", "negra"), ("de", "schwarz")]
)
def test_a_black_picture_is_told_in_the_language_of_the_alerts(
    language: Language, word: str
) -> None:
    report = replace(REPORT, picture="black", problem=PROBLEMS["black"])
    message = message_of(report, preferences=Preferences(language=language))
    assert word in message["problem"]
    assert (message["problemLanguage"], message["problemVoice"]) == (language, VOICES[language])


def test_an_alert_carries_its_own_language_and_how_it_is_said() -> None:
    preferences = Preferences(language="de", voice_speed=1.5)
    message = message_of(preferences=preferences, alerts=[NumberedAlert(7, ALERT)])
    assert message["alerts"] == [
        {
            "id": 7,
            "text": "Peligro: coche.",
            "lang": "es-ES",
            "urgency": 3,
            "haptic": [400, 100, 400],
            "isInterrupting": True,
            "rate": 1.5,
        }
    ]


def test_the_stage_tells_time_gate_rate_and_drops() -> None:
    meter = StageMeter()
    for index in range(11):
        meter.add(10.0 + index, index / 10)
    meter.drop(3)
    stage = message_of(meter=meter)["stage"]
    assert stage == {
        "ms": 14.3,
        "gate": "slow",
        "reason": "Skipped: slow.",
        "p50": 15.0,
        "p95": 19.5,
        "fps": 10.0,
        "dropped": 3,
        "uncertainty": 0.314,
    }


def test_progress_and_the_pages_own_time_are_handed_on() -> None:
    message = message_of(
        progress=Progress(1.25, None, is_first=True, is_last=False), sent_ms=99.0, picture="data:x"
    )
    assert message["progress"] == {
        "at_s": 1.25,
        "duration_s": None,
        "isFirst": True,
        "isLast": False,
        "isPlaying": False,
    }
    assert (message["sentMs"], message["picture"]) == (99.0, "data:x")


@given(
    box=st.tuples(*[st.floats(-5000, 5000)] * 4),
    distance_m=st.floats(allow_nan=True, allow_infinity=True),
    score=st.floats(0, 1),
)
def test_any_track_becomes_json_with_its_box_within_the_frame(box, distance_m, score) -> None:
    odd = replace(CAR, box=box, distance_m=distance_m, score=score)
    message = message_of(
        replace(REPORT, tracks=(odd,)),
        frame=np.zeros((480, 640, 3), np.uint8),
        preferences=Preferences(mode="developer"),
    )
    (thing,) = message["objects"]
    assert all(0 <= share <= 1 for share in thing["box"])
    assert thing["distanceM"] is None or math.isfinite(thing["distanceM"])


def test_an_error_is_a_sentence_and_nothing_else() -> None:
    assert error_message(InputError("It is broken.", "Send another.")) == {
        "error": "It is broken. Send another."
    }


def test_a_sentence_of_no_frame_has_a_number_a_voice_and_a_speed() -> None:
    said = said_message(3, "A la vista.", Preferences(language="es", voice_speed=2.0))
    assert said == {"n": 3, "text": "A la vista.", "lang": "es-ES", "rate": 2.0}


# The meter


def test_the_meter_forgets_all_but_the_last_frames() -> None:
    meter = StageMeter()
    for index in range(METER_FRAMES):
        meter.add(500.0, index / 12)
    for index in range(METER_FRAMES):
        meter.add(10.0, 100 + index / 12)
    assert (meter.percentile_ms(50), meter.percentile_ms(95)) == (10.0, 10.0)
    assert meter.fps == pytest.approx(12.0)


def test_a_new_meter_has_no_numbers() -> None:
    meter = StageMeter()
    assert meter.percentile_ms(95) is None and meter.fps == 0.0 and meter.dropped == 0
    meter.add(10.0, 5.0)
    assert meter.fps == 0.0


def test_the_rate_falls_when_frames_come_slower() -> None:
    meter = StageMeter()
    for at_s in (*np.arange(0, 5, 0.05), *np.arange(5, 12, 0.5)):
        meter.add(10.0, float(at_s))
    assert meter.fps == pytest.approx(2.0)


# Contrast


@pytest.mark.parametrize(
    ("inside", "around", "expected"),
    [(255, 0, 1.0), (0, 255, 1.0), (100, 100, 0.0), (150, 50, 0.5), (0, 0, 0.0)],
    ids=["white on black", "black on white", "same", "half", "all black"],
)
def test_contrast_is_michelsons(inside: int, around: int, expected: float) -> None:
    frame = np.full((100, 100, 3), around, np.uint8)
    frame[40:60, 40:60] = inside
    assert contrast(frame, (40, 40, 60, 60)) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize(
    "box",
    [(10, 10, 10, 10), (200, 200, 300, 300), (0, 0, 100, 100), (50, 50, 20, 20)],
    ids=["no size", "outside", "whole frame", "inside out"],
)
def test_contrast_is_unknown_where_there_is_nothing_to_compare(box) -> None:
    assert contrast(np.full((100, 100, 3), 90, np.uint8), box) is None


def test_contrast_is_measured_in_the_detailed_modes_alone() -> None:
    frame = np.zeros((480, 640, 3), np.uint8)
    frame[120:480, 64:320] = 200
    for mode, is_there in (("person", False), ("clinician", True), ("developer", True)):
        (car,) = message_of(preferences=Preferences(mode=mode), frame=frame)["objects"]
        assert (car["contrast"] is not None) == is_there
