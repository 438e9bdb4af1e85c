"""What comes with the app saves the first start from encoding the documents and the graph."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.rag.library import read_library
from engines.runtime.device import choose_placement
from engines.runtime.settings import Settings
from engines.runtime.text_encoder import DenseEncoder
from engines.upcycle.loading import read_everything

COMMAND = "python -m engines.prepare --ship"


def test_the_shipped_vectors_are_those_of_the_shipped_documents_and_graph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[str] = []
    encode = DenseEncoder.encode_passages

    def counted(self: DenseEncoder, texts: list[str], **options: bool) -> object:
        encoded.extend(texts)
        return encode(self, texts, **options)

    monkeypatch.setattr(DenseEncoder, "encode_passages", counted)
    settings = Settings(cache_dir=tmp_path)
    library = read_library(settings, choose_placement(settings))
    assert not encoded, f"a document was changed: run {COMMAND}"
    read_everything(settings, choose_placement(settings))
    assert not encoded, f"the graph was changed: run {COMMAND}"
    assert not list(tmp_path.rglob("*.safetensors"))
    # They are what the model makes of the texts, up to the 16 bits of those of sentences.
    chunk = library.retriever.store.chunks[7]
    texts = [chunk.search_text, *chunk.sentences]
    fresh = encode(library.encoder, texts)
    assert library.retriever.store.similarities(fresh[0], [chunk.id])[0] == pytest.approx(
        1.0, abs=1e-4
    )
    assert (library.vectors(texts[1:]) * fresh[1:]).sum(1) == pytest.approx(1.0, abs=1e-3)
