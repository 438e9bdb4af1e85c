"""Sentence vectors, computed once and kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from engines.runtime.kept_vectors import checksum_of
from engines.runtime.text_encoder import DenseEncoder

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]
MAX_EXTRA = 5000  # sentences of visitors' documents and answers kept in memory


class SentenceVectors:
    """Encode sentences, each once. Known ones are looked up; the documents' are kept on disk.

    Args:
        encoder: turns sentences into unit vectors (N, width).
        cache_dir: where the vectors of `prepare` are kept between starts.
        shipped_dir: holds a file like that of cache_dir/rag; if it fits, nothing is encoded.
    """

    def __init__(
        self, encoder: DenseEncoder, cache_dir: Path, shipped_dir: Path | None = None
    ) -> None:
        self._encoder, self._shipped = encoder, shipped_dir
        self._folder = cache_dir / "rag"
        self._rows: dict[str, int] = {}
        self._matrix: Floats = np.zeros((0, encoder.width), np.float32)
        self._extra: dict[str, Floats] = {}

    def prepare(self, sentences: Sequence[str]) -> None:
        """Have the vectors of these sentences at hand, from disk where they are there."""
        unique = list(dict.fromkeys(sentences))
        key = hashlib.sha256(json.dumps([self._encoder.name, unique]).encode()).hexdigest()[:16]
        path = self._folder / f"sentences-{key}.safetensors"
        # What is shipped comes first: a damaged file in the cache is then of no account.
        folders = [self._folder] if self._shipped is None else [self._shipped, self._folder]
        found = (self._read(folder / path.name, len(unique)) for folder in folders)
        matrix = next((one for one in found if one is not None), None)
        if matrix is None:
            matrix = self._encoder.encode_passages(unique)
            self._write(path, matrix)
        self._matrix, self._rows = matrix, {text: row for row, text in enumerate(unique)}

    def __call__(self, sentences: Sequence[str]) -> Floats:
        """Return unit vectors (N, width) of sentences."""
        new = [s for s in dict.fromkeys(sentences) if s not in self._rows and s not in self._extra]
        if new:
            if len(self._extra) + len(new) > MAX_EXTRA:
                self._extra = {}
                new = [s for s in dict.fromkeys(sentences) if s not in self._rows]
            self._extra.update(zip(new, self._encoder.encode_passages(new), strict=True))
        if not sentences:
            return np.zeros((0, self._encoder.width), np.float32)
        return np.stack(
            [self._matrix[self._rows[s]] if s in self._rows else self._extra[s] for s in sentences]
        )

    def _read(self, path: Path, count: int) -> Floats | None:
        try:
            with safe_open(path, framework="numpy") as opened:
                matrix = opened.get_tensor("vectors")
                checksum = (opened.metadata() or {}).get("sha256")
        except FileNotFoundError:
            return None
        except Exception as error:  # safetensors raises its own kinds for a damaged file
            log.warning("%s is damaged and is made again: %s", path, error)
            return None
        if checksum != checksum_of(matrix):
            log.warning("%s is damaged and is made again: its SHA-256 is another", path)
            return None
        return matrix.astype(np.float32) if matrix.shape == (count, self._encoder.width) else None

    def _write(self, path: Path, matrix: Floats) -> None:
        temporary = ""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._folder, suffix=".part")
            os.close(handle)
            halves = matrix.astype(np.float16)
            save_file({"vectors": halves}, temporary, metadata={"sha256": checksum_of(halves)})
            os.replace(temporary, path)
            for other in self._folder.glob("sentences-*.safetensors"):
                if other != path:
                    with contextlib.suppress(OSError):
                        other.unlink()
        except Exception as error:  # OSError, or safetensors' own kind for a full disk
            log.warning("sentence vectors can't be kept in %s: %s", self._folder, error)
            if temporary:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
