"""Print a table of speed ratios: `make bench`.

Every ratio compares two things measured in turn in one run, so that a slow or busy machine slows
both. The exit status is 1 if a ratio misses its bound.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import psutil
import torch
from PIL import Image

from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.waste.engine import WasteEngine
from engines.waste.images import open_picture
from tests.benchmarks.chat import chat_rows, size_rows
from tests.benchmarks.conditions import condition_rows
from tests.benchmarks.llm_serving import serving_main
from tests.benchmarks.maxsight import has_checkpoint, maxsight_rows
from tests.benchmarks.upcycle import upcycle_rows

REPO = Path(__file__).resolve().parents[2]
ROUNDS = 40


@dataclass(frozen=True)
class Row:
    """One line of the table; `bound` is None where the number is only for information."""

    name: str
    value: float
    unit: str
    bound: float | None
    remark: str

    @property
    def is_kept(self) -> bool:
        """Whether the value is within its bound."""
        return self.bound is None or self.value <= self.bound


def timed_ms(call: Callable[[], object]) -> float:
    """Return what one call takes."""
    start_s = time.perf_counter()
    call()
    return (time.perf_counter() - start_s) * 1000


def in_turn(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of two calls measured alternately, in ms."""
    pairs = [(timed_ms(first), timed_ms(second)) for _ in range(ROUNDS)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def load_engine() -> WasteEngine:
    """Load the shipped engine as the app does."""
    settings = Settings()
    limit_threads(settings.cpu_threads)
    engine = WasteEngine(settings, choose_placement(settings))
    engine.load()
    engine.warmup()
    return engine


def classify_rows(engine: WasteEngine, photo: Path) -> list[Row]:
    """Compare `classify` with the bare forward pass, and a batch with singles."""
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
        Row(
            "classify / bare forward", whole / bare, "ratio", 1.4,
            f"p50 {whole:.1f} ms against {bare:.1f} ms; of the rest {resizing:.1f} ms is resizing",
        ),
        Row("decode a photo", decoding, "ms", None, f"{photo.name}, before classify"),
        Row(
            "batch of 32 / singles, per picture", batch / 32 / whole, "ratio", 1.0,
            f"{batch / 32:.1f} ms a picture",
        ),
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
    photo = settings.examples_dir / (settings.examples_dir / "shown.txt").read_text().split()[0]
    picture = open_picture(photo, max_pixels=50_000_000)
    calls = 40

    def classify() -> object:
        if is_in_lane:
            return lane.run(lambda: engine.classify(picture))
        return engine.classify(picture)

    def work() -> None:
        for _ in range(calls):
            classify()

    spent_ms = []
    for _ in range(3):  # the first round warms up
        threads = [threading.Thread(target=work) for _ in range(2)]
        start_s = time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        spent_ms.append((time.perf_counter() - start_s) * 1000 / (2 * calls))
    lane.close()
    return min(spent_ms[1:])


def lane_rows() -> list[Row]:
    """Compare two callers who compute at once with two who take turns on the lane."""

    def measured(mode: str) -> float:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks", mode],
            cwd=REPO, capture_output=True, text=True, check=True,
        )  # fmt: skip
        return float(done.stdout)

    pairs = [(measured("lane"), measured("at-once")) for _ in range(3)]
    taken, free = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return [
        Row(
            "two callers: lane / at once", taken / free, "ratio", None,
            f"{taken:.1f} ms a picture in the lane, {free:.1f} ms without",
        )
    ]  # fmt: skip


def start_rows() -> list[Row]:
    """Start the app and measure when the page answers and what it holds in memory."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start_s = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=REPO,
        env=os.environ | {"RELEAF_PORT": str(port)},
        stdout=subprocess.DEVNULL,
    )
    try:
        while time.perf_counter() - start_s < 120:
            with (
                contextlib.suppress(urllib.error.URLError, ConnectionError),
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page,
            ):
                if page.status == 200:
                    break
            time.sleep(0.05)
        answered_s = time.perf_counter() - start_s
        time.sleep(12)  # engines load after the page
        resident_mb = psutil.Process(process.pid).memory_info().rss / 2**20
    finally:
        process.terminate()
        process.wait(timeout=20)
    return [
        Row("start to the page answering", answered_s, "s", 10.0, "python app.py, installed"),
        Row("memory, waste engine loaded", resident_mb, "MiB", None, "resident"),
    ]


def main() -> int:
    """Measure everything and print the table."""
    examples = Settings().examples_dir
    photo = examples / (examples / "shown.txt").read_text().split()[0]
    if sys.argv[1:] == ["chat"]:
        print(json.dumps(chat_rows(open_picture(photo, max_pixels=50_000_000))))
        return 0
    if sys.argv[1:2] == ["llm"]:
        return serving_main(sys.argv[2:])
    if sys.argv[1:] == ["upcycle"]:
        print(json.dumps(upcycle_rows()))
        return 0
    if sys.argv[1:] == ["conditions"]:
        print(json.dumps(condition_rows()))
        return 0
    if sys.argv[1:] == ["maxsight"]:
        if not has_checkpoint():
            sys.exit("checkpoints/maxsight-a is missing. Train it first: make train-maxsight")
        print(json.dumps(maxsight_rows()))
        return 0
    if sys.argv[1:]:
        print(two_callers_ms(is_in_lane=sys.argv[1] == "lane"))
        return 0
    with Image.open(photo) as opened:
        size = f"{opened.width} × {opened.height}"
    rows = start_rows()
    engine = load_engine()
    rows += classify_rows(engine, photo) + lane_rows()
    rows += [Row(*measured) for measured in size_rows()]
    # In a process of its own, as the app is: teams of threads left from above would slow it.
    parts = ["chat", "upcycle", "conditions"]
    if has_checkpoint():
        parts.append("maxsight")
    else:
        print("checkpoints/maxsight-a is missing, so MaxSight is not measured.")
    for part in parts:
        done = subprocess.run(
            [sys.executable, "-m", "tests.benchmarks", part],
            cwd=REPO, capture_output=True, text=True, check=True,
        )  # fmt: skip
        rows += [Row(*measured) for measured in json.loads(done.stdout.splitlines()[-1])]
    print(f"{engine.placement.reason} Photo: {photo.name}, {size}.\n")
    print(f"{'what':<42}{'value':>9} {'':<6}{'bound':>7}  remark")
    for row in rows:
        bound = "" if row.bound is None else f"{row.bound:g}"
        flag = "" if row.is_kept else "  MISSED"
        print(f"{row.name:<42}{row.value:>9.2f} {row.unit:<6}{bound:>7}  {row.remark}{flag}")
    return 0 if all(row.is_kept for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
