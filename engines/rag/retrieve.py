"""Find the passages for a question: by meaning, by words, joined, reordered."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engines.rag.chunking import Chunk
from engines.rag.expand import ALPHA, expand_query
from engines.rag.fusion import (
    DENSE_WEIGHT,
    RRF_K,
    best_first,
    reciprocal_rank_fusion,
    weighted_min_max,
)
from engines.rag.neighbours import group_neighbours, join
from engines.rag.rerank import Reranker
from engines.rag.store import Filter, VectorStore
from engines.runtime.text_encoder import DenseEncoder

Fusion = Literal["weighted", "rrf", "dense", "bm25"]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class RetrievalConfig:
    """Choose the stages of a search.

    Attributes:
        fusion: how the two stages are joined; "dense" and "bm25" run that one alone.
        stage_size: passages that each stage hands on.
        dense_weight: share of the dense stage in weighted fusion, [0, 1].
        rrf_k: constant of reciprocal rank fusion.
        is_expanded: whether the question is widened by its first results.
        feedback_size: results it is widened by. alpha: how far.
        rerank_size: best passages that are reranked, where there is a reranker.
        top: passages in the end.
    """

    fusion: Fusion = "weighted"
    stage_size: int = 100
    dense_weight: float = DENSE_WEIGHT
    rrf_k: int = RRF_K
    is_expanded: bool = False
    feedback_size: int = 3
    alpha: float = ALPHA
    rerank_size: int = 10
    top: int = 5


@dataclass(frozen=True)
class Hit:
    """One passage found; neighbours of one section that were found both are one passage.

    Attributes:
        score: cosine with the question, [-1, 1].
        fused: score of the fusion; its range is the fusion's.
        rerank: the reranker's score, [0, 1]; None where it was not asked.
    """

    chunk: Chunk
    score: float
    fused: float
    rerank: float | None


@dataclass(frozen=True)
class Candidate:
    """One passage on its way through the stages. Ranks count from 1; None: not in that stage.

    Attributes:
        dense_score: cosine with the question, [-1, 1].
    """

    chunk_id: str
    title: str
    heading: str
    dense_rank: int | None
    bm25_rank: int | None
    fused_rank: int | None
    rerank_rank: int | None
    dense_score: float | None


@dataclass(frozen=True)
class StepTime:
    """Say how long one step took."""

    name: str
    latency_ms: float


@dataclass(frozen=True)
class Retrieved:
    """What a search found.

    Attributes:
        hits: the passages to answer from, best first.
        candidates: all passages that the stages handed on, in the final order.
        timings: of the steps, in order.
    """

    hits: tuple[Hit, ...]
    candidates: tuple[Candidate, ...]
    timings: tuple[StepTime, ...]


class Retriever:
    """Search one store, or two together.

    Args:
        store: the passages.
        encoder: the model that their vectors come from.
        reranker: None leaves the order to the fusion.
    """

    def __init__(
        self,
        store: VectorStore,
        encoder: DenseEncoder,
        reranker: Reranker | None = None,
        config: RetrievalConfig | None = None,
    ) -> None:
        self.store, self.encoder, self.reranker = store, encoder, reranker
        self.config = config or RetrievalConfig()

    def search(
        self,
        query: str,
        *,
        where: Filter | None = None,
        extra: VectorStore | None = None,
        vector: Floats | None = None,
        preference: Callable[[Chunk], float] | None = None,
    ) -> Retrieved:
        """Find the passages for a question.

        Args:
            query: the question; a blank one finds nothing.
            where: what may be found.
            extra: a second store, such as a person's own documents; what it holds is ranked
                together with the rest, words weighed as rare as they are in the first.
            vector: of the question (width,), where it has been encoded before.
            preference: what to add to a passage's fused score, such as for its kind of document.
        """
        if not query.strip():
            return Retrieved((), (), ())
        config = self.config
        stores = [self.store] if extra is None else [self.store, extra]
        timings: list[StepTime] = []
        if vector is None:
            with _timed("encode", timings):
                vector = self.encoder.encode_queries([query])[0]
        asked = vector
        dense: list[tuple[str, float]] = []
        sparse: list[tuple[str, float]] = []
        # Which store a passage lies in: ids of two stores never meet, uploads have their own.
        home: dict[str, VectorStore] = {}
        if config.fusion != "bm25":
            with _timed("dense", timings):
                dense = self._gather(
                    stores, lambda store: store.search_dense(asked, config.stage_size, where), home
                )
        if config.fusion != "dense":
            with _timed("bm25", timings):
                statistics = self.store.statistics
                sparse = self._gather(
                    stores,
                    lambda store: store.search_sparse(
                        query, config.stage_size, where, statistics=statistics
                    ),
                    home,
                )
        with _timed("fusion", timings):
            fused = self._fuse(dense, sparse)
        if config.is_expanded and config.fusion != "bm25" and fused:
            with _timed("expansion", timings):
                wider = self._expand(asked, fused[: config.feedback_size], home)
                dense = self._gather(
                    stores, lambda store: store.search_dense(wider, config.stage_size, where), home
                )
                fused = self._fuse(dense, sparse)
        chunks = self._chunks([name for name, _ in fused], home)
        if preference is not None:
            fused = best_first({name: score + preference(chunks[name]) for name, score in fused})
        reranked: list[tuple[str, float]] = []
        if self.reranker is not None and fused:
            with _timed("rerank", timings):
                names = [name for name, _ in fused[: config.rerank_size]]
                passages = [chunks[name].search_text for name in names]
                scores = self.reranker.scores(query, passages)
                # Sorting keeps the order of the fusion where scores are equal.
                reranked = sorted(zip(names, scores.tolist()), key=lambda pair: -pair[1])
        first = dict(reranked)
        order = [*first, *(name for name, _ in fused if name not in first)]
        cosines = self._cosines(asked, order, home)
        return Retrieved(
            hits=self._hits(order, chunks, cosines, dict(fused), first),
            candidates=_candidates(order, chunks, cosines, dense, sparse, fused, reranked),
            timings=tuple(timings),
        )

    def _gather(
        self,
        stores: Sequence[VectorStore],
        search: Callable[[VectorStore], list[tuple[str, float]]],
        home: dict[str, VectorStore],
    ) -> list[tuple[str, float]]:
        """Search all stores and rank what they hold together; note in `home` where it lies."""
        found: dict[str, float] = {}
        for store in stores:
            for name, score in search(store):
                found[name] = score
                home[name] = store
        return best_first(found)[: self.config.stage_size]

    def _fuse(
        self, dense: list[tuple[str, float]], sparse: list[tuple[str, float]]
    ) -> list[tuple[str, float]]:
        match self.config.fusion:
            case "dense":
                return dense
            case "bm25":
                return sparse
            case "rrf":
                return reciprocal_rank_fusion([dense, sparse], self.config.rrf_k)
            case "weighted":
                return weighted_min_max(dense, sparse, self.config.dense_weight)

    def _expand(
        self, vector: Floats, best: Sequence[tuple[str, float]], home: dict[str, VectorStore]
    ) -> Floats:
        chunks = self._chunks([name for name, _ in best], home)
        return expand_query(
            vector,
            [chunks[name].search_text for name, _ in best],
            encode=self.encoder.encode_passages,
            statistics=self.store.statistics,
            feedback_scores=[max(score, 0.0) for _, score in best],
            alpha=self.config.alpha,
        )

    def _chunks(self, names: Sequence[str], home: dict[str, VectorStore]) -> dict[str, Chunk]:
        return {
            name: chunk
            for store, own in _by_store(names, home)
            for name, chunk in zip(own, store.get_many(own))
        }

    def _cosines(
        self, vector: Floats, names: Sequence[str], home: dict[str, VectorStore]
    ) -> dict[str, float]:
        return {
            name: float(cosine)
            for store, own in _by_store(names, home)
            for name, cosine in zip(own, store.similarities(vector, own))
        }

    def _hits(
        self,
        order: Sequence[str],
        chunks: dict[str, Chunk],
        cosines: dict[str, float],
        fused: dict[str, float],
        reranked: dict[str, float],
    ) -> tuple[Hit, ...]:
        """Take the best passages; one that continues a better one is joined to it."""
        return tuple(
            Hit(
                chunk=join([chunks[name] for name in group]),
                score=max(cosines[name] for name in group),
                fused=fused[group[0]],
                rerank=reranked.get(group[0]),
            )
            for group in group_neighbours(order, chunks, self.config.top)
        )


def _by_store(
    names: Sequence[str], home: dict[str, VectorStore]
) -> list[tuple[VectorStore, list[str]]]:
    """Group passages by the store they lie in."""
    groups: dict[int, tuple[VectorStore, list[str]]] = {}
    for name in names:
        store = home[name]
        groups.setdefault(id(store), (store, []))[1].append(name)
    return list(groups.values())


def _candidates(
    order: Sequence[str],
    chunks: dict[str, Chunk],
    cosines: dict[str, float],
    dense: Sequence[tuple[str, float]],
    sparse: Sequence[tuple[str, float]],
    fused: Sequence[tuple[str, float]],
    reranked: Sequence[tuple[str, float]],
) -> tuple[Candidate, ...]:
    ranks = [
        {name: rank for rank, (name, _) in enumerate(ranking, start=1)}
        for ranking in (dense, sparse, fused, reranked)
    ]
    return tuple(
        Candidate(
            chunk_id=name,
            title=chunks[name].title,
            heading=chunks[name].heading,
            dense_rank=ranks[0].get(name),
            bm25_rank=ranks[1].get(name),
            fused_rank=ranks[2].get(name),
            rerank_rank=ranks[3].get(name),
            dense_score=cosines[name],
        )
        for name in order
    )


@contextmanager
def _timed(name: str, timings: list[StepTime]) -> Iterator[None]:
    # The stages hand over numpy arrays, so the device has finished when they return.
    start_s = perf_counter()
    yield
    timings.append(StepTime(name, (perf_counter() - start_s) * 1000.0))
