"""Join what two ways of searching found into one order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

RRF_K = 60
DENSE_WEIGHT = 0.6

# (id, score), best first.
Ranking = Sequence[tuple[str, float]]


def reciprocal_rank_fusion(rankings: Iterable[Ranking], k: int = RRF_K) -> list[tuple[str, float]]:
    """Add up 1 / (k + rank) over the rankings that hold an id; ranks count from 1.

    Source: Cormack, Clarke and Buettcher 2009, Reciprocal Rank Fusion.

    Returns:
        (id, fused score), best first; equal scores in the order of the ids.
    """
    fused: dict[str, float] = {}
    for ranking in rankings:
        for rank, (name, _) in enumerate(ranking, start=1):
            fused[name] = fused.get(name, 0.0) + 1.0 / (k + rank)
    return best_first(fused)


def weighted_min_max(
    dense: Ranking, sparse: Ranking, dense_weight: float = DENSE_WEIGHT
) -> list[tuple[str, float]]:
    """Add up the two scores, each scaled to [0, 1] by the least and the greatest of its ranking.

    An id that one ranking lacks gets 0 for it. Where all scores of a ranking are equal, each
    counts 1.

    Args:
        dense_weight: share of the first, [0, 1]; the second gets the rest.

    Returns:
        (id, fused score in [0, 1]), best first; equal scores in the order of the ids.

    Raises:
        ValueError: if the weight lies outside [0, 1].
    """
    if not 0.0 <= dense_weight <= 1.0:
        raise ValueError(f"a weight lies from 0 to 1, not at {dense_weight}")
    fused: dict[str, float] = {}
    for ranking, weight in ((dense, dense_weight), (sparse, 1.0 - dense_weight)):
        for name, score in _min_max(ranking).items():
            fused[name] = fused.get(name, 0.0) + weight * score
    return best_first(fused)


def best_first(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    """Order ids by falling score, equal ones by id, so that the order is always the same."""
    return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))


def _min_max(ranking: Ranking) -> dict[str, float]:
    if not ranking:
        return {}
    least = min(score for _, score in ranking)
    span = max(score for _, score in ranking) - least
    if span <= 0:
        return {name: 1.0 for name, _ in ranking}
    return {name: (score - least) / span for name, score in ranking}
