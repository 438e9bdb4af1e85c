"""Vectors that were computed once are looked up, and what is looked up is what was computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engines.runtime.kept_vectors import Floats, KeptVectors, read_vectors, write_vectors

WIDTH = 4


class CountingEncoder:
    """Encodes a text by its letters, and notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_passages(self, texts: Sequence[str]) -> Floats:
        self.asked += texts
        return np.array([[len(t), *(ord(c) for c in f"{t:<3}"[:3])] for t in texts], np.float32)


@pytest.fixture
def encoder() -> CountingEncoder:
    return CountingEncoder()


def kept(encoder: CountingEncoder, path: Path, shipped: Path | None = None) -> KeptVectors:
    return KeptVectors(encoder, path, shipped, width=WIDTH)


def test_each_text_is_encoded_once_and_comes_back_in_its_place(
    encoder: CountingEncoder, tmp_path: Path
) -> None:
    texts = ["jar", "tin", "jar", "box"]
    vectors = kept(encoder, tmp_path / "v.safetensors").encode_passages(texts)
    assert encoder.asked == ["jar", "tin", "box"]
    np.testing.assert_array_equal(vectors, CountingEncoder().encode_passages(texts))


def test_the_next_start_encodes_nothing(encoder: CountingEncoder, tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "v.safetensors"
    first = kept(encoder, path)
    expected = first.encode_passages(["jar", "tin"])
    first.keep()
    encoder.asked.clear()
    np.testing.assert_array_equal(kept(encoder, path).encode_passages(["jar", "tin"]), expected)
    assert encoder.asked == []


def test_what_came_with_the_app_is_neither_encoded_nor_written_again(
    encoder: CountingEncoder, tmp_path: Path
) -> None:
    shipped, path = tmp_path / "shipped.safetensors", tmp_path / "own.safetensors"
    source = kept(encoder, shipped)
    source.encode_passages(["jar"])
    source.keep()
    encoder.asked.clear()
    vectors = kept(encoder, path, shipped)
    vectors.encode_passages(["jar"])
    vectors.keep()
    assert encoder.asked == [] and not path.exists()
    vectors = kept(encoder, path, shipped)
    vectors.encode_passages(["jar", "tin"])
    vectors.keep()
    assert encoder.asked == ["tin"]
    assert len(read_vectors(path, WIDTH)) == 2


def test_texts_that_are_gone_leave_the_file_and_nobody_asking_leaves_it_alone(
    encoder: CountingEncoder, tmp_path: Path
) -> None:
    path = tmp_path / "v.safetensors"
    for asked, left in ((["jar", "tin"], 2), (["tin"], 1), ([], 1)):
        vectors = kept(encoder, path)
        vectors.encode_passages(asked)
        vectors.keep()
        assert len(read_vectors(path, WIDTH)) == left


def test_what_is_asked_after_keeping_stays_nowhere(
    encoder: CountingEncoder, tmp_path: Path
) -> None:
    path = tmp_path / "v.safetensors"
    vectors = kept(encoder, path)
    vectors.encode_passages(["jar"])
    vectors.keep()
    vectors.encode_passages(["what a visitor typed"])
    vectors.encode_passages(["what a visitor typed"])
    vectors.keep()
    assert encoder.asked.count("what a visitor typed") == 2
    assert len(read_vectors(path, WIDTH)) == 1


@pytest.mark.parametrize("damage", ["cut", "changed", "other width"])
def test_a_damaged_file_is_made_again(
    damage: str, encoder: CountingEncoder, tmp_path: Path
) -> None:
    path = tmp_path / "v.safetensors"
    first = kept(encoder, path)
    expected = first.encode_passages(["jar"])
    first.keep()
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[:-3])
    elif damage == "changed":
        content[-2] ^= 1
        path.write_bytes(content)
    else:
        write_vectors(path, {bytes(32): np.zeros(WIDTH + 1, np.float32)})
    encoder.asked.clear()
    again = kept(encoder, path)
    np.testing.assert_array_equal(again.encode_passages(["jar"]), expected)
    again.keep()
    assert encoder.asked == ["jar"]
    assert len(read_vectors(path, WIDTH)) == 1


def test_a_folder_that_cannot_be_written_is_done_without(
    encoder: CountingEncoder, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    vectors = kept(encoder, tmp_path / "file" / "v.safetensors")
    assert len(vectors.encode_passages(["jar"])) == 1
    vectors.keep()
    assert "can't be kept" in caplog.text


def test_no_texts_give_no_vectors(encoder: CountingEncoder, tmp_path: Path) -> None:
    assert kept(encoder, tmp_path / "v").encode_passages([]).shape == (0, WIDTH)
    assert encoder.asked == []
