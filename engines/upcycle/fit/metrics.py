"""Measures of a ranking of all projects for each item."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from engines.upcycle.tensors import Pairs

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class LinkMetrics:
    """Quality of scores on held-out edges.

    Attributes:
        auc, ap: against as many sampled pairs that are no edge.
        mrr, hits_1, hits_3, hits_10: by the rank of each held-out edge among all projects, other
            true ones left out (filtered).
        ndcg_10, recall_10: for each item with held-out edges, over its ranking without train edges.
    """

    auc: float
    ap: float
    mrr: float
    hits_1: float
    hits_3: float
    hits_10: float
    ndcg_10: float
    recall_10: float


def filtered_ranks(scores: Scores, known: NDArray[np.bool_], held_out: Pairs) -> Scores:
    """Rank each held-out edge among the projects that are no edge of its item, 1 is best.

    Ties count half: the rank is the mean of the best and the worst possible one.

    Args:
        scores: (I, P). known: (I, P), every true edge. held_out: (H, 2).
    """
    ranks = np.empty(len(held_out))
    for place, (item, project) in enumerate(held_out):
        others = scores[item][~known[item]]
        own = scores[item, project]
        ranks[place] = 1 + (others > own).sum() + (others == own).sum() / 2
    return ranks


def link_metrics(
    scores: Scores,
    *,
    train_and_val: NDArray[np.bool_],
    known: NDArray[np.bool_],
    held_out: Pairs,
    seed: int,
) -> LinkMetrics:
    """Measure scores, (I, P), on held-out edges.

    Args:
        train_and_val: (I, P) edges that are no candidates, as they were seen or belong to another
            part. known: (I, P), every true edge.
        seed: of the sampled negative pairs, so that every system meets the same ones.
    """
    rng = np.random.default_rng(seed)
    negatives = np.argwhere(~known[np.unique(held_out[:, 0])])
    negatives = negatives[rng.choice(len(negatives), len(held_out), replace=False)]
    rows = np.unique(held_out[:, 0])[negatives[:, 0]]
    values = np.concatenate([scores[held_out[:, 0], held_out[:, 1]], scores[rows, negatives[:, 1]]])
    labels = np.repeat([1, 0], len(held_out))
    ranks = filtered_ranks(scores, known, held_out)
    ndcg, recall = _by_item(scores, train_and_val, held_out, rng)
    return LinkMetrics(
        auc=float(roc_auc_score(labels, values)),
        ap=float(average_precision_score(labels, values)),
        mrr=float((1 / ranks).mean()),
        hits_1=float((ranks <= 1).mean()),
        hits_3=float((ranks <= 3).mean()),
        hits_10=float((ranks <= 10).mean()),
        ndcg_10=ndcg,
        recall_10=recall,
    )


def _by_item(
    scores: Scores, seen: NDArray[np.bool_], held_out: Pairs, rng: np.random.Generator
) -> tuple[float, float]:
    gains, recalls = [], []
    for item in np.unique(held_out[:, 0]):
        relevant = set(held_out[held_out[:, 0] == item, 1].tolist())
        candidates = np.flatnonzero(~seen[item])
        # Ties are broken at random, not by the alphabet.
        order = np.lexsort((rng.random(len(candidates)), -scores[item, candidates]))
        top = candidates[order[:10]].tolist()
        found = [place for place, project in enumerate(top) if project in relevant]
        ideal = sum(1 / np.log2(place + 2) for place in range(min(10, len(relevant))))
        gains.append(sum(1 / np.log2(place + 2) for place in found) / ideal)
        recalls.append(len(found) / len(relevant))
    return float(np.mean(gains)), float(np.mean(recalls))
