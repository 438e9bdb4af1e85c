"""Train Stage A: `python -m engines.maxsight.fit.train --data DIR --backbone NPZ --run DIR`.

First `engines.maxsight.fit.teacher`. Killed at any moment, the same command goes on where it was.
The learning rate stays up, on small pictures, for as long as there is time; from any state of that
run `--plan finish --start RUN` lowers it, on large pictures, to the network that is shipped
(warm-up, stable, decay: Hu et al. 2024, MiniCPM). The first run can go on afterwards; where only
the shipped checkpoint is left, `--plan again --start CHECKPOINT` goes on from that.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from engines.maxsight.backbones.resnet50v2 import load_gluon
from engines.maxsight.classes import Vocabulary, vocabulary
from engines.maxsight.decode import Detections, decode
from engines.maxsight.fit import teacher
from engines.maxsight.fit.data import Batch, DetectionDataset, Phase, draw_keys, join, repeats
from engines.maxsight.fit.evaluate import average_precision
from engines.maxsight.fit.gradnorm import GradNorm
from engines.maxsight.fit.labels import Labels, make_labels
from engines.maxsight.fit.losses import Losses, LossWeights, losses_of
from engines.maxsight.fit.pack import Frame, load_frames
from engines.maxsight.fit.pixels import PixelCache
from engines.maxsight.fit.plans import FRESH_RATE, PLANS
from engines.maxsight.fit.single_grid import SingleGridStageA
from engines.maxsight.frames import letterbox
from engines.maxsight.stage_a import StageA, StageAOutput
from engines.runtime.fit import FitConfig, FitResult, Run
from engines.runtime.weights import WEIGHTS_FILE

LOADED_RATE = 2e-4
TEST_SIDE = 384
LOG_EVERY = 50
# What is learned through the shared features; doubt only reads them. One backward pass per part is
# as long as a fourth of a step.
BALANCED, GRADNORM_EVERY = ("classes", "objectness", "box", "zone", "urgency"), 5


def freeze(model: StageA) -> None:
    """Leave the stem and stages 1 and 2 as ImageNet made them, which is half as long a step."""
    backbone = model.backbone
    for part in (
        backbone.input_bn, backbone.stem_conv, backbone.stem_bn, backbone.stage1, backbone.stage2,
    ):  # fmt: skip
        part.requires_grad_(False)


def keep_statistics(model: StageA) -> None:
    """Keep the batch statistics of the loaded stages; `model.train()` would move them."""
    backbone = model.backbone
    for part in (
        backbone.input_bn, backbone.stem_bn, backbone.stage1, backbone.stage2, backbone.stage3,
    ):  # fmt: skip
        part.eval()


def split_rates(
    optimizer: Optimizer, schedule: LambdaLR, slow: set[int], *, learning_rate: float
) -> None:
    """Move the parameters whose id() is in `slow` to groups with a learning rate of their own."""
    for group in list(optimizer.param_groups):
        moved = [p for p in group["params"] if id(p) in slow]
        if not moved:
            continue
        group["params"] = [p for p in group["params"] if id(p) not in slow]
        optimizer.add_param_group(
            {
                "params": moved,
                "weight_decay": group["weight_decay"],
                "lr": learning_rate * group["lr"] / group["initial_lr"],
                "initial_lr": learning_rate,
            }
        )
        schedule.base_lrs.append(learning_rate)
        schedule.lr_lambdas.append(schedule.lr_lambdas[0])


@torch.inference_mode()
def detect_all(
    model: StageA,
    frames: Sequence[Frame],
    pixels: PixelCache,
    *,
    side: int = TEST_SIDE,
    objectness_power: float = 0.0,
    is_bf16: bool = True,
) -> list[Detections]:
    """Detect in whole photos, as in use."""
    model.eval()
    device = next(model.parameters()).device
    found: list[Detections] = []
    for index, frame in enumerate(frames):
        canvas, scale = letterbox(pixels[index], side)
        batch = torch.from_numpy(canvas).permute(2, 0, 1)[None].float()
        with torch.autocast(device.type, torch.bfloat16, enabled=is_bf16):
            output = model(batch.to(device, memory_format=torch.channels_last))
        found += decode(
            StageAOutput(*(part.float().cpu() for part in output)),
            input_size=(canvas.shape[0], canvas.shape[1]),
            scales=[scale],
            frame_sizes=[(frame.height, frame.width)],
            min_score=0.02,
            objectness_power=objectness_power,
            strides=model.strides,
        )
    return found


def score_on_val(
    model: StageA, frames: Sequence[Frame], pixels: PixelCache, words: Vocabulary
) -> dict[str, float]:
    """Measure mAP50 over all classes with boxes ("map50") and over those with 50 or more.

    score: mean of the two, which decides what is kept.
    """
    precision = average_precision(frames, detect_all(model, frames, pixels), words)
    numbers = {"map50": precision.mean(), "map50_many": precision.mean(50)}
    numbers["score"] = (numbers["map50"] + numbers["map50_many"]) / 2
    return {**numbers, **{f"ap_{name}": ap for name, ap in precision.by_class.items()}}


class LossOf:
    """(model, batch) -> loss; prints the parts now and then."""

    def __init__(
        self, weights: LossWeights, zone_weights: Tensor, gradnorm: GradNorm | None = None
    ) -> None:
        self.weights, self.zone_weights, self.gradnorm = weights, zone_weights, gradnorm
        self.sums: dict[str, float] = {}
        self.count, self.since_s = 0, time.monotonic()

    def __call__(self, model: nn.Module, batch: Batch) -> Tensor:
        plain = cast(StageA, getattr(model, "module", model))
        keep_statistics(plain)
        pixels = batch.pixels.float().contiguous(memory_format=torch.channels_last)
        parts = losses_of(model(pixels), batch, self.zone_weights, plain.strides)
        for name, part in parts._asdict().items():
            self.sums[name] = self.sums.get(name, 0.0) + float(part.detach())
        self.count += 1
        if self.count == LOG_EVERY:
            spent_s = (time.monotonic() - self.since_s) / self.count
            text = "  ".join(f"{name} {sum_ / self.count:.3f}" for name, sum_ in self.sums.items())
            print(f"  {spent_s:.2f} s a step  {text}", flush=True)
            if self.gradnorm:
                print("  weights", self.gradnorm.weights.numpy().round(2), flush=True)
            self.sums, self.count, self.since_s = {}, 0, time.monotonic()
        return parts.total(self.weights) if self.gradnorm is None else self._balance(parts, plain)

    def _balance(self, parts: Losses, model: StageA) -> Tensor:
        assert self.gradnorm is not None
        weighted = {n: part * getattr(self.weights, n) for n, part in parts._asdict().items()}
        # The last layer that all parts share.
        shared = [cast(nn.Conv2d, conv).weight for conv in model.pyramid.smooth]
        self.gradnorm.update(weighted, shared)
        return torch.stack([self.gradnorm.weight_of(n) * p for n, p in weighted.items()]).sum()


def zone_weights_of(dataset: DetectionDataset, keys: Sequence[tuple[int, int]]) -> Tensor:
    """Return weights (3,) that even out how common the zones are, from samples of the data."""
    zones = torch.cat([dataset[key].zones for key in keys])
    share = torch.bincount(zones, minlength=3).float().clamp(min=1) / max(1, len(zones))
    return (1 / share) / (1 / share).mean()


def train(
    model: StageA,
    loaded: frozenset[str],
    *,
    frames: Sequence[Frame],
    labels: Sequence[Labels],
    pixels: PixelCache,
    val_frames: Sequence[Frame],
    val_pixels: PixelCache,
    words: Vocabulary,
    phases: Sequence[Phase],
    config: FitConfig,
    loaded_rate: float = LOADED_RATE,
    is_augmented: bool = True,
    gradnorm: GradNorm | None = None,
) -> FitResult:
    """Train the model in place; `loaded` names what started from published weights."""
    dataset = DetectionDataset(pixels, labels, words, phases, is_augmented=is_augmented)
    weights = repeats(labels, words)
    first = draw_keys(weights, seed=config.seed, epoch=0)
    freeze(model)
    run = Run(
        convert_conv2d_weight_memory_format(model, torch.channels_last),
        loss_of=LossOf(LossWeights(), zone_weights_of(dataset, first[:400]), gradnorm),
        dataset=dataset,
        keys_of=lambda epoch: draw_keys(weights, seed=config.seed, epoch=epoch),
        evaluate=lambda averaged: score_on_val(
            cast(StageA, averaged), val_frames, val_pixels, words
        ),
        config=config,
        collate=join,
    )
    if gradnorm is not None:
        run.accelerator.register_for_checkpointing(gradnorm)
    slow = {id(p) for name, p in model.backbone.named_parameters() if name in loaded}
    split_rates(run.optimizer.optimizer, run.schedule, slow, learning_rate=loaded_rate)
    return run.fit()


def last_weights(folder: Path) -> dict[str, Tensor]:
    """Return the weights that a run was at when it last saved its state, or those of a checkpoint.

    Raises:
        FileNotFoundError: if the folder holds neither.
    """
    states = sorted(folder.glob("state-*/model.safetensors")) or [folder / WEIGHTS_FILE]
    if not states[-1].is_file():
        raise FileNotFoundError(f"{folder} holds no saved state of a training run and no weights")
    return load_file(states[-1])


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the detection pack")
    parser.add_argument("--backbone", type=Path, required=True, help="ResNet-50 v2 from Gluon")
    parser.add_argument("--teacher", type=Path, required=True, help="folder of fit.teacher")
    parser.add_argument("--run", type=Path, required=True, help="kept to resume")
    parser.add_argument("--plan", choices=PLANS, default="main")
    parser.add_argument("--start", type=Path, help="run, or checkpoint, to start from")
    parser.add_argument(
        "--gradnorm", action="store_true", help="balance the parts of the loss by their gradients"
    )
    parser.add_argument(
        "--single-grid", action="store_true", help="the reference design's head, to compare"
    )
    parser.add_argument("--epochs", type=int, help="fewer than the plan has")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--save-every-s", type=float, default=240.0)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    arguments = parse_arguments(argv)
    words = vocabulary()
    torch.manual_seed(arguments.seed)
    kind = SingleGridStageA if arguments.single_grid else StageA
    model = kind(len(words.trained))
    with np.load(arguments.backbone) as arrays:
        loaded = load_gluon(model.backbone, arrays)
    if arguments.start:
        model.load_state_dict(last_weights(arguments.start))
    plan = PLANS[arguments.plan]
    frames = load_frames(arguments.data, "train", words)
    seen = teacher.load(arguments.teacher / "train.npz")
    val_frames = load_frames(arguments.data, "val", words)
    result = train(
        model,
        loaded,
        frames=frames,
        labels=[make_labels(frame, seen[frame.id], words) for frame in frames],
        pixels=PixelCache(arguments.run.parent / "train_pixels.u8", frames),
        val_frames=val_frames,
        val_pixels=PixelCache(arguments.run.parent / "val_pixels.u8", val_frames),
        words=words,
        phases=plan.phases,
        config=FitConfig(
            run_dir=arguments.run,
            epochs=arguments.epochs or plan.phases[-1].until,
            batch_size=arguments.batch_size,
            learning_rate=FRESH_RATE * plan.rate,
            min_learning_rate=plan.last_rate,
            warmup_epochs=plan.warmup_epochs,
            clip_norm=5.0,
            ema_decay=plan.ema_decay,
            seed=arguments.seed,
            num_workers=arguments.workers,
            patience=plan.phases[-1].until,
            save_every_s=arguments.save_every_s,
        ),
        loaded_rate=LOADED_RATE * plan.rate,
        gradnorm=GradNorm(BALANCED, every=GRADNORM_EVERY) if arguments.gradnorm else None,
    )
    print(f"best epoch {result.best_epoch}, score {result.best_score:.4f}, {result.seconds:.0f} s")


if __name__ == "__main__":
    main()
