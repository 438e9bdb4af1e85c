"""Sessions whose stages see what a test wants, and frames to play to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np

from engines.maxsight.context_worker import ContextBox
from engines.maxsight.frames import Pixels
from engines.maxsight.pipeline import PipelineStep
from engines.maxsight.preferences import Preferences
from engines.maxsight.session import MaxSightSession, SceneReport
from engines.maxsight.tiers import GateReport, SeenObject, Tier1, Urgency
from tests.engines.maxsight.scenes import FRAME_SIZE, times

GATE = GateReport("absent", "Skipped: there is no context pass.")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now_s: float = 0.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s


class Eyes:
    """Stages that see what a test wants; they note the numbers of the frames."""

    def __init__(self, see: Callable[[Pixels, float], Sequence[SeenObject]]) -> None:
        self.see, self.frames = see, list[int]()

    def __call__(
        self, frame: Pixels, *, frame_id: int, captured_s: float, box: ContextBox
    ) -> PipelineStep:
        self.frames.append(frame_id)
        size = frame.shape[0], frame.shape[1]
        tier1 = Tier1(
            frame_id, captured_s, size, tuple(self.see(frame, captured_s)), Urgency.SAFE, 0.1, 20.0
        )
        return PipelineStep(tier1, GATE, box.latest)


def nothing(frame: Pixels, at_s: float) -> list[SeenObject]:
    """See an empty street."""
    return []


def session_of(see=nothing, **given) -> MaxSightSession:
    """Return a session of a person with the preferences given."""
    return MaxSightSession(Eyes(see), Clock(), Preferences(**given))


@cache
def frame_of(seed: int = 0, size: tuple[int, int] = FRAME_SIZE) -> Pixels:
    """Return a frame with something on it."""
    coarse = np.random.default_rng(seed).integers(0, 255, (size[0] // 8, size[1] // 8, 3))
    return coarse.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def play(
    session: MaxSightSession, *, seconds: float, per_s: float = 12.0, start_s: float = 0.0
) -> list[SceneReport]:
    """Take a session through frames at a steady pace; return its reports."""
    count = max(1, round(seconds * per_s))
    return [
        session.step(frame_of(index % 7), at_s)
        for index, at_s in enumerate(times(count, per_s, start_s))
    ]
