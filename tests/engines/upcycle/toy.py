"""A graph so small that every number can be worked out by hand.

Items: a jar and a tin (of metal), a box (of card). Projects: p0, p1, p2.
"""

from __future__ import annotations

import numpy as np

from engines.upcycle.fit.data import Split
from engines.upcycle.model import EDGE_TYPES
from engines.upcycle.tensors import GraphData

NODES = (
    "item:box", "item:jar", "item:tin",
    "material:card", "material:metal",
    "property:hollow", "property:strong",
    "project:p0", "project:p1", "project:p2",
)  # fmt: skip
FACTS = [
    ("item:jar", "made_of", "material:metal"),
    ("item:tin", "made_of", "material:metal"),
    ("item:box", "made_of", "material:card"),
    ("item:box", "has_form", "property:hollow"),
    ("material:metal", "has_property", "property:strong"),
    ("project:p0", "requires_property", "property:strong"),
    ("project:p1", "requires_property", "property:hollow"),
    ("project:p1", "requires_property", "property:strong"),
    ("project:p2", "requires_property", "property:hollow"),
]
# jar-p0, jar-p1, tin-p0, box-p1, box-p2 as (row of item, row of project).
PAIRS = np.array([[0, 1], [0, 2], [1, 0], [1, 1], [2, 0]], np.int64)


def toy_data() -> GraphData:
    """Return the toy graph; its embeddings are unit vectors along the axes."""
    place = {node: number for number, node in enumerate(NODES)}
    return GraphData(
        nodes=NODES,
        embeddings=np.eye(len(NODES), dtype=np.float32),
        items=np.array([0, 1, 2]),
        projects=np.array([7, 8, 9]),
        facts=np.array([(place[a], place[b]) for a, _, b in FACTS], np.int64),
        fact_types=np.array([EDGE_TYPES.index(kind) for _, kind, _ in FACTS], np.int64),
        pairs=PAIRS,
    )


def everything_seen() -> Split:
    """Return a split that holds nothing out."""
    nothing = np.zeros((0, 2), np.int64)
    return Split("warm", PAIRS, nothing, nothing)
