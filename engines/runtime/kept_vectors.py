"""Vectors of texts in a file, under the SHA-256 of each text, so that none is computed twice."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

log = logging.getLogger(__name__)

_KEY_BYTES = hashlib.sha256().digest_size

Floats = NDArray[np.float32]


class PassageEncoder(Protocol):
    """What turns N texts into unit vectors (N, width)."""

    def encode_passages(self, texts: Sequence[str]) -> Floats:
        """Return the vectors of the texts, (N, width)."""


class KeptVectors:
    """An encoder that knows the vectors of files, and learns new ones until they are kept.

    A damaged file counts as empty, and is logged as a warning.

    Args:
        encoder: encodes what is not known.
        path: file of this machine. shipped: file that comes with the app and is never written.
        width: numbers in a vector; a file of another width does not fit.
    """

    def __init__(
        self, encoder: PassageEncoder, path: Path, shipped: Path | None, *, width: int
    ) -> None:
        self._encoder, self._path, self._width = encoder, path, width
        own = read_vectors(path, width)
        self._known = ({} if shipped is None else read_vectors(shipped, width)) | own
        self._own = frozenset(own)
        self._learned: set[bytes] = set()
        self._asked: set[bytes] = set()
        self._is_learning = True

    def encode_passages(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors (N, width) of N texts."""
        keys = [_key(text) for text in texts]
        new = {key: text for key, text in zip(keys, texts) if key not in self._known}
        if new:
            log.info("encoding %d of %d texts", len(new), len(texts))
        fresh = dict(zip(new, self._encoder.encode_passages(list(new.values())))) if new else {}
        if self._is_learning:
            self._known.update(fresh)
            self._learned.update(fresh)
            self._asked.update(keys)
        found = [fresh[key] if key in fresh else self._known[key] for key in keys]
        return np.stack(found) if found else np.zeros((0, self._width), np.float32)

    def keep(self) -> None:
        """Learn no more; make the file hold what was asked for, if it lacks some or holds more.

        A folder that can't be written is done without, and is logged as a warning.
        """
        self._is_learning = False
        if self._asked and (self._learned or self._own - self._asked):
            write_vectors(self._path, {key: self._known[key] for key in sorted(self._asked)})


def read_vectors(path: Path, width: int) -> dict[bytes, Floats]:
    """Return the vectors by the hash of their texts; none where the file is missing or damaged."""
    if not path.is_file():
        return {}
    try:
        with safe_open(path, framework="numpy") as opened:
            keys, vectors = opened.get_tensor("keys"), opened.get_tensor("vectors")
            checksum = (opened.metadata() or {}).get("sha256")
    except Exception as error:  # safetensors raises its own kinds for a damaged file
        log.warning("the vectors in %s cannot be read and are made again: %s", path, error)
        return {}
    fits = (
        keys.dtype == np.uint8
        and keys.shape == (len(keys), _KEY_BYTES)
        and vectors.dtype == np.float32
        and vectors.shape == (len(keys), width)
    )
    if not fits or checksum != checksum_of(keys, vectors):
        log.warning("the vectors in %s are damaged and are made again", path)
        return {}
    return {key.tobytes(): vector for key, vector in zip(keys, vectors)}


def write_vectors(path: Path, vectors: Mapping[bytes, Floats]) -> None:
    """Write the file whole or not at all, so that a reader never sees half of it."""
    keys = np.frombuffer(b"".join(vectors), np.uint8).reshape(len(vectors), _KEY_BYTES)
    rows = np.stack(list(vectors.values()))
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        os.close(handle)
        save_file(
            {"keys": keys, "vectors": rows}, temporary, metadata={"sha256": checksum_of(keys, rows)}
        )
        os.replace(temporary, path)
    except Exception as error:  # OSError, or safetensors' own kind for a full disk
        log.warning("the vectors can't be kept in %s: %s", path.parent, error)
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def checksum_of(*arrays: NDArray[Any]) -> str:
    """Return the SHA-256 of the numbers of arrays, one after the other, as 64 hex digits."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
