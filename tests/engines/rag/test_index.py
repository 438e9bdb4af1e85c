"""The index: encoded once, again only where a text changed, and never trusted when damaged."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from engines.rag.chunking import chunk_document
from engines.rag.documents import Document
from engines.rag.index import VECTORS_FILE, build_or_load, cache_file, update
from engines.rag.store_faiss import FaissStore
from engines.rag.store_qdrant import QdrantStore
from engines.runtime.text_encoder import DenseEncoder
from tests.engines.rag.passages import real_encoder

SIZES = {"target_tokens": 60, "overlap_tokens": 10}


def document(name: str, *sections: str) -> Document:
    text = "\n\n".join(f"## Part {row}\n\n{section}" for row, section in enumerate(sections))
    return Document(
        id=f"guide/{name}",
        title=name.replace("_", " "),
        doc_type="guide",
        topics=("waste",),
        items=(),
        regions=("all",),
        sources=(),
        reviewed="2026-11-21",
        text=text,
        content_hash=hashlib.sha256(text.encode()).hexdigest(),
        is_upload=False,
    )


DOCUMENTS = (
    document(
        "glass_jars",
        "Rinse a glass jar before it goes to the bottle bank. Take the metal lid off the jar and "
        "put the lid with metal packaging. A label on the jar may stay where it is. Broken glass "
        "is wrapped in paper so that nobody is cut by it on the way.",
        "Jam jars can be used again for dry food such as rice. A jar with a tight lid keeps "
        "flour free from moths. Boil the jar for ten minutes before jam is filled in again, and "
        "let it dry upside down on a clean towel.",
    ),
    document(
        "engine_oil",
        "Used engine oil goes back to the shop that sold it or to a recycling centre. One litre "
        "of engine oil can spoil a great deal of drinking water. Keep engine oil apart from "
        "brake fluid and paint, because mixed oil cannot be refined again.",
    ),
)


@pytest.fixture
def encoded(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """List the passages that the real encoder is asked for from now on."""
    texts: list[str] = []
    encode = DenseEncoder.encode_passages

    def noted(self: DenseEncoder, passages: list[str], **named: bool) -> np.ndarray:
        texts.extend(passages)
        return encode(self, passages, **named)

    monkeypatch.setattr(DenseEncoder, "encode_passages", noted)
    yield texts


def build(cache_dir: Path, documents: tuple[Document, ...] = DOCUMENTS) -> FaissStore:
    return build_or_load(documents, real_encoder(), cache_dir=cache_dir, **SIZES)


def vectors_of(store: FaissStore) -> dict[str, tuple[float, ...]]:
    """Read the vectors back through the cosines with the axes."""
    ids = [chunk.id for chunk in store.chunks]
    axes = np.eye(store.width, dtype=np.float32)[:8]
    return dict(zip(ids, zip(*(store.similarities(axis, ids) for axis in axes))))


def test_the_store_holds_every_passage_with_its_own_vector(tmp_path: Path) -> None:
    store = build(tmp_path)
    encoder = real_encoder()
    expected = [
        chunk
        for one in DOCUMENTS
        for chunk in chunk_document(one, count_tokens=encoder.count_tokens, **SIZES)
    ]
    assert list(store.chunks) == expected
    assert len(expected) > len(DOCUMENTS)
    for chunk in expected:
        vector = encoder.encode_passages([chunk.search_text])[0]
        found, cosine = store.search_dense(vector, 1)[0]
        assert found == chunk.id
        assert cosine == pytest.approx(1.0, abs=1e-4)


def test_the_second_start_encodes_nothing(tmp_path: Path, encoded: list[str]) -> None:
    first = build(tmp_path)
    assert len(encoded) == len(first)
    encoded.clear()
    second = build(tmp_path)
    assert encoded == []
    assert second.chunks == first.chunks
    assert vectors_of(second) == vectors_of(first)


def test_only_the_passages_that_changed_are_encoded_again(
    tmp_path: Path, encoded: list[str]
) -> None:
    build(tmp_path)
    encoded.clear()
    changed = replace(DOCUMENTS[1], text=DOCUMENTS[1].text.replace("One litre", "A single litre"))
    store = build(tmp_path, (DOCUMENTS[0], changed))
    assert encoded
    assert all("engine oil" in text for text in encoded)
    assert any("A single litre" in text for text in encoded)
    assert store.search_sparse("single litre", 1)
    encoded.clear()
    build(tmp_path, (DOCUMENTS[0], changed))
    assert encoded == []


def test_a_document_more_is_encoded_alone_and_one_less_is_forgotten(
    tmp_path: Path, encoded: list[str]
) -> None:
    build(tmp_path, DOCUMENTS[:1])
    encoded.clear()
    both = build(tmp_path)
    assert {text.split("\n")[0] for text in encoded} == {"engine oil"}
    encoded.clear()
    one = build(tmp_path, DOCUMENTS[:1])
    assert encoded == []
    path = cache_file(real_encoder(), tmp_path, *SIZES.values())
    assert len(load_file(path)["keys"]) == len(one) < len(both)


def test_another_size_of_passages_has_a_cache_of_its_own(tmp_path: Path) -> None:
    build(tmp_path)
    build_or_load(
        DOCUMENTS, real_encoder(), cache_dir=tmp_path, target_tokens=120, overlap_tokens=0
    )
    assert len(list((tmp_path / "rag").glob(f"*/{VECTORS_FILE}"))) == 2


def flip_last_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def narrow(path: Path) -> None:
    kept = load_file(path)
    save_file({"keys": kept["keys"], "vectors": kept["vectors"][:, :5].copy()}, path)


DAMAGES = [
    pytest.param(lambda path: path.write_bytes(b""), id="empty"),
    pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-100]), id="cut off"),
    pytest.param(lambda path: path.write_bytes(b"\x80\x04N."), id="another kind of file"),
    pytest.param(flip_last_byte, id="one bit turned"),
    pytest.param(narrow, id="vectors of another width"),
    pytest.param(lambda path: save_file({"other": np.zeros(3)}, path), id="other tensors"),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_again_with_a_warning(
    tmp_path: Path,
    encoded: list[str],
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path], object],
) -> None:
    whole = build(tmp_path)
    path = cache_file(real_encoder(), tmp_path, *SIZES.values())
    damage(path)
    encoded.clear()
    with caplog.at_level(logging.WARNING, "engines.runtime.kept_vectors"):
        again = build(tmp_path)
    assert "made again" in caplog.text
    assert len(encoded) == len(again) == len(whole)
    encoded.clear()
    assert vectors_of(build(tmp_path)) == vectors_of(again)
    assert encoded == []


def test_a_folder_that_cannot_be_written_is_done_without(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file where a folder is needed")
    with caplog.at_level(logging.WARNING, "engines.runtime.kept_vectors"):
        store = build(blocked)
    assert "can't be kept" in caplog.text
    assert store.search_sparse("glass jar", 1)
    assert blocked.read_text() == "a file where a folder is needed"


def test_a_write_that_breaks_off_leaves_the_old_file_and_no_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    build(tmp_path, DOCUMENTS[:1])
    path = cache_file(real_encoder(), tmp_path, *SIZES.values())
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("engines.runtime.kept_vectors.os.replace", full)
    with caplog.at_level(logging.WARNING, "engines.runtime.kept_vectors"):
        assert build(tmp_path).search_sparse("engine oil", 1)
    assert "No space left" in caplog.text
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_two_starts_at_once_leave_a_whole_cache(tmp_path: Path, encoded: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(lambda _: build(tmp_path), range(4)))
    assert len({store.chunks for store in stores}) == 1
    encoded.clear()
    build(tmp_path)
    assert encoded == []


def test_no_documents_make_an_empty_store(tmp_path: Path) -> None:
    store = build(tmp_path, ())
    assert len(store) == 0
    assert store.search_sparse("glass", 3) == []


def test_a_store_that_outlives_the_app_is_brought_up_to_date(
    tmp_path: Path, encoded: list[str]
) -> None:
    encoder = real_encoder()
    store = QdrantStore(encoder.width, drift=0.0)
    assert update(store, DOCUMENTS, encoder, **SIZES) == len(store) == len(encoded)
    assert set(store.chunks) == set(build(tmp_path).chunks)
    encoded.clear()
    assert update(store, DOCUMENTS, encoder, **SIZES) == 0
    changed = replace(DOCUMENTS[1], text=DOCUMENTS[1].text.replace("One litre", "A single litre"))
    third = document("foil", "Scrunch clean foil into a ball the size of a fist.")
    update(store, (changed, third), encoder, **SIZES)
    assert encoded
    assert not any("jar" in text for text in encoded)
    assert {chunk.document_id for chunk in store.chunks} == {"guide/engine_oil", "guide/foil"}
    assert store.search_sparse("single litre", 1)
    assert store.search_sparse("jar", 1) == []
