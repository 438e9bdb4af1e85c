"""Speed of a whole journey without text generation, beside its three engines called alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

import app
from engines.journey import NO_PLACE, Journey, JourneyReport
from engines.rag.session import ChatSession
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.waste.images import open_picture

Measured = tuple[str, float, str, float | None, str]  # name, value, unit, bound, remark

# The reference design's end-to-end figure, on two cores.
GOAL_MS = 500.0
PLACES = ("germany", "uk_england", "us_california", NO_PLACE)
ROUNDS = 5


def journey_rows() -> list[Measured]:
    """Take every example photo through every place, several times; whole and in its parts."""
    settings = Settings()
    pool = app._register(EnginePool(settings, CpuLane.from_settings(settings)))
    for name in ("waste", "rag", "upcycle"):
        pool.get(name)
    journey = Journey(pool)
    folder = settings.examples_dir
    photos = [folder / name for name in (folder / "shown.txt").read_text().split()]
    pairs = [(photo, place) for photo in photos for place in PLACES]
    first, whole, alone = [], [], []
    reports = []
    for pair in pairs:
        took_ms, report = _journey_ms(journey, *pair)
        first.append(took_ms)
        reports.append(report)
    for turn in range(ROUNDS):
        for (photo, place), report in zip(pairs, reports):
            # Whichever is second finds the processor's caches warm, so they take turns.
            if turn % 2:
                alone.append(_alone_ms(pool, report, photo))
            whole.append(_journey_ms(journey, photo, place)[0])
            if not turn % 2:
                alone.append(_alone_ms(pool, report, photo))
    pool.lane.close()
    p50, bare = statistics.median(whole), statistics.median(alone)
    what = f"{len(photos)} photos × {len(PLACES)} places"
    return [
        (
            "journey: photo to projects, first time, p95", _p95(first), "ms", GOAL_MS,
            f"p50 {statistics.median(first):.0f} ms, {what}",
        ),
        (
            "journey: photo to projects, again, p95", _p95(whole), "ms", GOAL_MS,
            f"p50 {p50:.0f} ms, {ROUNDS} times each",
        ),
        (
            "journey / its three engines called alone", p50 / bare, "ratio", None,
            f"p50 {p50:.0f} ms against {bare:.0f} ms, p95 {_p95(alone):.0f} ms",
        ),
    ]  # fmt: skip


def _journey_ms(journey: Journey, photo: Path, place: str) -> tuple[float, JourneyReport]:
    start_s = time.perf_counter()
    report = journey.run(photo, place=place)
    took_ms = (time.perf_counter() - start_s) * 1000
    if report.problems:
        raise RuntimeError(f"{photo.name}: {report.problems[0].what}")
    return took_ms, report


def _alone_ms(pool: EnginePool, report: JourneyReport, photo: Path) -> float:
    """Sum what the engines take for the same journey, without the pool and what joins them.

    They are called on the lane's thread, since a second team of OpenMP threads would slow both.
    """
    waste, rag, upcycle = (cast(Any, pool.get(name)) for name in ("waste", "rag", "upcycle"))
    limit = pool.settings.max_image_pixels
    jobs: list[Callable[[], Any]] = [
        lambda: waste.classify(open_picture(photo, max_pixels=limit)),
    ]
    if report.subject is not None:
        item, question, region = report.subject.item, report.question, report.place_id
        jobs += [
            lambda: rag.quote(rag.find(question, ChatSession(), region=region)),
            lambda: upcycle.recommend(upcycle.link(item), k=5),
        ]
    return sum(pool.lane.run(lambda job=job: _timed_ms(job)) for job in jobs)


def _timed_ms(call: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    call()
    return (time.perf_counter() - start_s) * 1000


def _p95(spent_ms: list[float]) -> float:
    return float(np.percentile(spent_ms, 95))
