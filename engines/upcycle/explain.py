"""Why a project is suggested: shared properties in a sentence, paths that the score leans on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from engines.upcycle.knowledge import Knowledge, id_of, kind_of
from engines.upcycle.safety import Thing
from engines.upcycle.schema import ProjectRecord

# Paths of up to three hops whose steps mean something to a person, as relations on the way.
_POSITIVE = ("made_of", "has_form", "has_property", "requires_property", "can_become")
CANDIDATES = 12
NEW = "item:new"

CAVEAT = (
    "This is the path that the network's score leans on most: without it the score falls. "
    "It is no proof that the project works."
)


@dataclass(frozen=True)
class Path:
    """One typed path from a thing to a project.

    Attributes:
        nodes: from the thing to the project, at most four.
        relations: one fewer; each read from left to right, "rev_" where the fact runs against it.
        importance: by how much the network's logit falls when the path's edges are removed.
        sentence: the path in words.
    """

    nodes: tuple[str, ...]
    relations: tuple[str, ...]
    importance: float
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """Why a project is suggested for a thing; `paths` are most important first."""

    thing: Thing
    project: str
    score: float
    paths: tuple[Path, ...]
    caveat: str = CAVEAT


def shared_properties(
    knowledge: Knowledge, thing: Thing, project: ProjectRecord
) -> tuple[tuple[str, str], ...]:
    """List required properties that the thing has: (property, material that gives it or "").

    Rare requirements come first, as they say most about why this project was chosen.
    """
    rarity = knowledge.requirement_counts
    found = []
    for name in project.requires:
        if name in thing.properties:
            found.append((name, ""))
        else:
            by = (m for m in thing.materials if name in knowledge.materials[m].properties)
            material = next(by, None)
            if material is not None:
                found.append((name, material))
    return tuple(sorted(found, key=lambda entry: rarity[entry[0]]))


def why_sentence(knowledge: Knowledge, thing: Thing, project: ProjectRecord) -> str:
    """Say in one sentence why a project suits a thing, and what the thing lacks for it.

    Such as: "Glass is see-through and a glass jar can be closed; the project needs both."
    """
    shared = shared_properties(knowledge, thing, project)
    if not shared:
        return (
            f"The network suggests it, though nothing that {_a(project.name)} needs is known of it."
        )
    clauses: dict[str, list[str]] = {}
    for name, material in shared[:2]:
        subject = knowledge.materials[material].name if material else _subject(thing)
        clauses.setdefault(subject, []).append(knowledge.properties[name].says)
    said = " and ".join(f"{subject} {' and '.join(says)}" for subject, says in clauses.items())
    needs = "both" if len(shared) > 1 else "that"
    sentence = f"{said[0].upper()}{said[1:]}; the project needs {needs}."
    lacking = [n for n in project.requires if n not in {name for name, _ in shared}]
    if lacking:
        words = " and ".join(knowledge.properties[n].name for n in lacking)
        sentence += f" Check that yours is: {words}."
    return sentence


def candidate_paths(
    knowledge: Knowledge, thing: Thing, project: str, *, limit: int = CANDIDATES
) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
    """Enumerate typed simple paths of two or three hops between a thing and a project.

    The direct edge is no explanation and left out. Paths over rare nodes come first.

    Returns:
        (nodes, relations) of up to `limit` paths, of every kind of path some.
    """
    graph = _walkable(knowledge, thing)
    start, end = _start(thing), f"project:{project}"
    paths = []
    for nodes in nx.all_simple_paths(graph, start, end, cutoff=3):
        if len(nodes) < 3:
            continue
        relations = tuple(graph.edges[a, b]["relation"] for a, b in pairwise(nodes))
        degree = sum(graph.degree(node) for node in nodes[1:-1])
        paths.append((degree, tuple(nodes), relations))
    # Take kinds in turn, so that one with many paths does not crowd out the others.
    kinds: dict[tuple[str, ...], list[tuple[int, tuple[str, ...], tuple[str, ...]]]] = {}
    for entry in sorted(paths):
        kinds.setdefault(tuple(kind_of(node) for node in entry[1]), []).append(entry)
    chosen = []
    for rank in range(max((len(found) for found in kinds.values()), default=0)):
        chosen += [found[rank] for found in kinds.values() if rank < len(found)]
    return tuple((nodes, relations) for _, nodes, relations in chosen[:limit])


def rank_paths(
    knowledge: Knowledge,
    thing: Thing,
    paths: Iterable[tuple[Sequence[str], Sequence[str]]],
    logit_without: Callable[[Sequence[tuple[str, str]]], float],
) -> tuple[Path, ...]:
    """Order paths by how far the score falls without their edges; those that don't lower it go.

    Args:
        logit_without: the network's logit of the pair after removing the given edges.
    """
    whole = logit_without(())
    ranked = []
    for nodes, relations in paths:
        fall = whole - logit_without(list(pairwise(nodes)))
        if fall > 0:
            sentence = path_sentence(knowledge, thing, nodes, relations)
            ranked.append(Path(tuple(nodes), tuple(relations), fall, sentence))
    return tuple(sorted(ranked, key=lambda path: -path.importance))


def path_sentence(
    knowledge: Knowledge, thing: Thing, nodes: Sequence[str], relations: Sequence[str]
) -> str:
    """Put a path into a sentence."""
    parts = []
    for (left, right), relation in zip(pairwise(nodes), relations, strict=True):
        a, b = _called(knowledge, thing, left), _called(knowledge, thing, right)
        says = knowledge.properties[id_of(right)].says if kind_of(right) == "property" else b
        parts.append(
            {
                "made_of": f"{a} is made of {b}",
                "rev_made_of": f"{b} is made of {a} too",
                "has_form": f"{a} {says}",
                "rev_has_form": f"{b} has that too",
                "has_property": f"{a} {says}",
                "rev_has_property": f"{b} has that too",
                "requires_property": f"{a} needs a thing that {says}",
                "rev_requires_property": f"{b} needs that",
                "can_become": f"{a} can become {b}",
                "rev_can_become": f"so can {b}",
            }[relation]
        )
    text = "; ".join(parts)
    return f"{text[0].upper()}{text[1:]}."


def _called(knowledge: Knowledge, thing: Thing, node: str) -> str:
    kind = kind_of(node)
    if node == NEW:
        return "it"
    name = knowledge.name_of(node)
    if kind == "material":
        return name
    return _a(name.lower() if kind == "project" else name)


def _start(thing: Thing) -> str:
    return NEW if thing.item is None else f"item:{thing.item}"


def _walkable(knowledge: Knowledge, thing: Thing) -> nx.Graph:
    """Return an undirected graph of the facts that speak for a project."""
    graph = nx.DiGraph()
    edges = [edge for edge in knowledge.edges if edge[1] in _POSITIVE]
    if thing.item is None:
        edges += [(NEW, "made_of", f"material:{name}") for name in thing.materials]
        edges += [(NEW, "has_form", f"property:{name}") for name in thing.properties]
    for source, relation, target in edges:
        graph.add_edge(source, target, relation=relation)
        graph.add_edge(target, source, relation=f"rev_{relation}")
    return graph


def _subject(thing: Thing) -> str:
    """Name a thing so that a singular verb can follow; what somebody typed becomes "it"."""
    if thing.item is None:
        return "it"
    name = _a(thing.name)
    return "each" if name == thing.name and name.endswith("s") else name


def _a(name: str) -> str:
    """Put the indefinite article before a name, unless it is a plural or has one."""
    first = name.split()[0].lower()
    if first in ("a", "an", "the") or (name.endswith("s") and not name.endswith(("ss", "us"))):
        return name
    if first in ("clothing", "medicine", "paper", "food", "coffee", "used", "bubble", "citrus"):
        return name
    return f"{'an' if first[0] in 'aeiou' else 'a'} {name}"
