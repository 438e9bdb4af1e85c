"""What was said of each thing in view, and so what is due to be said again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from engines.maxsight.tiers import TrackedObject, Urgency

# The reference design: the same thing at most every 6 s.
COOLDOWN_S = 6.0
# What stays as it is matters less each time: its cooldown doubles, up to this many times 6 s.
# A danger is repeated every 6 s for as long as it lasts.
MAX_COOLDOWNS = 16

# A thing out of sight for longer has left; a detector misses single frames.
LEAVES_AFTER_S = 2.0
# A track that starts where one of its class ended, this soon, is the same thing under a new number.
HANDOVER_S, HANDOVER_DEG, HANDOVER_RATIO = 1.0, 15.0, 1.5
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
    at_s: float
    cooldowns: int


@dataclass
class _Memory:
    """What is known of a thing in view."""

    class_id: str | None
    first_s: float
    seen_s: float = 0.0
    angle_deg: float = 0.0
    distance_m: float = math.inf
    told: _Told | None = None


@dataclass
class AlertMemory:
    """Remember what is in view and what was said of it; bounded by what is in view.

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
                    else self._memories.pop(before)
                )
            memory = self._memories[track.track_id]
            memory.seen_s, memory.angle_deg = now, track.angle_deg
            memory.distance_m = track.distance_m
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
                and now - memory.seen_s <= HANDOVER_S
                and abs(memory.angle_deg - track.angle_deg) <= HANDOVER_DEG
                and track.distance_m <= memory.distance_m * HANDOVER_RATIO
                and memory.distance_m <= track.distance_m * HANDOVER_RATIO
            ):
                return key
        return None

    def is_due(self, track: TrackedObject, now: float) -> bool:
        """Say whether a thing in view is new, nearer by half, more urgent, or said long ago."""
        told = self._memories[track.track_id].told
        if told is None or track.urgency > told.urgency:
            return True
        if _is_halved(track.distance_m, told.distance_m):
            return True
        cooldowns = 1 if track.urgency == Urgency.DANGER else told.cooldowns
        return now - told.at_s >= COOLDOWN_S * cooldowns

    def is_unnamed_due(self, now: float) -> bool:
        """Say whether the danger that no thing explains is to be said; it is in this frame."""
        memory = self._memories[None]
        if memory.told is not None:
            return now - memory.told.at_s >= COOLDOWN_S * memory.told.cooldowns
        return now - memory.first_s >= UNNAMED_HOLDS_S

    def remember(
        self, track_id: int | None, urgency: Urgency, distance_m: float, now: float
    ) -> None:
        """Note that a thing in view is said now; track_id None where no thing explains it."""
        memory = self._memories[track_id]
        before = memory.told
        is_unchanged = (
            before is not None
            and urgency == before.urgency
            and not _is_halved(distance_m, before.distance_m)
        )
        cooldowns = min(2 * before.cooldowns, MAX_COOLDOWNS) if before and is_unchanged else 1
        memory.told = _Told(urgency, distance_m, now, cooldowns)


def _is_halved(distance_m: float, before_m: float) -> bool:
    """Say whether a thing came nearer by half; never where a distance is not a number."""
    if not (math.isfinite(distance_m) and math.isfinite(before_m)):
        return False
    return max(distance_m, LEAST_DISTANCE_M) <= before_m / 2
