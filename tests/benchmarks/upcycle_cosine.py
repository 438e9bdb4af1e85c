"""Recommending for free text beside the cosine of MiniLM alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np

from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.settings import Settings
from engines.runtime.text_encoder import open_encoder
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.loading import ENCODER, read_everything
from tests.benchmarks.table import Measured
from tests.benchmarks.upcycle import NEW_THINGS

ROUNDS = 3
K = 10


def cosine_rows() -> list[Measured]:
    """Rank projects for things that the graph does not know, by both, in turn.

    The cosine ranks by the embedding of each project's name and summary: no graph, no safety.
    """
    settings = Settings()
    limit_threads(settings.cpu_threads)
    placement = choose_placement(settings)
    loaded = read_everything(settings, placement)
    engine = UpcycleEngine(settings, placement)
    engine.use(loaded)
    engine.warmup()
    encoder = open_encoder(ENCODER, settings, placement)
    projects = [f"{project.name}. {project.summary}" for project in loaded.projects]
    vectors = encoder.encode_passages(projects)

    def by_cosine(text: str) -> list[int]:
        scores = vectors @ encoder.encode_queries([text])[0]
        return [int(place) for place in np.argsort(-scores)[:K]]

    def by_engine(text: str) -> int:
        return len(engine.recommend(engine.link(text), k=K).best)

    by_cosine(NEW_THINGS[0])
    own_ms, plain_ms = [], []
    for _ in range(ROUNDS):
        for text in NEW_THINGS:
            own_ms.append(_timed_ms(lambda: by_engine(text)))  # noqa: B023
            plain_ms.append(_timed_ms(lambda: by_cosine(text)))  # noqa: B023
    own, plain = statistics.median(own_ms), statistics.median(plain_ms)
    return [
        (
            "upcycle: free text / MiniLM cosine alone", own / plain, "ratio", None,
            f"p50 {own:.1f} ms against {plain:.1f} ms, {len(projects)} projects, "
            f"{len(NEW_THINGS)} things; how well each ranks is in the card",
        )
    ]  # fmt: skip


def _timed_ms(call: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    call()
    return (time.perf_counter() - start_s) * 1000
