"""What the page draws and says of a frame, as JSON."""

from __future__ import annotations

import json
import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import cv2
import numpy as np

from engines.maxsight.classes import Language, vocabulary
from engines.maxsight.context_wording import context_wording
from engines.maxsight.frames import Pixels
from engines.maxsight.preferences import Preferences
from engines.maxsight.scheduler import Alert
from engines.maxsight.session import SceneReport
from engines.maxsight.tiers import GateReport, TrackedObject, Urgency
from engines.maxsight.wording import SURE_SCORE, wording
from engines.runtime.errors import ReleafError

Source = Literal["camera", "photo", "video"]

# Frames that the meter looks back on, and seconds that the frame rate is taken over.
METER_FRAMES, RATE_S = 200, 3.0
# Around a thing, as a share of its size: what it has to stand out from.
RING = 0.25

# Tags of the browser's voices (BCP 47).
VOICES: dict[Language, str] = {"en": "en-US", "es": "es-ES", "de": "de-DE"}
URGENCY_WORDS: dict[Language, tuple[str, str, str, str]] = {
    "en": ("safe", "caution", "warning", "danger"),
    "es": ("seguro", "atención", "advertencia", "peligro"),
    "de": ("sicher", "Achtung", "Warnung", "Gefahr"),
}


@dataclass(frozen=True)
class NumberedAlert:
    """An alert with a number that rises, so that the page says it once however often it comes."""

    id: int
    alert: Alert


@dataclass(frozen=True)
class Progress:
    """Where in a video a frame is.

    Attributes:
        at_s: seconds from the video's start.
        duration_s: of the whole video; None where the file doesn't say.
        is_first: whether no earlier frame can be gone back to.
        is_last: whether the video ends here.
        is_playing: whether the next frame comes by itself.
    """

    at_s: float
    duration_s: float | None
    is_first: bool
    is_last: bool
    is_playing: bool = False


class StageMeter:
    """Measure the last frames of one person: times, rate, and frames that were dropped."""

    def __init__(self) -> None:
        self._latencies_ms: deque[float] = deque(maxlen=METER_FRAMES)
        self._seen_s: deque[float] = deque(maxlen=METER_FRAMES)
        self.dropped = 0

    def add(self, latency_ms: float, now_s: float) -> None:
        """Count a frame that took so long and was done at `now_s` seconds."""
        self._latencies_ms.append(latency_ms)
        self._seen_s.append(now_s)

    def drop(self, frames: int = 1) -> None:
        """Count frames that came while another was at work."""
        self.dropped += max(0, frames)

    def percentile_ms(self, share: float) -> float | None:
        """Return what this share of the frames, 0 to 100, takes at most; None before the first."""
        if not self._latencies_ms:
            return None
        return float(np.percentile(np.fromiter(self._latencies_ms, float), share))

    @property
    def fps(self) -> float:
        """Frames per second of the last seconds; 0 where there are fewer than two."""
        if not self._seen_s:
            return 0.0
        last_s = self._seen_s[-1]
        recent = [at_s for at_s in self._seen_s if 0 <= last_s - at_s <= RATE_S]
        span_s = last_s - recent[0]
        return (len(recent) - 1) / span_s if span_s > 0 else 0.0


def scene_message(
    report: SceneReport,
    preferences: Preferences,
    meter: StageMeter,
    *,
    source: Source,
    frame: Any = None,
    alerts: Iterable[NumberedAlert] = (),
    picture: str | None = None,
    progress: Progress | None = None,
    sent_ms: float | None = None,
) -> dict[str, Any]:
    """Say all of a frame that the page shows, in the person's language.

    Args:
        report: of the frame; its number, boxes and urgency.
        preferences: what decides the words, and how much is shown.
        meter: of this person, the frame already counted.
        source: where the frame came from.
        frame: the frame itself, for contrast; looked at in the clinician's modes alone.
        alerts: to be said, those of the last frames again, as a message may get lost.
        picture: the frame as a data: URL where the page doesn't have it.
        progress: where in the video it is.
        sent_ms: the page's own time of the frame, handed back.

    Returns:
        What `json.dumps` takes; the keys are what maxsight.js reads.
    """
    language = preferences.language
    size = report.tier1.frame_size if report.tier1 else None
    is_detailed = preferences.mode != "person" and isinstance(frame, np.ndarray)
    objects = []
    for track in report.tracks if size else ():
        said = _object(track, size or (1, 1), preferences)
        said["contrast"] = _rounded(contrast(frame, track.box), 3) if is_detailed else None
        objects.append(said)
    return {
        "frame": report.frame_id,
        "source": source,
        "at_s": _rounded(report.captured_s, 3),
        "size": list(size) if size else None,
        "mode": preferences.mode,
        "language": language,
        "urgency": None if report.urgency is None else int(report.urgency),
        "urgencyWord": None if report.urgency is None else _word(report.urgency, language),
        **_problem(report, language),
        "objects": objects,
        "alerts": [_alert(numbered, preferences) for numbered in alerts],
        "stage": _stage(report, meter),
        "picture": picture,
        "progress": None if progress is None else _progress(progress),
        "sentMs": sent_ms,
        "ended": False,
    }


def problem_said(report: SceneReport, language: Language) -> tuple[str, Language]:
    """Say what is wrong with the picture, and in which language that is.

    A frame that can't be read brings words of its own, in English.
    """
    known = context_wording(language).picture_problem(report.picture)
    return (known, language) if known else (report.problem or "", "en")


def error_message(error: ReleafError) -> dict[str, Any]:
    """Say what is wrong and what to do."""
    return {"error": str(error)}


def said_message(
    number: int, text: str, preferences: Preferences, *, language: Language | None = None
) -> dict[str, Any]:
    """Say a sentence that belongs to no frame; the number makes the same one a new one."""
    return {
        "n": number,
        "text": text,
        "lang": VOICES[language or preferences.language],
        "rate": preferences.voice_speed,
    }


def as_json(message: dict[str, Any]) -> str:
    """Write a message; a number that JSON doesn't know raises a ValueError."""
    return json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def contrast(frame: Pixels, box: tuple[float, float, float, float]) -> float | None:
    """Measure how far a thing stands out from what is around it, 0 to 1.

    Michelson's contrast of the mean brightness within the box and in a ring around it. None where
    the frame is no picture of three channels, or the box or ring lies outside of it.
    """
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        return None
    height, width = frame.shape[:2]
    x0, y0, x1, y1 = box
    pad_x, pad_y = RING * (x1 - x0), RING * (y1 - y0)
    outer = _cut((x0 - pad_x, y0 - pad_y, x1 + pad_x, y1 + pad_y), width, height)
    inner = _cut(box, width, height)
    if _area(inner) == 0 or _area(outer) <= _area(inner):
        return None
    (left, top, right, bottom), (in_x0, in_y0, in_x1, in_y1) = outer, inner
    grey = cv2.cvtColor(
        np.ascontiguousarray(frame[top:bottom, left:right]), cv2.COLOR_RGB2GRAY
    ).astype(np.float64)
    within = grey[in_y0 - top : in_y1 - top, in_x0 - left : in_x1 - left]
    inside = float(within.mean())
    around = float((grey.sum() - within.sum()) / (grey.size - within.size))
    brightest = inside + around
    return abs(inside - around) / brightest if brightest > 0 else 0.0


def _problem(report: SceneReport, language: Language) -> dict[str, str | None]:
    if report.problem is None:
        return {"problem": None, "problemLanguage": None, "problemVoice": None}
    text, spoken_in = problem_said(report, language)
    return {"problem": text, "problemLanguage": spoken_in, "problemVoice": VOICES[spoken_in]}


def _object(
    track: TrackedObject, size: tuple[int, int], preferences: Preferences
) -> dict[str, Any]:
    height, width = size
    words, language = wording(preferences.language), preferences.language
    one = vocabulary().trained[vocabulary().index_of(track.class_id)]
    # Worded like a caution: the sentence alone, without "danger" before it.
    plain = words.alert(replace(track, urgency=Urgency.CAUTION), style=preferences.direction_style)
    x0, y0, x1, y1 = track.box
    return {
        "id": track.track_id,
        "name": one.names[language],
        "isSure": track.score >= SURE_SCORE,
        "score": _rounded(track.score, 3),
        "box": [_share(x0, width), _share(y0, height), _share(x1, width), _share(y1, height)],
        "urgency": int(track.urgency),
        "urgencyWord": _word(track.urgency, language),
        "direction": words.direction(track, preferences.direction_style),
        "distance": words.distance(track),
        "distanceM": _rounded(track.distance_m, 1),
        # Without a number the distance is worded by its zone.
        "zone": words.distance(replace(track, distance_m=math.inf)),
        "said": plain,
    }


def _alert(numbered: NumberedAlert, preferences: Preferences) -> dict[str, Any]:
    alert = numbered.alert
    return {
        "id": numbered.id,
        "text": alert.text,
        "lang": VOICES[alert.language],
        "urgency": int(alert.urgency),
        "haptic": list(alert.haptic_ms),
        "isInterrupting": alert.is_interrupting,
        "rate": preferences.voice_speed,
    }


def _stage(report: SceneReport, meter: StageMeter) -> dict[str, Any] | None:
    """Say how Stage A and the gate fared; None if there was nothing to look at."""
    if report.tier1 is None:
        return None
    gate = report.gate or GateReport("absent", "")
    return {
        "ms": _rounded(report.tier1.latency_ms, 1),
        "gate": gate.code,
        "reason": gate.reason,
        "p50": _rounded(meter.percentile_ms(50), 1),
        "p95": _rounded(meter.percentile_ms(95), 1),
        "fps": _rounded(meter.fps, 1),
        "dropped": meter.dropped,
        "uncertainty": _rounded(report.tier1.uncertainty, 3),
    }


def _progress(progress: Progress) -> dict[str, Any]:
    return {
        "at_s": _rounded(progress.at_s, 3),
        "duration_s": _rounded(progress.duration_s, 3),
        "isFirst": progress.is_first,
        "isLast": progress.is_last,
        "isPlaying": progress.is_playing,
    }


def _word(urgency: Urgency, language: Language) -> str:
    return URGENCY_WORDS[language][urgency]


def _share(value: float, side: int) -> float:
    return round(min(max(value / side, 0.0), 1.0), 4)


def _rounded(value: float | None, digits: int) -> float | None:
    """Round; what is no finite number becomes None, which JSON knows."""
    return round(value, digits) if value is not None and math.isfinite(value) else None


def _cut(
    box: tuple[float, float, float, float], width: int, height: int
) -> tuple[int, int, int, int]:
    x0, x1 = (int(min(max(round(value), 0), width)) for value in (box[0], box[2]))
    y0, y1 = (int(min(max(round(value), 0), height)) for value in (box[1], box[3]))
    return x0, y0, x1, y1


def _area(box: tuple[int, int, int, int]) -> int:
    return max(0, box[2] - box[0]) * max(0, box[3] - box[1])
