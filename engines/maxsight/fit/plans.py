"""The parts of Stage A's training: on which pictures, and how the learning rate ends."""

from __future__ import annotations

from dataclasses import dataclass

from engines.maxsight.fit.data import Phase

# Of what starts at random.
FRESH_RATE = 6e-4


@dataclass(frozen=True)
class Plan:
    """A part of the training: how samples are made, and how the learning rate ends.

    Attributes:
        phases: in order.
        last_rate: the learning rate that all ends with.
        warmup_epochs: during which the rate rises.
        ema_decay: of the moving average of the weights; shorter where the rate falls anyway.
        rate: the highest learning rates, as a share of the usual ones.
    """

    phases: tuple[Phase, ...]
    last_rate: float
    warmup_epochs: float
    ema_decay: float
    rate: float = 1.0


# Small first and large last: most is learned cheaply, the last epochs see the size of use and
# whole photos.
PLANS = {
    "main": Plan(
        (Phase(until=60, side=192, mosaic=0.4, scales=(0.45, 1.4)),),
        last_rate=FRESH_RATE,
        warmup_epochs=0.5,
        ema_decay=0.999,
    ),
    "finish": Plan(
        (
            Phase(until=2, side=256, mosaic=0.4, scales=(0.6, 1.5)),
            Phase(until=3, side=320, mosaic=0.25, scales=(0.75, 1.6)),
        ),
        last_rate=6e-6,
        warmup_epochs=0.01,
        ema_decay=0.995,
    ),
    # A finished network goes on: the rate rises once more and falls over the whole run.
    "again": Plan(
        (
            Phase(until=3, side=192, mosaic=0.4, scales=(0.45, 1.4)),
            Phase(until=6, side=256, mosaic=0.4, scales=(0.6, 1.5)),
            Phase(until=8, side=320, mosaic=0.25, scales=(0.75, 1.6)),
        ),
        last_rate=6e-6,
        warmup_epochs=0.3,
        ema_decay=0.998,
    ),
    # A good network goes on gently on large pictures, to be averaged with what it began with.
    "cycle": Plan(
        (
            Phase(until=3, side=256, mosaic=0.4, scales=(0.6, 1.5)),
            Phase(until=5, side=320, mosaic=0.25, scales=(0.75, 1.6)),
        ),
        last_rate=6e-6,
        warmup_epochs=0.3,
        ema_decay=0.998,
        rate=0.5,
    ),
    # A good network learns to look at frames larger than the photos: small things grow.
    "larger": Plan(
        (
            Phase(until=3, side=320, mosaic=0.25, scales=(0.6, 1.5), frame_side=384),
            Phase(until=4, side=384, mosaic=0.25, scales=(0.75, 1.5), frame_side=384),
        ),
        last_rate=6e-6,
        warmup_epochs=0.3,
        ema_decay=0.998,
        rate=0.5,
    ),
    # Short and small, from ImageNet: enough to tell two ways of training apart.
    "compare": Plan(
        (Phase(until=2, side=192, mosaic=0.4, scales=(0.45, 1.4)),),
        last_rate=6e-6,
        warmup_epochs=0.3,
        ema_decay=0.99,
    ),
}
