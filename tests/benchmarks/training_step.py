"""A training step of the waste network with its depthwise convolutions in float32 and without."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch.nn.utils import convert_conv2d_weight_memory_format

from engines.runtime.depthwise import depthwise_in_float32
from engines.runtime.device import limit_threads
from engines.runtime.settings import Settings
from engines.waste.fit.train import loss_of
from engines.waste.model import MultiHeadClassifier
from engines.waste.taxonomy import BINS, ITEMS, MATERIALS
from tests.benchmarks.table import Measured
from tests.benchmarks.waste import timed_ms

ROUNDS = 5
BATCH, SIDE = 16, 192


def training_rows() -> list[Measured]:
    """Train on noise, in turn: what a step costs does not depend on what it learns."""
    limit_threads(Settings().cpu_threads)
    plain, mended = _step_of(is_mended=False), _step_of(is_mended=True)
    pairs = [(timed_ms(mended), timed_ms(plain)) for _ in range(ROUNDS + 1)][1:]
    ours, theirs = (statistics.median(pair[side] for pair in pairs) for side in (0, 1))
    return [
        (
            "training step: depthwise in float32 / all bfloat16", ours / theirs, "ratio", 1.0,
            f"EfficientNet-Lite2, {BATCH} pictures of {SIDE} pixels: {ours:.0f} ms "
            f"against {theirs:.0f} ms",
        )
    ]  # fmt: skip


def _step_of(*, is_mended: bool) -> Callable[[], None]:
    torch.manual_seed(0)
    model = convert_conv2d_weight_memory_format(MultiHeadClassifier(), torch.channels_last)
    if is_mended:
        depthwise_in_float32(model)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    labels = [torch.randint(0, len(names), (BATCH,)) for names in (ITEMS, MATERIALS, BINS)]
    batch = torch.randn(BATCH, 3, SIDE, SIDE), labels

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            loss = loss_of(model, batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step
