"""Which thing is which from frame to frame, where it is, and when it would arrive."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, NamedTuple

import norfair
import numpy as np
from norfair.distances import Distance
from numpy.typing import NDArray

from engines.maxsight.alert_memory import ForwardClock
from engines.maxsight.approach import Approach
from engines.maxsight.box_filter import MIN_SIZE_PX, BoxFilter, BoxFilterFactory
from engines.maxsight.boxes import iou_matrix, suppress
from engines.maxsight.classes import vocabulary
from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE
from engines.maxsight.motion import UNKNOWN_SHIFT, CameraShift
from engines.maxsight.tiers import Box, SeenObject, TrackedObject, Urgency, Zone

# A hidden thing keeps its number for the longer time and is shown for the shorter.
LOST_AFTER_S, SHOWN_UNSEEN_S = 1.5, 0.5
# A thing is believed when the scores of its sightings add up to this: one very sure, or a few.
BELIEVED_SCORES = 0.8
# What comes nearer or turns more urgent counts at once; the opposite when it has lasted this long.
RELAXES_AFTER_S = 0.5

# Distance of two boxes: 1 - IoU + (between their middles / diagonal around both)², as in DIoU
# (Zheng et al. 2020). Equal squares side by side are at 1.2; what is farther never matches.
MAX_DISTANCE = 1.2
# The network wavers between car and truck: another class of the group still matches, but worse.
OTHER_CLASS_DISTANCE = 0.3
# Two boxes of one group that share more are one thing with two names.
DUPLICATE_IOU = 0.75
# The name is the class with the highest sum of scores; each sighting fades the older ones.
NAME_FADES = 0.9

# The library ends a track after a number of frames. Frames come 0.2 to 60 times a second, so here
# the time decides, and the library's counters start where they never run out.
NEVER_BY_COUNT = 1_000_000


class _Sighting(NamedTuple):
    """What goes through the library with each detection."""

    frame: int
    seen: SeenObject


class _Cautious:
    """A level that rises at once, and falls when it has been lower for RELAXES_AFTER_S."""

    def __init__(self, level: int) -> None:
        self.level = level
        self._lower_since_s: float | None = None

    def update(self, level: int, now_s: float) -> None:
        if level >= self.level:
            self.level, self._lower_since_s = level, None
        elif self._lower_since_s is None:
            self._lower_since_s = now_s
        elif now_s - self._lower_since_s >= RELAXES_AFTER_S:
            self.level, self._lower_since_s = level, None


class _Track:
    """What is known of one thing beside its place."""

    def __init__(self, seen: SeenObject, now_s: float) -> None:
        self.seen, self.first_s, self.seen_s = seen, now_s, now_s
        self.approach = Approach()
        self.nearness, self.urgency = _Cautious(-seen.zone), _Cautious(seen.urgency)
        self._names: dict[str, float] = {}
        self._scores = 0.0

    def see(self, seen: SeenObject, now_s: float, frame_size: tuple[int, int]) -> None:
        self.seen, self.seen_s = seen, now_s
        self._scores += seen.score
        self._names = {name: NAME_FADES * score for name, score in self._names.items()}
        self._names[seen.class_id] = self._names.get(seen.class_id, 0.0) + seen.score
        self.nearness.update(-seen.zone, now_s)
        self.urgency.update(seen.urgency, now_s)
        self.approach.see(seen.box, at_s=now_s, frame_size=frame_size)

    @property
    def class_id(self) -> str:
        return max(self._names, key=lambda name: self._names[name])

    @property
    def is_believed(self) -> bool:
        return self._scores >= BELIEVED_SCORES


class _BoxDistance(Distance):
    """How badly detections fit tracks."""

    def get_distances(self, objects: Sequence[Any], candidates: Sequence[Any] | None) -> Any:
        """Return (candidates, tracks): 0 is the same box; infinite is another group."""
        found, known = list(candidates or ()), list(objects)
        if not found or not known:
            return np.zeros((len(found), len(known)))
        first = np.array([one.points.reshape(4) for one in found])
        second = np.array([one.filter.box for one in known])
        apart = 1 - iou_matrix(first, second) + _middles_apart(first, second)
        for row, one in enumerate(found):
            for column, other in enumerate(known):
                if one.label != other.label:
                    apart[row, column] = np.inf
                elif one.data.seen.class_id != other.last_detection.data.seen.class_id:
                    apart[row, column] += OTHER_CLASS_DISTANCE
        return apart


class Tracker:
    """Follow the things of one camera; norfair matches them and keeps the numbers.

    Holds the state of one person and is not meant for several threads.
    """

    def __init__(self) -> None:
        self._clock = ForwardClock()
        self._now_s = 0.0
        self._frame = 0
        self._frame_size: tuple[int, int] | None = None
        self._tracks: dict[int, _Track] = {}
        self._library = norfair.Tracker(
            "iou",
            distance_threshold=MAX_DISTANCE,
            hit_counter_max=NEVER_BY_COUNT,
            initialization_delay=0,
            filter_factory=BoxFilterFactory(),
            past_detections_length=0,
        )
        # Its constructor takes a name or a slow function of two; this one is for all at once.
        self._library.distance_function = _BoxDistance()

    def update(
        self,
        objects: Sequence[SeenObject],
        *,
        at_s: float,
        frame_size: tuple[int, int],
        camera_shift: CameraShift = UNKNOWN_SHIFT,
    ) -> tuple[TrackedObject, ...]:
        """Take in one frame.

        Args:
            objects: what is seen in it; boxes without area and numbers that are none are left out.
            at_s: when it was captured, seconds. Where that falls, no time has passed.
            frame_size: height and width, pixels. When it changes, everything starts anew.
            camera_shift: how the camera itself moved since the last frame.

        Returns:
            What is in view, oldest first, with what was seen in the last half second.
        """
        before_s, self._now_s = self._now_s, self._clock.advance(at_s)
        self._frame += 1
        if frame_size != self._frame_size:
            self._frame_size = frame_size
            self._keep(frozenset())
        for number, place, _ in self._followed():
            place.step_s = self._now_s - before_s
            place.shift(camera_shift)
            self._tracks[number].approach.zoom(camera_shift.zoom)
        detections = [
            norfair.Detection(
                np.array(seen.box).reshape(2, 2),
                data=_Sighting(self._frame, seen),
                label=_group_of(seen.class_id),
            )
            for seen in _usable(objects)
        ]
        self._library.update(detections, period=NEVER_BY_COUNT)
        for number, _, sighting in self._followed():
            self._note(number, sighting, frame_size)
        self._keep(
            frozenset(
                number
                for number, track in self._tracks.items()
                if self._now_s - track.seen_s <= LOST_AFTER_S
            )
        )
        shown = [self._describe(number, place) for number, place, _ in self._followed()]
        return tuple(sorted((one for one in shown if one), key=lambda one: one.track_id))

    def _followed(self) -> Iterator[tuple[int, BoxFilter, _Sighting]]:
        """Yield number, place and last sighting of each track of the library."""
        for one in self._library.tracked_objects:
            assert one.id is not None and isinstance(one.filter, BoxFilter)
            yield one.id, one.filter, one.last_detection.data

    def _note(self, number: int, sighting: _Sighting, frame_size: tuple[int, int]) -> None:
        if sighting.frame != self._frame:
            return
        if number not in self._tracks:
            self._tracks[number] = _Track(sighting.seen, self._now_s)
        self._tracks[number].see(sighting.seen, self._now_s, frame_size)

    def _keep(self, numbers: frozenset[int]) -> None:
        self._tracks = {
            number: self._tracks[number] for number in self._tracks if number in numbers
        }
        self._library.tracked_objects = [
            one for one in self._library.tracked_objects if one.id in numbers
        ]

    def _describe(self, number: int, place: BoxFilter) -> TrackedObject | None:
        track = self._tracks[number]
        assert self._frame_size is not None
        height, width = self._frame_size
        x0, y0, x1, y1 = place.box
        box = max(0.0, x0), max(0.0, y0), min(float(width), x1), min(float(height), y1)
        has_left = box[2] - box[0] < MIN_SIZE_PX or box[3] - box[1] < MIN_SIZE_PX
        if has_left or self._now_s - track.seen_s > SHOWN_UNSEEN_S:
            return None
        seen_height = track.seen.box[3] - track.seen.box[1]
        distance_m = track.seen.distance_m * seen_height / (y1 - y0)
        focal_px = FOCAL_PER_LONGER_SIDE * max(height, width)
        angle_deg = math.degrees(math.atan2((box[0] + box[2] - width) / 2, focal_px))
        growth = track.approach.growth_per_s
        return TrackedObject(
            track_id=number,
            class_id=track.class_id,
            score=track.seen.score,
            box=box,
            zone=Zone(-track.nearness.level),
            distance_m=distance_m,
            angle_deg=angle_deg,
            clock_hour=round(angle_deg / 30) % 12 or 12,
            growth_per_s=growth,
            time_to_contact_s=1 / growth if growth > 0 else None,
            approach_m_s=growth * distance_m,
            age_s=self._now_s - track.first_s,
            is_confirmed=track.is_believed,
            urgency=Urgency(track.urgency.level),
        )


def _usable(objects: Sequence[SeenObject]) -> list[SeenObject]:
    """Leave out what is no box, and the worse of two names for one thing."""
    sound = [one for one in objects if _is_sound(one.box) and math.isfinite(one.score)]
    sound = [one for one in sound if not math.isnan(one.distance_m)]
    groups = [_group_of(one.class_id) for one in sound]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    kept = suppress(
        np.array([one.box for one in sound], dtype=np.float64).reshape(-1, 4),
        np.array([one.score for one in sound]),
        np.array([numbers[group] for group in groups]),
        iou=DUPLICATE_IOU,
    )
    return [sound[index] for index in kept]


def _is_sound(box: Box) -> bool:
    if not all(math.isfinite(side) for side in box):
        return False
    return box[2] - box[0] >= MIN_SIZE_PX and box[3] - box[1] >= MIN_SIZE_PX


def _middles_apart(first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Square of the distance of the middles (N, M), by that of the diagonal around both."""
    middles = [(boxes[:, :2] + boxes[:, 2:]) / 2 for boxes in (first, second)]
    between = np.square(middles[0][:, None] - middles[1][None]).sum(axis=2)
    low = np.minimum(first[:, None, :2], second[None, :, :2])
    high = np.maximum(first[:, None, 2:], second[None, :, 2:])
    apart: NDArray[Any] = between / np.square(high - low).sum(axis=2)
    return apart


@cache
def _groups() -> dict[str, str]:
    return {one.id: one.group for one in vocabulary().trained}


def _group_of(class_id: str) -> str:
    return _groups().get(class_id, class_id)
