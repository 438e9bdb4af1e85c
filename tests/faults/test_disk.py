"""The disk is full, or two processes use one cache folder at once.

A limit on the size of files cuts a write off as a full disk does; it holds for this process.
"""

from __future__ import annotations

import logging
import multiprocessing
import resource
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.llm import reading
from engines.rag.documents import Document, load_documents
from engines.rag.index import VECTORS_FILE, build_or_load
from engines.rag.vectors import SentenceVectors
from engines.runtime import weights_hashes
from engines.runtime.settings import Settings
from engines.runtime.torchvision_compat import ensure_torchvision

SMALL_BYTES = 4096
SIZES = {"target_tokens": 200, "overlap_tokens": 40}
LIMIT_S = 120.0

Floats = NDArray[np.float32]


class Letters:
    """Encode a text by counting its letters: quick, and the same wherever it runs."""

    name, width, max_tokens = "letters", 64, 256

    def __init__(self) -> None:
        self.encoded = 0

    def count_tokens(self, text: str) -> int:
        """Count the words of a text."""
        return len(text.split())

    def encode_passages(self, texts: Sequence[str]) -> Floats:
        """Return unit vectors (N, 64)."""
        self.encoded += len(texts)
        counts = np.zeros((len(texts), self.width), np.float32)
        for row, text in enumerate(texts):
            for letter in text:
                counts[row, ord(letter) % self.width] += 1
        return counts / np.maximum(1e-6, np.linalg.norm(counts, axis=1, keepdims=True))


def documents() -> Sequence[Document]:
    """Read some of the app's documents."""
    return load_documents(Settings().knowledge_dir / "climate")


def index(folder: Path, encoder: Letters) -> Any:
    """Make the index of the documents, with its cache in a folder."""
    return build_or_load(documents(), encoder, cache_dir=folder, **SIZES)  # type: ignore[arg-type]


def sentence_vectors(folder: Path, encoder: Letters) -> Floats:
    """Have vectors of sentences made, with their cache in a folder."""
    sentences = [f"Sentence number {number} of many." for number in range(200)]
    vectors = SentenceVectors(encoder, folder)  # type: ignore[arg-type]
    vectors.prepare(sentences)
    return vectors(sentences)


@contextmanager
def full_disk() -> Iterator[None]:
    """Let no file grow beyond 4 KB; Python itself has asked for an error instead of a signal."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_without_room_the_index_is_made_in_memory_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = Letters()
    with full_disk(), caplog.at_level(logging.WARNING):
        store = index(tmp_path, encoder)
    assert store.search_sparse("climate", 1)
    assert "can't be kept" in caplog.text
    assert files_in(tmp_path) == []
    made = encoder.encoded
    index(tmp_path, encoder)
    assert files_in(tmp_path) == [VECTORS_FILE]
    assert encoder.encoded == 2 * made, "it is made again once there is room"
    index(tmp_path, encoder)
    assert encoder.encoded == 2 * made


def test_without_room_the_sentences_are_encoded_in_memory_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    encoder = Letters()
    with full_disk(), caplog.at_level(logging.WARNING):
        vectors = sentence_vectors(tmp_path, encoder)
    assert vectors.shape == (200, Letters.width)
    assert "can't be kept" in caplog.text
    assert files_in(tmp_path) == []


@pytest.fixture(scope="module")
def small_chat_model() -> tuple[Any, Any]:
    """Return a network of one thin layer and a tokenizer of three words; nobody trained them."""
    ensure_torchvision()
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8, hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64,
    )  # fmt: skip
    words = WordLevel({"glass": 0, "jar": 1, "?": 2}, unk_token="?")
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(words), unk_token="?")
    return LlamaForCausalLM(config).to(torch.bfloat16), tokenizer


def test_without_room_no_half_copy_of_the_language_model_stays(
    small_chat_model: tuple[Any, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copy = tmp_path / "llm" / "small"
    with full_disk(), caplog.at_level(logging.WARNING):
        reading._keep_copy(*small_chat_model, copy)
    assert "could not keep a copy" in caplog.text
    assert files_in(tmp_path) == []
    reading._keep_copy(*small_chat_model, copy)
    network, _ = reading.read_folder(copy, torch.bfloat16, local_files_only=True)
    for name, weight in small_chat_model[0].named_parameters():
        assert torch.equal(network.get_parameter(name), weight)


def test_without_room_weights_are_checked_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"weights")
    right = weights_hashes.sha256_of(file)
    # A cache folder that is a file can't be written, whatever the size.
    (tmp_path / "cache").write_text("no folder")
    weights_hashes.check_file(file, right, cache_dir=tmp_path / "cache", do="Restore it.")


def _make_all(folder: str, start: Any, found: Any) -> None:
    """Use the caches of a folder as a start of the app does, at the same moment as another one."""
    encoder = Letters()
    start.wait(LIMIT_S)
    store = index(Path(folder), encoder)
    vectors = sentence_vectors(Path(folder), encoder)
    found.put((len(store), float(vectors.sum()), encoder.encoded))


def test_two_processes_at_once_leave_whole_caches(tmp_path: Path) -> None:
    # A fresh interpreter, as another start of the app is; this process is the first.
    fresh = multiprocessing.get_context("spawn")
    start, found = fresh.Barrier(2), fresh.Queue()
    other = fresh.Process(target=_make_all, args=(str(tmp_path), start, found))
    other.start()
    _make_all(str(tmp_path), start, found)
    one, another = (found.get(timeout=LIMIT_S) for _ in range(2))
    other.join(LIMIT_S)
    assert other.exitcode == 0
    assert one[0] == another[0]
    # Kept vectors have half the precision.
    assert one[1] == pytest.approx(another[1], rel=1e-3)
    assert not [name for name in files_in(tmp_path) if name.endswith(".part")]
    later = Letters()
    assert len(index(tmp_path, later)) == one[0]
    assert sentence_vectors(tmp_path, later).sum() == pytest.approx(one[1], rel=1e-3)
    assert later.encoded == 0, "what the two left is whole"


def test_a_second_copy_of_the_language_model_gives_way_to_the_first(
    small_chat_model: tuple[Any, Any], tmp_path: Path
) -> None:
    copy = tmp_path / "llm" / "small"
    for _ in range(2):
        reading._keep_copy(*small_chat_model, copy)
    assert [path.name for path in copy.parent.iterdir()] == ["small"]
    reading.read_folder(copy, torch.bfloat16, local_files_only=True)
