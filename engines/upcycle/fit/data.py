"""Splits of the can_become edges, and the messages that a network may see in each.

Only can_become edges are held out. In each split the messages hold every other fact and the
can_become edges of the train part, in both directions; an edge of the val or test part is in no
direction among them, and nothing else in the graph is derived from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from engines.upcycle.features import Projection, fit_projection
from engines.upcycle.tensors import GraphData, Pairs

Setting = Literal["warm", "cold"]

VAL_SHARE = TEST_SHARE = 0.1


@dataclass(frozen=True)
class Split:
    """One way to hold can_become edges out; parts are rows of `GraphData.pairs`."""

    setting: Setting
    train: Pairs
    val: Pairs
    test: Pairs


def split_pairs(data: GraphData, setting: Setting, seed: int) -> Split:
    """Hold out 10 % for val and 10 % for test: edges (warm), or all edges of an item (cold)."""
    rng = np.random.default_rng(seed)
    if setting == "warm":
        order = rng.permutation(len(data.pairs))
        sizes = round(len(order) * VAL_SHARE), round(len(order) * TEST_SHARE)
        val, test = order[: sizes[0]], order[sizes[0] : sum(sizes)]
    else:
        items = rng.permutation(np.unique(data.pairs[:, 0]))
        sizes = round(len(items) * VAL_SHARE), round(len(items) * TEST_SHARE)
        val = np.flatnonzero(np.isin(data.pairs[:, 0], items[: sizes[0]]))
        test = np.flatnonzero(np.isin(data.pairs[:, 0], items[sizes[0] : sum(sizes)]))
    held_out = np.zeros(len(data.pairs), bool)
    held_out[val] = held_out[test] = True
    return Split(setting, data.pairs[~held_out], data.pairs[val], data.pairs[test])


def features_for(data: GraphData, split: Split) -> tuple[Tensor, Projection]:
    """Compute features, (N, 128), with the projection fitted on the train graph only.

    In the cold setting the held-out items are no part of the train graph.
    """
    unseen = np.setdiff1d(np.concatenate([split.val[:, 0], split.test[:, 0]]), split.train[:, 0])
    in_train = np.ones(len(data.nodes), bool)
    in_train[data.items[unseen]] = False
    projection = fit_projection(data.embeddings[in_train])
    return torch.from_numpy(projection(data.embeddings, data.kinds)), projection
