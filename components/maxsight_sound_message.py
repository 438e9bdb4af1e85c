"""What the page shows and announces of the sounds that are heard, as JSON; and what it sends."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.maxsight_message import URGENCY_WORDS, VOICES
from components.maxsight_sound_wording import Sureness, sound_words
from engines.maxsight.preferences import LANGUAGES, Preferences
from engines.maxsight.sound import SILENCE_DB, SoundReport
from engines.maxsight.sound_classes import SoundClass, sounds
from engines.maxsight.sound_events import SoundEvent
from engines.runtime.errors import BusyError, InputError, ReleafError

Message = dict[str, Any]

# A piece is half a second; more come together when an answer was late. At 192 kHz a second has
# 512 thousand characters.
MOST_CHARACTERS = 4_000_000
MOST_MUTED, LONGEST_NAME = 64, 64
# From here on a name is sure, or very sure; below, it is a guess.
FAIRLY_SURE, VERY_SURE = 0.6, 0.85

BROKEN_PIECE = InputError("A piece of sound arrived damaged.", "Stop listening and start again.")


@dataclass(frozen=True)
class Piece:
    """A piece of sound as the page sends it.

    Attributes:
        run: names one time of listening; another name begins anew.
        number: of the piece in its run, rising.
        rate_hz: samples a second.
        sound: (N,) samples of 16 bits.
        muted: sounds that this person doesn't want to be told of.
        is_end: whether the microphone was turned off after this piece.
    """

    run: str
    number: int
    rate_hz: Any
    sound: NDArray[np.int16]
    muted: frozenset[str]
    is_end: bool


@dataclass(frozen=True)
class FileProgress:
    """How far a file was listened to.

    Attributes:
        at_s: seconds of sound heard so far.
        duration_s: of the whole file; None where it doesn't say.
        is_done: whether nothing more comes.
    """

    at_s: float
    duration_s: float | None
    is_done: bool


def read_piece(text: str | None) -> Piece:
    """Read what the page sent: JSON with run, n, rate, pcm (base64), muted and isEnd.

    Raises:
        InputError: if it is anything else.
    """
    if not text or len(text) > MOST_CHARACTERS:
        raise BROKEN_PIECE
    try:
        given = json.loads(text)
        data = base64.b64decode(given["pcm"], validate=True)
        sound = np.frombuffer(data, dtype="<i2").astype(np.int16)
        muted = frozenset(str(name)[:LONGEST_NAME] for name in given["muted"][:MOST_MUTED])
        return Piece(
            run=str(given["run"])[:LONGEST_NAME],
            number=int(given["n"]),
            rate_hz=given["rate"],
            sound=sound,
            muted=muted,
            is_end=given["isEnd"] is True,
        )
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, binascii.Error):
        raise BROKEN_PIECE from None


def sound_message(
    report: SoundReport,
    preferences: Preferences,
    *,
    run: str,
    number: int,
    named: Iterable[str],
    ended_since_s: float,
    progress: FileProgress | None = None,
) -> Message:
    """Say all that is heard now, in the person's language.

    Args:
        report: of the listener.
        preferences: language, and whether alarms are felt.
        run: the time of listening, handed back.
        number: of the piece that is answered.
        named: sounds that the network is trusted to name.
        ended_since_s: sounds last heard before this, on the listener's clock, are left out.
        progress: of a file; None for the microphone.

    Returns:
        What `json.dumps` takes; the keys are what maxsight_sound.js reads.
    """
    language = preferences.language
    words = sound_words(language)
    ended = [event for event in report.ended if event.last_s >= ended_since_s]
    return {
        "run": run,
        "n": number,
        "source": "microphone" if progress is None else "file",
        "at_s": round(report.at_s, 2),
        "language": language,
        "lang": VOICES[language],
        "rate": preferences.voice_speed,
        "heard": report.heard,
        "loudness": loudness(report.loudness_db),
        "loudnessDb": _finite(report.loudness_db),
        "events": [_event(event, report.at_s, run, preferences) for event in report.events],
        "ended": [_event(event, report.at_s, run, preferences) for event in ended],
        "problems": [words.problems[problem] for problem in report.problems],
        "named": sorted(named),
        "ms": round(report.latency_ms, 1),
        "progress": None if progress is None else _progress(progress),
    }


def sound_error(error: ReleafError, *, run: str, number: int) -> Message:
    """Say what is wrong and what to do; what passes by itself is marked so."""
    return {"run": run, "n": number, "error": str(error), "isPassing": isinstance(error, BusyError)}


def late_message(run: str, number: int) -> Message:
    """Say that a piece was dropped, as the ones before were still at work."""
    return {"run": run, "n": number, "isLate": True}


def loudness(level_db: float) -> int:
    """Place a level in dB below full scale on a scale from 0, digital silence, to 100."""
    if not math.isfinite(level_db):
        return 0
    return round(100 * min(max(1 - level_db / SILENCE_DB, 0.0), 1.0))


def sureness(confidence: float) -> Sureness:
    """Sort a confidence in [0, 1] into three steps."""
    if confidence >= VERY_SURE:
        return "high"
    return "middle" if confidence >= FAIRLY_SURE else "low"


def page_words() -> dict[str, Any]:
    """Collect what the page's script says by itself, by language."""
    return {
        language: {
            **sound_words(language).model_dump(include={"heard", "trends", "sure", "page"}),
            "tag": VOICES[language],
            "urgencies": [_sentence(word) for word in URGENCY_WORDS[language]],
        }
        for language in LANGUAGES
    }


def page_sounds() -> list[dict[str, Any]]:
    """List the sounds that may be muted, with their names by language."""
    return [{"id": one.id, "names": one.names, "urgency": int(one.urgency)} for one in sounds()]


def _event(event: SoundEvent, at_s: float, run: str, preferences: Preferences) -> Message:
    language = preferences.language
    words, one = sound_words(language), _class_of(event.class_id)
    name, trend = one.name_in(language), words.trends[event.trend]
    urgency = _sentence(URGENCY_WORDS[language][event.urgency])
    template = ("grave" if event.urgency else "plain") + ("_trend" if trend else "")
    said = words.said[template].format(urgency=urgency, name=name, trend=trend)
    is_felt = event.is_alarm and preferences.is_vibrating
    return {
        "id": f"{run} {event.class_id} {event.began_s:.2f}",
        "classId": event.class_id,
        "name": name,
        "urgency": int(event.urgency),
        "isAlarm": event.is_alarm,
        "haptic": list(one.haptic_ms) if is_felt else [],
        "sure": round(event.confidence, 3),
        "sureStep": sureness(event.confidence),
        "trend": event.trend,
        "loudness": loudness(event.loudness_db),
        "loudnessDb": _finite(event.loudness_db),
        "beganS": round(event.began_s, 2),
        "lastS": round(event.last_s, 2),
        "agoS": round(max(0.0, at_s - event.last_s), 2),
        "said": _sentence(said),
    }


def _class_of(class_id: str) -> SoundClass:
    return next(one for one in sounds() if one.id == class_id)


def _progress(progress: FileProgress) -> Message:
    return {
        "at_s": round(progress.at_s, 1),
        "duration_s": None if progress.duration_s is None else round(progress.duration_s, 1),
        "isDone": progress.is_done,
    }


def _finite(level_db: float) -> float | None:
    return round(level_db, 1) if math.isfinite(level_db) else None


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
