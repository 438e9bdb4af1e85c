"""Calibrate a trained run, measure it and write the checkpoint with its card.

`python -m engines.waste.fit.evaluate --data DIR --run runs/waste/main --out checkpoints/waste`

The weights of the joint decision are chosen on dev photos. Temperature and thresholds are fitted on
val photos; what is reported of them is cross-fitted (fitted on one half, measured on the other), so
no number is measured on photos it was fitted on.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch.nn.utils import convert_conv2d_weight_memory_format

from engines.runtime.fit import write_card
from engines.waste.decision import Calibration, Decision, decide, waste_log_odds
from engines.waste.fit.data import (
    Photo,
    load_negatives,
    load_photos,
    stable_hash,
)
from engines.waste.fit.train import predict
from engines.waste.model import MultiHeadClassifier
from engines.waste.taxonomy import BINS, ITEMS, MATERIALS, TRIPLES

Logits = Mapping[str, NDArray[Any]]
ECE_BINS = 15
BOOTSTRAP_DRAWS = 2000
# Photos above the threshold should be right this often on val.
WANTED_SURE_ACCURACY = 0.99
# Share of val waste that may be mistaken for something else.
WASTE_MISSED = 0.01
MIN_OTHER_SOURCE_PHOTOS = 20


def expected_calibration_error(
    confidence: NDArray[Any], is_right: NDArray[Any], bins: int = ECE_BINS
) -> float:
    """Mean gap between confidence and accuracy over equal-width bins (Naeini et al. 2015)."""
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = [
        abs(confidence[index == b].mean() - is_right[index == b].mean()) * (index == b).mean()
        for b in range(bins)
        if (index == b).any()
    ]
    return float(sum(gaps))


def bootstrap_interval(values: NDArray[Any], seed: int = 0) -> tuple[float, float, float]:
    """Mean of per-photo values with its 95 % interval over resampled photos."""
    rng = np.random.default_rng(seed)
    draws = rng.integers(0, len(values), (BOOTSTRAP_DRAWS, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return round(float(values.mean()), 4), round(float(low), 4), round(float(high), 4)


def run_decision(found: Logits, calibration: Calibration) -> Decision:
    """Apply the joint decision to the output of `predict`."""
    item, material, bin_ = (found[name].astype(np.float64) for name in ("item", "material", "bin"))
    return decide(item, material, bin_, calibration)


def rows(found: Logits, chosen: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Keep the chosen photos of the output of `predict`."""
    return {name: values[chosen] for name, values in found.items()}


def log_likelihood(found: Logits, calibration: Calibration) -> float:
    """Mean log-probability of the right item over the photos that show waste."""
    items = run_decision(found, calibration).items
    right = items[np.arange(len(items)), found["labels"][:, 0]]
    return float(np.log(np.clip(right, 1e-12, 1)).mean())


def fit_temperature(found: Logits, calibration: Calibration) -> Calibration:
    """Choose the temperature of the highest likelihood on these photos (Guo et al. 2017)."""
    grid = np.geomspace(0.2, 4.0, 61)
    tried = [replace(calibration, temperature=float(t)) for t in grid]
    return max(tried, key=lambda candidate: log_likelihood(found, candidate))


def choose_weights(dev: Logits) -> Calibration:
    """Choose how much material and bin heads count, by likelihood on the dev photos."""
    neutral = Calibration(1.0, 0.0, 0.0, 0.0, 0.0)
    tried = [
        fit_temperature(dev, replace(neutral, material_weight=m, bin_weight=b))
        for m in (0.0, 0.25, 0.5, 1.0)
        for b in (0.0, 0.25, 0.5)
    ]
    return max(tried, key=lambda candidate: log_likelihood(dev, candidate))


def sure_threshold(found: Logits, calibration: Calibration) -> float:
    """Return the lowest confidence above which the items are right WANTED_SURE_ACCURACY often."""
    items = run_decision(found, calibration).items
    confidence = items.max(axis=1)
    is_right = items.argmax(axis=1) == found["labels"][:, 0]
    for threshold in np.arange(0.30, 0.96, 0.01):
        if is_right[confidence >= threshold].mean() >= WANTED_SURE_ACCURACY:
            return round(float(threshold), 2)
    return 0.95


def waste_threshold(found: Logits) -> float:
    """Return the log-odds that keep all but WASTE_MISSED of these waste photos."""
    return round(float(np.quantile(waste_log_odds(found["item"]), WASTE_MISSED)), 3)


def calibrate(waste: Logits, weights: Calibration) -> Calibration:
    """Fit temperature and both thresholds on photos of waste."""
    found = fit_temperature(waste, weights)
    return replace(
        found, sure_above=sure_threshold(waste, found), waste_above=waste_threshold(waste)
    )


def cross_fitted(
    waste: Logits,
    negatives: Logits,
    weights: Calibration,
    fold: NDArray[Any],
    negative_fold: NDArray[Any],
) -> dict[str, Any]:
    """Measure calibration, abstention and scope on photos they were not fitted on."""
    confidence = np.zeros(len(fold))
    is_right, is_sure, kept = (np.zeros(len(fold), bool) for _ in range(3))
    refused = np.zeros(len(negative_fold), bool)
    for half in (0, 1):
        here, there = fold == half, negative_fold == half
        calibration = calibrate(rows(waste, ~here), weights)
        measured = rows(waste, here)
        items = run_decision(measured, calibration).items
        confidence[here] = items.max(axis=1)
        is_right[here] = items.argmax(axis=1) == measured["labels"][:, 0]
        is_sure[here] = confidence[here] >= calibration.sure_above
        kept[here] = waste_log_odds(measured["item"]) > calibration.waste_above
        refused[there] = waste_log_odds(rows(negatives, there)["item"]) <= calibration.waste_above
    uncalibrated = run_decision(waste, replace(weights, temperature=1.0)).items
    return {
        "ece_before": round(
            expected_calibration_error(
                uncalibrated.max(axis=1), uncalibrated.argmax(1) == waste["labels"][:, 0]
            ),
            4,
        ),
        "ece_after": round(expected_calibration_error(confidence, is_right), 4),
        "abstention": {
            "share_answered": bootstrap_interval(is_sure.astype(float)),
            "accuracy_when_sure": bootstrap_interval(is_right[is_sure].astype(float)),
            "accuracy_when_unsure": bootstrap_interval(is_right[~is_sure].astype(float))
            if (~is_sure).any()
            else None,
        },
        "out_of_scope": {
            "waste_kept": bootstrap_interval(kept.astype(float)),
            "other_recognised": bootstrap_interval(refused.astype(float)),
        },
    }


def head_metrics(found: Logits, decision: Decision) -> dict[str, Any]:
    """Accuracy of the joint decision per head, with intervals, and per-item recall."""
    labels = found["labels"]
    answers = [TRIPLES[index] for index in decision.triple]
    answered = np.array(
        [(ITEMS.index(i), MATERIALS.index(m), BINS.index(b)) for i, m, b in answers]
    )
    right = {
        name: (answered[:, column] == labels[:, column]).astype(float)
        for column, name in enumerate(("item", "material", "bin"))
    }
    recall = {
        item: {
            "recall": round(float(right["item"][labels[:, 0] == index].mean()), 3),
            "photos": int((labels[:, 0] == index).sum()),
        }
        for index, item in enumerate(ITEMS)
        if (labels[:, 0] == index).any()
    }
    pairs = Counter(
        (ITEMS[wanted], ITEMS[got])
        for wanted, got in zip(labels[:, 0], answered[:, 0], strict=True)
        if wanted != got
    )
    return {
        "accuracy": {name: bootstrap_interval(values) for name, values in right.items()},
        "item_macro_recall": round(float(np.mean([r["recall"] for r in recall.values()])), 4),
        "per_item": recall,
        "confusions": [
            {"true": wanted, "answered": got, "photos": count}
            for (wanted, got), count in pairs.most_common(12)
        ],
    }


def load_run(run: Path, backbone: str) -> MultiHeadClassifier:
    """Load the best weights of a run, rounded to float16 as they are shipped."""
    model = MultiHeadClassifier(backbone)
    tensors = load_file(run / "best.safetensors")
    model.load_state_dict(
        {k: v.half().float() if v.is_floating_point() else v for k, v in tensors.items()}
    )
    convert_conv2d_weight_memory_format(model, torch.channels_last)
    return model.eval()


def left_out_metrics(
    run: Path,
    backbone: str,
    sources: Sequence[str],
    photos: Sequence[Photo],
    size: int,
    calibration: Calibration,
) -> dict[str, Any]:
    """Measure a run on sources it never saw, for the items it could learn from other sources."""
    learnt = Counter(p.item for p in photos if p.split == "train" and p.source not in sources)
    chosen = [
        p for p in photos if p.source in sources and learnt[p.item] >= MIN_OTHER_SOURCE_PHOTOS
    ]
    found = predict(load_run(run, backbone), chosen, size=size)
    decision = run_decision(found, calibration)
    numbers = head_metrics(found, decision)
    confidence = decision.items.max(axis=1)
    is_right = decision.items.argmax(1) == found["labels"][:, 0]
    is_sure = confidence >= calibration.sure_above
    return {
        "left_out": list(sources),
        "photos": len(chosen),
        **numbers,
        "ece": round(expected_calibration_error(confidence, is_right), 4),
        "share_answered": round(float(is_sure.mean()), 4),
        "accuracy_when_sure": round(float(is_right[is_sure].mean()), 4),
        "waste_kept": round(
            float((waste_log_odds(found["item"]) > calibration.waste_above).mean()), 4
        ),
    }


def export(model: MultiHeadClassifier, folder: Path) -> int:
    """Write float16 safetensors; return the bytes."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.safetensors"
    tensors = {
        name: (value.half() if value.is_floating_point() else value).contiguous()
        for name, value in model.state_dict().items()
    }
    save_file(tensors, path, metadata={"format": "pt"})
    return path.stat().st_size


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with waste/ and detection/"
    )
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="checkpoint folder to write")
    parser.add_argument(
        "--notes", type=Path, required=True, help="JSON with the card's fixed texts"
    )
    parser.add_argument("--backbone", default="tf_efficientnet_lite2")
    parser.add_argument("--sizes", type=int, nargs="+", default=[192, 224, 256])
    parser.add_argument(
        "--left-out", action="append", default=[], metavar="RUN=SOURCE[,SOURCE]",
        help="a run trained without these sources, to estimate other cameras",
    )  # fmt: skip
    arguments = parser.parse_args(argv)
    photos = load_photos(arguments.data / "waste")
    negatives = load_negatives(arguments.data / "detection")
    model = load_run(arguments.run, arguments.backbone)

    def part(split: str, which: Sequence[Photo]) -> list[Photo]:
        return [photo for photo in which if photo.split == split]

    on_dev = {size: predict(model, part("dev", photos), size=size) for size in arguments.sizes}
    weights_of = {size: choose_weights(found) for size, found in on_dev.items()}
    size = max(on_dev, key=lambda s: log_likelihood(on_dev[s], weights_of[s]))
    weights = weights_of[size]
    val_photos, val_negatives = part("val", photos), part("val", negatives)
    val = predict(model, val_photos, size=size)
    other = predict(model, val_negatives, size=size)
    calibration = calibrate(val, weights)
    fold, other_fold = (
        np.array([stable_hash(p.path.stem) % 2 for p in which])
        for which in (val_photos, val_negatives)
    )
    metrics: dict[str, Any] = {
        "val": {
            **head_metrics(val, run_decision(val, calibration)),
            **cross_fitted(val, other, weights, fold, other_fold),
            "photos": len(val_photos),
            "negatives": len(val_negatives),
        },
        "dev_log_likelihood_by_input_size": {
            str(s): round(log_likelihood(found, weights_of[s]), 4) for s, found in on_dev.items()
        },
    }
    folds = []
    for entry in arguments.left_out:
        run, sources = entry.split("=")
        folds.append(
            left_out_metrics(
                Path(run), arguments.backbone, sources.split(","), photos, size, calibration
            )
        )
    if folds:
        metrics["other_sources"] = folds
    notes = json.loads(arguments.notes.read_text())
    size_bytes = export(model, arguments.out)
    write_card(
        arguments.out,
        {
            **notes,
            "created": date.today().isoformat(),
            "size_mb": round(size_bytes / 1e6, 2),
            "metrics": metrics,
            "inference": {
                "backbone": arguments.backbone,
                "input_size": size,
                **asdict(calibration),
                "items": list(ITEMS),
                "materials": list(MATERIALS),
                "bins": list(BINS),
            },
        },
    )
    print(json.dumps(metrics, indent=1))


if __name__ == "__main__":
    main()
