"""What the API takes and gives on projects."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from engines.api.models import Model
from engines.upcycle.results import Recommendation, Recommendations


class RecommendRequest(BaseModel):
    """A thing, what is known of it, and what a project may need."""

    model_config = ConfigDict(extra="forbid")

    item: str = Field(min_length=1, max_length=200, examples=["glass jar"])
    materials: list[Annotated[str, Field(max_length=64)]] = Field(
        default=[], max_length=8, description="Ids that correct what it is made of."
    )
    k: int = Field(default=10, ge=1, le=50, description="How many projects.")
    tools: list[Annotated[str, Field(max_length=64)]] | None = Field(
        default=None, max_length=100, description="Ids or names of the only tools at hand."
    )
    max_minutes: int | None = Field(default=None, ge=1, le=100_000)
    hardest: Literal["easy", "medium", "hard"] | None = None
    place: Literal["indoor", "outdoor"] | None = None
    for_children: bool = False
    pieces: int | None = Field(default=None, ge=1, le=100_000)


class Near(Model):
    """A known thing that a new one is like; likeness is a cosine."""

    id: str
    likeness: float


class LinkedItem(Model):
    """What a text was taken for."""

    text: str
    name: str
    id: str | None
    is_known: bool
    is_sure: bool
    quantity: int
    materials: list[str]
    properties: list[str]
    near: list[Near]


class ProjectReply(Model):
    """One project for the thing, and why."""

    id: str
    name: str
    summary: str
    score: float = Field(description="0 to 1; it orders projects and is no probability.")
    is_documented: bool
    why: str
    warnings: list[str]
    minutes: int
    difficulty: Literal["easy", "medium", "hard"]
    tools: list[str]
    steps: list[str]
    safety: list[str]


class RuledOut(Model):
    """A project that safety forbids, and why."""

    id: str
    name: str
    reasons: list[str]


class RecommendReply(Model):
    """Projects for a thing, best first; of something dangerous none, and where to take it."""

    item: LinkedItem
    danger: str | None
    projects: list[ProjectReply]
    ruled_out: list[RuledOut]
    relaxations: dict[str, int] = Field(description="Filter -> projects that fit without it.")
    relax_together: list[str]
    latency_ms: float

    @classmethod
    def of(cls, found: Recommendations) -> RecommendReply:
        """Take over recommendations."""
        link = found.link
        return cls(
            item=LinkedItem(
                text=link.text,
                name=link.thing.name,
                id=link.thing.item,
                is_known=link.is_known,
                is_sure=link.is_sure,
                quantity=link.quantity,
                materials=list(link.thing.materials),
                properties=list(link.thing.properties),
                near=[Near.model_validate(near) for near in link.near],
            ),
            danger=found.danger,
            projects=[_project(entry) for entry in found.best],
            ruled_out=[
                RuledOut(
                    id=entry.project.id,
                    name=entry.project.name,
                    reasons=list(entry.verdict.reasons),
                )
                for entry in found.ruled_out
            ],
            relaxations=dict(found.relaxations),
            relax_together=list(found.relax_together),
            latency_ms=found.latency_ms,
        )


def _project(entry: Recommendation) -> ProjectReply:
    project = entry.project
    return ProjectReply(
        id=project.id,
        name=project.name,
        summary=project.summary,
        score=entry.score,
        is_documented=entry.is_documented,
        why=entry.why,
        warnings=list(entry.verdict.warnings),
        minutes=project.minutes,
        difficulty=project.difficulty,
        tools=list(project.tools),
        steps=list(project.steps),
        safety=list(project.safety),
    )
