"""Turn what each moment sounds like into sounds that begin, grow louder and end."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engines.maxsight.sound_classes import BACKGROUND, SoundClass
from engines.maxsight.tiers import Urgency

Trend = Literal["louder", "quieter", "steady"]

# Time between two looks, and how much of the smoothed probability is the newest look.
HOP_S = 0.5
NEWEST_SHARE = 0.5
# A sound that began goes on until it is clearly less likely, for two looks in a row. It begins only
# where two looks in a row find it that likely, each by itself: the first look may hold no more than
# a sound's first tenths of a second, and those of a siren were taken for an alarm.
KEEP_SHARE, LOOKS_TO_BEGIN, LOOKS_TO_END = 0.7, 2, 2
# Doubling or halving the distance to a small source changes its level by 6 dB in the open; half of
# that, over up to 4 s, is told. Two looks say nothing of a trend yet.
TREND_DB, TREND_LOOKS, LEAST_TREND_LOOKS = 3.0, 8, 4
# Digital silence has no level; this stands for it.
QUIETEST_DB = -100.0
TIMELINE_LENGTH = 200


@dataclass(frozen=True)
class SoundEvent:
    """One sound, from its beginning to now or to its end.

    Attributes:
        class_id: a sound of sounds.yaml.
        confidence: its smoothed probability, in [0, 1]; once it has ended, the highest it had.
        loudness_db: level of all that is heard in the last half second, dB below full scale. What
            a phone's microphone makes of a loudness differs from phone to phone.
        trend: whether that level rose or fell by 3 dB or more over the last 2 to 4 s.
        began_s: when it began on the listener's clock, true to about a second.
        last_s: when it was last heard.
        urgency: how much it matters; a warning becomes a danger while it gets louder.
        is_alarm: whether it asks for flash and vibration.
        is_new: whether it began with this look.
        has_ended: whether it is over.
    """

    class_id: str
    confidence: float
    loudness_db: float
    trend: Trend
    began_s: float
    last_s: float
    urgency: Urgency
    is_alarm: bool
    is_new: bool
    has_ended: bool = False


@dataclass
class _Open:
    """A sound that goes on."""

    event: SoundEvent
    best: float
    levels_db: deque[float]
    missed: int = 0


class SoundMemory:
    """Follow the sounds of one listener; of bounded size.

    Args:
        classes: the sounds in the order of `output_ids`.
        thresholds: least smoothed probability at which a sound begins, if two looks in a row agree.
            Others never do.
    """

    def __init__(self, classes: Sequence[SoundClass], thresholds: Mapping[str, float]) -> None:
        self._classes = tuple(classes)
        self._thresholds = dict(thresholds)
        self._smoothed: NDArray[np.float64] = np.zeros(0)
        self._before: NDArray[np.float64] = np.zeros(0)
        self._open: dict[str, _Open] = {}
        self.ended: deque[SoundEvent] = deque(maxlen=TIMELINE_LENGTH)

    @property
    def smoothed(self) -> dict[str, float]:
        """The smoothed probability of each output; empty before the first look."""
        if not len(self._smoothed):
            return {}
        ids = [*(one.id for one in self._classes), BACKGROUND]
        return dict(zip(ids, map(float, self._smoothed), strict=True))

    def update(
        self,
        at_s: float,
        probabilities: NDArray[np.floating],
        level_db: float,
        *,
        is_last: bool = False,
    ) -> tuple[SoundEvent, ...]:
        """Take in one look and return the sounds that go on, the most urgent first.

        Args:
            at_s: end of the window that was looked at, seconds; later than the one before.
            probabilities: of the sounds and, last, the background; they sum to 1.
            level_db: of the newest half second, dB below full scale.
            is_last: whether none follows; then this look alone may begin a sound.
        """
        newest = np.array(probabilities, np.float64)
        if not len(self._smoothed):
            self._smoothed, self._before = newest.copy(), np.zeros_like(newest)
        else:
            self._smoothed += NEWEST_SHARE * (newest - self._smoothed)
        agreed = newest if is_last else np.minimum(newest, self._before)
        self._before = newest
        for index, one in enumerate(self._classes):
            threshold = self._thresholds.get(one.id)
            if threshold is not None:
                likely = float(self._smoothed[index])
                may_begin = likely >= threshold and agreed[index] >= KEEP_SHARE * threshold
                self._follow(one, likely, threshold, at_s, level_db, may_begin=may_begin)
        active = [going.event for going in self._open.values()]
        return tuple(sorted(active, key=lambda event: (-event.urgency, -event.confidence)))

    def end_all(self) -> None:
        """End what goes on: the microphone was turned off, or the file is over."""
        for class_id in list(self._open):
            self._end(class_id)
        self._smoothed = self._before = np.zeros(0)

    def _follow(
        self,
        one: SoundClass,
        likely: float,
        threshold: float,
        at_s: float,
        level_db: float,
        *,
        may_begin: bool,
    ) -> None:
        going = self._open.get(one.id)
        if going is None:
            if may_begin:
                began_s = max(0.0, at_s - LOOKS_TO_BEGIN * HOP_S)
                event = SoundEvent(
                    one.id, likely, level_db, "steady", began_s, at_s,
                    one.urgency, one.is_alarm, is_new=True,
                )  # fmt: skip
                self._open[one.id] = _Open(event, likely, deque([level_db], maxlen=TREND_LOOKS))
            return
        if likely < KEEP_SHARE * threshold:
            going.missed += 1
            if going.missed >= LOOKS_TO_END:
                self._end(one.id)
                return
            going.event = replace(going.event, confidence=likely, is_new=False)
            return
        going.missed, going.best = 0, max(going.best, likely)
        going.levels_db.append(level_db)
        trend = trend_of(going.levels_db)
        going.event = replace(
            going.event,
            confidence=likely,
            loudness_db=level_db,
            trend=trend,
            last_s=at_s,
            urgency=_raised(one.urgency) if trend == "louder" else one.urgency,
            is_new=False,
        )

    def _end(self, class_id: str) -> None:
        going = self._open.pop(class_id)
        self.ended.append(replace(going.event, confidence=going.best, is_new=False, has_ended=True))


def trend_of(levels_db: Sequence[float]) -> Trend:
    """Compare the later half of the levels with the earlier half, by their medians.

    Medians, as a siren's own ups and downs are no trend.
    """
    levels = np.maximum(np.asarray(levels_db, np.float64), QUIETEST_DB)
    if len(levels) < LEAST_TREND_LOOKS:
        return "steady"
    middle = len(levels) // 2
    change = float(np.median(levels[-middle:]) - np.median(levels[:middle]))
    if change >= TREND_DB:
        return "louder"
    return "quieter" if change <= -TREND_DB else "steady"


def _raised(urgency: Urgency) -> Urgency:
    """Raise what matters by one step when it gets louder; what is harmless stays harmless."""
    return Urgency(min(urgency + 1, Urgency.DANGER)) if urgency >= Urgency.WARNING else urgency
