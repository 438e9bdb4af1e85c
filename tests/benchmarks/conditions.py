"""Speed of each simulated condition and of each enhancement, at 640 × 480 on one core."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np

from engines.maxsight.conditions import CONDITIONS, enhance, simulate
from engines.maxsight.frames import Pixels
from engines.runtime.settings import Settings
from tests.benchmarks.maxsight import FRAME_SIZE, Measured

ROUNDS = 60
WARMUP_ROUNDS = 5
SEVERITY = 1.0
BOUND_MS = 10.0


def condition_rows(settings: Settings | None = None, *, rounds: int = ROUNDS) -> list[Measured]:
    """Measure every filter on a photo of 640 × 480 at full severity.

    The masks are made in the warm-up: a live picture uses the same ones again and again.
    """
    photo = _photo(settings or Settings())
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        return [
            _row(f"{verb.__name__} {one.id}", verb, photo, one.id, rounds)
            for verb in (simulate, enhance)
            for one in CONDITIONS
        ]
    finally:
        cv2.setNumThreads(threads)


def _row(
    name: str,
    verb: Callable[[Pixels, str, float], Pixels],
    photo: Pixels,
    condition_id: str,
    rounds: int,
) -> Measured:
    times_ms = []
    for _ in range(WARMUP_ROUNDS + rounds):
        start_s = time.perf_counter()
        verb(photo, condition_id, SEVERITY)
        times_ms.append((time.perf_counter() - start_s) * 1000)
    p50, p95 = np.percentile(times_ms[WARMUP_ROUNDS:], (50, 95))
    return f"{name}, p95", float(p95), "ms", BOUND_MS, f"p50 {p50:.1f} ms"


def _photo(settings: Settings) -> Pixels:
    names = (settings.examples_dir / "shown.txt").read_text("utf-8").split()
    path = settings.examples_dir / names[0]
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{path} is no picture")
    rgb = cv2.cvtColor(cv2.resize(bgr, FRAME_SIZE), cv2.COLOR_BGR2RGB)
    return np.asarray(rgb, dtype=np.uint8)
