"""Make the searchable index of the documents; vectors are kept on disk and computed once."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from engines.rag.chunking import Chunk, chunk_document, deduplicate
from engines.rag.documents import Document
from engines.rag.store import VectorStore
from engines.rag.store_faiss import FaissStore
from engines.runtime.text_encoder import DenseEncoder

log = logging.getLogger(__name__)

VECTORS_FILE = "vectors.safetensors"
_KEY_BYTES = hashlib.sha256().digest_size

Floats = NDArray[np.float32]


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
    vectors = _encode_new([chunk.search_text for chunk in chunks], encoder, path, shipped)
    store = FaissStore(encoder.width)
    store.add(chunks, vectors)
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


def _encode_new(
    texts: Sequence[str], encoder: DenseEncoder, path: Path, shipped: Path | None
) -> Floats:
    """Return the vectors of the texts, (N, width), from the files where they have them."""
    keys = [hashlib.sha256(text.encode()).digest() for text in texts]
    kept = _read(path, encoder.width)
    known = kept
    if shipped is not None and not kept.keys() >= set(keys):
        known = {**_read(shipped, encoder.width), **kept}
    new = {key: text for key, text in zip(keys, texts) if key not in known}
    if new:
        log.info("encoding %d of %d passages", len(new), len(texts))
        known = {**known, **dict(zip(new, encoder.encode_passages(list(new.values()))))}
    if not keys:
        return np.zeros((0, encoder.width), np.float32)
    if new or len(kept) > len(set(keys)):
        _write(path, {key: known[key] for key in keys})
    return np.stack([known[key] for key in keys])


def _read(path: Path, width: int) -> dict[bytes, Floats]:
    """Return the vectors by the hash of their texts; none where the file is missing or damaged."""
    if not path.is_file():
        return {}
    try:
        with safe_open(path, framework="numpy") as opened:
            keys, vectors = opened.get_tensor("keys"), opened.get_tensor("vectors")
            checksum = (opened.metadata() or {}).get("sha256")
    except Exception as error:  # safetensors raises its own kinds for a damaged file
        log.warning("the index in %s cannot be read and is made again: %s", path, error)
        return {}
    fits = (
        keys.dtype == np.uint8
        and keys.shape == (len(keys), _KEY_BYTES)
        and vectors.dtype == np.float32
        and vectors.shape == (len(keys), width)
    )
    if not fits or checksum != _checksum(keys, vectors):
        log.warning("the index in %s is damaged and is made again", path)
        return {}
    return {key.tobytes(): vector for key, vector in zip(keys, vectors)}


def _write(path: Path, vectors: Mapping[bytes, Floats]) -> None:
    """Write the file whole or not at all, so that a reader never sees half of it."""
    keys = np.frombuffer(b"".join(vectors), np.uint8).reshape(len(vectors), _KEY_BYTES)
    rows = np.stack(list(vectors.values()))
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
        save_file(
            {"keys": keys, "vectors": rows}, temporary, metadata={"sha256": _checksum(keys, rows)}
        )
        os.replace(temporary, path)
    except Exception as error:  # OSError, or safetensors' own kind for a full disk
        log.warning("the index can't be kept in %s: %s", path.parent, error)
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def _checksum(keys: NDArray[np.uint8], vectors: Floats) -> str:
    found = hashlib.sha256(np.ascontiguousarray(keys).tobytes())
    found.update(np.ascontiguousarray(vectors).tobytes())
    return found.hexdigest()
