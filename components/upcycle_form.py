"""The choices that the Upcycle tab offers, and what a person chose, as the engine's filters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from engines.upcycle.filters import Filters
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.schema import Difficulty, Setting

Choice = tuple[str, str]

# A whole drawer of tools is one entry; it stands for every tool of that kind.
TOOL_KINDS = {
    "kitchen": "All kitchen tools",
    "craft": "Everything of a craft drawer",
    "hand": "Everything of a toolbox",
    "power": "All tools with a plug or battery",
}
ANY = "any"
TIMES = [
    ("Any time", ANY),
    ("Half an hour", "30"),
    ("One hour", "60"),
    ("Two hours", "120"),
    ("Half a day", "240"),
]
DIFFICULTIES = [("Any", ANY), ("Easy", "easy"), ("Up to medium", "medium")]
PLACES = [("Anywhere", ANY), ("Indoors", "indoor"), ("Outdoors", "outdoor")]
# Filter -> the words that name it after "Without".
FILTER_WORDS = {
    "tools": "the limit on tools",
    "max_minutes": "the limit on time",
    "hardest": "the limit on difficulty",
    "place": "the choice of indoors or outdoors",
    "for_children": "“a child can make it”",
    "pieces": "the limit on pieces",
}


@dataclass(frozen=True)
class Choices:
    """(name, id) of what can be picked, sorted by name."""

    items: list[Choice]
    tools: list[Choice]
    materials: list[Choice]
    forms: list[Choice]
    projects: list[Choice]


@dataclass(frozen=True)
class Form:
    """What stands in the filters, as Gradio hands it over.

    Attributes:
        more: ids of further items at hand.
        tools: ids of tools and "kind:<kind>" for all of a kind; none means any.
        pieces: how many there are; 0 or nothing means as many as it takes.
    """

    more: Sequence[str] | None = None
    tools: Sequence[str] | None = None
    minutes: str = ANY
    hardest: str = ANY
    place: str = ANY
    for_children: bool = False
    pieces: float | None = 0

    def filters(self, knowledge: Knowledge) -> Filters:
        """Say it as the engine's filters; what is no filter is left out."""
        pieces = int(self.pieces) if self.pieces and self.pieces >= 1 else None
        return Filters(
            tools=_tools(self.tools or (), knowledge),
            max_minutes=None if self.minutes in (None, ANY) else int(self.minutes),
            hardest=None if self.hardest in (None, ANY) else cast(Difficulty, self.hardest),
            place=None if self.place in (None, ANY) else cast(Setting, self.place),
            for_children=bool(self.for_children),
            pieces=pieces,
        )


def choices_of(knowledge: Knowledge) -> Choices:
    """Collect what can be picked; forms are the properties that a shape gives."""
    kinds = [(name, f"kind:{kind}") for kind, name in TOOL_KINDS.items()]
    return Choices(
        items=_by_name((i.name, i.id) for i in knowledge.items.values()),
        tools=kinds + _by_name((t.name, t.id) for t in knowledge.tools.values()),
        materials=_by_name((m.name, m.id) for m in knowledge.materials.values()),
        forms=_by_name((p.name, p.id) for p in knowledge.properties.values()),
        projects=_by_name((p.name, p.id) for p in knowledge.projects.values()),
    )


def _tools(chosen: Sequence[str], knowledge: Knowledge) -> frozenset[str] | None:
    kinds = {entry.removeprefix("kind:") for entry in chosen if entry.startswith("kind:")}
    tools = {tool.id for tool in knowledge.tools.values() if tool.kind in kinds}
    return frozenset(tools.union(chosen) & knowledge.tools.keys()) or None


def _by_name(entries: Iterable[Choice]) -> list[Choice]:
    found = sorted(entries, key=lambda entry: entry[0].lower())
    return [(name[0].upper() + name[1:], key) for name, key in found]
