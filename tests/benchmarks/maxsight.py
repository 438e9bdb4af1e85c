"""Speed of MaxSight's safety pass: against a bare ResNet-50, and beside a working Stage B."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from engines.maxsight.classes import vocabulary
from engines.maxsight.context_memory import ContextMemory
from engines.maxsight.context_worker import ContextBox
from engines.maxsight.frames import Pixels, letterbox
from engines.maxsight.ocr import TextReader
from engines.maxsight.pipeline import MaxSightPipeline
from engines.maxsight.stage_a_runner import CHECKPOINT, StageARunner, read_inference
from engines.maxsight.stage_b import ContextPass
from engines.maxsight.text_watch import TextWatch
from engines.maxsight.tiers import Tier1
from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.gate import StageGate
from engines.runtime.lane import CpuLane
from engines.runtime.settings import Settings
from engines.runtime.torchvision_compat import ensure_torchvision
from engines.runtime.weights import WEIGHTS_FILE, load_card

Measured = tuple[str, float, str, float | None, str]  # name, value, unit, bound, remark

FRAME_SIZE = 640, 480  # width, height
BLOCKS, FRAMES_A_BLOCK = 10, 20
FRAMES_PER_S = 15
# Lines for Stage B to read.
SIGN = ("PLATFORM 4", "Way out", "Mind the gap")


class BareResNet:
    """An eager fp32 ResNet-50 with random weights; its speed does not depend on them."""

    def __init__(self, height: int, width: int) -> None:
        ensure_torchvision()
        import timm

        self.model = timm.create_model("resnet50", pretrained=False).eval()
        self.pixels = torch.zeros(1, 3, height, width)

    @torch.inference_mode()
    def __call__(self) -> None:
        """Run one forward pass."""
        self.model(self.pixels)


class WatchedContext:
    """The app's own Stage B, with what each look takes; there is text to be read at each look.

    In the app text is read once or twice a second, and what looks the same is not read again; here
    all is forgotten once it was read, so that B is as heavy as it can be.
    """

    def __init__(self) -> None:
        self.stage_b = ContextPass(TextReader())
        self.prepare()
        self.memory = ContextMemory()
        self.at_work = threading.Lock()
        self.latencies_ms: list[float] = []

    def prepare(self) -> None:
        """Load what reads text."""
        self.stage_b.prepare()

    def look(
        self, frame: Pixels, tier1: Tier1, memory: ContextMemory, is_late: Callable[[], bool]
    ) -> Mapping[str, Any]:
        """Look at a frame as `ContextPass` does, with nothing of its text known."""
        with self.at_work:
            if not self.memory.text.is_reading:
                self.memory.text = TextWatch()
            start_s = time.perf_counter()
            found = self.stage_b.look(frame, tier1, self.memory, is_late)
            self.latencies_ms.append((time.perf_counter() - start_s) * 1000)
            return found


def has_checkpoint() -> bool:
    """Say whether there is a trained network to measure."""
    return (Settings().checkpoints_dir / CHECKPOINT / WEIGHTS_FILE).is_file()


def maxsight_rows(
    settings: Settings | None = None, *, blocks: int = BLOCKS, frames: int = FRAMES_A_BLOCK
) -> list[Measured]:
    """Measure the shipped safety pass on a photo of 640 × 480."""
    settings = settings or Settings()
    limit_threads(settings.cpu_threads)
    runner = StageARunner(settings, choose_placement(settings))
    runner.load()
    runner.warmup()
    card = load_card(settings.checkpoints_dir / CHECKPOINT)
    assert card is not None  # the runner has read it
    photo = _photo(settings)
    canvas, _ = letterbox(photo, read_inference(card, vocabulary()).input_side)
    bare = BareResNet(*canvas.shape[:2])
    return [
        *_speed_rows(runner, bare, photo, blocks, frames),
        *_context_rows(settings, runner, _with_sign(photo), blocks, frames),
    ]


def _photo(settings: Settings) -> Pixels:
    names = (settings.examples_dir / "shown.txt").read_text("utf-8").split()
    path: Path = settings.examples_dir / names[0]
    bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if bgr is None:
        raise ValueError(f"{path} is no picture")
    rgb = cv2.cvtColor(cv2.resize(bgr, FRAME_SIZE), cv2.COLOR_BGR2RGB)
    return np.asarray(rgb, dtype=np.uint8)


def _with_sign(photo: Pixels) -> Pixels:
    """Put a white sign with lines of text into a photo."""
    signed = photo.copy()
    cv2.rectangle(signed, (180, 60), (460, 60 + 60 * len(SIGN)), (255, 255, 255), -1)
    for place, line in enumerate(SIGN):
        cv2.putText(
            signed, line, (196, 104 + 58 * place), cv2.FONT_HERSHEY_DUPLEX, 1.1, (0, 0, 0), 2
        )
    return signed


def _speed_rows(
    runner: StageARunner, bare: BareResNet, photo: Pixels, blocks: int, frames: int
) -> list[Measured]:
    """Compare in blocks: threads of the one that wait would slow the other in a quicker turn."""
    own_ms: list[float] = []
    bare_ms: list[float] = []
    for _ in range(blocks):
        for place in range(frames + 1):
            latency_ms = runner.look(photo, place, 0.0).latency_ms
            own_ms += [latency_ms] if place else []
        for place in range(frames + 1):
            start_s = time.perf_counter()
            bare()
            bare_ms += [(time.perf_counter() - start_s) * 1000] if place else []
    own, other = statistics.median(own_ms), statistics.median(bare_ms)
    height, width = bare.pixels.shape[2:]
    return [
        (
            "maxsight: frame to detections, p95", _p95(own_ms), "ms", 60.0,
            f"p50 {own:.1f} ms, {len(own_ms)} frames of {FRAME_SIZE[0]} × {FRAME_SIZE[1]}",
        ),
        (
            "frame to detections / bare ResNet-50", own / other, "ratio", 0.8,
            f"eager fp32 at {width} × {height}: p50 {other:.1f} ms, p95 {_p95(bare_ms):.1f} ms",
        ),
    ]  # fmt: skip


def _context_rows(
    settings: Settings,
    runner: StageARunner,
    photo: Pixels,
    blocks: int,
    frames: int,
) -> list[Measured]:
    """Compare Stage A's latency at a camera's pace without and with a Stage B at work."""
    lane = CpuLane.from_settings(settings)
    # B runs whenever it is free, which is the most it can disturb.
    gate = StageGate(max_latency_ms=60_000.0, max_uncertainty=1.0)
    context = WatchedContext()
    alone = MaxSightPipeline(runner, None, gate, time.perf_counter, lane)
    beside = MaxSightPipeline(runner, context, gate, time.perf_counter, lane)
    try:
        alone_ms: list[float] = []
        beside_ms: list[float] = []
        for _ in range(blocks):
            alone_ms += _paced_ms(alone, photo, frames)
            beside_ms += _paced_ms(beside, photo, frames)
            with context.at_work:  # B ends before the next block without it
                pass
        counts = beside.context_counts
    finally:
        beside.unload()
        lane.close()
        # A thread that still computes when Python ends would break the process off.
        for thread in threading.enumerate():
            if thread.name == "stage-b":
                thread.join()
    ended = f"{counts.in_time} in time, {counts.late} late, {counts.failed} failed"
    if counts.in_time + counts.late == 0:
        raise RuntimeError(f"Stage B never worked, so nothing was compared: {ended}")
    return [
        (
            "Stage A p95: beside Stage B / alone", _p95(beside_ms) / _p95(alone_ms), "ratio", 1.3,
            f"{_p95(beside_ms):.1f} ms and {_p95(alone_ms):.1f} ms at {FRAMES_PER_S} frames/s; "
            f"B: {ended}",
        ),
        (
            "Stage B, all parts with text, p95", _p95(context.latencies_ms), "ms", 500.0,
            f"p50 {statistics.median(context.latencies_ms):.0f} ms beside Stage A, "
            f"{len(context.latencies_ms)} looks at {len(SIGN)} lines of text",
        ),
    ]  # fmt: skip


def _paced_ms(pipeline: MaxSightPipeline, photo: Pixels, frames: int) -> list[float]:
    """Send frames at a camera's pace; the first, before which B rests, does not count."""
    box, times_ms = ContextBox(), []
    for place in range(frames + 1):
        start_s = time.perf_counter()
        step = pipeline.step(photo, frame_id=place, captured_s=start_s, box=box)
        times_ms.append(step.tier1.latency_ms)
        time.sleep(max(0.0, 1 / FRAMES_PER_S - (time.perf_counter() - start_s)))
    return times_ms[1:]


def _p95(values: list[float]) -> float:
    return float(np.percentile(values, 95))
