"""What a store of passages offers, wherever it keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engines.rag.chunking import Chunk
from engines.rag.sparse import TermStatistics

ANYWHERE = "all"


@dataclass(frozen=True)
class Filter:
    """Say which passages may be found. An empty field allows everything.

    Attributes:
        regions: ids of places; passages for any of them, and those that hold everywhere ("all").
        doc_types: kinds of documents.
        document_ids: documents by id.
    """

    regions: tuple[str, ...] = ()
    doc_types: tuple[str, ...] = ()
    document_ids: tuple[str, ...] = ()

    def allows(self, chunk: Chunk) -> bool:
        """Whether the passage may be found."""
        is_near = (
            not self.regions
            or ANYWHERE in chunk.regions
            or any(region in self.regions for region in chunk.regions)
        )
        return (
            is_near
            and (not self.doc_types or chunk.doc_type in self.doc_types)
            and (not self.document_ids or chunk.document_id in self.document_ids)
        )


class VectorStore(Protocol):
    """Keep passages with their vectors and search them by meaning and by words.

    Rankings are lists of (chunk id, score), best first; equal scores in the order of the ids.
    Calls from several threads are safe.
    """

    @property
    def chunks(self) -> tuple[Chunk, ...]:
        """All passages in the order they were added."""

    @property
    def statistics(self) -> TermStatistics:
        """How rare the terms of these passages are."""

    def __len__(self) -> int:
        """Number of passages."""

    def add(self, chunks: Sequence[Chunk], vectors: NDArray[np.float32]) -> None:
        """Add passages.

        Args:
            vectors: (N, width), L2-normalised, one for each passage.

        Raises:
            ValueError: if the shape doesn't fit, or an id is there already; nothing is added then.
        """

    def remove(self, document_id: str) -> int:
        """Remove a document's passages and say how many they were."""

    def get(self, chunk_id: str) -> Chunk:
        """Return one passage.

        Raises:
            KeyError: if it is not there.
        """

    def get_many(self, chunk_ids: Sequence[str]) -> list[Chunk]:
        """Return passages in the order asked for; as `get` otherwise."""

    def similarities(
        self, vector: NDArray[np.float32], chunk_ids: Sequence[str]
    ) -> NDArray[np.float64]:
        """Return the cosine of a vector (width,) with each of the passages: (N,); else as `get`."""

    def search_dense(
        self, vector: NDArray[np.float32], k: int, where: Filter | None = None
    ) -> list[tuple[str, float]]:
        """Return the k passages with the greatest inner product, exactly.

        Args:
            vector: (width,), L2-normalised, so that the score is the cosine.
        """

    def search_sparse(
        self,
        query: str,
        k: int,
        where: Filter | None = None,
        *,
        statistics: TermStatistics | None = None,
    ) -> list[tuple[str, float]]:
        """Return the k passages with the greatest BM25 score above 0.

        Terms are weighed by all passages of the store, whatever the filter leaves of them.

        Args:
            statistics: of another store, whose scores these shall be comparable with.
        """


def check_vectors(chunks: Sequence[Chunk], vectors: NDArray[np.float32], width: int) -> None:
    """Raise ValueError unless there is one vector of the right width for each passage, ids once."""
    if vectors.shape != (len(chunks), width):
        raise ValueError(
            f"{len(chunks)} passages need vectors of shape {(len(chunks), width)}, "
            f"not {vectors.shape}"
        )
    if len({chunk.id for chunk in chunks}) != len(chunks):
        raise ValueError("a passage is added twice")
