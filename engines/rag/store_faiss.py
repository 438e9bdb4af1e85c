"""Passages in memory: FAISS for meaning, BM25 for words."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from engines.rag.chunking import Chunk
from engines.rag.fusion import best_first
from engines.rag.sparse import SparseIndex, TermStatistics, Tokenizer, tokenize
from engines.rag.store import Filter, check_vectors

MAX_KEPT_FILTERS = 64

_SearchParameters: Any = faiss.SearchParameters


class FaissStore:
    """Keep passages in memory; a `VectorStore`.

    The dense search is exact: IndexFlatIP, with filters applied inside it (IDSelector), so a filter
    never leaves fewer than k where k are allowed.

    Args:
        width: of the vectors.
        tokenizer: turns texts and questions into terms.
    """

    def __init__(self, width: int, *, tokenizer: Tokenizer = tokenize) -> None:
        self.width = width
        self._tokenizer = tokenizer
        self._lock = threading.RLock()
        # FAISS's own stubs do not know what its Python layer adds to its classes.
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(width))
        # Keys count up and are never used again, so that they hold while passages come and go.
        self._chunks: dict[int, Chunk] = {}
        self._keys: dict[str, int] = {}
        self._next_key = 0
        self._ordered: tuple[Chunk, ...] | None = ()
        self._sparse: SparseIndex | None = None
        # Most questions ask with one of a few filters, and trying each passage takes time.
        self._allowed: dict[Filter, NDArray[np.bool_]] = {}

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All passages in the order they were added."""
        with self._lock:
            if self._ordered is None:
                self._ordered = tuple(self._chunks.values())
            return self._ordered

    @property
    def statistics(self) -> TermStatistics:
        """How rare the terms of these passages are."""
        with self._lock:
            return self._words().statistics

    def add(self, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        """Add passages; see `VectorStore.add`."""
        check_vectors(chunks, vectors, self.width)
        with self._lock:
            known = [chunk.id for chunk in chunks if chunk.id in self._keys]
            if known:
                raise ValueError(f"{known[0]} is in the store already")
            if not chunks:
                return
            keys = range(self._next_key, self._next_key + len(chunks))
            self._index.add_with_ids(
                np.ascontiguousarray(vectors, np.float32), np.array(keys, np.int64)
            )
            self._next_key = keys.stop
            self._chunks.update(zip(keys, chunks))
            self._keys.update((chunk.id, key) for key, chunk in zip(keys, chunks))
            self._forget()

    def remove(self, document_id: str) -> int:
        """Remove a document's passages and say how many they were."""
        with self._lock:
            keys = [key for key, c in self._chunks.items() if c.document_id == document_id]
            if keys:
                self._index.remove_ids(faiss.IDSelectorBatch(np.array(keys, np.int64)))
                for key in keys:
                    del self._keys[self._chunks.pop(key).id]
                self._forget()
            return len(keys)

    def get(self, chunk_id: str) -> Chunk:
        """Return one passage; KeyError if it is not there."""
        with self._lock:
            return self._chunks[self._keys[chunk_id]]

    def get_many(self, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Return passages in the order asked for; KeyError if one is not there."""
        with self._lock:
            return [self._chunks[self._keys[chunk_id]] for chunk_id in chunk_ids]

    def similarities(
        self, vector: NDArray[np.float32], chunk_ids: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return the cosine of a vector with the named passages; KeyError if one is not there."""
        with self._lock:
            keys = np.array([self._keys[chunk_id] for chunk_id in chunk_ids], np.int64)
            if not len(keys):
                return np.zeros(0)
            found: NDArray[np.float64] = (self._index.reconstruct_batch(keys) @ vector).astype(
                float
            )
            return found

    def search_dense(
        self, vector: NDArray[np.float32], k: int, where: Filter | None = None
    ) -> list[tuple[str, float]]:
        """Return the k passages with the greatest inner product, exactly."""
        if vector.shape != (self.width,):
            raise ValueError(f"the vector has shape {vector.shape}, not {(self.width,)}")
        with self._lock:
            count, parameters = len(self), None
            if where is not None:
                keys = np.array(list(self._chunks), np.int64)[self._is_allowed(where)]
                count = len(keys)
                parameters = _SearchParameters(sel=faiss.IDSelectorBatch(keys))
            count = min(k, count)
            if count < 1:
                return []
            query = np.ascontiguousarray(vector[np.newaxis], np.float32)
            scores, keys_found = self._index.search(query, count, params=parameters)
            return best_first(
                {
                    self._chunks[int(key)].id: float(score)
                    for key, score in zip(keys_found[0], scores[0])
                    if key >= 0
                }
            )

    def search_sparse(
        self,
        query: str,
        k: int,
        where: Filter | None = None,
        *,
        statistics: TermStatistics | None = None,
    ) -> list[tuple[str, float]]:
        """Return the k passages with the greatest BM25 score above 0; see `VectorStore`."""
        with self._lock:
            chunks = self.chunks
            is_allowed = None if where is None else self._is_allowed(where)
            found = self._words().search(query, k, is_allowed=is_allowed, statistics=statistics)
            return best_first({chunks[row].id: score for row, score in found})

    def _is_allowed(self, where: Filter) -> NDArray[np.bool_]:
        """Say of every passage whether the filter lets it through, in their order."""
        if where not in self._allowed:
            if len(self._allowed) >= MAX_KEPT_FILTERS:
                self._allowed.clear()
            self._allowed[where] = np.array([where.allows(c) for c in self.chunks], bool)
        return self._allowed[where]

    def _forget(self) -> None:
        """Drop what followed from the passages before they changed."""
        self._ordered = self._sparse = None
        self._allowed.clear()

    def _words(self) -> SparseIndex:
        if self._sparse is None:
            texts = [chunk.search_text for chunk in self.chunks]
            self._sparse = SparseIndex(texts, tokenizer=self._tokenizer)
        return self._sparse
