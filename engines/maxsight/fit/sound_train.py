"""Train the network of sounds.

    python -m engines.maxsight.fit.sound_train --data DIR --start mn04.pt --run runs/sound/seed_0

Killed at any moment, the same command goes on where it was. Runs with other seeds can be averaged.
For the estimate on other sources, one run for each group of sources that it shall not hear:
`--leave-out us8k --run runs/sound/seed_0_without_us8k`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from engines.maxsight.fit.sound_data import (
    WINDOW_SAMPLES,
    Clip,
    Floats,
    SoundDataset,
    Sounds,
    Terms,
    draw_keys,
    load_clips,
    thin_classes,
    usable,
)
from engines.maxsight.sound_classes import AUDIOSET_CLASSES, learnt_ids
from engines.maxsight.sound_network import (
    HIDDEN_WIDTH,
    SOUND_RATE_HZ,
    LogMel,
    SoundNetwork,
    load_audioset,
)
from engines.runtime.fit import FitConfig, FitResult, Run
from engines.runtime.weights import load_tensors

LABEL_SMOOTHING = 0.05
MIXUP_SHARE, MIXUP_BETA = 0.6, 0.4
# SpecAugment (Park et al. 2019): two bands of each kind, at most so many rows and columns.
MASKS, MASK_ROWS, MASK_COLUMNS = 2, 16, 24
# Of what the published network says of the same pictures, against one of the true classes.
KEEP_WEIGHT = 0.5
# The regression that the last layer starts as.
HEAD_ROUNDS, HEAD_STRENGTH = 4, 0.002
EVALUATION_HOP = SOUND_RATE_HZ
TERMS: dict[str, tuple[Terms, ...]] = {
    "open": ("open",),
    "all": ("open", "non-commercial", "unstated"),
}
FACTS_FILE = "run.json"


class Loss:
    """Cross-entropy of mixed (mixup, Zhang et al. 2018) and masked pictures.

    Plus, for the outputs of AudioSet, how far they are from those of the published network for the
    same pictures (learning without forgetting, Li & Hoiem 2016): some of them name what has too few
    clips to learn from.

    Args:
        published: the network before the training, with the outputs of AudioSet alone.
    """

    def __init__(self, published: SoundNetwork) -> None:
        self.picture_of = LogMel()
        self.published = published.eval().requires_grad_(False)

    def __call__(self, model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        """Return the mean loss of (samples (B, N), classes (B,)), a scalar."""
        sound, wanted = batch
        self.picture_of.to(sound.device)
        self.published.to(sound.device)
        order, share = torch.arange(len(sound)), torch.ones(len(sound), 1)
        if float(torch.rand(())) < MIXUP_SHARE:
            order = torch.randperm(len(sound))
            drawn = np.random.default_rng(int(torch.randint(2**31, ()))).beta(
                MIXUP_BETA, MIXUP_BETA, size=(len(sound), 1)
            )
            share = torch.from_numpy(drawn).float()
        order, share = order.to(sound.device), share.to(sound.device)
        with torch.no_grad():
            picture = mask(self.picture_of(share * sound + (1 - share) * sound[order]))
            published = self.published(picture)
        count = len(learnt_ids())
        logits, kept = model(picture).split([count, AUDIOSET_CLASSES], dim=1)
        losses = [
            cross_entropy(logits, target, reduction="none", label_smoothing=LABEL_SMOOTHING)
            for target in (wanted, wanted[order])
        ]
        learnt = (share[:, 0] * losses[0] + (1 - share[:, 0]) * losses[1]).mean()
        return learnt + KEEP_WEIGHT * divergence(published, kept)


def divergence(wanted: Tensor, found: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of yes-no outputs; logits (B, N) -> mean over B."""
    shares = wanted.sigmoid()
    sums = [
        binary_cross_entropy_with_logits(one, shares, reduction="sum") for one in (found, wanted)
    ]
    return (sums[0] - sums[1]) / len(found)


def mask(pictures: Tensor) -> Tensor:
    """Hide bands of rows and of columns behind each picture's mean; (B, 128, T), changed copies."""
    count, rows, columns = pictures.shape
    hidden = torch.zeros_like(pictures, dtype=torch.bool)
    for _ in range(MASKS):
        for axis, size, most in ((1, rows, MASK_ROWS), (2, columns, MASK_COLUMNS)):
            width = torch.randint(0, most + 1, (count, 1), device=pictures.device)
            start = (
                torch.rand(count, 1, device=pictures.device) * (size - width).clamp(min=0)
            ).long()
            place = torch.arange(size, device=pictures.device)[None]
            band = (place >= start) & (place < start + width)
            hidden |= band[:, :, None] if axis == 1 else band[:, None, :]
    means = pictures.mean((1, 2), keepdim=True)
    return torch.where(hidden, means, pictures)


def windows_of(sound: Floats) -> Floats:
    """Cut a clip into windows of 2 s, one a second, as the listener hears it; (W, 32000).

    What is shorter than 2 s is followed by silence; the last window ends with the clip.
    """
    if len(sound) <= WINDOW_SAMPLES:
        return np.pad(sound, (0, WINDOW_SAMPLES - len(sound)))[None]
    last = len(sound) - WINDOW_SAMPLES
    starts = sorted({*range(0, last, EVALUATION_HOP), last})
    return np.stack([sound[start : start + WINDOW_SAMPLES] for start in starts])


@torch.inference_mode()
def predict(
    model: nn.Module, clips: Sequence[Clip], sounds: Sounds, *, batch_size: int = 32
) -> NDArray[np.float32]:
    """Return each clip's logits, the mean over its windows: (N, learnt and AudioSet's)."""
    model.eval()
    device = next(model.parameters()).device
    picture_of = LogMel().to(device)
    pieces = [windows_of(sounds[clip]) for clip in clips]
    owners = np.repeat(np.arange(len(clips)), [len(piece) for piece in pieces])
    every = np.concatenate(pieces)
    found = []
    for start in range(0, len(every), batch_size):
        batch = torch.from_numpy(every[start : start + batch_size]).to(device)
        found.append(model(picture_of(batch)).float().cpu().numpy())
    logits = np.concatenate(found)
    sums = np.zeros((len(clips), logits.shape[1]))
    np.add.at(sums, owners, logits)
    return np.asarray(sums / np.bincount(owners)[:, None], np.float32)


def labels_of(clips: Sequence[Clip]) -> NDArray[np.int64]:
    """Return the index of each clip's class among what is learnt, (N,)."""
    index = {name: number for number, name in enumerate(learnt_ids())}
    return np.array([index[clip.class_id] for clip in clips], np.int64)


def macro_recall(said: NDArray[np.int64], wanted: NDArray[np.int64]) -> float:
    """Return the mean of the classes' recalls, over the classes that occur.

    Raises:
        ValueError: if there is no clip.
    """
    if not len(wanted):
        raise ValueError("no clip to measure on")
    return float(np.mean([(said[wanted == one] == one).mean() for one in np.unique(wanted)]))


def start_head(model: SoundNetwork, training: Sequence[Clip], sounds: Sounds, *, seed: int) -> None:
    """Set the outputs that are learnt to a logistic regression on the published features.

    A random last layer would first drag the layers below along (LP-FT: Kumar et al. 2022). The
    regression sees HEAD_ROUNDS distorted windows of each clip; every class weighs the same.
    """
    model.eval()
    device = next(model.parameters()).device
    picture_of, dataset = LogMel().to(device), SoundDataset(training, sounds)
    rng = np.random.default_rng((seed, HEAD_ROUNDS))
    features = []
    for _ in range(HEAD_ROUNDS):
        for start in range(0, len(training), 32):
            keys = range(start, min(start + 32, len(training)))
            windows = np.stack([dataset[index, int(rng.integers(2**31))][0] for index in keys])
            with torch.inference_mode():
                made = model.embed(picture_of(torch.from_numpy(windows).to(device)))
            features.append(made[:, -HIDDEN_WIDTH:].cpu().numpy())
    scaler = StandardScaler()
    scaled = scaler.fit_transform(np.concatenate(features))
    regression = LogisticRegression(C=HEAD_STRENGTH, max_iter=300, class_weight="balanced")
    regression.fit(scaled, np.tile(labels_of(training), HEAD_ROUNDS))
    count = len(learnt_ids())
    weight = np.zeros((count, HIDDEN_WIDTH))
    bias = np.full(count, regression.intercept_.min())
    weight[regression.classes_] = regression.coef_ / scaler.scale_
    bias[regression.classes_] = regression.intercept_ - (
        regression.coef_ * scaler.mean_ / scaler.scale_
    ).sum(1)
    last = model.classifier[-1]
    assert isinstance(last, nn.Linear)
    with torch.no_grad():
        last.weight[:count] = torch.from_numpy(weight)
        last.bias[:count] = torch.from_numpy(bias)


def train(
    model: SoundNetwork,
    published: SoundNetwork,
    *,
    training: Sequence[Clip],
    watched: Sequence[Clip],
    sounds: Sounds,
    config: FitConfig,
    draws: int,
) -> FitResult:
    """Train `model` in place; `watched` is only reported, the last averaged weights are kept.

    Nothing is chosen on `watched`: its score would flatter what was picked by it.
    """
    wanted = labels_of(watched)

    def evaluate(averaged: nn.Module) -> dict[str, float]:
        said = predict(averaged, watched, sounds)[:, : len(learnt_ids())].argmax(1)
        return {
            "macro_recall": macro_recall(said, wanted),
            "accuracy": float((said == wanted).mean()),
            # Rising, so that the best epoch is the last.
            "score": float(run.progress.epoch),
        }

    run = Run(
        model,
        loss_of=Loss(published),
        dataset=SoundDataset(training, sounds),
        keys_of=lambda epoch: draw_keys(training, count=draws, seed=config.seed, epoch=epoch),
        evaluate=evaluate,
        config=config,
    )
    return run.fit()


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the sound pack")
    parser.add_argument("--start", type=Path, required=True, help="EfficientAT's mn04_as weights")
    parser.add_argument("--run", type=Path, required=True, help="kept to resume")
    parser.add_argument("--leave-out", nargs="*", default=[], help="sources not to train on")
    parser.add_argument("--licences", choices=TERMS, default="all")
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--draws", type=int, default=1216, help="samples an epoch")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every-s", type=float, default=300.0, help="seconds between states")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    arguments = parse_arguments(argv)
    every = load_clips(arguments.data)
    too_thin = set(thin_classes(every)) & set(learnt_ids())
    if too_thin:
        sys.exit(f"Too few clips or recordings to learn from: {', '.join(sorted(too_thin))}.")
    clips = usable(every, TERMS[arguments.licences])
    sounds = Sounds(arguments.data, every, arguments.run.parent / "sounds.npz")
    training = [c for c in clips if c.split == "train" and c.source not in arguments.leave_out]
    watched = (
        [clip for clip in clips if clip.source in arguments.leave_out]
        if arguments.leave_out
        else [clip for clip in usable(every, TERMS["all"]) if clip.split == "val"]
    )
    torch.manual_seed(arguments.seed)
    tensors = load_tensors(arguments.start)
    model = load_audioset(tensors, classes=len(learnt_ids()))
    if not any(arguments.run.glob("state-*")):
        start_head(model, training, sounds, seed=arguments.seed)
    arguments.run.mkdir(parents=True, exist_ok=True)
    facts = {
        "leave_out": arguments.leave_out,
        "licences": arguments.licences,
        "epochs": arguments.epochs,
        "draws": arguments.draws,
        "seed": arguments.seed,
    }
    (arguments.run / FACTS_FILE).write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{len(training)} clips to train on, {len(watched)} to watch", flush=True)
    result = train(
        model,
        load_audioset(tensors),
        training=training,
        watched=watched,
        sounds=sounds,
        config=FitConfig(
            run_dir=arguments.run,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            learning_rate=arguments.learning_rate,
            warmup_epochs=2.0,
            clip_norm=2.0,
            ema_decay=0.995,
            seed=arguments.seed,
            patience=arguments.epochs,
            mixed_precision="no",
            save_every_s=arguments.save_every_s,
        ),
        draws=arguments.draws,
    )
    last = result.history[-1]
    print(f"macro recall {last['macro_recall']:.4f} after {result.seconds:.0f} s")


if __name__ == "__main__":
    main()
