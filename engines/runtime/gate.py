"""Decide whether the second, slower stage of a pipeline runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class GateDecision:
    """Say whether the second stage runs, and why.

    Attributes:
        is_run: whether it runs.
        reason: why, one sentence for a person.
        code: the same for programs: it ran, the first stage was slow, or it was unsure.
    """

    is_run: bool
    reason: str
    code: Literal["ran", "slow", "unsure"]


@dataclass(frozen=True)
class StageGate:
    """Let the second stage run unless the first was too slow or too unsure.

    A pure function of its inputs: it reads no clock and keeps nothing between decisions.

    Args:
        max_latency_ms: milliseconds the first stage may take, this value included.
        max_uncertainty: uncertainty the first stage may have, from 0 to 1, this value included.

    Raises:
        ValueError: if a limit is negative or not finite.
    """

    max_latency_ms: float
    max_uncertainty: float

    def __post_init__(self) -> None:
        for name in ("max_latency_ms", "max_uncertainty"):
            limit = getattr(self, name)
            if not math.isfinite(limit) or limit < 0:
                raise ValueError(f"{name} is a finite number from 0 up, not {limit}")

    def decide(self, latency_ms: float, uncertainty: float) -> GateDecision:
        """Decide from the first stage's latency in milliseconds and uncertainty from 0 to 1.

        The second stage runs unless latency_ms > max_latency_ms or uncertainty > max_uncertainty.
        A measurement that is infinite or not a number cannot be trusted and counts as over its
        limit. When both are over, the latency is named.

        Raises:
            ValueError: if the latency is negative.
        """
        if latency_ms < 0:
            raise ValueError(f"a latency is never negative, but {latency_ms} ms was given")
        if not math.isfinite(latency_ms):
            return GateDecision(False, "Skipped: the first pass was not timed properly.", "slow")
        if latency_ms > self.max_latency_ms:
            return GateDecision(
                False,
                f"Skipped: the first pass took {latency_ms:.1f} ms, "
                f"more than {self.max_latency_ms:g} ms.",
                "slow",
            )
        if not math.isfinite(uncertainty):
            return GateDecision(False, "Skipped: the uncertainty is not a number.", "unsure")
        if uncertainty > self.max_uncertainty:
            return GateDecision(
                False,
                f"Skipped: the uncertainty was {uncertainty:.2f}, "
                f"more than {self.max_uncertainty:g}.",
                "unsure",
            )
        return GateDecision(
            True,
            f"Ran: the first pass took {latency_ms:.1f} ms with uncertainty {uncertainty:.2f}.",
            "ran",
        )
