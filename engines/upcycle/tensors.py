"""The graph as numbers: features' texts, edges, and who has which property."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engines.runtime.kept_vectors import PassageEncoder
from engines.upcycle.features import node_text
from engines.upcycle.knowledge import Knowledge, kind_of
from engines.upcycle.model import EDGE_TYPES, Messages

Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class GraphData:
    """The graph as numbers.

    Attributes:
        nodes: names; rows of everything below are in this order.
        embeddings: of the nodes' words, (N, E), L2-normalised.
        items, projects: positions of the nodes that may be linked.
        facts: (F, 2) positions and `fact_types` (F,) in `EDGE_TYPES`, without can_become.
        pairs: (P, 2): every can_become edge as (row in `items`, row in `projects`).
    """

    nodes: tuple[str, ...]
    embeddings: NDArray[np.float32]
    items: NDArray[np.int64]
    projects: NDArray[np.int64]
    facts: NDArray[np.int64]
    fact_types: NDArray[np.int64]
    pairs: Pairs

    @property
    def kinds(self) -> list[str]:
        """The type of each node."""
        return [kind_of(node) for node in self.nodes]

    @property
    def fingerprint(self) -> str:
        """Twelve hexadecimal digits that change with any node, word or edge."""
        digest = hashlib.sha256("\n".join(self.nodes).encode())
        for part in (self.embeddings, self.facts, self.fact_types, self.pairs):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()[:12]


def graph_data(knowledge: Knowledge, encoder: PassageEncoder) -> GraphData:
    """Turn the knowledge into numbers; items with a danger have no pairs but stay as nodes."""
    texts = [node_text(knowledge, node) for node in knowledge.nodes]
    return number(knowledge, encoder.encode_passages(texts))


def number(knowledge: Knowledge, embeddings: NDArray[np.float32]) -> GraphData:
    """Number the nodes and edges; `embeddings` are those of the nodes' words, (N, E)."""
    nodes = knowledge.nodes
    position = {node: place for place, node in enumerate(nodes)}
    items = [p for p, node in enumerate(nodes) if kind_of(node) == "item"]
    projects = [p for p, node in enumerate(nodes) if kind_of(node) == "project"]
    row_of_item = {place: row for row, place in enumerate(items)}
    row_of_project = {place: row for row, place in enumerate(projects)}
    facts, types, pairs = [], [], []
    for source, relation, target in knowledge.edges:
        a, b = position[source], position[target]
        if relation == "can_become":
            pairs.append((row_of_item[a], row_of_project[b]))
        else:
            facts.append((a, b))
            types.append(EDGE_TYPES.index(relation))
    return GraphData(
        nodes=nodes,
        embeddings=embeddings,
        items=np.array(items, np.int64),
        projects=np.array(projects, np.int64),
        facts=np.array(facts, np.int64),
        fact_types=np.array(types, np.int64),
        pairs=np.array(sorted(pairs), np.int64),
    )


def messages_of(data: GraphData, pairs: Pairs) -> Messages:
    """Join all facts and the given can_become pairs, each edge in both directions."""
    linked = np.stack([data.items[pairs[:, 0]], data.projects[pairs[:, 1]]], axis=1)
    edges = np.concatenate([data.facts, linked])
    types = np.concatenate(
        [data.fact_types, np.full(len(linked), EDGE_TYPES.index("can_become"), np.int64)]
    )
    both = np.concatenate([edges, edges[:, ::-1]]).T
    return Messages(
        torch.from_numpy(np.ascontiguousarray(both)),
        torch.from_numpy(np.concatenate([types, types + len(EDGE_TYPES) // 2])),
    )


def pair_matrix(data: GraphData, parts: Sequence[Pairs]) -> NDArray[np.bool_]:
    """Mark the given pairs in a matrix of all items and projects, (I, P)."""
    marked = np.zeros((len(data.items), len(data.projects)), bool)
    for pairs in parts:
        marked[pairs[:, 0], pairs[:, 1]] = True
    return marked


def property_matrices(
    data: GraphData,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Read which item has which property and material, and which project requires which property.

    Returns:
        (I, Q) properties of items, own or by any material; (I, M) materials; (P, Q) requirements.
    """
    kinds = np.array(data.kinds)
    traits, materials = (np.flatnonzero(kinds == kind) for kind in ("property", "material"))
    made_of = _linked(data, "made_of", data.items, materials)
    of_material = _linked(data, "has_property", materials, traits)
    own = _linked(data, "has_form", data.items, traits) | (made_of @ of_material)
    return own, made_of, _linked(data, "requires_property", data.projects, traits)


def _linked(
    data: GraphData, relation: str, sources: NDArray[np.int64], targets: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Mark the facts of one relation in a matrix of its sources and targets."""
    rows, columns = (
        {int(place): row for row, place in enumerate(ends)} for ends in (sources, targets)
    )
    marked = np.zeros((len(sources), len(targets)), bool)
    for a, b in data.facts[data.fact_types == EDGE_TYPES.index(relation)].tolist():
        marked[rows[a], columns[b]] = True
    return marked
