"""The stages of a search beside rank-bm25 alone and plain dense search, in speed and in finding."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from rank_bm25 import BM25Okapi

from engines.rag.ask import build_pool
from engines.rag.engine import RagEngine
from engines.rag.metrics import reciprocal_rank
from engines.rag.session import ChatSession
from engines.rag.sparse import tokenize
from engines.rag.store_faiss import FaissStore
from engines.runtime.settings import Settings
from tests.benchmarks.table import REPO, Measured

QUESTIONS = REPO / "tests/engines/rag/data/dev.jsonl"
MOST_QUESTIONS = 120
STAGE_SIZE = 100


def retrieval_rows() -> list[Measured]:
    """Let each way of searching find the passages for the same questions, in turn.

    All search the same passages with the same words and vectors. MRR counts documents: what was
    judged is which documents answer a question.
    """
    settings = Settings()
    pool = build_pool(settings)
    engine = cast(RagEngine, pool.get("rag"))
    entries = _questions(QUESTIONS)
    # On the lane, as in the app: threads of two teams would slow each other.
    rows = pool.lane.run(lambda: _compared(engine, entries))
    pool.lane.close()
    return rows


def _compared(engine: RagEngine, entries: Sequence[dict[str, Any]]) -> list[Measured]:
    library = engine._ready()
    store = library.retriever.store
    assert isinstance(store, FaissStore), "measured in memory, without a server"
    chunks = store.chunks
    names = [chunk.id for chunk in chunks]
    document_of = {chunk.id: chunk.document_id for chunk in chunks}
    texts = [tokenize(chunk.search_text) for chunk in chunks]
    okapi = BM25Okapi(texts, k1=1.5, b=0.75)
    vectors = np.stack([store._index.reconstruct(store._keys[name]) for name in names])

    def ranked(scores: Any) -> list[str]:
        return [names[place] for place in np.argsort(-np.asarray(scores))[:STAGE_SIZE]]

    def plain_bm25(question: str) -> list[str]:
        return ranked(okapi.get_scores(tokenize(question)))

    def plain_dense(question: str) -> list[str]:
        return ranked(vectors @ library.encoder.encode_queries([question])[0])

    def own_bm25(question: str) -> list[str]:
        return [name for name, _ in store.search_sparse(question, STAGE_SIZE)]

    def fused(question: str) -> list[str]:
        return [one.chunk_id for one in library.retriever.search(question).candidates]

    def whole(question: str) -> list[str]:
        found = engine.find(question, ChatSession())
        return [one.chunk_id for one in found.trace.candidates]

    ways: dict[str, Callable[[str], list[str]]] = {
        "rank-bm25": plain_bm25,
        "own BM25": own_bm25,
        "plain dense": plain_dense,
        "fused": fused,
        "whole": whole,
    }
    for way in ways.values():  # the first call of each makes its tables
        way(entries[0]["question"])
    took_ms: dict[str, list[float]] = {name: [] for name in ways}
    gain: dict[str, list[float]] = {name: [] for name in ways}
    for entry in entries:
        relevance = dict.fromkeys(entry["documents"], 1)
        for name, way in ways.items():
            start_s = time.perf_counter()
            found = way(entry["question"])
            took_ms[name].append((time.perf_counter() - start_s) * 1000)
            documents = list(dict.fromkeys(document_of[one] for one in found if one in document_of))
            gain[name].append(reciprocal_rank(documents, relevance))
    p50 = {name: statistics.median(values) for name, values in took_ms.items()}
    mrr = {name: statistics.fmean(values) for name, values in gain.items()}
    said = f"{len(entries)} dev questions, {len(chunks)} passages"

    def against(own: str, other: str) -> str:
        return (
            f"p50 {p50[own]:.2f} ms against {p50[other]:.2f} ms; "
            f"MRR {mrr[own]:.3f} against {mrr[other]:.3f}"
        )

    return [
        (
            "our BM25 / rank-bm25", p50["own BM25"] / p50["rank-bm25"], "ratio", 1.0,
            f"{against('own BM25', 'rank-bm25')}; {said}",
        ),
        (
            "dense and BM25, fused / plain dense", p50["fused"] / p50["plain dense"], "ratio", None,
            against("fused", "plain dense"),
        ),
        (
            "the whole search / plain dense", p50["whole"] / p50["plain dense"], "ratio", None,
            against("whole", "plain dense"),
        ),
        (
            "the whole search / rank-bm25 alone", p50["whole"] / p50["rank-bm25"], "ratio", None,
            against("whole", "rank-bm25"),
        ),
    ]  # fmt: skip


def _questions(path: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return [entry for entry in entries if entry["documents"]][:MOST_QUESTIONS]
