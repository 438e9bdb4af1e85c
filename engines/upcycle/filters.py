"""What a person can make now: tools at hand, time, skill, place, children, how many pieces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, cast

from engines.upcycle.schema import Difficulty, ProjectRecord, Setting

DIFFICULTIES: tuple[Difficulty, ...] = ("easy", "medium", "hard")


@dataclass(frozen=True)
class Filters:
    """Keep projects that fit; None and False let everything through.

    Attributes:
        tools: ids of the tools at hand; a project may need no other.
        max_minutes: of active work. hardest: the most difficult that is wanted.
        place: where the finished thing shall live. for_children: only what a child of 8 can make.
        pieces: how many of the item there are.
    """

    tools: frozenset[str] | None = None
    max_minutes: int | None = None
    hardest: Difficulty | None = None
    place: Setting | None = None
    for_children: bool = False
    pieces: int | None = None

    def allows(self, project: ProjectRecord) -> bool:
        """Say whether a project fits all filters."""
        return not any(True for _ in self.hindrances(project))

    def relaxations(self, projects: Iterable[ProjectRecord]) -> dict[str, int]:
        """Count how many projects would fit if one filter were dropped, by the filter's name.

        Only filters that would help are named, most helpful first.
        """
        known = list(projects)
        now = sum(self.allows(project) for project in known)
        counts = {
            name: sum(self.without([name]).allows(project) for project in known)
            for name in self.in_use
        }
        helpful = {name: count for name, count in counts.items() if count > now}
        return dict(sorted(helpful.items(), key=lambda entry: -entry[1]))

    def fewest_to_relax(self, projects: Iterable[ProjectRecord]) -> tuple[str, ...]:
        """Name the fewest filters that have to go for something to fit; empty if there is none."""
        hindered = [tuple(self.hindrances(project)) for project in projects]
        return min((names for names in hindered if names), key=len, default=())

    @property
    def in_use(self) -> tuple[str, ...]:
        """Name the filters that are set."""
        return tuple(f.name for f in fields(self) if getattr(self, f.name) not in (None, False))

    def without(self, names: Iterable[str]) -> Filters:
        """Drop some of the filters."""
        plain = Filters()
        return replace(
            self, **cast("dict[str, Any]", {name: getattr(plain, name) for name in names})
        )

    def hindrances(self, project: ProjectRecord) -> Iterable[str]:
        """Name the filters that a project does not pass."""
        if self.tools is not None and not set(project.tools) <= self.tools:
            yield "tools"
        if self.max_minutes is not None and project.minutes > self.max_minutes:
            yield "max_minutes"
        if self.hardest is not None and DIFFICULTIES.index(project.difficulty) > DIFFICULTIES.index(
            self.hardest
        ):
            yield "hardest"
        if self.place is not None and project.place not in (self.place, "both"):
            yield "place"
        if self.for_children and not project.for_children:
            yield "for_children"
        if self.pieces is not None and project.quantity > self.pieces:
            yield "pieces"
