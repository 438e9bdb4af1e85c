"""What one visitor of the Upcycle tab has in front."""

from __future__ import annotations

from dataclasses import dataclass, replace

from components.graph_view import Picture, node_of, picture_of
from components.upcycle_form import Form
from engines.upcycle.explain import Explanation
from engines.upcycle.filters import Filters
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.linking import Link
from engines.upcycle.results import Recommendations
from engines.upcycle.safety import Verdict

# Filter -> field of the form that it comes from.
FIELDS = {
    "tools": "tools",
    "max_minutes": "minutes",
    "hardest": "hardest",
    "place": "place",
    "for_children": "for_children",
    "pieces": "pieces",
}


@dataclass(frozen=True)
class Visit:
    """What is shown; replaced with every step, never changed.

    Attributes:
        links: the thing and the further ones at hand.
        found: the projects for them. form: the filters they were found with.
        is_corrected: whether the person said what the thing is made of.
        project: id of the project that was chosen, None without one; `verdict` goes with it.
        centre: node of the graph to look from, None for the thing.
    """

    links: tuple[Link, ...]
    found: Recommendations
    form: Form
    is_corrected: bool = False
    project: str | None = None
    verdict: Verdict | None = None
    centre: str | None = None

    @property
    def link(self) -> Link:
        """The link of the thing that the chosen project is for, else of the first thing."""
        for entry in self.found.best:
            if entry.project.id == self.project:
                return next(link for link in self.links if link.thing.name == entry.thing)
        return self.links[0]

    @property
    def shown_projects(self) -> tuple[str, ...]:
        """Ids of the suggested projects, best first."""
        return tuple(entry.project.id for entry in self.found.best)

    def is_about(self, explanation: Explanation | None) -> bool:
        """Say whether an explanation is of the chosen project and its thing."""
        return (
            explanation is not None
            and explanation.project == self.project
            and explanation.thing == self.link.thing
        )

    def picture(self, knowledge: Knowledge, explanation: Explanation | None) -> Picture:
        """Choose what the graph shows."""
        path: tuple[str, ...] = ()
        if explanation is not None and self.is_about(explanation) and explanation.paths:
            path = explanation.paths[0].nodes
        return picture_of(
            knowledge, self.link.thing, self.shown_projects, centre=self.centre, path=path
        )

    def walked_to(self, node: str) -> Visit:
        """Look at the graph from another node."""
        return replace(self, centre=None if node == node_of(self.link.thing) else node)

    def place_words(self, knowledge: Knowledge) -> str:
        """Say where in the graph the person stands."""
        node = self.centre
        return f"You are at {self.link.thing.name if node is None else knowledge.name_of(node)}."


def without_filter(form: Form, name: str) -> Form:
    """Drop one filter by its name in the engine, or "all".

    Raises:
        KeyError: if there is no such filter.
    """
    names = FIELDS.values() if name == "all" else [FIELDS[name]]
    return replace(form, **{field: getattr(Form(), field) for field in names})


def with_pieces(form: Form, link: Link, before: Visit | None) -> Form:
    """Fill in how many pieces there are where the text says so: "two umbrellas".

    What an earlier text said is taken out again; what the person wrote into the field stays.
    """
    if link.quantity > 1:
        return replace(form, pieces=link.quantity)
    if before is not None and 1 < before.links[0].quantity == form.pieces:
        return replace(form, pieces=Form().pieces)
    return form


def count_of(filters: Filters) -> int:
    """Count the filters that are on."""
    return sum(getattr(filters, name) not in (None, False) for name in FIELDS)


def material_first(link: Link, material: str) -> Link:
    """Put a material first among those that a known thing may be made of; others change nothing."""
    thing = link.thing
    if material not in thing.materials:
        return link
    order = (material, *(name for name in thing.materials if name != material))
    return replace(link, thing=replace(thing, materials=order))
