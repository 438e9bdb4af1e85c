"""Train the waste network: `python -m engines.waste.fit.train --data DIR --run runs/waste/main`.

Killed at any moment, the same command goes on where it was. On several GPUs:
`accelerate launch -m engines.waste.fit.train ...`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy
from torch.nn.utils import convert_conv2d_weight_memory_format
from torch.utils.data import default_collate

from engines.runtime.fit import FitConfig, FitResult, Run
from engines.runtime.settings import Settings
from engines.runtime.weights import find_weights, load_tensors
from engines.waste.fit.data import (
    NO_LABEL,
    Photo,
    WasteDataset,
    cutout_path,
    draw_keys,
    load_feedback,
    load_negatives,
    load_photos,
    make_cutouts,
    read_rgb,
)
from engines.waste.images import to_input
from engines.waste.model import HeadLogits, MultiHeadClassifier, load_backbone_tensors, waste_logit

ITEM_WEIGHT, MATERIAL_WEIGHT, BIN_WEIGHT, WASTE_WEIGHT = 1.0, 1.0, 0.5, 0.5
LABEL_SMOOTHING = 0.1


def loss_of(
    model: nn.Module, batch: tuple[Tensor, Sequence[Tensor]], *, mixup: float = 0.0
) -> Tensor:
    """Compute the loss of a batch: pixels (B, 3, S, S) and item, material, bin (B,) -> scalar.

    Args:
        mixup: α of Zhang et al. 2018 (mixup): every picture is mixed with another one of the batch,
            and so is the loss of their labels; 0 leaves them alone.
    """
    pixels, labels = batch
    keep_frozen(model)
    if mixup == 0:
        logits = model(pixels.contiguous(memory_format=torch.channels_last))
        return label_loss(logits, labels)
    # From torch's generator, which the run seeds at every step, so that a resumed run is the same.
    share = float(torch.distributions.Beta(mixup, mixup).sample())
    partner = torch.randperm(len(pixels))
    mixed = torch.lerp(pixels[partner], pixels, share)
    logits = model(mixed.contiguous(memory_format=torch.channels_last))
    others = [label[partner] for label in labels]
    return share * label_loss(logits, labels) + (1 - share) * label_loss(logits, others)


def label_loss(logits: HeadLogits, labels: Sequence[Tensor]) -> Tensor:
    """Compute 1.0 item + 1.0 material + 0.5 bin cross-entropy + 0.5 "is it waste" (scalar).

    Samples labelled NO_LABEL only count in the last term.
    """
    item, material, bin_ = labels
    loss = WASTE_WEIGHT * binary_cross_entropy_with_logits(
        waste_logit(logits.item), (item != NO_LABEL).float()
    )
    for weight, predicted, wanted in (
        (ITEM_WEIGHT, logits.item, item),
        (MATERIAL_WEIGHT, logits.material, material),
        (BIN_WEIGHT, logits.bin, bin_),
    ):
        if (wanted != NO_LABEL).any():
            loss = loss + weight * cross_entropy(
                predicted, wanted, ignore_index=NO_LABEL, label_smoothing=LABEL_SMOOTHING
            )
    return loss


def freeze(model: MultiHeadClassifier, stages: int) -> None:
    """Leave the stem and the first stages of an EfficientNet as they are.

    They see edges and textures; ImageNet's are good, and leaving three of them alone halves the
    time of a step on a CPU.
    """
    backbone: Any = model.backbone
    if stages > 0 and hasattr(backbone, "conv_stem"):
        for part in (backbone.conv_stem, backbone.bn1, *backbone.blocks[:stages]):
            part.requires_grad_(False)


def keep_frozen(model: nn.Module) -> None:
    """Keep the batch statistics of frozen stages; `model.train()` would move them."""
    for part in model.modules():
        own = list(part.parameters(recurse=False))
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and not any(
            parameter.requires_grad for parameter in own
        ):
            part.eval()


@torch.inference_mode()
def predict(
    model: nn.Module, photos: Sequence[Photo], *, size: int, batch_size: int = 32
) -> dict[str, np.ndarray]:
    """Run the network over photos as they are.

    Returns:
        Logits "item" (N, 20), "material" (N, 15), "bin" (N, 4), and "labels" (N, 3), where
        NO_LABEL means that the photo shows no waste.
    """
    model.eval()
    device = next(model.parameters()).device
    parts: dict[str, list[np.ndarray]] = {"item": [], "material": [], "bin": []}
    for start in range(0, len(photos), batch_size):
        chosen = photos[start : start + batch_size]
        pixels = torch.stack([to_input(read_rgb(photo.path), size) for photo in chosen])
        logits = model(pixels.to(device, memory_format=torch.channels_last))
        for name in parts:
            parts[name].append(getattr(logits, name).float().cpu().numpy())
    found = {name: np.concatenate(chunks) for name, chunks in parts.items()}
    found["labels"] = np.array([photo.labels for photo in photos])
    return found


def score_on_dev(
    model: nn.Module, photos: Sequence[Photo], moved: WasteDataset, *, size: int
) -> dict[str, float]:
    """Measure what early stopping watches.

    item, material, bin: accuracy on dev photos. waste: balanced accuracy of "is it waste".
    moved: item accuracy where the same things were pasted elsewhere and distorted.
    score: mean of item, moved and waste.
    """
    found = predict(model, photos, size=size)
    labels = found["labels"]
    is_waste = labels[:, 0] != NO_LABEL
    numbers = {
        name: float((found[name][is_waste].argmax(1) == labels[is_waste, column]).mean())
        for column, name in enumerate(("item", "material", "bin"))
    }
    says_waste = np.logaddexp.reduce(found["item"], axis=1) > 0
    numbers["waste"] = float(
        (says_waste[is_waste].mean() + (~says_waste[~is_waste]).mean()) / 2
        if (~is_waste).any()
        else says_waste[is_waste].mean()
    )
    if len(moved):
        pixels, wanted = default_collate([moved[index, 7 + index] for index in range(len(moved))])
        device = next(model.parameters()).device
        with torch.inference_mode():
            guessed = torch.cat(
                [model(part.to(device)).item.argmax(1) for part in pixels.split(32)]
            )
        numbers["moved"] = float((guessed.cpu() == wanted[0]).float().mean())
    numbers["score"] = float(
        np.mean([numbers["item"], numbers.get("moved", numbers["item"]), numbers["waste"]])
    )
    return numbers


def train(
    *,
    photos: Sequence[Photo],
    negatives: Sequence[Photo],
    model: MultiHeadClassifier,
    config: FitConfig,
    size: int,
    test_size: int,
    draws: int,
    cutout_dir: Path,
    paste_share: float = 0.4,
    negative_share: float = 0.2,
    min_crop: float = 0.45,
    frozen_stages: int = 3,
    mixup: float = 0.0,
) -> FitResult:
    """Train the model in place on the train split; watch the dev split."""
    every = [*photos, *negatives]
    training = [photo for photo in every if photo.split == "train"]
    dev = [photo for photo in every if photo.split == "dev"]
    make_cutouts([photo for photo in photos if photo.split != "val"], cutout_dir)
    movable = [p for p in dev if p.item and cutout_path(p, cutout_dir).exists()]

    def dataset(chosen: Sequence[Photo], side: int, split: str, share: float) -> WasteDataset:
        paths = [photo.path for photo in negatives if photo.split == split]
        return WasteDataset(
            chosen,
            size=side,
            backgrounds=paths,
            cutout_dir=cutout_dir,
            paste_share=share,
            min_crop=min_crop,
        )

    moved = dataset(movable, test_size, "dev", 1.0)
    share = negative_share if any(p.item is None for p in training) else 0.0
    freeze(model, frozen_stages)
    run = Run(
        convert_conv2d_weight_memory_format(model, torch.channels_last),
        loss_of=partial(loss_of, mixup=mixup),
        dataset=dataset(training, size, "train", paste_share),
        keys_of=lambda epoch: draw_keys(
            training, count=draws, negative_share=share, seed=config.seed, epoch=epoch
        ),
        evaluate=lambda averaged: score_on_dev(averaged, dev, moved, size=test_size),
        config=config,
    )
    return run.fit()


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with waste/ and detection/"
    )
    parser.add_argument(
        "--run", type=Path, required=True, help="folder of this run, kept to resume"
    )
    parser.add_argument("--backbone", default="tf_efficientnet_lite2")
    parser.add_argument(
        "--start",
        default="efficientnet_lite2",
        help="starting weights: a known name, best.safetensors of another run, or 'none'",
    )
    parser.add_argument("--leave-out", nargs="*", default=[], help="sources not to train on")
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--draws", type=int, default=5120, help="samples an epoch")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--size", type=int, default=192, help="side of a training crop, pixels")
    parser.add_argument("--test-size", type=int, default=224, help="side at inference, pixels")
    parser.add_argument("--paste-share", type=float, default=0.4, help="things put elsewhere")
    parser.add_argument("--min-crop", type=float, default=0.45, help="smallest share of a photo")
    parser.add_argument("--learning-rate", type=float, default=3e-4)
    parser.add_argument("--warmup-epochs", type=float, default=3.0)
    parser.add_argument("--ema-decay", type=float, default=0.998)
    parser.add_argument("--frozen-stages", type=int, default=3)
    parser.add_argument("--mixup", type=float, default=0.0, help="alpha of mixup; 0: none")
    parser.add_argument("--negative-share", type=float, default=0.2, help="photos of no waste")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--save-every-s", type=float, default=120.0, help="seconds between states")
    parser.add_argument("--feedback", type=Path, help="corrections downloaded from the Waste tab")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> Mapping[str, float]:
    """Run the command line."""
    arguments = parse_arguments(argv)
    settings = Settings()
    torch.manual_seed(arguments.seed)  # the heads start at random
    model = MultiHeadClassifier(arguments.backbone)
    if arguments.start.endswith(".safetensors"):
        model.load_state_dict(load_tensors(Path(arguments.start)))
    elif arguments.start != "none":
        source = find_weights(arguments.start, settings=settings)
        load_backbone_tensors(model, load_tensors(source.path))
    photos = load_photos(arguments.data / "waste")
    if arguments.feedback is not None:
        photos += load_feedback(arguments.feedback, arguments.run / "feedback")
    result = train(
        photos=[photo for photo in photos if photo.source not in arguments.leave_out],
        negatives=load_negatives(arguments.data / "detection"),
        model=model,
        config=FitConfig(
            run_dir=arguments.run,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            learning_rate=arguments.learning_rate,
            warmup_epochs=arguments.warmup_epochs,
            ema_decay=arguments.ema_decay,
            seed=arguments.seed,
            num_workers=arguments.workers,
            patience=arguments.epochs,
            save_every_s=arguments.save_every_s,
        ),
        size=arguments.size,
        test_size=arguments.test_size,
        draws=arguments.draws,
        cutout_dir=arguments.run.parent / "cutouts",
        paste_share=arguments.paste_share,
        min_crop=arguments.min_crop,
        frozen_stages=arguments.frozen_stages,
        mixup=arguments.mixup,
        negative_share=arguments.negative_share,
    )
    print(f"best epoch {result.best_epoch}, score {result.best_score:.4f}, {result.seconds:.0f} s")
    return {"score": result.best_score, "seconds": result.seconds}


if __name__ == "__main__":
    main()
