"""What belongs to one person: what is followed, what was said, what they want to hear."""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from engines.maxsight.alert_memory import ForwardClock
from engines.maxsight.context_worker import ContextBox
from engines.maxsight.frames import Pixels, to_rgb
from engines.maxsight.motion import CameraMotion, small_grey
from engines.maxsight.picture_state import PROBLEMS, PictureState, PictureWatch
from engines.maxsight.pipeline import PipelineStep
from engines.maxsight.preferences import Preferences
from engines.maxsight.scheduler import Alert, AlertScheduler
from engines.maxsight.tiers import (
    ContextResult,
    GateCode,
    GateReport,
    Tier1,
    TrackedObject,
    Urgency,
)
from engines.maxsight.urgency import final_urgency
from engines.runtime.errors import InputError

# Frames and alerts that are remembered; about three minutes at 12 frames per second.
TIMELINE_FRAMES, TIMELINE_ALERTS = 2000, 500
IDLE_S = 15 * 60.0
MAX_SESSIONS = 500


class Look(Protocol):
    """Describe what looks at a frame, such as `MaxSightPipeline.step`."""

    def __call__(
        self, frame: Pixels, *, frame_id: int, captured_s: float, box: ContextBox
    ) -> PipelineStep:
        """Say what both stages see in a frame (H, W, 3) RGB."""


@dataclass(frozen=True)
class SceneReport:
    """All there is to say about one frame, for one person.

    Attributes:
        frame_id: number of the frame in its session, rising.
        captured_s: when it was captured, seconds on the session's clock.
        tier1: what Stage A saw; None if the frame could not be read.
        tracks: the things in view with their final urgency, oldest first.
        urgency: of the frame; None if it could not be read, which is not the same as safe.
        alerts: what to say now.
        gate: whether Stage B was started on this frame; None if it could not be read.
        context: Stage B's newest result, perhaps of an older frame.
        picture: whether the camera shows anything.
        problem: what is wrong with the picture and what to do; None if it is fine.
    """

    frame_id: int
    captured_s: float
    tier1: Tier1 | None
    tracks: tuple[TrackedObject, ...]
    urgency: Urgency | None
    alerts: tuple[Alert, ...]
    gate: GateReport | None
    context: ContextResult | None
    picture: PictureState
    problem: str | None


@dataclass(frozen=True)
class TimelineEntry:
    """What is remembered of a frame; None where it could not be read."""

    frame_id: int
    captured_s: float
    picture: PictureState
    latency_ms: float | None
    urgency: Urgency | None
    uncertainty: float | None
    gate: GateCode | None
    tracks: int
    alerts: tuple[str, ...]


class MaxSightSession:
    """Follow the frames of one person and choose what to tell them.

    Nothing of it is shared with another person. Its frames are taken one after the other, even if
    they come from several threads; only a restart waits for the frame at work.

    Args:
        look: what looks at the frames; it keeps nothing of a person.
        clock: seconds, rising.
        preferences: what the person wants to be told.
    """

    def __init__(
        self, look: Look, clock: Callable[[], float], preferences: Preferences | None = None
    ) -> None:
        self._look, self._clock = look, clock
        self._frames = 0
        self._timeline: deque[TimelineEntry] = deque(maxlen=TIMELINE_FRAMES)
        self._alerts: deque[Alert] = deque(maxlen=TIMELINE_ALERTS)
        # The first is held for a whole frame, the second only for what was already seen.
        self._frame_lock, self._lock = threading.Lock(), threading.Lock()
        self._start(preferences or Preferences())

    def _start(self, preferences: Preferences) -> None:
        self._box = ContextBox()
        self._scheduler = AlertScheduler(preferences, self._clock)
        # Here, not above: the page answers before the library of tracks is read.
        from engines.maxsight.tracking import Tracker

        self._tracker, self._camera, self._watch = Tracker(), CameraMotion(), PictureWatch()
        self._last: SceneReport | None = None

    @property
    def preferences(self) -> Preferences:
        """What the person wants to be told; holds from the next frame on when replaced."""
        return self._scheduler.preferences

    @preferences.setter
    def preferences(self, preferences: Preferences) -> None:
        with self._lock:
            self._scheduler.preferences = preferences

    @property
    def last(self) -> SceneReport | None:
        """The report of the newest frame, None before the first."""
        return self._last

    @property
    def timeline(self) -> tuple[TimelineEntry, ...]:
        """The last frames, oldest first."""
        with self._lock:
            return tuple(self._timeline)

    @property
    def alerts(self) -> tuple[Alert, ...]:
        """The last alerts, oldest first."""
        with self._lock:
            return tuple(self._alerts)

    def step(self, frame: Any, captured_s: float | None = None) -> SceneReport:
        """Look at a frame, follow what is in it, and choose what to say.

        Args:
            frame: upright picture, see `frames.to_rgb`. One that cannot be read is reported as
                such, and the next one is taken as usual.
            captured_s: seconds on the session's clock; it is read if this is None or no number.

        Raises:
            ReleafError: if the stages cannot look at all, as `look` says; nothing is changed then.
        """
        with self._frame_lock:
            at_s = captured_s if captured_s is not None else math.nan
            at_s = at_s if math.isfinite(at_s) else self._clock()
            self._frames += 1
            number = self._frames
            try:
                pixels = to_rgb(frame)
            except InputError as error:
                report = _unreadable(number, at_s, str(error), self._box.latest)
            else:
                seen = self._look(pixels, frame_id=number, captured_s=at_s, box=self._box)
                with self._lock:
                    report = self._follow(pixels, seen, at_s)
            with self._lock:
                self._remember(report)
            return report

    def repeat(self) -> Alert | None:
        """Say the last alert again; None before the first."""
        with self._lock:
            return self._scheduler.repeat()

    def summary(self) -> str:
        """Answer "What is around me?" from the newest frame."""
        with self._lock:
            return self._scheduler.summary(self._last.tracks if self._last else ())

    def restart(self) -> None:
        """Begin anew with another camera, video or photo; preferences and timeline stay."""
        with self._frame_lock, self._lock:
            self._start(self.preferences)

    def _follow(self, pixels: Pixels, seen: PipelineStep, at_s: float) -> SceneReport:
        tier1 = seen.tier1
        grey = small_grey(pixels)
        picture = self._watch.update(grey, at_s)
        boxes = [track.box for track in self._last.tracks] if self._last else []
        size = pixels.shape[0], pixels.shape[1]
        shift = self._camera.update(grey, frame_size=size, boxes_before=boxes)
        tracks = self._tracker.update(tier1.objects, at_s=at_s, frame_size=size, camera_shift=shift)
        scene = final_urgency(tier1, tracks)
        alerts = self._scheduler.step(scene.tracks, frame_urgency=scene.frame, now_s=at_s)
        return SceneReport(
            frame_id=tier1.frame_id,
            captured_s=at_s,
            tier1=tier1,
            tracks=scene.tracks,
            urgency=scene.frame,
            alerts=alerts,
            gate=seen.gate,
            context=seen.context,
            picture=picture,
            problem=PROBLEMS.get(picture),
        )

    def _remember(self, report: SceneReport) -> None:
        self._last = report
        self._alerts.extend(report.alerts)
        tier1, gate = report.tier1, report.gate
        self._timeline.append(
            TimelineEntry(
                frame_id=report.frame_id,
                captured_s=report.captured_s,
                picture=report.picture,
                latency_ms=tier1.latency_ms if tier1 else None,
                urgency=report.urgency,
                uncertainty=tier1.uncertainty if tier1 else None,
                gate=gate.code if gate else None,
                tracks=len(report.tracks),
                alerts=tuple(alert.text for alert in report.alerts),
            )
        )


def _unreadable(
    number: int, at_s: float, problem: str, context: ContextResult | None
) -> SceneReport:
    return SceneReport(
        frame_id=number,
        captured_s=at_s,
        tier1=None,
        tracks=(),
        urgency=None,
        alerts=(),
        gate=None,
        context=context,
        picture="unreadable",
        problem=problem,
    )


class SessionStore:
    """Keep the sessions of many people apart, and end those that nobody uses.

    Args:
        build: makes a session for a new person.
        clock: seconds, rising.
        idle_s: a session that is not asked for this long ends.
        most: more sessions than this are never kept; the one unused longest goes first.
    """

    def __init__(
        self,
        build: Callable[[], MaxSightSession],
        clock: Callable[[], float],
        *,
        idle_s: float = IDLE_S,
        most: int = MAX_SESSIONS,
    ) -> None:
        self._build, self._clock, self._idle_s, self._most = build, clock, idle_s, most
        self._lock = threading.Lock()
        self._passed = ForwardClock()
        # The one unused longest is first.
        self._sessions: dict[str, tuple[float, MaxSightSession]] = {}

    def get(self, session_id: str) -> MaxSightSession:
        """Return a person's session, a new one if there is none."""
        with self._lock:
            now_s = self._end_idle()
            kept = self._sessions.pop(session_id, None)
            session = kept[1] if kept else self._build()
            self._sessions[session_id] = now_s, session
            while len(self._sessions) > self._most:
                del self._sessions[next(iter(self._sessions))]
            return session

    def end(self, session_id: str) -> None:
        """End a person's session, if there is one."""
        with self._lock:
            self._sessions.pop(session_id, None)

    def end_idle(self) -> None:
        """End all sessions that have not been asked for in the idle time."""
        with self._lock:
            self._end_idle()

    def __len__(self) -> int:
        with self._lock:
            return len(self._sessions)

    def _end_idle(self) -> float:
        now_s = self._passed.advance(self._clock())
        for session_id, (used_s, _) in list(self._sessions.items()):
            if now_s - used_s > self._idle_s:
                del self._sessions[session_id]
        return now_s
