"""Speed of the Waste tab's engine beside its bare backbone, and of two callers at once."""

from __future__ import annotations

import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import torch

from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.waste.engine import WasteEngine
from engines.waste.images import open_picture
from tests.benchmarks.table import REPO, Measured

ROUNDS = 40
CALLS = 40


def waste_rows() -> list[Measured]:
    """Compare `classify` with the bare forward pass, a batch with singles, and two callers."""
    settings = Settings()
    limit_threads(settings.cpu_threads)
    engine = WasteEngine(settings, choose_placement(settings))
    engine.load()
    engine.warmup()
    return [*_classify_rows(engine, example_photo(settings)), *_lane_rows()]


def example_photo(settings: Settings) -> Path:
    """Return the first of the example pictures."""
    names = (settings.examples_dir / "shown.txt").read_text("utf-8").split()
    return Path(settings.examples_dir / names[0])


def in_turn(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of two calls measured alternately, in ms."""
    pairs = [(timed_ms(first), timed_ms(second)) for _ in range(ROUNDS)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def timed_ms(call: Callable[[], object]) -> float:
    """Return what one call takes."""
    start_s = time.perf_counter()
    call()
    return (time.perf_counter() - start_s) * 1000


def _classify_rows(engine: WasteEngine, photo: Path) -> list[Measured]:
    picture = open_picture(photo, max_pixels=50_000_000)
    pixels = engine.pixels([picture])
    backbone = engine.backbone

    @torch.inference_mode()
    def forward() -> None:
        backbone(pixels)

    whole, bare = in_turn(lambda: engine.classify(picture), forward)
    decoding = statistics.median(
        timed_ms(lambda: open_picture(photo, max_pixels=50_000_000)) for _ in range(ROUNDS)
    )
    resizing = statistics.median(timed_ms(lambda: engine.pixels([picture])) for _ in range(ROUNDS))
    pictures = [picture] * 32
    batch = statistics.median(timed_ms(lambda: engine.classify_batch(pictures)) for _ in range(7))
    return [
        (
            "classify / bare forward", whole / bare, "ratio", 1.4,
            f"p50 {whole:.1f} ms against {bare:.1f} ms; of the rest {resizing:.1f} ms is resizing",
        ),
        ("decode a photo", decoding, "ms", None, f"{photo.name}, before classify"),
        (
            "batch of 32 / singles, per picture", batch / 32 / whole, "ratio", 1.0,
            f"{batch / 32:.1f} ms a picture",
        ),
    ]  # fmt: skip


def _lane_rows() -> list[Measured]:
    """Compare two callers who compute at once with two who take turns on the lane."""

    def measured(mode: str) -> float:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks.waste", mode],
            cwd=REPO, stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        return float(done.stdout)

    pairs = [(measured("lane"), measured("at-once")) for _ in range(3)]
    taken, free = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return [
        (
            "two callers: lane / at once", taken / free, "ratio", None,
            f"{taken:.1f} ms a picture in the lane, {free:.1f} ms without",
        )
    ]  # fmt: skip


def two_callers_ms(is_in_lane: bool) -> float:
    """Let two threads classify at the same time; return ms a picture.

    Meant for a process of its own: every thread that has computed keeps a team of OpenMP threads
    whose waiting slows the others, and a lane is there so that only one team exists.
    """
    settings = Settings()
    lane = CpuLane.from_settings(settings)
    pool = EnginePool(settings, lane)
    pool.register("waste", lambda: WasteEngine(settings, pool.placement))
    engine = cast("WasteEngine", pool.get("waste"))
    picture = open_picture(example_photo(settings), max_pixels=50_000_000)

    def classify() -> object:
        if is_in_lane:
            return lane.run(lambda: engine.classify(picture))
        return engine.classify(picture)

    def work() -> None:
        for _ in range(CALLS):
            classify()

    spent_ms = []
    for _ in range(3):  # the first round warms up
        threads = [threading.Thread(target=work) for _ in range(2)]
        start_s = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent_ms.append((time.perf_counter() - start_s) * 1000 / (2 * CALLS))
    lane.close()
    return min(spent_ms[1:])


if __name__ == "__main__":
    print(two_callers_ms(is_in_lane=sys.argv[1:] == ["lane"]))
