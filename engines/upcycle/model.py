"""The networks over the graph: GraphSAGE, GAT, and a GraphSAGE that knows edge types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from engines.upcycle.features import WIDTH
from engines.upcycle.generated_files import remove_generated_files
from engines.upcycle.knowledge import RELATIONS

HIDDEN = 256
OUT = 128
DROPOUT = 0.3
HEADS = 4
ATTENTION_DROPOUT = 0.1
SLOPE = 0.2
# Messages run both ways, each way with weights of its own in the relational network.
EDGE_TYPES = (*RELATIONS, *(f"rev_{name}" for name in RELATIONS))


@dataclass(frozen=True)
class Messages:
    """The edges that messages run along.

    Attributes:
        edge_index: (2, E), sources first.
        edge_type: (E,), positions in `EDGE_TYPES`.
    """

    edge_index: Tensor
    edge_type: Tensor

    def without(self, is_dropped: Tensor) -> Messages:
        """Leave out the edges where `is_dropped`, (E,) bool, is true."""
        return Messages(self.edge_index[:, ~is_dropped], self.edge_type[~is_dropped])


class GraphNetwork(nn.Module):
    """Base of all networks: features (N, 128) and messages in, embeddings (N, 128) out."""

    def encode(self, x: Tensor, messages: Messages) -> Tensor:
        """Compute embeddings, (N, 128)."""
        return self.layers_of(x, messages)[-1]

    def layers_of(self, x: Tensor, messages: Messages) -> list[Tensor]:
        """Compute what goes into each layer and the embeddings: four tensors of N rows."""
        states = [x]
        for place in range(3):
            states.append(self.step(place, states[-1], states[-1], messages))
        return states

    def step(self, place: int, sources: Tensor, targets: Tensor, messages: Messages) -> Tensor:
        """Run one layer with its normalisation: rows of `targets` take in rows of `sources`."""
        raise NotImplementedError

    def attention(self, x: Tensor, messages: Messages) -> Tensor | None:
        """Return the last layer's attention on every edge, (E,), where there is such a thing."""
        return None


class GraphSage(GraphNetwork):
    """GraphSAGE with mean aggregation, 128 -> 256 -> 256 -> 128 (Hamilton et al. 2017)."""

    def __init__(self) -> None:
        # Imported here: it takes over a second, and the page need not wait for it.
        from torch_geometric.nn import SAGEConv

        super().__init__()
        sizes = (WIDTH, HIDDEN, HIDDEN, OUT)
        self.convolutions = nn.ModuleList(
            SAGEConv((a, a), b, aggr="mean") for a, b in pairwise(sizes)
        )
        remove_generated_files()
        self.norms = nn.ModuleList(nn.BatchNorm1d(HIDDEN) for _ in range(2))

    def step(self, place: int, sources: Tensor, targets: Tensor, messages: Messages) -> Tensor:
        """Run one layer; the last one is linear."""
        out = self.convolutions[place]((sources, targets), messages.edge_index)
        return _finish(out, place, self.norms, self.training)


class Gat(GraphNetwork):
    """GAT with four heads, 128 -> 256 -> 256 -> 128 (Velickovic et al. 2018)."""

    def __init__(self) -> None:
        from torch_geometric.nn import GATConv

        super().__init__()
        common = {"heads": HEADS, "negative_slope": SLOPE, "dropout": ATTENTION_DROPOUT}
        self.convolutions = nn.ModuleList(
            [
                GATConv((WIDTH, WIDTH), HIDDEN // HEADS, add_self_loops=False, **common),
                GATConv((HIDDEN, HIDDEN), HIDDEN // HEADS, add_self_loops=False, **common),
                GATConv((HIDDEN, HIDDEN), OUT, concat=False, add_self_loops=False, **common),
            ]
        )
        remove_generated_files()
        # A node's own state comes by a way of its own, so that one without neighbours has one too.
        self.skips = nn.ModuleList(
            nn.Linear(a, b, bias=False)
            for a, b in ((WIDTH, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, OUT))
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(HIDDEN) for _ in range(2))

    def step(self, place: int, sources: Tensor, targets: Tensor, messages: Messages) -> Tensor:
        """Run one layer; the last one is linear and averages its heads."""
        size = (len(sources), len(targets))
        out = self.convolutions[place]((sources, targets), messages.edge_index, size=size)
        return _finish(out + self.skips[place](targets), place, self.norms, self.training)

    def attention(self, x: Tensor, messages: Messages) -> Tensor:
        """Return the last layer's attention on every edge, mean over heads, (E,)."""
        states = self.layers_of(x, messages)
        _, (_, weights) = self.convolutions[-1](
            (states[2], states[2]), messages.edge_index, return_attention_weights=True
        )
        return weights.mean(dim=1)


class RelationalSage(GraphNetwork):
    """GraphSAGE with weights for each edge type and direction, as in R-GCN.

    Each relation's messages are averaged by themselves, and the averages added
    (Schlichtkrull et al. 2018, with GraphSAGE's own weight for the node itself). The weights of
    the relations are sums of a few shared matrices, which keeps small relations from
    over-fitting.
    """

    BASES = 4

    def __init__(self) -> None:
        super().__init__()
        sizes = ((WIDTH, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, OUT))
        self.bases = nn.ParameterList(
            nn.init.xavier_uniform_(torch.empty(self.BASES, a, b)) for a, b in sizes
        )
        self.mixes = nn.ParameterList(
            nn.init.xavier_uniform_(torch.empty(len(EDGE_TYPES), self.BASES)) for _ in sizes
        )
        self.selves = nn.ModuleList(nn.Linear(a, b) for a, b in sizes)
        self.norms = nn.ModuleList(nn.BatchNorm1d(HIDDEN) for _ in range(2))

    def step(self, place: int, sources: Tensor, targets: Tensor, messages: Messages) -> Tensor:
        """Run one layer; the last one is linear."""
        source, target = messages.edge_index
        # Mean over the edges of one type into one node.
        group = target * len(EDGE_TYPES) + messages.edge_type
        counts = torch.bincount(group, minlength=len(targets) * len(EDGE_TYPES))
        weight = 1.0 / counts[group].to(sources.dtype)
        out = self.selves[place](targets)
        mix = self.mixes[place][messages.edge_type] * weight[:, None]
        for index in range(self.BASES):
            moved = sources @ self.bases[place][index]
            out = out.index_add(0, target, moved[source] * mix[:, index, None])
        return _finish(out, place, self.norms, self.training)


NETWORKS: Mapping[str, type[GraphNetwork]] = {
    "graphsage": GraphSage,
    "gat": Gat,
    "relational": RelationalSage,
}


def score(left: Tensor, right: Tensor) -> Tensor:
    """Score pairs of embeddings, (P, 128) each: the logit of sigma(z_i . z_j), (P,)."""
    return (left * right).sum(dim=-1)


def _finish(out: Tensor, place: int, norms: nn.ModuleList, is_training: bool) -> Tensor:
    if place >= len(norms):
        return out
    out = functional.relu(norms[place](out))
    return functional.dropout(out, DROPOUT, is_training)
