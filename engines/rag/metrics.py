"""How good a ranking is: nDCG, recall, precision and reciprocal rank of one query.

`ranked` holds document ids, best first, each once. `relevance` says how well each document answers
the query: 0 or less not at all, 1 and more ever better; documents it doesn't name count as 0.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def ndcg(ranked: Sequence[str], relevance: Mapping[str, int], k: int = 10) -> float:
    """Discounted gain of the first k against the best order there is, [0, 1].

    DCG = sum (2^rel - 1) / log2(rank + 1) (Burges et al. 2005). 0 if nothing is relevant.
    """
    _check(ranked, k)
    ideal = _dcg(sorted(relevance.values(), reverse=True)[:k])
    if ideal == 0:
        return 0.0
    return _dcg([relevance.get(name, 0) for name in ranked[:k]]) / ideal


def recall(ranked: Sequence[str], relevance: Mapping[str, int], k: int) -> float:
    """Share of the relevant documents that stand among the first k. 0 if nothing is relevant."""
    _check(ranked, k)
    relevant = _relevant(relevance)
    return len(relevant & set(ranked[:k])) / len(relevant) if relevant else 0.0


def precision(ranked: Sequence[str], relevance: Mapping[str, int], k: int) -> float:
    """Share of relevant documents among the first k places, filled or not."""
    _check(ranked, k)
    return len(_relevant(relevance) & set(ranked[:k])) / k


def reciprocal_rank(ranked: Sequence[str], relevance: Mapping[str, int], k: int = 10) -> float:
    """1 / rank of the first relevant document among the first k, else 0. MRR is its mean."""
    _check(ranked, k)
    relevant = _relevant(relevance)
    for rank, name in enumerate(ranked[:k], start=1):
        if name in relevant:
            return 1.0 / rank
    return 0.0


def _dcg(grades: Sequence[int]) -> float:
    return math.fsum(
        (2 ** max(grade, 0) - 1) / math.log2(rank + 1) for rank, grade in enumerate(grades, start=1)
    )


def _relevant(relevance: Mapping[str, int]) -> set[str]:
    return {name for name, grade in relevance.items() if grade > 0}


def _check(ranked: Sequence[str], k: int) -> None:
    if k < 1:
        raise ValueError(f"k counts from 1, not {k}")
    if len(set(ranked)) != len(ranked):
        raise ValueError("a document stands twice in the ranking")
