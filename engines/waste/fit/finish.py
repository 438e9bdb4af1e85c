"""Finish trained runs: average them, move part of the way back to their start, fit the heads anew.

`python -m engines.waste.fit.finish --data DIR --runs runs/waste/a runs/waste/b --out DIR`

Runs that began with the same weights can be averaged, and the mean does better than each (Wortsman
et al. 2022, Model soups). Fine-tuning on a few thousand photos forgets some of what ImageNet
taught; a backbone between the starting weights and the fine-tuned ones does better on photos of
both kinds (Wortsman et al. 2022, Robust fine-tuning of zero-shot models). Heads fitted on its
features by logistic regression fit it exactly. The share and the regularisation are chosen on the
dev photos. Without a run the start itself is finished: heads on features that nobody tuned, from
which fine-tuning departs without spoiling them (Kumar et al. 2022, Fine-tuning can distort
pretrained features).
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from engines.runtime.fit import mean_weights, mix_weights
from engines.runtime.settings import load_settings
from engines.runtime.weights import find_weights, load_tensors
from engines.waste.fit.cutouts import plain_background
from engines.waste.fit.data import (
    Photo,
    WasteDataset,
    load_negatives,
    load_photos,
    make_cutouts,
    read_rgb,
)
from engines.waste.images import to_input
from engines.waste.model import MultiHeadClassifier, load_backbone_tensors
from engines.waste.taxonomy import ITEMS

Floats = NDArray[Any]
BATCH = 32
MAX_OTHER = 1500
# Empty surfaces that are no waste either: without them walls and lawns pass for paper.
SURFACES, SURFACE_SIDE = 300, 256
# "Something else" as one more class; its logit is then moved to the fixed 0 that the network has.
OTHER = len(ITEMS)


@torch.inference_mode()
def features(backbone: nn.Module, inputs: Iterable[Tensor]) -> Floats:
    """Run pictures (3, S, S) through a backbone: (N, width)."""
    kind = next(backbone.parameters()).dtype
    source: Iterator[Tensor] = iter(inputs)
    found = []
    while batch := list(itertools.islice(source, BATCH)):
        pixels = torch.stack(batch).to(kind).contiguous(memory_format=torch.channels_last)
        found.append(backbone(pixels).float().numpy())
    return np.concatenate(found)


def surfaces(size: int, *, seed: int = 0) -> Iterator[Tensor]:
    """Make SURFACES pictures (3, size, size) of tables, floors and walls with nothing on them."""
    rng = np.random.default_rng(seed)
    return (to_input(plain_background(SURFACE_SIDE, rng), size) for _ in range(SURFACES))


def fit_head(head: nn.Linear, inputs: Floats, labels: NDArray[np.int64], strength: float) -> None:
    """Fit a linear head by multinomial logistic regression on standardised features, in place.

    Args:
        head: (classes, width).
        inputs: (N, width). labels: (N,), below the number of classes, or OTHER for the item head.
        strength: inverse of the L2 penalty (scikit-learn's C).
    """
    mean, spread = inputs.mean(axis=0), inputs.std(axis=0) + 1e-3
    fitted = LogisticRegression(C=strength, max_iter=400).fit((inputs - mean) / spread, labels)
    coefficients, intercepts = fitted.coef_, fitted.intercept_
    if len(coefficients) == 1:  # two classes: scikit-learn keeps only the second one's row
        coefficients = np.concatenate([np.zeros_like(coefficients), coefficients])
        intercepts = np.concatenate([np.zeros_like(intercepts), intercepts])
    weight = coefficients / spread
    bias = intercepts - weight @ mean
    is_other = fitted.classes_ == OTHER
    if is_other.any() and head.out_features == OTHER:
        weight, bias = weight - weight[is_other], bias - bias[is_other]
    # A class without photos is given logits that never win.
    with torch.no_grad():
        head.weight.zero_()
        head.bias.fill_(-20.0)
        for row, label in enumerate(fitted.classes_):
            if label < head.out_features:
                head.weight[label] = torch.from_numpy(weight[row]).float()
                head.bias[label] = float(bias[row])


def log_likelihood(head: nn.Linear, inputs: Floats, labels: NDArray[np.int64]) -> float:
    """Mean log-probability of the right class."""
    with torch.inference_mode():
        logits = head(torch.from_numpy(inputs)).log_softmax(dim=1)
    return float(logits[np.arange(len(labels)), labels].mean())


def finish(
    model: MultiHeadClassifier,
    start: MultiHeadClassifier,
    photos: Sequence[Photo],
    negatives: Sequence[Photo],
    *,
    size: int,
    cutout_dir: Path,
    shares: Sequence[float],
    strengths: Sequence[float],
) -> dict[str, float]:
    """Choose share and strength on dev, leave the weights in `model`, return the choice."""
    train = [photo for photo in photos if photo.split == "train"]
    dev = [photo for photo in photos if photo.split == "dev"]
    other = [photo for photo in negatives if photo.split == "train"]
    other = other[:: max(1, len(other) // MAX_OTHER)]
    make_cutouts([photo for photo in photos if photo.split != "val"], cutout_dir)
    augmented = WasteDataset(
        train,
        size=size,
        backgrounds=[photo.path for photo in other],
        cutout_dir=cutout_dir,
        paste_share=0.5,
        min_crop=0.6,
    )

    def plain(chosen: Sequence[Photo]) -> Iterator[Tensor]:
        return (to_input(read_rgb(photo.path), size) for photo in chosen)

    labels = np.array([photo.labels for photo in train] * 2)
    dev_items = np.array([photo.labels[0] for photo in dev])
    ends = start.backbone.state_dict(), model.backbone.state_dict()
    best: tuple[float, dict[str, Tensor], dict[str, float]] | None = None
    for share in shares:
        candidate = MultiHeadClassifier(model.backbone_name)
        candidate.backbone.load_state_dict(mix_weights(*ends, share))
        candidate.eval()
        backbone = candidate.backbone.to(torch.bfloat16)
        convert_conv2d_weight_memory_format(backbone, torch.channels_last)
        seen = features(
            backbone, itertools.chain(plain(train), (augmented[i, i][0] for i in range(len(train))))
        )
        unlike = features(backbone, itertools.chain(plain(other), surfaces(size)))
        watched = features(backbone, plain(dev))
        for strength in strengths:
            with_other = np.concatenate([seen, unlike])
            item_labels = np.concatenate([labels[:, 0], np.full(len(unlike), OTHER)])
            fit_head(candidate.item_head, with_other, item_labels, strength)
            score = log_likelihood(candidate.item_head, watched, dev_items)
            print(f"share {share}  strength {strength}  dev log-likelihood {score:.4f}", flush=True)
            if best is None or score > best[0]:
                fit_head(candidate.material_head, seen, labels[:, 1], strength)
                fit_head(candidate.bin_head, seen, labels[:, 2], strength)
                weights = {
                    k: v.float().clone() if v.is_floating_point() else v.clone()
                    for k, v in candidate.state_dict().items()
                }
                best = score, weights, {"share": share, "strength": strength, "score": score}
    if best is None:
        raise ValueError("no share or no strength was given to choose from")
    # The mix was rounded to bfloat16 to measure it; the finished one is mixed in full precision.
    exact = mix_weights(*ends, best[2]["share"])
    heads = {name: value for name, value in best[1].items() if not name.startswith("backbone.")}
    model.load_state_dict({f"backbone.{name}": value for name, value in exact.items()} | heads)
    return best[2]


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with waste/ and detection/"
    )
    parser.add_argument(
        "--runs", type=Path, nargs="*", default=[], help="trained runs; none: the start itself"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for best.safetensors")
    parser.add_argument("--backbone", default="tf_efficientnet_lite2")
    parser.add_argument(
        "--start",
        default="efficientnet_lite2",
        help="what to move back to: a known name, or the safetensors of a whole network",
    )
    parser.add_argument("--leave-out", nargs="*", default=[], help="sources not to train on")
    parser.add_argument("--size", type=int, default=256, help="side of the input, pixels")
    parser.add_argument("--shares", type=float, nargs="+", default=[0.4, 0.6, 0.8])
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.003, 0.01, 0.03])
    arguments = parser.parse_args(argv)
    start, model = (MultiHeadClassifier(arguments.backbone) for _ in range(2))
    if arguments.start.endswith(".safetensors"):
        start.load_state_dict(load_tensors(Path(arguments.start)))
    else:
        source = find_weights(arguments.start, settings=load_settings())
        load_backbone_tensors(start, load_tensors(source.path))
    if arguments.runs:
        weights = [load_file(run / "best.safetensors") for run in arguments.runs]
        model.load_state_dict(mean_weights(weights))
    else:
        model.load_state_dict(start.state_dict())
    photos = load_photos(arguments.data / "waste")
    chosen = finish(
        model,
        start,
        [photo for photo in photos if photo.source not in arguments.leave_out],
        load_negatives(arguments.data / "detection"),
        size=arguments.size,
        cutout_dir=arguments.out.parent / "cutouts",
        shares=arguments.shares,
        strengths=arguments.strengths,
    )
    arguments.out.mkdir(parents=True, exist_ok=True)
    save_file(
        {name: value.contiguous() for name, value in model.state_dict().items()},
        arguments.out / "best.safetensors",
    )
    print(chosen)


if __name__ == "__main__":
    main()
