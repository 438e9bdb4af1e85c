"""Train one network on one split.

Every step hides a share of the known can_become edges from the messages and asks for them back:
either single edges, as in the warm setting, or all edges of some items, as if these were new.

Two losses can be had. "softmax" sets each hidden edge against all projects that are no edge of its
item. "binary" is the reference design's binary cross-entropy with one sampled negative per edge,
half of them hard ones: projects of items of the same material.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

from engines.runtime.fit import FitConfig, Run, SampleKey
from engines.upcycle.fit.data import Split, features_for
from engines.upcycle.fit.metrics import Scores, filtered_ranks
from engines.upcycle.model import NETWORKS, GraphNetwork, Messages, score
from engines.upcycle.tensors import GraphData, Pairs, messages_of, pair_matrix, property_matrices

Loss = Literal["softmax", "binary"]

LEARNING_RATE = 1e-3
WEIGHT_DECAY = 5e-4
STEPS_PER_EPOCH = 20
MAX_EPOCHS = 30
PATIENCE = 8
HIDDEN_SHARE = 0.3
HARD_SHARE = 0.5


@dataclass(frozen=True)
class Trained:
    """A trained network with what it needs to be asked."""

    network: GraphNetwork
    x: Tensor
    messages: Messages
    epochs: int
    seconds: float

    def scores(self, data: GraphData) -> Scores:
        """Score all pairs, (I, P), as logits."""
        return all_scores(self.network, self.x, self.messages, data)


def all_scores(network: GraphNetwork, x: Tensor, messages: Messages, data: GraphData) -> Scores:
    """Score every item with every project, (I, P), as logits."""
    network.eval()
    with torch.no_grad():
        z = network.encode(x, messages)
        return (z[data.items] @ z[data.projects].T).double().numpy()


def train_network(
    name: str,
    data: GraphData,
    split: Split,
    *,
    run_dir: Path,
    seed: int,
    epochs: int = MAX_EPOCHS,
    loss: Loss = "softmax",
) -> Trained:
    """Train `NETWORKS[name]`; the best epoch is the one with the highest MRR on val.

    Without val pairs it trains for all `epochs` and keeps the last.
    """
    torch.manual_seed(seed)
    network = NETWORKS[name]()
    x, _ = features_for(data, split)
    sampler = _Sampler(data, split)
    messages = messages_of(data, split.train)
    known = pair_matrix(data, [split.train, split.val, split.test])

    def loss_of(model: nn.Module, draws: list[int]) -> Tensor:
        rng = np.random.default_rng(draws[0])
        hidden = sampler.hide(rng)
        z = cast("GraphNetwork", model).encode(x, messages_of(data, split.train[~hidden]))
        asked = split.train[hidden]
        if loss == "softmax":
            return sampler.softmax_loss(z, asked)
        return sampler.binary_loss(z, asked, rng)

    count = 0

    def evaluate(model: nn.Module) -> dict[str, float]:
        nonlocal count
        count += 1
        if not len(split.val):
            return {"score": float(count)}
        scores = all_scores(cast("GraphNetwork", model), x, messages, data)
        ranks = filtered_ranks(scores, known, split.val)
        return {"score": float((1 / ranks).mean()), "hits_10": float((ranks <= 10).mean())}

    config = FitConfig(
        run_dir=run_dir,
        epochs=epochs,
        batch_size=1,
        learning_rate=LEARNING_RATE,
        weight_decay=WEIGHT_DECAY,
        warmup_epochs=1.0,
        ema_decay=0.98,
        patience=PATIENCE if len(split.val) else epochs,
        seed=seed,
        mixed_precision="no",
        save_every_s=1e9,
        is_cpu_only=True,
    )
    result = Run(
        network,
        loss_of=loss_of,
        dataset=_Draws(),
        keys_of=lambda epoch: [
            (step, (seed * 10_007 + epoch) * STEPS_PER_EPOCH + step)
            for step in range(STEPS_PER_EPOCH)
        ],
        evaluate=evaluate,
        config=config,
        collate=list,
    ).fit()
    network.eval()
    return Trained(network, x, messages, result.best_epoch + 1, result.seconds)


class _Draws(Dataset[int]):
    """A step needs no data but its seed."""

    def __getitem__(self, key: SampleKey) -> int:
        return key[1]


class _Sampler:
    """Draw what is hidden, and set it against pairs that are no edge."""

    def __init__(self, data: GraphData, split: Split) -> None:
        self.data, self.train = data, split.train
        self.known = pair_matrix(data, [split.train])
        self.hard = _hard_candidates(data, split)
        self.items, self.projects = torch.from_numpy(data.items), torch.from_numpy(data.projects)

    def hide(self, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Choose the train pairs to hide: single ones, or all of some items."""
        if rng.random() < 0.5:
            hidden = rng.random(len(self.train)) < HIDDEN_SHARE
        else:
            hidden = (rng.random(len(self.data.items)) < HIDDEN_SHARE)[self.train[:, 0]]
        if not hidden.any():
            hidden[rng.integers(len(hidden))] = True
        return hidden

    def softmax_loss(self, z: Tensor, asked: Pairs) -> Tensor:
        """Cross-entropy of each asked project among all that are no edge of its item."""
        logits = z[self.items[asked[:, 0]]] @ z[self.projects].T
        is_other_edge = self.known[asked[:, 0]]
        is_other_edge[np.arange(len(asked)), asked[:, 1]] = False
        logits = logits.masked_fill(torch.from_numpy(is_other_edge), -torch.inf)
        return functional.cross_entropy(logits, torch.from_numpy(asked[:, 1]))

    def binary_loss(self, z: Tensor, asked: Pairs, rng: np.random.Generator) -> Tensor:
        """Binary cross-entropy with one pair that is no edge for each asked one."""
        negatives = np.array([self._negative(item, rng) for item in asked[:, 0]])
        items = self.items[np.concatenate([asked[:, 0], asked[:, 0]])]
        projects = self.projects[np.concatenate([asked[:, 1], negatives])]
        labels = torch.cat([torch.ones(len(asked)), torch.zeros(len(asked))])
        logits = score(z[items], z[projects])
        return functional.binary_cross_entropy_with_logits(logits, labels)

    def _negative(self, item: int, rng: np.random.Generator) -> int:
        hard = self.hard[item]
        if len(hard) and rng.random() < HARD_SHARE:
            return int(rng.choice(hard))
        while True:
            project = int(rng.integers(len(self.data.projects)))
            if not self.known[item, project]:
                return project


def _hard_candidates(data: GraphData, split: Split) -> list[NDArray[np.int64]]:
    """Find for each item the projects of items of the same material that are not its own."""
    known = pair_matrix(data, [split.train])
    _, materials, _ = property_matrices(data)
    shares = materials.astype(int) @ materials.T.astype(int) > 0
    near = shares.astype(int) @ known.astype(int) > 0
    return [np.flatnonzero(row) for row in near & ~known]


def everything(data: GraphData) -> Split:
    """Take all edges for training, as for the network that is shipped."""
    nothing: Pairs = np.zeros((0, 2), np.int64)
    return Split("warm", data.pairs, nothing, nothing)
