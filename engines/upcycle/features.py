"""128 numbers for each node: what its words mean, reduced, and what kind of node it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.upcycle.knowledge import NODE_TYPES, Knowledge, id_of, kind_of

Floats = NDArray[np.float32]

WIDTH = 128
TEXT_WIDTH = WIDTH - len(NODE_TYPES)


def node_text(knowledge: Knowledge, node: str) -> str:
    """Put a node into words, as the encoder reads it.

    The words of a project name no item from its `items`; what its own name and summary say, stays.
    """
    kind, name = kind_of(node), id_of(node)
    if kind == "item":
        item = knowledge.items[name]
        return f"{item.name}, {', '.join(item.aliases)}"
    if kind == "material":
        material = knowledge.materials[name]
        return f"{material.name}. {material.description}"
    if kind == "property":
        trait = knowledge.properties[name]
        return f"{trait.name}. {trait.description}"
    if kind == "project":
        project = knowledge.projects[name]
        return f"{project.name}. {project.summary}"
    return knowledge.tools[name].name


@dataclass(frozen=True)
class Projection:
    """Reduce text embeddings of width E to `TEXT_WIDTH` numbers: principal components, scaled.

    Attributes:
        mean: (E,).
        components: (TEXT_WIDTH, E), orthonormal rows.
        scale: divides every number, so that a typical one is about 1.
    """

    mean: Floats
    components: Floats
    scale: float

    def __call__(self, embeddings: Floats, kinds: Sequence[str]) -> Floats:
        """Make features, (N, 128), of embeddings, (N, E), and the types of the nodes."""
        reduced = (embeddings - self.mean) @ self.components.T / self.scale
        one_hot = np.zeros((len(kinds), len(NODE_TYPES)), np.float32)
        one_hot[np.arange(len(kinds)), [NODE_TYPES.index(kind) for kind in kinds]] = 1.0
        return np.concatenate([reduced, one_hot], axis=1).astype(np.float32)


def fit_projection(embeddings: Floats) -> Projection:
    """Fit the principal components of the nodes of the train graph, (N, E), N >= TEXT_WIDTH.

    Raises:
        ValueError: if there are fewer nodes than components.
    """
    if len(embeddings) < TEXT_WIDTH:
        raise ValueError(f"{len(embeddings)} nodes are too few for {TEXT_WIDTH} components")
    mean = embeddings.mean(axis=0)
    centred = embeddings - mean
    _, _, rows = np.linalg.svd(centred, full_matrices=False)
    components = rows[:TEXT_WIDTH]
    scale = float((centred @ components.T).std())
    return Projection(mean, np.ascontiguousarray(components), scale)
