"""What the API takes and gives on photos, questions and its own health."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from engines.rag.answers import Answer, AnswerDelta
from engines.runtime.health import EngineStatus

PLACE_PATTERN = r"^[a-z][a-z0-9_]{0,63}$"


class Model(BaseModel):
    """Read the attributes of the engines' dataclasses."""

    model_config = ConfigDict(from_attributes=True)


class Candidate(Model):
    """One possible answer, with its calibrated confidence from 0 to 1."""

    id: str
    confidence: float


class Contamination(Model):
    """A common mistake with an item, and what to do instead."""

    title: str
    bin_name: str
    do: str


class Rule(Model):
    """Where an item goes in a place, and what to do first."""

    place_id: str
    place_name: str
    bin_id: str
    bin_name: str
    bin_kind: str
    prepare: list[str]
    note: str | None
    contamination: list[Contamination]
    authority: str
    last_word: str


class ClassifyReply(Model):
    """What a photo shows; item, material and bin always belong together."""

    item: Candidate
    material: Candidate
    bin: Candidate
    top_items: list[Candidate]
    top_materials: list[Candidate]
    top_bins: list[Candidate]
    waste_probability: float = Field(description="How likely it is waste at all, 0 to 1.")
    is_waste: bool
    is_sure: bool
    latency_ms: float
    rule: Rule | None = Field(default=None, description="The place's rule, if it is waste.")


class AskRequest(BaseModel):
    """A question on waste, recycling or reuse, in English."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=2000, examples=["Where does a glass jar go?"])
    place: str = Field(default="generic", pattern=PLACE_PATTERN, examples=["germany"])
    mode: Literal["quoted", "written"] = Field(
        default="quoted",
        description="The documents' own sentences, or the language model's, checked by them.",
    )


class Sentence(Model):
    """One sentence of an answer, and the numbers of the passages that support it."""

    text: str
    citations: list[int]
    is_quotation: bool
    is_safety: bool


class Citation(Model):
    """One passage that an answer rests on."""

    number: int
    document_id: str
    title: str
    heading: str
    passage: str
    sources: list[str]


class Confidence(Model):
    """How sure an answer is, and why."""

    level: Literal["high", "medium", "low"]
    reason: str


class AnswerReply(Model):
    """A finished answer with its sources."""

    text: str
    sentences: list[Sentence]
    citations: list[Citation]
    confidence: Confidence
    intent: str
    mode: Literal["quoted", "written"]
    is_refusal: bool = Field(description="Whether the documents hold no answer.")
    suggestions: list[str]
    changed_sentences: int
    notice: str
    first_text_ms: float
    latency_ms: float
    timings_ms: dict[str, float]

    @classmethod
    def of(cls, answer: Answer) -> AnswerReply:
        """Take over an answer."""
        timings = {step.name: step.latency_ms for step in answer.trace.timings}
        names = cls.model_fields.keys() - {"timings_ms"}
        return cls.model_validate(
            {name: getattr(answer, name) for name in names} | {"timings_ms": timings}
        )


class DeltaReply(Model):
    """An answer on its way: sentences that stay, and what is being written."""

    sentences: list[Sentence]
    draft: str

    @classmethod
    def of(cls, delta: AnswerDelta) -> DeltaReply:
        """Take over a delta."""
        return cls.model_validate(delta)


class EngineReply(Model):
    """How one engine is."""

    name: str
    state: Literal["not_loaded", "loading", "loaded", "failed"]
    reason: str
    detail: str
    load_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    calls: int
    errors: int


class HealthReply(Model):
    """How the app is: ready once every engine is, degraded where one failed."""

    status: Literal["ready", "loading", "degraded"]
    engines: list[EngineReply]
    waiting_jobs: int

    @classmethod
    def of(cls, statuses: Iterable[EngineStatus], waiting_jobs: int) -> HealthReply:
        """Take over the pool's report."""
        engines = [EngineReply.model_validate(status) for status in statuses]
        states = {engine.state for engine in engines}
        status: Literal["ready", "loading", "degraded"] = "ready"
        if "failed" in states:
            status = "degraded"
        elif states - {"loaded"}:
            status = "loading"
        return cls(status=status, engines=engines, waiting_jobs=waiting_jobs)
