"""What the files in assets/graph may say, field by field."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Slug = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]*$")]
Slugs = tuple[Slug, ...]

Use = Literal[
    "food",
    "hot_food",
    "drink",
    "hot_drink",
    "edible_plants",
    "candle",
    "fire",
    "fuel",
    "electric_light",
    "toy",
    "baby",
    "pet",
    "wildlife",
    "skin",
    "load_bearing",
    "aquarium",
    "indoor_air",
    "cutting",
    "heating",
]
Difficulty = Literal["easy", "medium", "hard"]
Setting = Literal["indoor", "outdoor", "both"]


class Record(BaseModel):
    """Refuse unknown fields, so a misspelt one is named instead of ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Slug


class PropertyRecord(Record):
    """Describe one property that matters when something is made; `says` ends "it ..."."""

    name: Text
    says: Text
    kind: Literal["material", "work", "form"]
    description: Text


class MaterialRecord(Record):
    """Describe one material.

    `words` name it in a person's text; `hazard` says why nothing at all is made of it.
    """

    name: Text
    words: Annotated[tuple[Text, ...], Field(min_length=1)]
    description: Text
    properties: Slugs
    compatible_with: Slugs
    hazard: Text | None = None


class ToolRecord(Record):
    """Name one tool; `kind` is kitchen, craft, hand or power."""

    name: Text
    kind: Literal["kitchen", "craft", "hand", "power"]


class Danger(BaseModel):
    """Say why nothing is made of an item, and where it goes instead."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Text
    take_to: Text


class ItemRecord(Record):
    """Describe one thing that people have; the first of `made_of` is the likeliest material."""

    name: Text
    aliases: tuple[Text, ...]
    made_of: Annotated[Slugs, Field(min_length=1)]
    properties: Annotated[Slugs, Field(min_length=1)]
    danger: Danger | None = None


class UnsafeWith(BaseModel):
    """Name what a project must never be made of, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    materials: Slugs = ()
    properties: Slugs = ()
    reason: str = ""

    @model_validator(mode="after")
    def _has_a_reason(self) -> UnsafeWith:
        if (self.materials or self.properties) and not self.reason.strip():
            raise ValueError("a reason is missing")
        return self


class ProjectRecord(Record):
    """Describe one project in full: what it is, of what, with what, how, and how safely."""

    name: Text
    summary: Text
    items: Annotated[Slugs, Field(min_length=1)]
    quantity: int = Field(ge=1, le=2000)
    requires: Annotated[Slugs, Field(min_length=2, max_length=5)]
    tools: Annotated[Slugs, Field(min_length=1, max_length=9)]
    extras: tuple[Text, ...]
    minutes: int = Field(ge=5, le=1200)
    difficulty: Difficulty
    place: Setting
    for_children: bool
    uses: tuple[Use, ...]
    steps: Annotated[tuple[Text, ...], Field(min_length=4, max_length=9)]
    safety: Annotated[tuple[Text, ...], Field(min_length=1, max_length=4)]
    unsafe_with: UnsafeWith


class SafetyRuleRecord(Record):
    """State one safety rule.

    It speaks where a project has one of `uses` (any project if none is named) and a thing is one
    of `items`, or has one of `materials` or `properties`.
    """

    verdict: Literal["forbid", "warn"]
    uses: tuple[Use, ...] = ()
    items: Slugs = ()
    materials: Slugs = ()
    properties: Slugs = ()
    reason: Text

    @model_validator(mode="after")
    def _concerns_something(self) -> SafetyRuleRecord:
        if not (self.items or self.materials or self.properties):
            raise ValueError("it names no items, materials or properties")
        return self


class UseRecord(Record):
    """Describe one use that safety rules speak of, and the words that mean it in a text."""

    id: Use
    name: Text
    words: tuple[Text, ...]


class RefusalRecord(Record):
    """Name requests that this is not for, by phrases that mean them, and what to say.

    `unless` are words that make a thing of it after all, as in "toy sword".
    """

    phrases: Annotated[tuple[Text, ...], Field(min_length=3)]
    unless: tuple[Text, ...] = ()
    answer: Text
