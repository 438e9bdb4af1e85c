"""The two stages: A looks at every frame, and B adds to it when there is time."""

from __future__ import annotations

import importlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from engines.maxsight.context_worker import (
    DEADLINE_MS,
    ContextBox,
    ContextCounts,
    ContextWorker,
    StageB,
)
from engines.maxsight.frames import to_rgb
from engines.maxsight.ocr import TextReader
from engines.maxsight.stage_a_runner import StageARunner
from engines.maxsight.stage_b import ContextPass
from engines.maxsight.tiers import ContextResult, GateReport, Tier1
from engines.runtime.device import Placement
from engines.runtime.gate import GateDecision, StageGate
from engines.runtime.health import Engine, EngineHealth
from engines.runtime.lane import CpuLane, Priority
from engines.runtime.settings import Settings

log = logging.getLogger(__name__)


class Gate(Protocol):
    """Describe what decides whether Stage B runs, such as `StageGate`."""

    def decide(self, latency_ms: float, uncertainty: float) -> GateDecision:
        """Decide from Stage A's latency in milliseconds and uncertainty in [0, 1]."""


class StageA(Engine, Protocol):
    """Describe what Stage A offers to the pipeline, such as `StageARunner`."""

    def look(self, frame: Any, frame_id: int, captured_s: float) -> Tier1:
        """Say all of Tier 1 about one frame."""


@dataclass(frozen=True)
class PipelineStep:
    """What both stages have to say when a frame is through.

    Attributes:
        tier1: Stage A's result of this frame.
        gate: whether Stage B was started on this frame, and why.
        context: Stage B's newest result, of the older frame that its frame_id names; or None.
    """

    tier1: Tier1
    gate: GateReport
    context: ContextResult | None


class MaxSightPipeline:
    """Let Stage A look at every frame and Stage B at those it can.

    Stage A always completes, and its result is delivered, before the gate is asked. Stage B works
    in a thread of its own on a copy of the frame; whatever becomes of it, Tier 1 stays as it was.
    It keeps nothing of a person: frames are numbered by the caller, and Stage B's results go into
    the caller's box.

    Args:
        stage_a: looks at the frames.
        stage_b: adds context; None leaves it out.
        gate: decides whether Stage B runs.
        clock: seconds, rising; measures Stage B's deadline.
        lane: where Stage A computes, before all other jobs.
        deadline_ms: what Stage B finishes later than this is thrown away.
        reader: reads text for Stage B, and for others on request; None where there is none.
    """

    name = "maxsight"

    def __init__(
        self,
        stage_a: StageA,
        stage_b: StageB | None,
        gate: Gate,
        clock: Callable[[], float],
        lane: CpuLane,
        *,
        deadline_ms: float = DEADLINE_MS,
        reader: TextReader | None = None,
    ) -> None:
        self._stage_a, self._gate, self._lane = stage_a, gate, lane
        self.reader = reader
        self._worker = (
            None
            if stage_b is None
            else ContextWorker(stage_b, clock=clock, deadline_ms=deadline_ms)
        )

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        placement: Placement,
        lane: CpuLane,
        *,
        stage_b: StageB | None = None,
    ) -> MaxSightPipeline:
        """Build the pipeline with the trained Stage A and the limits of the settings.

        Args:
            stage_b: None takes the `ContextPass` that also reads text.
        """
        gate = StageGate(settings.gate_max_latency_ms, settings.gate_max_uncertainty)
        stage_a, reader = StageARunner(settings, placement), None
        if stage_b is None:
            reader = TextReader()
            stage_b = ContextPass(reader)
        return cls(stage_a, stage_b, gate, time.perf_counter, lane, reader=reader)

    @property
    def context_counts(self) -> ContextCounts:
        """How Stage B's runs ended so far."""
        return ContextCounts() if self._worker is None else self._worker.counts

    def load(self) -> None:
        """Read Stage A's checkpoint. Raises as `StageARunner.load` does."""
        self._stage_a.load()
        # What a session needs, so that the first person doesn't wait for its import.
        importlib.import_module("engines.maxsight.tracking")

    def warmup(self) -> None:
        """Let both stages get ready, so that the first person doesn't wait."""
        self._lane.run(self._stage_a.warmup, priority=Priority.SAFETY)
        if self._worker is not None:
            self._worker.prepare()

    def step(
        self,
        frame: Any,
        *,
        frame_id: int,
        captured_s: float,
        box: ContextBox,
        deliver: Callable[[Tier1], None] | None = None,
        spent_ms: float = 0.0,
    ) -> PipelineStep:
        """Take one frame through Stage A, then perhaps start Stage B on it.

        Args:
            frame: upright picture, see `frames.to_rgb`.
            frame_id: number of the frame in its session, rising.
            captured_s: when it was captured, seconds on the session's clock.
            box: where Stage B leaves its results for this person.
            deliver: gets Tier 1 as soon as it is there, before the gate is asked.
            spent_ms: milliseconds already spent on this frame, such as an artificial load. They
                count as Stage A's: Tier 1 reports the sum, and the gate decides on it.

        Raises:
            InputError: if the frame is no picture that can be used.
            EngineUnavailableError: if Stage A is not loaded, or the app is shutting down.
            BusyError: if the lane did not come to it in time.
        """
        tier1 = self._lane.run(
            lambda: self._stage_a.look(frame, frame_id, captured_s), priority=Priority.SAFETY
        )
        tier1 = replace(tier1, latency_ms=tier1.latency_ms + spent_ms)
        if deliver is not None:
            deliver(tier1)
        try:
            report = self._consider_context(frame, tier1, box)
        except Exception:
            # Tier 1 is there: nothing that comes after it may keep it from the person.
            log.exception("the context pass of MaxSight could not be started")
            report = GateReport("absent", "Skipped: the context pass could not be started.")
        return PipelineStep(tier1, report, box.latest)

    def health(self) -> EngineHealth:
        """Say which checkpoint Stage A runs and how Stage B fares."""
        first = self._stage_a.health()
        if self._worker is None:
            return first
        counts = self._worker.counts
        return EngineHealth(
            first.is_ready,
            f"{first.detail.rstrip('.')}. Context pass: {counts.in_time} in time, "
            f"{counts.late} late, {counts.failed} failed.",
        )

    def unload(self) -> None:
        """Give the memory back."""
        if self._worker is not None:
            self._worker.close()
        if self.reader is not None:
            self.reader.unload()
        self._stage_a.unload()

    def _consider_context(self, frame: Any, tier1: Tier1, box: ContextBox) -> GateReport:
        decision = self._gate.decide(tier1.latency_ms, tier1.uncertainty)
        if not decision.is_run:
            return GateReport(decision.code, decision.reason)
        worker = self._worker
        if worker is None:
            return GateReport("absent", "Skipped: there is no context pass.")
        running_ms = worker.running_ms
        if running_ms is not None:
            return GateReport("busy", _busy_reason(running_ms, worker.deadline_ms))
        # A copy, as the caller may write the next frame into the same memory.
        own = np.array(to_rgb(frame))
        own.setflags(write=False)
        if not worker.offer(own, tier1, box):
            return GateReport("busy", _busy_reason(0.0, worker.deadline_ms))
        return GateReport(decision.code, decision.reason)


def _busy_reason(running_ms: float, deadline_ms: float) -> str:
    if running_ms > deadline_ms:
        return f"Skipped: the context pass has not come back for {running_ms / 1000:.1f} s."
    return "Skipped: the context pass still works on another frame."
