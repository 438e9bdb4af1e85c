"""Which part of the graph is shown: the thing, where a person walked to, and a lit path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from engines.upcycle.explain import NEW
from engines.upcycle.knowledge import Knowledge, kind_of
from engines.upcycle.safety import Thing

COLUMNS = ("item", "material", "property", "project", "tool")
RELATIONS = (
    "made_of", "has_form", "has_property", "requires_property", "can_become", "needs_tool",
)  # fmt: skip
MOST_PROPERTIES = 9
MOST_NEIGHBOURS = 7

Edge = tuple[str, str, str]


@dataclass(frozen=True)
class Picture:
    """What is drawn.

    Attributes:
        thing, centre: nodes. nodes: column by column, top to bottom.
        edges: facts among the nodes, (source, relation, target).
        lit: nodes of the chosen project's path in order, empty without one.
        names: what each node is called. left_out: kind -> neighbours of the centre not shown.
    """

    thing: str
    centre: str
    nodes: tuple[str, ...]
    edges: tuple[Edge, ...]
    lit: tuple[str, ...]
    names: Mapping[str, str]
    left_out: Mapping[str, int]

    @property
    def lit_pairs(self) -> frozenset[frozenset[str]]:
        """The steps of the lit path, without direction."""
        return frozenset(frozenset(pair) for pair in pairwise(self.lit))

    def column(self, kind: str) -> tuple[str, ...]:
        """Return the nodes of one kind, top to bottom."""
        return tuple(node for node in self.nodes if kind_of(node) == kind)


def node_of(thing: Thing) -> str:
    """Name the thing's node; a new thing is a node that the facts do not have."""
    return NEW if thing.item is None else f"item:{thing.item}"


def picture_of(
    knowledge: Knowledge,
    thing: Thing,
    projects: Sequence[str],
    *,
    centre: str | None = None,
    path: Sequence[str] = (),
) -> Picture:
    """Choose what to show around a node.

    Args:
        thing: what somebody has. projects: ids of the suggested projects, best first.
        centre: where to look from; the thing by default, and where a node is not known.
        path: nodes of a path to light.
    """
    start = node_of(thing)
    facts = _facts(knowledge, thing)
    known = {end for source, _, target in facts for end in (source, target)}
    centre = centre if centre in known else start
    lit = tuple(start if node == NEW else node for node in path)
    suggested = [f"project:{name}" for name in projects if f"project:{name}" in known]
    own = {target for source, _, target in facts if source == start}
    own |= {t for s, relation, t in facts if relation == "has_property" and s in own}
    left_out: dict[str, int] = {}
    if centre == start:
        nodes = _around_thing(facts, thing, suggested)
    else:
        nodes, left_out = _around(facts, centre, own | set(suggested) | set(lit), knowledge)
    nodes = list(dict.fromkeys([start, centre, *nodes, *lit]))
    edges = _edges(facts, set(nodes), start, centre, lit)
    names = {n: thing.name if n == start else knowledge.name_of(n) for n in nodes}
    ordered = _ordered(nodes, edges, suggested)
    return Picture(start, centre, ordered, edges, lit, names, left_out)


def _facts(knowledge: Knowledge, thing: Thing) -> list[Edge]:
    """List the facts, the thing's own ones as it was taken for and not as they are written."""
    start = node_of(thing)
    own = ("made_of", "has_form")
    facts = [
        edge
        for edge in knowledge.edges
        if edge[1] in RELATIONS and not (edge[0] == start and edge[1] in own)
    ]
    facts += [(start, "made_of", f"material:{name}") for name in thing.materials]
    facts += [(start, "has_form", f"property:{name}") for name in thing.properties]
    return facts


def _around_thing(facts: Iterable[Edge], thing: Thing, suggested: Sequence[str]) -> list[str]:
    """Show materials, the properties that suggested projects need, and these projects."""
    materials = [f"material:{name}" for name in thing.materials]
    has = {f"property:{name}" for name in thing.properties}
    wanted: dict[str, int] = {}
    facts = list(facts)
    has |= {t for s, relation, t in facts if relation == "has_property" and s in materials}
    for source, relation, target in facts:
        if relation == "requires_property" and source in suggested and target in has:
            wanted[target] = wanted.get(target, 0) + 1
    properties = sorted(wanted, key=lambda node: (-wanted[node], node))[:MOST_PROPERTIES]
    return [*materials, *properties, *suggested]


def _around(
    facts: Iterable[Edge], centre: str, near: set[str], knowledge: Knowledge
) -> tuple[list[str], dict[str, int]]:
    """Show the neighbours of a node, first those that have to do with the thing."""
    kinds: dict[str, set[str]] = {}
    for source, _, target in facts:
        if centre in (source, target):
            other = target if source == centre else source
            kinds.setdefault(kind_of(other), set()).add(other)
    nodes: list[str] = []
    left_out = {}
    for kind, found in kinds.items():
        order = sorted(found, key=lambda node: (node not in near, node))
        nodes += order[:MOST_NEIGHBOURS]
        if len(order) > MOST_NEIGHBOURS:
            left_out[kind] = len(order) - MOST_NEIGHBOURS
    return nodes, left_out


def _edges(
    facts: Iterable[Edge], nodes: set[str], start: str, centre: str, lit: Sequence[str]
) -> tuple[Edge, ...]:
    """Keep the facts among the nodes.

    That an item can become a project is drawn where somebody walked to one of the two, where it is
    on the lit path, and where the project would hang in the air; else ten lines cross the picture.
    """
    inside = sorted({edge for edge in facts if edge[0] in nodes and edge[2] in nodes})
    steps = {frozenset(pair) for pair in pairwise(lit)}
    needed = {source for source, relation, _ in inside if relation == "requires_property"}

    def is_drawn(edge: Edge) -> bool:
        source, relation, target = edge
        if relation != "can_become" or frozenset((source, target)) in steps:
            return True
        if target not in needed:
            return True
        return centre != start and centre in (source, target)

    return tuple(edge for edge in inside if is_drawn(edge))


def _ordered(
    nodes: Sequence[str], edges: Sequence[Edge], suggested: Sequence[str]
) -> tuple[str, ...]:
    """Order every column by where its neighbours on the right stand, so that fewer lines cross."""
    rank = {node: place for place, node in enumerate(suggested)}
    placed: dict[str, float] = {}
    columns: dict[str, list[str]] = {}

    def by_neighbours(node: str) -> tuple[float, str]:
        places = [
            placed[other]
            for source, _, target in edges
            for own, other in ((source, target), (target, source))
            if own == node and other in placed
        ]
        return (sum(places) / len(places) if places else 1.0, node)

    for kind in reversed(COLUMNS):
        column = [node for node in nodes if kind_of(node) == kind]
        key: Callable[[str], tuple[float, str]] = by_neighbours
        if kind == "project":

            def key(node: str) -> tuple[float, str]:
                return (float(rank.get(node, len(rank))), node)

        columns[kind] = sorted(column, key=key)
        for place, node in enumerate(columns[kind]):
            placed[node] = (place + 0.5) / len(column)
    return tuple(node for kind in COLUMNS for node in columns[kind])
