"""Passages on a Qdrant server, for collections that outgrow one machine's memory."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException

from engines.rag.chunking import Chunk
from engines.rag.fusion import best_first
from engines.rag.qdrant_points import (
    FILTERED,
    chunk_of,
    payload_of,
    point_id,
    qdrant_filter,
    term_index,
)
from engines.rag.sparse import TermStatistics, Tokenizer, term_weights, tokenize
from engines.rag.store import Filter, check_vectors
from engines.runtime.errors import EngineUnavailableError

IN_MEMORY = ":memory:"
DENSE, SPARSE = "dense", "sparse"
BATCH = 256
_T = TypeVar("_T")


class QdrantStore:
    """Keep passages in a Qdrant collection, with a dense and a sparse vector each; a `VectorStore`.

    BM25 as an inner product: a passage's sparse vector holds the saturated frequency of its terms,
    a question's the idf of its own. The former depend on the mean length of all passages, so they
    are written again, before the next search for words, when that has moved by more than `drift`.
    Opening a collection reads its passages once, to count terms; one process writes at a time.

    Args:
        width: of the dense vectors.
        location: ":memory:" for Qdrant's local mode, or a server such as http://localhost:6333.
        collection: its name there; made if it is missing.
        api_key: of the server, if it wants one.
        client: an open client to use instead of a new one; `location` still says whose it is.
        tokenizer: turns texts and questions into terms.
        drift: share by which the mean length may move; 0 keeps BM25 exact after every change.
        is_exact: whether the dense search tries every passage instead of Qdrant's graph (HNSW).
            The local mode always does.

    Raises:
        EngineUnavailableError: from every method, if the server doesn't answer or refuses.
        ValueError: if the collection is there with vectors of another width.
    """

    def __init__(
        self,
        width: int,
        *,
        location: str = IN_MEMORY,
        collection: str = "releaf",
        api_key: str | None = None,
        client: QdrantClient | None = None,
        tokenizer: Tokenizer = tokenize,
        drift: float = 0.01,
        is_exact: bool = False,
    ) -> None:
        self.width, self.location, self.collection = width, location, collection
        self._tokenizer, self._drift, self._is_exact = tokenizer, drift, is_exact
        if client is None and location == IN_MEMORY:
            client = QdrantClient(location=IN_MEMORY)
        self._client = client or QdrantClient(
            url=location, api_key=api_key, check_compatibility=False
        )
        self._lock = threading.RLock()
        # A server serves many at once; the local mode breaks when it is changed while it searches.
        self._turn: AbstractContextManager[Any] = (
            self._lock if location == IN_MEMORY else nullcontext()
        )
        self._frequency: Counter[str] = Counter()
        self._count = self._total_length = self._next_position = 0
        self._written_mean = 0.0
        self._statistics: TermStatistics | None = None
        if self._ask(self._client.collection_exists):
            self._read_counts()
        else:
            self._create()

    def __len__(self) -> int:
        return self._count

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All passages in the order they were added, read from the server."""
        records = sorted(self._scroll(), key=lambda record: record.payload["position"])
        return tuple(chunk_of(record.payload) for record in records)

    @property
    def statistics(self) -> TermStatistics:
        """How rare the terms of these passages are."""
        with self._lock:
            if self._statistics is None:
                self._statistics = TermStatistics(self._frequency, self._count, self._total_length)
            return self._statistics

    def add(self, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        """Add passages; see `VectorStore.add`."""
        check_vectors(chunks, vectors, self.width)
        with self._lock:
            ids = [point_id(chunk.id) for chunk in chunks]
            for start in range(0, len(ids), BATCH):
                some = ids[start : start + BATCH]
                if self._ask(self._client.retrieve, ids=some, with_payload=False):
                    raise ValueError("a passage is in the store already")
            tokens = [self._tokenizer(chunk.search_text) for chunk in chunks]
            self._count_terms(tokens, 1)
            if not self._written_mean:
                self._written_mean = self.statistics.mean_length
            points = (
                models.PointStruct(
                    id=point_id,
                    vector={DENSE: vector.tolist(), SPARSE: self._sparse_vector(terms)},
                    payload=payload_of(chunk)
                    | {"position": self._next_position + row, "mean_length": self._written_mean},
                )
                for row, (point_id, chunk, terms, vector) in enumerate(
                    zip(ids, chunks, tokens, vectors)
                )
            )
            try:
                while batch := list(islice(points, BATCH)):
                    self._ask(self._client.upsert, points=batch, wait=True)
            except EngineUnavailableError:
                self._count_terms(tokens, -1)
                raise
            self._next_position += len(chunks)

    def remove(self, document_id: str) -> int:
        """Remove a document's passages and say how many they were."""
        with self._lock:
            where = qdrant_filter(Filter(document_ids=(document_id,)))
            records = list(self._scroll(where))
            if records:
                self._ask(
                    self._client.delete,
                    points_selector=models.FilterSelector(filter=where),
                    wait=True,
                )
                texts = (chunk_of(record.payload).search_text for record in records)
                self._count_terms([self._tokenizer(text) for text in texts], -1)
            return len(records)

    def get(self, chunk_id: str) -> Chunk:
        """Return one passage; KeyError if it is not there."""
        return self.get_many([chunk_id])[0]

    def get_many(self, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Return passages in the order asked for; KeyError if one is not there."""
        if not chunk_ids:
            return []
        ids = [point_id(chunk_id) for chunk_id in chunk_ids]
        records = self._ask(self._client.retrieve, ids=ids)
        chunks = (chunk_of(record.payload) for record in records)
        found = {chunk.id: chunk for chunk in chunks}
        return [found[chunk_id] for chunk_id in chunk_ids]

    def similarities(
        self, vector: NDArray[np.float32], chunk_ids: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return the cosine of a vector with the named passages; KeyError if one is not there."""
        if not chunk_ids:
            return np.zeros(0)
        ids: list[Any] = [point_id(chunk_id) for chunk_id in chunk_ids]
        only = models.Filter(must=[models.HasIdCondition(has_id=ids)])
        found = dict(self._search(vector.tolist(), DENSE, len(ids), only))
        return np.array([found[chunk_id] for chunk_id in chunk_ids])

    def search_dense(
        self, vector: NDArray[np.float32], k: int, where: Filter | None = None
    ) -> list[tuple[str, float]]:
        """Return the k passages with the greatest inner product."""
        if vector.shape != (self.width,):
            raise ValueError(f"the vector has shape {vector.shape}, not {(self.width,)}")
        return self._search(
            vector.tolist(), DENSE, k, None if where is None else qdrant_filter(where)
        )

    def search_sparse(
        self,
        query: str,
        k: int,
        where: Filter | None = None,
        *,
        statistics: TermStatistics | None = None,
    ) -> list[tuple[str, float]]:
        """Return the k passages with the greatest BM25 score above 0; see `VectorStore`.

        Other statistics change the idf of the question's terms alone.
        """
        with self._lock:
            self._refresh_weights()
            statistics = statistics or self.statistics
        weights: dict[int, float] = {}
        for term, count in Counter(self._tokenizer(query)).items():
            index = term_index(term)
            weights[index] = weights.get(index, 0.0) + count * statistics.idf(term)
        if not weights:
            return []
        wanted = models.SparseVector(indices=list(weights), values=list(weights.values()))
        found = self._search(wanted, SPARSE, k, None if where is None else qdrant_filter(where))
        return [(name, score) for name, score in found if score > 0]

    def _search(
        self, query: Any, using: str, k: int, where: models.Filter | None
    ) -> list[tuple[str, float]]:
        if k < 1 or not self._count:
            return []
        answer = self._ask(
            self._client.query_points,
            query=query,
            using=using,
            limit=k,
            query_filter=where,
            with_payload=["id"],
            search_params=models.SearchParams(exact=self._is_exact),
        )
        points: list[Any] = answer.points
        return best_first({point.payload["id"]: point.score for point in points})

    def _create(self) -> None:
        self._ask(
            self._client.create_collection,
            vectors_config={
                DENSE: models.VectorParams(size=self.width, distance=models.Distance.DOT)
            },
            sparse_vectors_config={SPARSE: models.SparseVectorParams()},
        )
        if self.location != IN_MEMORY:  # the local mode has no use for them and warns
            for field in FILTERED:
                self._ask(
                    self._client.create_payload_index,
                    field_name=field,
                    field_schema=models.PayloadSchemaType.KEYWORD,
                )

    def _read_counts(self) -> None:
        """Count what a collection that was there before holds."""
        vectors = self._ask(self._client.get_collection).config.params.vectors
        width = vectors[DENSE].size if isinstance(vectors, dict) and DENSE in vectors else None
        if width != self.width:
            raise ValueError(
                f"the collection {self.collection} has vectors of {width} numbers, not {self.width}"
            )
        means = set()
        for record in self._scroll():
            self._count_terms([self._tokenizer(chunk_of(record.payload).search_text)], 1)
            self._next_position = max(self._next_position, record.payload["position"] + 1)
            means.add(record.payload["mean_length"])
        # Several means: a rewrite broke off; 0 has it done again.
        self._written_mean = means.pop() if len(means) == 1 else 0.0

    def _count_terms(self, tokens: Sequence[Sequence[str]], sign: int) -> None:
        for terms in tokens:
            for term in set(terms):
                self._frequency[term] += sign
                if not self._frequency[term]:
                    del self._frequency[term]
            self._total_length += sign * len(terms)
            self._count += sign
        self._statistics = None

    def _refresh_weights(self) -> None:
        mean = self.statistics.mean_length
        if abs(mean - self._written_mean) <= self._drift * mean:
            return
        self._written_mean = mean
        records = self._scroll()
        while batch := list(islice(records, BATCH)):
            self._ask(
                self._client.update_vectors,
                points=[
                    models.PointVectors(
                        id=record.id,
                        vector={
                            SPARSE: self._sparse_vector(
                                self._tokenizer(chunk_of(record.payload).search_text)
                            )
                        },
                    )
                    for record in batch
                ],
            )
            self._ask(
                self._client.set_payload,
                payload={"mean_length": mean},
                points=[record.id for record in batch],
            )

    def _sparse_vector(self, terms: Sequence[str]) -> models.SparseVector:
        frequency: Counter[int] = Counter(term_index(term) for term in terms)
        weights = term_weights(
            np.array(list(frequency.values()), np.float64),
            np.full(len(frequency), len(terms), np.float64),
            self._written_mean,
        )
        return models.SparseVector(indices=list(frequency), values=weights.tolist())

    def _scroll(self, where: models.Filter | None = None) -> Iterator[Any]:
        offset = None
        while True:
            records, offset = self._ask(
                self._client.scroll, scroll_filter=where, limit=BATCH, offset=offset
            )
            yield from records
            if offset is None:
                return

    def _ask(self, call: Callable[..., _T], **arguments: Any) -> _T:
        try:
            with self._turn:
                return call(collection_name=self.collection, **arguments)
        except ApiException as error:
            raise EngineUnavailableError(
                f"The Qdrant server at {self.location} doesn't answer as it should.",
                "Start it, or correct its address and key in the settings.",
            ) from error
