"""What a network has to beat: each baseline gives every item and project a score, (I, P)."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch_geometric.nn import LightGCN

from engines.upcycle.fit.data import Split
from engines.upcycle.generated_files import remove_generated_files
from engines.upcycle.tensors import GraphData, pair_matrix, property_matrices

Scores = NDArray[np.float64]

LIGHTGCN_WIDTH = 64
LIGHTGCN_LAYERS = 2
LIGHTGCN_STEPS = 600
LIGHTGCN_LEARNING_RATE = 1e-2
LIGHTGCN_DECAY = 1e-4


def popularity(data: GraphData, split: Split) -> Scores:
    """Score a project by how many items are known to become it."""
    counts = pair_matrix(data, [split.train]).sum(axis=0)
    return np.tile(counts.astype(float), (len(data.items), 1))


def adamic_adar(data: GraphData, split: Split) -> Scores:
    """Score by Adamic-Adar likeness to the items that are known to become the project.

    Two items are alike by the projects they share, rare ones counting more:
    sum of 1/log(degree) (Adamic & Adar 2003).
    """
    linked = pair_matrix(data, [split.train]).astype(float)
    degree = linked.sum(axis=0)
    weight = np.where(degree > 1, 1 / np.log(np.maximum(degree, 2)), 0.0)
    alike = (linked * weight) @ linked.T
    np.fill_diagonal(alike, 0.0)
    return alike @ linked


def text_cosine(data: GraphData, split: Split) -> Scores:
    """Score by the cosine of the MiniLM embeddings of the two texts."""
    return (data.embeddings[data.items] @ data.embeddings[data.projects].T).astype(float)


def property_overlap(data: GraphData, split: Split) -> Scores:
    """Score by the share of the required properties that the item has, rare ones counting more."""
    has, _, requires = property_matrices(data)
    rarity = np.log(len(requires) / np.maximum(1, requires.sum(axis=0)))
    weight = requires * rarity
    return (has.astype(float) @ weight.T) / weight.sum(axis=1)


def light_gcn(data: GraphData, split: Split, seed: int) -> Scores:
    """Score by LightGCN on the train edges, trained with BPR (He et al. 2020)."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    items, projects = len(data.items), len(data.projects)
    linked = pair_matrix(data, [split.train])
    pairs = torch.from_numpy(split.train)
    forward = torch.stack([pairs[:, 0], pairs[:, 1] + items])
    edge_index = torch.cat([forward, forward.flip(0)], dim=1)
    model = LightGCN(items + projects, LIGHTGCN_WIDTH, LIGHTGCN_LAYERS)
    remove_generated_files()
    optimizer = torch.optim.Adam(model.parameters(), lr=LIGHTGCN_LEARNING_RATE)
    for _ in range(LIGHTGCN_STEPS):
        negatives = rng.integers(0, projects, len(split.train))
        is_true = linked[split.train[:, 0], negatives]
        ranked = model(
            edge_index,
            torch.cat(
                [forward, torch.stack([forward[0], torch.from_numpy(negatives) + items])], dim=1
            ),
        )
        positive, negative = ranked.chunk(2)
        keep = torch.from_numpy(~is_true)
        loss = model.recommendation_loss(
            positive[keep], negative[keep], node_id=forward.unique(), lambda_reg=LIGHTGCN_DECAY
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        embedded = model.get_embedding(edge_index)
    return (embedded[:items] @ embedded[items:].T).double().numpy()
