"""A MaxSight tab with its context pass, and a book that it reads, for the tests of both."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from components.context import AppContext
from components.maxsight_actions import MaxSightTab
from components.maxsight_context_actions import ContextTab
from components.maxsight_form import Form
from engines.maxsight.frames import Pixels
from engines.maxsight.ocr import Quads
from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.preferences import Preferences
from engines.maxsight.stage_b import ContextPass
from engines.maxsight.text_lines import Reading, TextLine
from engines.maxsight.tiers import SeenObject
from engines.runtime.errors import WeightsMissingError
from engines.runtime.gate import StageGate
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.components.maxsight_eyes import TIMEOUT_S, Clock, Eyes, Person, frame_of, read
from tests.engines.maxsight.scenes import seen_at

ONE: Any = Person("one")
OTHER: Any = Person("other")
FRAME_S = 0.25


def line(text: str, confidence: float = 0.99, language: str | None = None) -> TextLine:
    corners = (10.0, 10.0), (90.0, 10.0), (90.0, 30.0), (10.0, 30.0)
    return TextLine(text, corners, confidence, language)


@dataclass
class Book:
    """A reader that finds what a test wants, and remembers how it was asked."""

    lines: Sequence[TextLine] = ()
    is_missing: bool = False
    is_slow: bool = False
    asked: list[tuple[str, bool]] = field(default_factory=list)

    def load(self) -> None:
        if self.is_missing:
            raise WeightsMissingError("The package rapidocr is not installed.", "Run: pip.")

    def read(
        self,
        frame: Any,
        *,
        is_late: Callable[[], bool] = lambda: False,
        is_thorough: bool = False,
    ) -> tuple[TextLine, ...] | None:
        self.asked.append((threading.current_thread().name, is_thorough))
        return None if self.is_slow else tuple(self.lines)


@dataclass
class Signs:
    """What Stage B reads: the lines that a test wants, one below the other."""

    lines: Sequence[TextLine] = ()

    def load(self) -> None: ...

    def find(self, pixels: Pixels) -> Quads:
        return np.array([one.corners for one in self.lines], np.float32).reshape(-1, 4, 2)

    def line_picture(self, pixels: Pixels, quad: Quads) -> Pixels:
        (number,) = (n for n, one in enumerate(self.lines) if np.array_equal(one.corners, quad))
        return np.full((8, 8, 3), number, np.uint8)

    def read_line(self, crop: Pixels) -> Reading:
        one = self.lines[int(crop[0, 0, 0])]
        return Reading(one.text, one.confidence, False)


@dataclass
class Bench:
    """A tab whose Stage B is the real one, with eyes and a book that a test sets."""

    lane: CpuLane
    clock: Clock = field(default_factory=Clock)
    things: list[SeenObject] = field(default_factory=lambda: [seen_at(2.0, "chair")])
    book: Book = field(default_factory=Book)
    signs: Signs = field(default_factory=Signs)

    def __post_init__(self) -> None:
        settings = Settings()
        pool = EnginePool(settings, self.lane)
        gate = StageGate(settings.gate_max_latency_ms, settings.gate_max_uncertainty)
        eyes = Eyes(lambda at_s: self.things)
        stage_b = ContextPass(self.signs)
        pool.register(
            "maxsight", lambda: MaxSightPipeline(eyes, stage_b, gate, self.clock, self.lane)
        )
        pool.get("maxsight")
        self.tab = MaxSightTab(AppContext(settings, pool), self.clock, self.clock.sleep)
        self.context = ContextTab(self.tab, self.book, self.clock)

    def film(self, count: int = 1, person: Any = ONE, *, step_s: float = FRAME_S) -> dict[str, Any]:
        """Show frames of noise, and return the last message."""
        message: dict[str, Any] = {}
        for _ in range(count):
            frame = frame_of(round(self.clock.now_s * 100) % 1000)
            message = read(self.tab.look(person, frame))
            self.clock.sleep(step_s)
        return message

    def prefer(self, person: Any = ONE, **wanted: Any) -> None:
        assert self.tab.prefer(person, *Form.of(Preferences(**wanted)).values)[0] == ""

    def wait_for_context(self, person: Any = ONE) -> None:
        """Wait until Stage B has a result of this person."""
        until_s = time.monotonic() + TIMEOUT_S
        while self.tab.viewer(person).newest_context is None:
            assert time.monotonic() < until_s
            time.sleep(0.01)
