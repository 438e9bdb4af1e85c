"""When to speak, and what of: few words, danger first, silence when nothing matters."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from engines.maxsight.alert_memory import AlertMemory, ForwardClock, is_coming
from engines.maxsight.classes import Language
from engines.maxsight.preferences import Preferences
from engines.maxsight.tiers import TrackedObject, Urgency
from engines.maxsight.urgency import urgency_of_track, vocabulary_entry
from engines.maxsight.wording import wording

# The reference design: two alerts a minute unless danger. A danger that was told and just stands
# there keeps the limit too: in a minute beside a parked car, two sentences say it.
MINUTE_S = 60.0
MAX_ALERTS_A_MINUTE = 2
# The last alert of a minute is kept for a warning, so that a chair never silences a car.
MAX_ALERTS_BEFORE_CAUTION = 1
# A danger this sure is spoken of before the tracker confirms it.
SURE_OF_DANGER = 0.6
# What is less sure than this is shown, and not spoken of unless it comes closer. Chosen on val: at
# 0.47 three more of its 65 photos in which nothing matters are spoken of, and one more of its 73
# dangers.
LEAST_SPOKEN_SCORE, LEAST_SPOKEN_DANGER_SCORE = 0.50, 0.42

# Vibration API: milliseconds on, off, on, ... Longer and more often the more it matters.
HAPTICS_MS: dict[Urgency, tuple[int, ...]] = {
    Urgency.SAFE: (),
    Urgency.CAUTION: (100,),
    Urgency.WARNING: (200, 100, 200),
    Urgency.DANGER: (400, 100, 400, 100, 400),
}


@dataclass(frozen=True)
class Alert:
    """One thing to say now.

    Attributes:
        track_id: of the thing; None where the frame as a whole looks dangerous.
        class_id: of the thing; None likewise.
        urgency: why it is said.
        text: one sentence.
        language: of the text.
        haptic_ms: milliseconds of vibration and pause in turn; empty where none is wanted.
        is_interrupting: whether it cuts off what is being said; a danger does.
        at_s: when, seconds on the session's clock.
        also_track_ids: further dangers that this sentence counts.
    """

    track_id: int | None
    class_id: str | None
    urgency: Urgency
    text: str
    language: Language
    haptic_ms: tuple[int, ...]
    is_interrupting: bool
    at_s: float
    also_track_ids: tuple[int, ...] = ()


@dataclass
class AlertScheduler:
    """Choose what one person is told of, frame by frame.

    A danger that is new or comes closer is spoken of at once and interrupts. One that stands still
    is repeated ever more rarely and keeps the limit of alerts a minute; so does everything else,
    with the person's pause between alerts. What is not spoken of is in view nonetheless: nothing
    is taken from the tracks. Holds the state of one person and is not meant for several threads.

    Attributes:
        preferences: may be replaced at any time; what was said stays remembered.
        clock: seconds, used where no time is given.
    """

    preferences: Preferences
    clock: Callable[[], float]
    _clock: ForwardClock = field(default_factory=ForwardClock, init=False, repr=False)
    _memory: AlertMemory = field(default_factory=AlertMemory, init=False, repr=False)
    # No more than the limit is ever asked for.
    _spoken_s: deque[float] = field(
        default_factory=lambda: deque(maxlen=MAX_ALERTS_A_MINUTE), init=False, repr=False
    )
    _last: Alert | None = field(default=None, init=False, repr=False)

    def step(
        self,
        tracks: Sequence[TrackedObject],
        *,
        frame_urgency: Urgency,
        now_s: float | None = None,
    ) -> tuple[Alert, ...]:
        """Say what has to be said at this frame: nothing, or one alert.

        Args:
            tracks: what is in view.
            frame_urgency: final urgency of the frame.
            now_s: when the frame was captured; the clock is read if None.

        Raises:
            KeyError: if the class of a track is not trained.
        """
        at_s = self.clock() if now_s is None else now_s
        now = self._clock.advance(at_s)
        judged = [replace(track, urgency=urgency_of_track(track)) for track in tracks]
        is_explained = any(track.urgency == Urgency.DANGER for track in judged)
        is_unnamed = frame_urgency == Urgency.DANGER and not is_explained
        self._memory.look(judged, is_unnamed, now)
        due = [
            track for track in judged if self._matters(track) and self._memory.is_due(track, now)
        ]
        due.sort(key=_priority)
        dangers = [track for track in due if track.urgency == Urgency.DANGER]
        alert: Alert | None = None
        if dangers and (self._is_any_pressing(dangers) or self._is_below_limit(now)):
            alert = self._say_danger(dangers, at_s, now)
        elif due and self._has_room(due[0].urgency, now):
            alert = self._say(due[0], at_s, now)
        elif is_unnamed and self._is_unnamed_due(now):
            alert = self._say_unnamed(at_s, now)
        if alert is None:
            return ()
        self._last = alert
        self._spoken_s.append(now)
        return (alert,)

    def repeat(self, now_s: float | None = None) -> Alert | None:
        """Say the last alert again in the same words; None before the first."""
        if self._last is None:
            return None
        at_s = self.clock() if now_s is None else now_s
        return replace(self._last, at_s=at_s, is_interrupting=True)

    def summary(self, tracks: Sequence[TrackedObject]) -> str:
        """Answer "What is around me?" with what the person wants to be told of."""
        judged = [replace(track, urgency=urgency_of_track(track)) for track in tracks]
        told = [track for track in judged if self._is_wanted(track) and track.is_confirmed]
        words = wording(self.preferences.language)
        return words.summary(told, style=self.preferences.direction_style)

    def _is_wanted(self, track: TrackedObject) -> bool:
        """Say whether the person wants to hear of it; a danger counts at any distance."""
        if vocabulary_entry(track.class_id).group not in self.preferences.groups_told:
            return False
        is_beyond = track.distance_m > self.preferences.max_distance_m
        return track.urgency == Urgency.DANGER or not is_beyond

    def _matters(self, track: TrackedObject) -> bool:
        is_danger = track.urgency == Urgency.DANGER
        is_believed = track.is_confirmed or (is_danger and track.score >= SURE_OF_DANGER)
        least = LEAST_SPOKEN_DANGER_SCORE if is_danger else LEAST_SPOKEN_SCORE
        is_likely = track.score >= least or is_coming(track)
        is_worth_it = track.urgency > Urgency.SAFE and is_believed and is_likely
        return is_worth_it and self._is_wanted(track)

    def _is_unnamed_due(self, now: float) -> bool:
        is_muted = not self.preferences.groups_told
        return (
            not is_muted
            and self._memory.is_unnamed_due(now)
            and self._has_room(Urgency.WARNING, now)
        )

    def _is_any_pressing(self, dangers: Sequence[TrackedObject]) -> bool:
        """Say whether one of the dangers is new or comes closer, so that nothing holds it back."""
        return any(self._memory.is_new(one) or is_coming(one) for one in dangers)

    def _has_room(self, urgency: Urgency, now: float) -> bool:
        """Say whether something below danger may be spoken now."""
        if self._spoken_s and now - self._spoken_s[-1] < self.preferences.seconds_between:
            return False
        is_caution = urgency <= Urgency.CAUTION
        limit = MAX_ALERTS_BEFORE_CAUTION if is_caution else MAX_ALERTS_A_MINUTE
        return self._is_below_limit(now, limit)

    def _is_below_limit(self, now: float, limit: int = MAX_ALERTS_A_MINUTE) -> bool:
        """Say whether fewer alerts than the limit were spoken in the last minute."""
        while self._spoken_s and now - self._spoken_s[0] > MINUTE_S:
            self._spoken_s.popleft()
        return len(self._spoken_s) < limit

    def _say_danger(self, dangers: list[TrackedObject], at_s: float, now: float) -> Alert:
        """Put all dangers of a frame into one sentence, so that none cuts off another."""
        first, *others = dangers
        alert = self._say(first, at_s, now, more=len(others))
        for other in others:
            self._memory.remember(other, now)
        return replace(alert, also_track_ids=tuple(other.track_id for other in others))

    def _say(self, track: TrackedObject, at_s: float, now: float, *, more: int = 0) -> Alert:
        self._memory.remember(track, now)
        words = wording(self.preferences.language)
        text = words.alert(track, style=self.preferences.direction_style, more=more)
        return self._alert(track.track_id, track.class_id, track.urgency, text, at_s)

    def _say_unnamed(self, at_s: float, now: float) -> Alert:
        # No thing is known to be there, so it neither interrupts nor goes over the limit.
        self._memory.remember_unnamed(now)
        text = wording(self.preferences.language).unnamed()
        return self._alert(None, None, Urgency.WARNING, text, at_s)

    def _alert(
        self, track_id: int | None, class_id: str | None, urgency: Urgency, text: str, at_s: float
    ) -> Alert:
        return Alert(
            track_id,
            class_id,
            urgency,
            text,
            self.preferences.language,
            HAPTICS_MS[urgency] if self.preferences.is_vibrating else (),
            is_interrupting=urgency == Urgency.DANGER,
            at_s=at_s,
        )


def _priority(track: TrackedObject) -> tuple[float, float, float]:
    """Order by urgency, then by time to contact, then by distance."""
    contact_s, distance_m = track.time_to_contact_s, track.distance_m
    return (
        -track.urgency,
        contact_s if contact_s is not None and math.isfinite(contact_s) else math.inf,
        distance_m if math.isfinite(distance_m) else math.inf,
    )
