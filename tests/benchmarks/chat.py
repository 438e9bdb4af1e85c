"""Speed of the chat: finding, first words, decoding, and what a photo waits meanwhile."""

from __future__ import annotations

import itertools
import json
import statistics
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from engines.llm.generate import stream
from engines.rag.ask import build_pool
from engines.rag.chat import Chat
from engines.rag.chunking import Chunk
from engines.rag.session import ChatSession
from engines.rag.store_faiss import FaissStore
from engines.runtime.settings import Settings
from engines.waste.engine import WasteEngine
from engines.waste.images import open_picture
from tests.benchmarks.table import Measured
from tests.benchmarks.waste import example_photo

QUESTIONS = Path(__file__).resolve().parents[1] / "engines/rag/data/dev.jsonl"


def chat_rows() -> list[Measured]:
    """Measure the chat with its shipped models, and the waste engine beside it."""
    settings = Settings()
    picture = open_picture(example_photo(settings), max_pixels=50_000_000)
    pool = build_pool(settings)
    pool.register("waste", lambda: WasteEngine(settings, pool.placement))
    chat = Chat(pool)
    for name in ("waste", "rag", "llm"):
        pool.get(name)
    entries = [json.loads(line) for line in QUESTIONS.read_text().splitlines()]
    questions = [e["question"] for e in entries if e["documents"]][:60]

    def once(question: str, mode: Any) -> Any:
        return list(chat.answer(question, ChatSession(), mode=mode))[-1].answer

    finding = [once(question, "quoted").latency_ms for question in questions]
    first = [once(question, "written").first_text_ms for question in questions[:12]]
    messages = [{"role": "user", "content": "Tell me all about glass jars."}]
    writing = stream(cast(Any, pool.get("llm")), messages, run=pool.lane.run, max_new_tokens=96)
    for _ in writing:
        pass
    tokens_s = writing.stats.decode_tokens_per_s

    def classify() -> None:
        pool.run("waste", lambda waste: waste.classify(picture))

    idle = _median_ms(classify)
    is_over = threading.Event()

    def keep_writing() -> None:
        for question in itertools.cycle(questions):
            if is_over.is_set():
                return
            list(chat.answer(question, ChatSession(), mode="written", is_stopped=is_over.is_set))

    thread = threading.Thread(target=keep_writing)
    thread.start()
    time.sleep(1.0)
    beside = _median_ms(classify)
    is_over.set()
    thread.join()
    pool.lane.close()
    p95 = float(np.percentile(finding, 95))
    return [
        ("chat: quoted answer, p95", p95, "ms", 200.0, f"p50 {statistics.median(finding):.0f} ms"),
        ("chat: first words, written, p50", statistics.median(first), "ms", 1500.0, "12 questions"),
        ("chat: a token", 1000 / tokens_s, "ms", 1000 / 30, f"{tokens_s:.0f} tokens a second"),
        (
            "photo while an answer is written / idle", beside / idle, "ratio", 3.0,
            f"p50 {beside:.0f} ms against {idle:.0f} ms",
        ),
    ]  # fmt: skip


def size_rows(sizes: tuple[int, ...] = (1_000, 10_000, 100_000)) -> list[Measured]:
    """Measure one search by meaning and by words in stores of made-up passages."""
    rng = np.random.default_rng(0)
    words = [f"word{number}" for number in range(20_000)]
    popularity = 1 / np.arange(1, len(words) + 1)
    popularity /= popularity.sum()
    rows: list[Measured] = []
    for size in sizes:
        texts = [" ".join(rng.choice(words, 60, p=popularity)) for _ in range(size)]
        vectors = rng.standard_normal((size, 384), dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        store = FaissStore(384)
        store.add([_passage(number, text) for number, text in enumerate(texts)], vectors)
        query = " ".join(rng.choice(words, 8, p=popularity))
        store.search_sparse(query, 100)  # the index of words is made at the first search
        dense = _median_ms(lambda: store.search_dense(vectors[0], 100))  # noqa: B023
        sparse = _median_ms(lambda: store.search_sparse(query, 100))  # noqa: B023
        remark = f"{dense:.1f} ms by meaning, {sparse:.1f} ms by words"
        rows.append((f"search in {size:,} passages", dense + sparse, "ms", None, remark))
    return rows


def _passage(number: int, text: str) -> Chunk:
    return Chunk(
        id=f"made/{number}#0", document_id=f"made/{number}", title="", heading="", text=text,
        sentences=(text,), doc_type="guide", regions=("all",), items=(), topics=(), order=0,
        token_count=60, is_upload=False,
    )  # fmt: skip


def _median_ms(call: Callable[[], object], rounds: int = 15) -> float:
    spent = []
    for _ in range(rounds):
        start_s = time.perf_counter()
        call()
        spent.append((time.perf_counter() - start_s) * 1000)
    return statistics.median(spent)
