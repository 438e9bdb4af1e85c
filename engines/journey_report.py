"""What a journey finds out, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from engines.rag.answers import Answer
from engines.waste.rules import Rule

if TYPE_CHECKING:
    from engines.upcycle.results import Recommendations
    from engines.waste.engine import Classification

StepName = Literal["classify", "ask", "recommend"]
Outcome = Literal["done", "failed", "skipped"]

STEPS: tuple[StepName, ...] = ("classify", "ask", "recommend")


@dataclass(frozen=True)
class Subject:
    """What the journey is about: an item and a material of the waste taxonomy, by their ids.

    Attributes:
        is_chosen: whether a person said so; else the photo did.
    """

    item: str
    material: str
    is_chosen: bool


@dataclass(frozen=True)
class JourneyStep:
    """One step on the timeline.

    Attributes:
        started_ms: from the start of the journey to the start of this step.
        latency_ms: what the step took, with its waiting for other people's jobs.
        outcome: "skipped" where there was nothing to do.
        what, do: what is wrong and what to do about it; empty where it is done.
    """

    name: StepName
    started_ms: float
    latency_ms: float
    outcome: Outcome
    what: str = ""
    do: str = ""


@dataclass(frozen=True)
class JourneyReport:
    """What is known so far of one photo; the parts of steps that failed stay None.

    Attributes:
        place_id, place_name: the place whose rules hold.
        subject: what is asked about; None if the photo doesn't tell and nobody said it.
        rule: the bin and the preparation there; None without a subject.
        question: what the chat is asked; "" without a subject.
        steps: those that ended, in order.
        latency_ms: from the start of the journey to the end of its newest step.
    """

    place_id: str
    place_name: str
    classification: Classification | None = None
    subject: Subject | None = None
    rule: Rule | None = None
    question: str = ""
    answer: Answer | None = None
    recommendations: Recommendations | None = None
    steps: tuple[JourneyStep, ...] = ()
    latency_ms: float = 0.0

    @property
    def is_finished(self) -> bool:
        """Whether no step is left."""
        return len(self.steps) == len(STEPS)

    @property
    def problems(self) -> tuple[JourneyStep, ...]:
        """The steps that failed."""
        return tuple(step for step in self.steps if step.outcome == "failed")
