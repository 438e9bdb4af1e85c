"""Vectors of sentences come from a file where one is whole, and are made again where not."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from engines.rag.vectors import SentenceVectors

SENTENCES = [f"Sentence {number}." for number in range(20)]
Floats = NDArray[np.float32]


class Counting:
    """Encode a text by its length, and count the texts."""

    name, width = "counting", 8

    def __init__(self) -> None:
        self.encoded = 0

    def encode_passages(self, texts: Sequence[str]) -> Floats:
        """Return vectors (N, 8)."""
        self.encoded += len(texts)
        lengths = np.array([[len(text)] for text in texts], np.float32)
        return lengths / np.arange(1, self.width + 1, dtype=np.float32)


def vectors_of(folder: Path, shipped: Path | None = None) -> tuple[Floats, int]:
    """Return the sentences' vectors and how many had to be encoded."""
    encoder: Any = Counting()
    vectors = SentenceVectors(encoder, folder, shipped)
    vectors.prepare(SENTENCES)
    return vectors(SENTENCES), encoder.encoded


def made(folder: Path) -> Path:
    """Have the file made, and return it."""
    vectors_of(folder)
    (path,) = (folder / "rag").iterdir()
    return path


def test_what_was_kept_or_shipped_is_not_encoded_again(tmp_path: Path) -> None:
    first, encoded = vectors_of(tmp_path / "one")
    assert encoded == len(SENTENCES)
    again, encoded = vectors_of(tmp_path / "one")
    assert encoded == 0
    shipped, encoded = vectors_of(tmp_path / "other", tmp_path / "one" / "rag")
    assert encoded == 0
    np.testing.assert_array_equal(shipped, again)
    np.testing.assert_allclose(again, first, rtol=1e-3)


def test_changed_numbers_are_noticed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = made(tmp_path)
    kept = path.read_bytes()
    # One bit of the last number; the file is still a valid one.
    path.write_bytes(kept[:-1] + bytes([kept[-1] ^ 1]))
    load_file(path)
    with caplog.at_level(logging.WARNING):
        assert vectors_of(tmp_path)[1] == len(SENTENCES)
    assert "its SHA-256 is another" in caplog.text
    assert path.read_bytes() == kept


def test_a_damaged_file_is_of_no_account_where_a_whole_one_is_shipped(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, shipped = made(tmp_path / "own"), made(tmp_path / "shipped")
    path.write_bytes(path.read_bytes()[:200])
    with caplog.at_level(logging.WARNING):
        assert vectors_of(tmp_path / "own", shipped.parent)[1] == 0
    assert caplog.text == ""


@pytest.mark.parametrize("size", [0, 30, 200])
def test_a_file_cut_off_is_made_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, size: int
) -> None:
    path = made(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    with caplog.at_level(logging.WARNING):
        assert vectors_of(tmp_path)[1] == len(SENTENCES)
    assert "is damaged and is made again" in caplog.text


def test_a_file_without_a_checksum_is_made_again(tmp_path: Path) -> None:
    path = made(tmp_path)
    save_file(load_file(path), path)
    assert vectors_of(tmp_path)[1] == len(SENTENCES)
