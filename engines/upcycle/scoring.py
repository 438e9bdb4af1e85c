"""Score projects for a thing: a network's logit, shared properties and likeness of words."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import InputError
from engines.upcycle.blend import parts_of
from engines.upcycle.inference import Tie
from engines.upcycle.linking import Link
from engines.upcycle.loading import Loaded
from engines.upcycle.model import NETWORKS
from engines.upcycle.project_linking import ProjectLink
from engines.upcycle.safety import Thing

# A new thing that is this much like a known one also hears from the projects of that one.
BORROW_LIKENESS = 0.6

Floats = NDArray[np.float32]
Row = NDArray[np.float64]


def is_plain_item(known: Loaded, thing: Thing) -> bool:
    """Whether a thing is a node of the graph just as the facts describe it."""
    if thing.item is None:
        return False
    record = known.knowledge.items[thing.item]
    return set(record.made_of) == set(thing.materials) and record.properties == thing.properties


def scores_of(known: Loaded, link: Link, network: str | None = None) -> Row:
    """Score all projects for a thing in [0, 1], (P,).

    Args:
        network: one of `NETWORKS`; the winner of the card by default.

    Raises:
        InputError: if the network is not known.
    """
    name = network or known.winner
    if name not in known.networks:
        raise InputError(f"There is no network '{name}'.", f"Choose one of {', '.join(NETWORKS)}.")
    parts = parts_of(
        network_row(known, link, name), overlap_row(known, link.thing), cosine_row(known, link)
    )
    return known.blends[name].probability(parts)


def network_row(known: Loaded, link: Link, name: str) -> Row:
    """Return the logit that a network gives each project, (P,)."""
    embeddings = known.networks[name]
    row: Row = (embeddings.z[known.data.projects] @ _embedding(known, link, name)).astype(
        np.float64
    )
    return row


def overlap_row(known: Loaded, thing: Thing) -> Row:
    """Return the share of its requirements that a thing meets, rare ones counting more, (P,)."""
    row: Row = known.requirements @ known.marked(_properties(known, thing)) / known.required
    return row


def cosine_row(known: Loaded, link: Link) -> Row:
    """Return the cosine of a thing's words with those of each project, (P,)."""
    vector = link.vector
    if is_plain_item(known, link.thing):
        vector = known.data.embeddings[known.data.items[known.item_row[str(link.thing.item)]]]
    row: Row = (known.project_words @ vector).astype(np.float64)
    return row


def baseline_rows(known: Loaded, link: Link) -> dict[str, Row]:
    """Score all projects with each plain baseline; a new thing has no Adamic-Adar."""
    rows = {
        "popularity": known.documented.sum(axis=0).astype(np.float64),
        "property_overlap": overlap_row(known, link.thing),
        "text_cosine": cosine_row(known, link),
    }
    if is_plain_item(known, link.thing):
        linked = known.documented.astype(np.float64)
        degree = linked.sum(axis=0)
        weight = np.where(degree > 1, 1 / np.log(np.maximum(degree, 2)), 0.0)
        own = known.item_row[str(link.thing.item)]
        alike = linked @ (linked[own] * weight)
        alike[own] = 0.0
        rows["adamic_adar"] = alike @ linked
    return rows


def pair_score(known: Loaded, link: Link, target: ProjectLink) -> float:
    """Score a thing with a project in [0, 1].

    A new project is what its own words and requirements say, and also what its likes are: their
    scores count by how like they are.
    """
    scores = scores_of(known, link)
    if target.is_known:
        return float(scores[known.project_row[target.project.id]])
    project = target.project
    features = known.projection(target.vector[None], ["project"])[0]
    ties: list[Tie] = [("rev_requires_property", f"property:{name}") for name in project.requires]
    ties += [("rev_needs_tool", f"tool:{name}") for name in project.tools]
    logit = _embedding(known, link, known.winner) @ known.networks[known.winner].new_node(
        features, ties
    )
    wanted = known.marked(project.requires) * known.rarity
    has = known.marked(_properties(known, link.thing))
    overlap = float(wanted @ has / wanted.sum()) if wanted.any() else 0.0
    parts = parts_of(np.array(logit, np.float64), np.array(overlap), _cosine(link, target))
    own = float(known.blends[known.winner].probability(parts))
    likeness = np.array([max(0.0, near.likeness) ** 4 for near in target.near])
    of_likes = np.array([scores[known.project_row[near.id]] for near in target.near])
    share = float(likeness.max())
    if not share:
        return own
    return share * float(likeness @ of_likes / likeness.sum()) + (1 - share) * own


def new_item(known: Loaded, link: Link) -> tuple[Floats, list[Tie]]:
    """Make features, (128,), and ties of a thing that is no node of the graph."""
    features = known.projection(link.vector[None], ["item"])[0]
    ties: list[Tie] = [("rev_made_of", f"material:{name}") for name in link.thing.materials]
    ties += [("rev_has_form", f"property:{name}") for name in link.thing.properties]
    for near in link.near[:1]:
        if near.likeness >= BORROW_LIKENESS and not known.knowledge.items[near.id].danger:
            row = known.documented[known.item_row[near.id]]
            ties += [
                ("rev_can_become", f"project:{known.projects[p].id}") for p in np.flatnonzero(row)
            ]
    return features, ties


def _embedding(known: Loaded, link: Link, name: str) -> Floats:
    """Return a network's embedding of a thing, (128,)."""
    embeddings = known.networks[name]
    if is_plain_item(known, link.thing):
        return embeddings.z[known.data.items[known.item_row[str(link.thing.item)]]]
    return embeddings.new_node(*new_item(known, link))


def _properties(known: Loaded, thing: Thing) -> Iterable[str]:
    return set(thing.properties).union(
        *(known.knowledge.materials[name].properties for name in thing.materials)
    )


def _cosine(link: Link, target: ProjectLink) -> Row:
    return np.array(link.vector @ target.vector, np.float64)
