"""MaxSight's full frame, from pixels to what is said, beside its first pass alone."""

from __future__ import annotations

import statistics
import time

import numpy as np

from engines.maxsight.context_worker import ContextBox
from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.session import MaxSightSession
from engines.runtime.device import choose_placement
from engines.runtime.lane import CpuLane
from engines.runtime.settings import Settings
from tests.benchmarks.maxsight import FRAMES_PER_S, _photo
from tests.benchmarks.table import Measured

BLOCKS, FRAMES_A_BLOCK = 6, 30
# The camera goes to the right by this much a frame, so that there is something to follow.
SHIFT_PX = 2


def full_frame_rows() -> list[Measured]:
    """Send frames at a camera's pace: to a whole session, as in the app, and to the first pass.

    The session tracks, judges approach and urgency and chooses words; the second pass runs beside
    it as the gate allows.
    """
    settings = Settings()
    lane = CpuLane.from_settings(settings)
    pipeline = MaxSightPipeline.from_settings(settings, choose_placement(settings), lane)
    pipeline.load()
    pipeline.warmup()
    session = MaxSightSession(pipeline.step, time.perf_counter)
    photo = _photo(settings)
    frames = [np.roll(photo, -place * SHIFT_PX, axis=1) for place in range(FRAMES_A_BLOCK)]
    whole_ms: list[float] = []
    first_ms: list[float] = []
    box = ContextBox()
    try:
        for _ in range(BLOCKS):
            for place, frame in enumerate(frames):
                start_s = time.perf_counter()
                session.step(frame)
                _pace(start_s, whole_ms, place)
            for place, frame in enumerate(frames):
                start_s = time.perf_counter()
                pipeline.step(frame, frame_id=place, captured_s=start_s, box=box)
                _pace(start_s, first_ms, place)
    finally:
        pipeline.unload()
        lane.close()
    whole, first = statistics.median(whole_ms), statistics.median(first_ms)
    return [
        (
            "maxsight: the full frame, p95", float(np.percentile(whole_ms, 95)), "ms", None,
            f"p50 {whole:.1f} ms, {len(whole_ms)} frames at {FRAMES_PER_S} a second",
        ),
        (
            "the full frame / looking alone", whole / first, "ratio", None,
            f"p50 {first:.1f} ms for both passes without tracking, urgency and words",
        ),
    ]  # fmt: skip


def _pace(start_s: float, times_ms: list[float], place: int) -> None:
    """Note what a frame took and wait for the next; the first of a block does not count."""
    took_s = time.perf_counter() - start_s
    if place:
        times_ms.append(took_s * 1000)
    time.sleep(max(0.0, 1 / FRAMES_PER_S - took_s))
