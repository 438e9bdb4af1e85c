"""Ask a trained network: about nodes that it knows, new ones, and without some of the edges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engines.upcycle.model import EDGE_TYPES, GraphNetwork, Messages

# (relation as in EDGE_TYPES, node that the message comes from)
Tie = tuple[str, str]


@dataclass(frozen=True)
class Attention:
    """How much a network listens to one neighbour of a node; shares of a node add up to 1."""

    node: str
    relation: str
    share: float


class NodeEmbeddings:
    """Embeddings of all nodes, computed once, and of new ones on request.

    Args:
        network: in evaluation mode. nodes: names, rows of `x`. x: features, (N, 128).
        messages: every edge in both directions.
    """

    def __init__(
        self, network: GraphNetwork, nodes: Sequence[str], x: Tensor, messages: Messages
    ) -> None:
        self._network, self._nodes, self._messages = network, tuple(nodes), messages
        self._place = {node: place for place, node in enumerate(nodes)}
        with torch.inference_mode():
            self._states = network.layers_of(x, messages)

    @property
    def z(self) -> NDArray[np.float32]:
        """The embeddings, (N, 128)."""
        return np.asarray(self._states[-1].numpy())

    def new_node(self, features: NDArray[np.float32], ties: Iterable[Tie]) -> NDArray[np.float32]:
        """Embed a node that the network has never seen, (128,).

        Messages run from its neighbours to it and not back, so that what is known of these stays
        as it is: inductive GraphSAGE without training anew (Hamilton et al. 2017).

        Args:
            features: (128,).
        """
        return self._new_node(self._states, features, self._ties(ties, first=len(self._nodes)))

    def logit(self, item: str, project: str, *, without: Iterable[tuple[str, str]] = ()) -> float:
        """Score two known nodes after removing edges, each named by its ends, both ways."""
        pair = torch.tensor([self._place[item], self._place[project]])
        with torch.inference_mode():
            states, kept = self._states_without(without, pair)
            left, right = self._rows(2, states[2], pair, kept)
        return float(left @ right)

    def new_logit(
        self,
        features: NDArray[np.float32],
        ties: Sequence[Tie],
        project: str,
        *,
        without: Iterable[tuple[str, str]] = (),
    ) -> float:
        """Score a new node and a known project after removing edges among the known nodes."""
        wanted = torch.tensor([self._place[project]])
        messages = self._ties(ties, first=len(self._nodes))
        with torch.inference_mode():
            states, kept = self._states_without(without, wanted, heard=messages.edge_index[0])
            own = self._rows(2, states[2], wanted, kept)[0]
        return float(self._new_node(states, features, messages) @ own.numpy())

    def attention_on(self, node: str) -> tuple[Attention, ...]:
        """List the neighbours that the last layer listens to; empty without attention."""
        with torch.inference_mode():
            weights = self._network.attention(self._states[0], self._messages)
        if weights is None:
            return ()
        sources, targets = self._messages.edge_index
        edges = torch.nonzero(targets == self._place[node]).flatten().tolist()
        found = [
            Attention(
                self._nodes[int(sources[e])],
                EDGE_TYPES[int(self._messages.edge_type[e])].removeprefix("rev_"),
                float(weights[e]),
            )
            for e in edges
        ]
        return tuple(sorted(found, key=lambda a: -a.share))

    def _new_node(
        self, states: Sequence[Tensor], features: NDArray[np.float32], messages: Messages
    ) -> NDArray[np.float32]:
        state = torch.from_numpy(features)[None]
        with torch.inference_mode():
            for place in range(3):
                rows = torch.cat([states[place], state])
                # Only the new row is wanted; its messages come from the known rows of this layer.
                state = self._network.step(place, rows, state, messages)
        return np.asarray(state[0].numpy())

    def _states_without(
        self, edges: Iterable[tuple[str, str]], wanted: Tensor, *, heard: Tensor | None = None
    ) -> tuple[list[Tensor], Messages]:
        """Work out what goes into each layer when edges are removed, just where it is needed.

        Without an edge the first layer only changes at its two ends. The second one is computed
        anew for the rows that the last layer of the nodes `wanted`, or a new node, listens to.

        Args:
            wanted: nodes to be embedded. heard: nodes that a new node listens to.

        Returns:
            Three tensors of N rows, the last right in the rows that are needed, and the messages.
        """
        edges = list(edges)
        kept = self._messages.without(self._mark(edges))
        first = self._states[1].clone()
        ends = torch.tensor(sorted({self._place[node] for edge in edges for node in edge}))
        if len(ends):
            first[ends] = self._rows(0, self._states[0], ends, kept)
        sources, targets = kept.edge_index
        nothing = torch.zeros(0, dtype=torch.long)
        needed = (wanted, sources[torch.isin(targets, wanted)], nothing if heard is None else heard)
        rows = torch.unique(torch.cat(needed))
        second = self._states[2].clone()
        second[rows] = self._rows(1, first, rows, kept)
        return [self._states[0], first, second], kept

    def _rows(self, place: int, states: Tensor, rows: Tensor, messages: Messages) -> Tensor:
        """Run one layer for some of the nodes only."""
        sources, targets = messages.edge_index
        is_into = torch.isin(targets, rows)
        position = torch.zeros(len(states), dtype=torch.long)
        position[rows] = torch.arange(len(rows))
        into = torch.stack([sources[is_into], position[targets[is_into]]])
        return self._network.step(
            place, states, states[rows], Messages(into, messages.edge_type[is_into])
        )

    def _mark(self, edges: Iterable[tuple[str, str]]) -> Tensor:
        sources, targets = self._messages.edge_index
        marked = torch.zeros(len(sources), dtype=torch.bool)
        for left, right in edges:
            a, b = self._place[left], self._place[right]
            marked |= ((sources == a) & (targets == b)) | ((sources == b) & (targets == a))
        return marked

    def _ties(self, ties: Iterable[Tie], *, first: int) -> Messages:
        known = [(self._place[node], EDGE_TYPES.index(relation)) for relation, node in ties]
        sources = torch.tensor([place for place, _ in known], dtype=torch.long)
        types = torch.tensor([kind for _, kind in known], dtype=torch.long)
        return Messages(torch.stack([sources, torch.zeros_like(sources)]), types)
