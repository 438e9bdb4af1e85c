"""Stages that see what a test wants, and a person at the MaxSight tab, for its tests."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from components.context import AppContext
from components.maxsight_actions import MaxSightTab
from engines.maxsight.frames import Pixels
from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.tiers import SeenObject, Tier1, Urgency
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.gate import StageGate
from engines.runtime.health import EngineHealth
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.engines.maxsight.scenes import FRAME_SIZE, seen_at

TIMEOUT_S = 20.0
LATENCY_MS, UNCERTAINTY = 20.0, 0.1


class Clock:
    """A clock that a test sets; sleeping moves it on."""

    def __init__(self, now_s: float = 1000.0) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds


@dataclass
class Eyes:
    """A Stage A that sees what a test wants.

    Attributes:
        see: what is in a frame, by its time.
        before: called for every frame before it is looked at.
        is_missing: whether loading says that there is no checkpoint.
        may_load: loading waits for it.
    """

    see: Callable[[float], Sequence[SeenObject]] = lambda at_s: ()
    before: Callable[[], None] = lambda: None
    is_missing: bool = False
    may_load: threading.Event | None = None
    name: str = "eyes"
    frames: list[int] = field(default_factory=list)

    def load(self) -> None:
        if self.may_load is not None:
            assert self.may_load.wait(TIMEOUT_S)
        if self.is_missing:
            raise EngineUnavailableError("MaxSight cannot see.", "Restore the folder with git.")

    def warmup(self) -> None:
        pass

    def unload(self) -> None:
        pass

    def health(self) -> EngineHealth:
        return EngineHealth(is_ready=True)

    def look(self, frame: Any, frame_id: int, captured_s: float) -> Tier1:
        self.before()
        self.frames.append(frame_id)
        things = tuple(self.see(captured_s))
        size = frame.shape[0], frame.shape[1]
        return Tier1(frame_id, captured_s, size, things, Urgency.SAFE, UNCERTAINTY, LATENCY_MS)


@dataclass(frozen=True)
class Person:
    """Who asks, as Gradio says it."""

    session_hash: str | None = "one"


def tab_of(
    eyes: Eyes,
    lane: CpuLane,
    clock: Clock,
    settings: Settings | None = None,
    *,
    is_loaded: bool = True,
) -> MaxSightTab:
    """Make the tab's handlers on stages of a test."""
    settings = settings or Settings()
    pool = EnginePool(settings, lane)
    gate = StageGate(settings.gate_max_latency_ms, settings.gate_max_uncertainty)
    pool.register("maxsight", lambda: MaxSightPipeline(eyes, None, gate, clock, lane))
    if is_loaded:
        with contextlib.suppress(EngineUnavailableError):
            pool.get("maxsight")
    return MaxSightTab(AppContext(settings=settings, pool=pool), clock, clock.sleep)


def frame_of(seed: int = 0, size: tuple[int, int] = FRAME_SIZE) -> Pixels:
    """Return a frame (H, W, 3) with something on it."""
    coarse = np.random.default_rng(seed).integers(0, 255, (size[0] // 8, size[1] // 8, 3))
    return coarse.astype(np.uint8).repeat(8, axis=0).repeat(8, axis=1)


def near_car(at_s: float) -> list[SeenObject]:
    """See a car close by, straight ahead."""
    return [seen_at(2.0)]


def read(message: Any) -> dict[str, Any]:
    """Read a message as the page does."""
    assert isinstance(message, str)
    parsed = json.loads(message)
    assert isinstance(parsed, dict)
    return parsed
