"""Make the searchable index of the documents; vectors are kept on disk and computed once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from engines.rag.chunking import Chunk, chunk_document, deduplicate
from engines.rag.documents import Document
from engines.rag.store import VectorStore
from engines.rag.store_faiss import FaissStore
from engines.runtime.kept_vectors import KeptVectors
from engines.runtime.text_encoder import DenseEncoder

VECTORS_FILE = "vectors.safetensors"


def build_or_load(
    documents: Sequence[Document],
    encoder: DenseEncoder,
    *,
    cache_dir: Path,
    target_tokens: int,
    overlap_tokens: int,
    shipped_dir: Path | None = None,
) -> FaissStore:
    """Cut the documents into passages and make them searchable.

    Passages are cut anew at every start, which is quick. Their vectors, which are slow, stand in
    cache_dir/rag/<model and chunking>/vectors.safetensors under the SHA-256 of the text that was
    encoded: where a document changed, only its changed passages are encoded again. A damaged file
    is made again and a folder that can't be written does without; both are logged as warnings.

    Args:
        target_tokens, overlap_tokens: size of the passages; see `chunk_document`.
        shipped_dir: holds files like those of cache_dir/rag; what stands there isn't encoded.
    """
    chunks = _cut(documents, encoder, target_tokens, overlap_tokens)
    path = cache_file(encoder, cache_dir, target_tokens, overlap_tokens)
    shipped = None if shipped_dir is None else shipped_dir / path.relative_to(cache_dir / "rag")
    texts = [chunk.search_text for chunk in chunks]
    kept = KeptVectors(encoder, path, shipped, width=encoder.width)
    store = FaissStore(encoder.width)
    store.add(chunks, kept.encode_passages(texts))
    kept.keep()
    return store


def update(
    store: VectorStore,
    documents: Sequence[Document],
    encoder: DenseEncoder,
    *,
    target_tokens: int,
    overlap_tokens: int,
) -> int:
    """Bring a store that outlives the app, such as a Qdrant collection, up to the documents.

    Documents that are gone are removed, those whose passages changed replaced, the rest is left.
    The store must hold vectors of this very model; give each model a collection of its own.

    Args:
        target_tokens, overlap_tokens: size of the passages; see `chunk_document`.

    Returns:
        how many passages were encoded.
    """
    wanted = _by_document(_cut(documents, encoder, target_tokens, overlap_tokens))
    held = _by_document(store.chunks)
    for name, chunks in held.items():
        if wanted.get(name) != chunks:
            store.remove(name)
    new = [c for name, chunks in wanted.items() if held.get(name) != chunks for c in chunks]
    store.add(new, encoder.encode_passages([chunk.search_text for chunk in new]))
    return len(new)


def cache_file(
    encoder: DenseEncoder, cache_dir: Path, target_tokens: int, overlap_tokens: int
) -> Path:
    """Return where the vectors of this model and this size of passages are kept."""
    made_by = f"{encoder.name} {encoder.max_tokens} {target_tokens} {overlap_tokens}"
    return cache_dir / "rag" / hashlib.sha256(made_by.encode()).hexdigest()[:16] / VECTORS_FILE


def _cut(
    documents: Sequence[Document], encoder: DenseEncoder, target_tokens: int, overlap_tokens: int
) -> tuple[Chunk, ...]:
    return deduplicate(
        [
            chunk
            for document in documents
            for chunk in chunk_document(
                document,
                count_tokens=encoder.count_tokens,
                target_tokens=target_tokens,
                overlap_tokens=overlap_tokens,
            )
        ]
    )


def _by_document(chunks: Sequence[Chunk]) -> dict[str, list[Chunk]]:
    found: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        found.setdefault(chunk.document_id, []).append(chunk)
    return found
