"""What was said of each thing in view, and so what is due to be said again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from engines.maxsight.tiers import TrackedObject, Urgency
from engines.maxsight.urgency import MAX_CONTACT_S, vocabulary_entry

# The reference design: the same thing at most every 6 s.
COOLDOWN_S = 6.0
# What stays as it is matters less each time: its cooldown doubles, 6, 12, 24, ... up to this.
LONGEST_COOLDOWN_S, LONGEST_COOLDOWN_OF_DANGER_S = 96.0, 60.0
# A thing that was less urgent for this long has really been so, and a rise after it is one.
FALLS_AFTER_S = COOLDOWN_S

# A thing out of sight for longer has left; a detector misses single frames.
LEAVES_AFTER_S = 2.0
# A track that starts before that where one of its class ended is that thing under a new number.
HANDOVER_DEG, HANDOVER_RATIO = 15.0, 1.5
# The network's judgement of the whole frame flickers; this long, it is meant.
UNNAMED_HOLDS_S = 0.5
# Longer than anything is remembered; a clock set anew must not cost the small numbers' precision.
MAX_STEP_S = 3600.0
# Nearer than this, halving the distance is noise of the estimate.
LEAST_DISTANCE_M = 0.5


@dataclass
class ForwardClock:
    """Seconds that only go forward, whatever the session's clock does."""

    now_s: float = 0.0
    last_given_s: float | None = None

    def advance(self, given_s: float) -> float:
        """Follow a clock; where it jumps back, or is no number, no time has passed."""
        if math.isfinite(given_s):
            if self.last_given_s is not None:
                self.now_s += min(max(0.0, given_s - self.last_given_s), MAX_STEP_S)
            self.last_given_s = given_s
        return self.now_s


@dataclass
class _Told:
    """What was last said of a thing. Times are on the scheduler's own clock, in seconds."""

    urgency: Urgency
    distance_m: float
    is_coming: bool
    at_s: float
    cooldown_s: float = COOLDOWN_S


@dataclass
class _Memory:
    """What is known of a thing in view; `less_since_s` while it is less urgent than was told."""

    class_id: str | None
    first_s: float
    seen_s: float = 0.0
    angle_deg: float = 0.0
    distance_m: float = math.inf
    less_since_s: float | None = None
    told: _Told | None = None


@dataclass
class AlertMemory:
    """Remember what is in view and what was said of it; bounded by what is in view.

    A thing is new when it appears, rises in urgency, comes nearer by half or begins to come closer.
    Otherwise it is due when its cooldown ends. The cooldown doubles with each time it is said, and
    starts anew whenever it is new; while it comes closer it does not grow.

    Times are in seconds of a clock that never goes back.
    """

    # None stands for the danger that no thing explains.
    _memories: dict[int | None, _Memory] = field(default_factory=dict, init=False, repr=False)

    def look(self, tracks: Sequence[TrackedObject], is_unnamed: bool, now: float) -> None:
        """Remember what is in view and forget what has left.

        Args:
            tracks: with their final urgency.
            is_unnamed: whether the frame looks dangerous and no track explains it.
            now: seconds, not before the last call's.
        """
        in_view: set[int | None] = {track.track_id for track in tracks}
        if is_unnamed:
            in_view.add(None)
        self._memories = {
            key: memory
            for key, memory in self._memories.items()
            if key in in_view or now - memory.seen_s <= LEAVES_AFTER_S
        }
        for track in tracks:
            if track.track_id not in self._memories:
                before = self._predecessor(track, in_view, now)
                self._memories[track.track_id] = (
                    _Memory(track.class_id, first_s=now)
                    if before is None
                    else _handed_over(self._memories.pop(before))
                )
            memory = self._memories[track.track_id]
            memory.seen_s, memory.angle_deg = now, track.angle_deg
            memory.distance_m = track.distance_m
            _compare(memory, track, now)
        if is_unnamed:
            self._memories.setdefault(None, _Memory(None, first_s=now)).seen_s = now

    def _predecessor(
        self, track: TrackedObject, in_view: set[int | None], now: float
    ) -> int | None:
        """Find the track that ended where this one starts; its thing has only a new number."""
        for key, memory in self._memories.items():
            if (
                key is not None
                and key not in in_view
                and memory.class_id == track.class_id
                and abs(memory.angle_deg - track.angle_deg) <= HANDOVER_DEG
                and track.distance_m <= memory.distance_m * HANDOVER_RATIO
                and memory.distance_m <= track.distance_m * HANDOVER_RATIO
            ):
                return key
        return None

    def is_new(self, track: TrackedObject) -> bool:
        """Say whether a thing in view appears, rises, is nearer by half, or begins to come."""
        told = self._memories[track.track_id].told
        return (
            told is None
            or track.urgency > told.urgency
            or _is_halved(track.distance_m, told.distance_m)
            or (is_coming(track) and not told.is_coming)
        )

    def is_due(self, track: TrackedObject, now: float) -> bool:
        """Say whether a thing in view is new, or was said so long ago that its cooldown is over."""
        told = self._memories[track.track_id].told
        if told is None or self.is_new(track):
            return True
        is_danger = track.urgency == Urgency.DANGER
        longest_s = LONGEST_COOLDOWN_OF_DANGER_S if is_danger else LONGEST_COOLDOWN_S
        return now - told.at_s >= min(told.cooldown_s, longest_s)

    def is_unnamed_due(self, now: float) -> bool:
        """Say whether the danger that no thing explains is to be said; it is in this frame."""
        memory = self._memories[None]
        if memory.told is not None:
            return now - memory.told.at_s >= memory.told.cooldown_s
        return now - memory.first_s >= UNNAMED_HOLDS_S

    def remember(self, track: TrackedObject, now: float) -> None:
        """Note that a thing in view is said now."""
        memory, comes = self._memories[track.track_id], is_coming(track)
        told = _Told(track.urgency, track.distance_m, comes, now)
        if memory.told is not None and not comes and not self.is_new(track):
            # Less urgent for a moment: what comes after is no rise above what was told before.
            told.urgency = memory.told.urgency
            told.cooldown_s = _doubled(memory.told)
        memory.told = told

    def remember_unnamed(self, now: float) -> None:
        """Note that the danger that no thing explains is said now; it is in this frame."""
        memory = self._memories[None]
        cooldown_s = COOLDOWN_S if memory.told is None else _doubled(memory.told)
        memory.told = _Told(Urgency.WARNING, math.inf, False, now, cooldown_s)


def is_coming(track: TrackedObject) -> bool:
    """Say whether a thing that moves by itself would arrive soon, however slowly it comes.

    Stricter words need a speed too, see `urgency.is_approaching`; here a car that creeps counts.
    """
    contact_s = track.time_to_contact_s
    is_soon = contact_s is not None and contact_s <= MAX_CONTACT_S
    return is_soon and vocabulary_entry(track.class_id).moves


def _compare(memory: _Memory, track: TrackedObject, now: float) -> None:
    """Compare a thing with what was told of it, so that a later change counts from what it is."""
    told = memory.told
    if told is None:
        return
    if is_coming(track):
        told.cooldown_s = COOLDOWN_S
    if track.urgency >= told.urgency:
        memory.less_since_s = None
    elif memory.less_since_s is None:
        memory.less_since_s = now
    elif now - memory.less_since_s >= FALLS_AFTER_S:
        told.urgency, memory.less_since_s = track.urgency, None


def _handed_over(memory: _Memory) -> _Memory:
    """Pass on what is known to a new number; if it comes closer, it may be another thing after all.

    One car after the other comes round a corner; a still one stays the same.
    """
    if memory.told is not None:
        memory.told.is_coming = False
    return memory


def _doubled(told: _Told) -> float:
    return min(2 * told.cooldown_s, LONGEST_COOLDOWN_S)


def _is_halved(distance_m: float, before_m: float) -> bool:
    """Say whether a thing came nearer by half; never where a distance is not a number."""
    if not (math.isfinite(distance_m) and math.isfinite(before_m)):
        return False
    return max(distance_m, LEAST_DISTANCE_M) <= before_m / 2
