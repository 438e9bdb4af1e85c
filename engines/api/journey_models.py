"""What the API gives on journeys."""

from __future__ import annotations

from typing import Literal

from engines.api.models import AnswerReply, ClassifyReply, Model, Rule
from engines.api.recommend_models import RecommendReply
from engines.journey import JourneyReport


class Subject(Model):
    """What a journey is about; chosen by a person, or shown by the photo."""

    item: str
    material: str
    is_chosen: bool


class Step(Model):
    """One step of a journey on its timeline."""

    name: Literal["classify", "ask", "recommend"]
    started_ms: float
    latency_ms: float
    outcome: Literal["done", "failed", "skipped"]
    what: str
    do: str


class JourneyReply(Model):
    """What a photo shows, how to dispose of it here, and what can be made of it."""

    place_id: str
    place_name: str
    classification: ClassifyReply | None
    subject: Subject | None
    rule: Rule | None
    question: str
    answer: AnswerReply | None
    projects: RecommendReply | None
    steps: list[Step]
    latency_ms: float

    @classmethod
    def of(cls, report: JourneyReport) -> JourneyReply:
        """Take over the report of a journey."""
        found, said, made = report.classification, report.answer, report.recommendations
        return cls(
            place_id=report.place_id,
            place_name=report.place_name,
            classification=None if found is None else ClassifyReply.model_validate(found),
            subject=None if report.subject is None else Subject.model_validate(report.subject),
            rule=None if report.rule is None else Rule.model_validate(report.rule),
            question=report.question,
            answer=None if said is None else AnswerReply.of(said),
            projects=None if made is None else RecommendReply.of(made),
            steps=[Step.model_validate(step) for step in report.steps],
            latency_ms=report.latency_ms,
        )
