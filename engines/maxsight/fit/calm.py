"""How often a person is interrupted while nothing dangerous happens, and by a parked car.

A photo becomes a video: a hand-held camera pans slowly over it and trembles. Nothing in it moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.maxsight.boxes import area
from engines.maxsight.classes import Vocabulary
from engines.maxsight.context_worker import ContextBox
from engines.maxsight.fit.looking import read_photo
from engines.maxsight.fit.pack import Frame
from engines.maxsight.fit.truth import truth_of
from engines.maxsight.frames import Pixels
from engines.maxsight.pipeline import PipelineStep
from engines.maxsight.scheduler import Alert
from engines.maxsight.session import MaxSightSession
from engines.maxsight.tiers import GateReport, Tier1, Urgency

# The camera shows this share of each side of the photo, and pans over the rest in this time.
VIEW_SHARE, PAN_PERIOD_S = 0.85, 24.0
# Trembling of a hand in pixels of the photo, and the noise of a camera in levels.
TREMBLE_PX, NOISE_LEVELS = 0.7, 2.0
MIN_VISIBLE = 0.3
MANY_A_MINUTE = 2

Look = Callable[[Any, int, float], Tier1]


@dataclass(frozen=True)
class Video:
    """A video made of one photo.

    Attributes:
        is_panning: whether the camera pans; it always trembles.
    """

    frame: Frame
    seconds: float
    fps: float
    is_panning: bool
    seed: int = 0

    @property
    def times(self) -> NDArray[np.float64]:
        """When its frames are captured, seconds."""
        return np.arange(round(self.seconds * self.fps)) / self.fps

    def matrix(self, at_s: float, tremble: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return where points of the photo are in the view, (2, 3)."""
        size = np.array([self.frame.width, self.frame.height])
        share = VIEW_SHARE if self.is_panning else 1.0
        turn = 2 * math.pi * at_s / PAN_PERIOD_S
        # Another speed up and down, so that the path is no line.
        place = (1 + np.array([math.sin(turn), math.sin(1.7 * turn + 1)])) / 2
        start = place * (1 - share) * size + tremble
        return np.array([[1 / share, 0, -start[0] / share], [0, 1 / share, -start[1] / share]])

    def boxes(self, at_s: float) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Return the true boxes (N, 4) in the view without trembling, and which are in it."""
        matrix = self.matrix(at_s, np.zeros(2))
        scale, shift = matrix[0, 0], np.tile(matrix[:, 2], 2)
        moved = self.frame.boxes * scale + shift
        edges = [self.frame.width, self.frame.height] * 2
        cut = np.clip(moved, 0, edges)
        is_in = area(cut) >= MIN_VISIBLE * np.maximum(area(moved), 1e-6)
        return cut.astype(np.float32), is_in & (area(cut) > 0)

    def pictures(self) -> Iterator[tuple[float, Pixels]]:
        """Yield time and picture, (H, W, 3) uint8 RGB, of each frame."""
        rng = np.random.default_rng(self.seed)
        photo = read_photo(self.frame)
        height, width = photo.shape[:2]
        for at_s in self.times:
            matrix = self.matrix(float(at_s), rng.normal(0, TREMBLE_PX, 2))
            view = cv2.warpAffine(
                photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE
            ).astype(np.float32)
            view += rng.normal(0, NOISE_LEVELS, view.shape)
            yield float(at_s), np.clip(np.rint(view), 0, 255).astype(np.uint8)


def is_calm(video: Video, words: Vocabulary) -> bool:
    """Say whether people and vehicles are marked, and none is a danger in any view of the video."""
    for at_s in np.arange(0, video.seconds, 1.0):
        boxes, is_in = video.boxes(float(at_s))
        shown = replace(
            video.frame,
            boxes=boxes[is_in],
            classes=video.frame.classes[is_in],
            is_crowd=video.frame.is_crowd[is_in],
        )
        truth = truth_of(shown, words)
        if truth.worst_case == Urgency.DANGER or not truth.is_street_marked:
            return False
    return True


def is_parked_near(frame: Frame, words: Vocabulary) -> bool:
    """Say whether a car that is a danger where it stands is in the photo."""
    truth = truth_of(frame, words)
    is_car = frame.classes == words.index_of("car")
    return bool((truth.levels[is_car & truth.is_counted] == Urgency.DANGER).any())


def alerts_of(video: Video, look: Look) -> list[Alert]:
    """Show the video to a new session and return what it says."""

    def step(frame: Pixels, *, frame_id: int, captured_s: float, box: ContextBox) -> PipelineStep:
        seen = look(frame, frame_id, captured_s)
        return PipelineStep(seen, GateReport("absent", "Skipped: there is no context pass."), None)

    session = MaxSightSession(step, lambda: 0.0)
    for at_s, picture in video.pictures():
        session.step(picture, at_s)
    return list(session.alerts)


def summarise_calm(alerts: Sequence[Sequence[Alert]], *, seconds: float) -> dict[str, Any]:
    """Count alerts a minute over calm videos; none of them should interrupt."""
    rates = np.array([len(own) for own in alerts]) * 60 / seconds
    dangers = [sum(alert.is_interrupting for alert in own) for own in alerts]
    return {
        "videos": len(alerts),
        "seconds_each": seconds,
        "alerts_a_minute": float(rates.mean()) if len(rates) else None,
        "most_alerts_a_minute": float(rates.max()) if len(rates) else None,
        "videos_above_2_a_minute": int((rates > MANY_A_MINUTE).sum()),
        "false_dangers_a_minute": float(np.mean(dangers)) * 60 / seconds if alerts else None,
        "said": _counts([alert for own in alerts for alert in own]),
    }


def summarise_parked(alerts: Sequence[Sequence[Alert]], *, seconds: float) -> dict[str, Any]:
    """Count how often a parked car within 3 m is said to be a danger while it stays in view."""
    said = [[one for one in own if one.urgency == Urgency.DANGER] for own in alerts]
    first_s = [own[0].at_s for own in said if own]
    return {
        "videos": len(alerts),
        "seconds_each": seconds,
        "said_at_all": len(first_s),
        "dangers_said_a_minute": (
            float(np.mean([len(own) for own in said])) * 60 / seconds if said else None
        ),
        "median_seconds_to_the_first": float(np.median(first_s)) if first_s else None,
        "longest_pause_s": _longest_pause_s(said),
    }


def _longest_pause_s(said: Sequence[Sequence[Alert]]) -> float | None:
    pauses = [later.at_s - one.at_s for own in said for one, later in pairwise(own)]
    return float(max(pauses)) if pauses else None


def _counts(alerts: Sequence[Alert]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for alert in alerts:
        name = f"{alert.class_id or 'the whole frame'}: {alert.urgency.name.lower()}"
        counts[name] = counts.get(name, 0) + 1
    return dict(sorted(counts.items(), key=lambda pair: -pair[1]))
