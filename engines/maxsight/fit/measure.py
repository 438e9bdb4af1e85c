"""Measure a checkpoint on val, and choose what it may name.

Nothing is tuned on what is reported: thresholds, objectness power and input side are chosen on
four fifths of the photos and measured on the rest, five times. What ships is chosen on all of val.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.maxsight.classes import Vocabulary
from engines.maxsight.decode import Detections
from engines.maxsight.fit.calm import (
    Look,
    Video,
    alerts_of,
    is_calm,
    is_parked_near,
    summarise_calm,
    summarise_parked,
)
from engines.maxsight.fit.evaluate import MANY_BOXES
from engines.maxsight.fit.intervals import around, draw_photos, share
from engines.maxsight.fit.looking import (
    inference_part,
    look_at_all,
    read_photo,
    runner_of,
)
from engines.maxsight.fit.matching import ClassMatches, match_classes
from engines.maxsight.fit.pack import Frame
from engines.maxsight.fit.safety import measure_safety, zone_head
from engines.maxsight.fit.thresholds import (
    FOLDS,
    Reading,
    TrustRule,
    choose_reading,
    choose_thresholds,
    folds_of,
    score_of,
)
from engines.maxsight.scheduler import Alert
from engines.maxsight.stage_a_network import OnnxNetwork
from engines.maxsight.stage_a_runner import GRAPH_FILE
from engines.runtime.errors import InputError
from engines.runtime.settings import Settings

log = logging.getLogger(__name__)

POWERS = (0.0, 0.25, 0.5, 0.75, 1.0)
CROSS_FITTED = (
    f"Input side, objectness power and thresholds were chosen on {FOLDS - 1} of {FOLDS} parts of "
    "val and measured on the other one, in turn, then pooled. Those that ship were chosen on all "
    "of val."
)


@dataclass(frozen=True)
class Choice:
    """What was chosen on some photos: how to read the network, and class id -> least score."""

    reading: Reading
    thresholds: Mapping[str, float]


@dataclass(frozen=True)
class Videos:
    """How many videos of how many seconds and frames a second the calm test shows."""

    calm: int = 20
    parked: int = 6
    seconds: float = 60.0
    fps: float = 5.0


@dataclass(frozen=True)
class Measured:
    """What a report found: the part "inference" of the card, and its metrics."""

    inference: dict[str, Any]
    metrics: dict[str, Any]


def choose(
    candidates: Mapping[Reading, Sequence[ClassMatches]],
    strict: Mapping[Reading, Sequence[ClassMatches]],
    weights: NDArray[np.int64],
    words: Vocabulary,
    rule: TrustRule,
) -> Choice:
    """Choose on the photos with weight 1: the reading by `candidates`, thresholds by `strict`.

    Raises:
        InputError: if no class is good enough to be named.
    """
    reading = choose_reading(candidates, weights)
    thresholds = choose_thresholds(strict[reading], weights, words, rule)
    if not thresholds:
        raise InputError(
            "No class is good enough to be named, so there is nothing to ship.",
            "Train longer, or look at the scores in the run's log.jsonl.",
        )
    return Choice(reading, thresholds)


def measure(
    checkpoint: Path,
    frames: Sequence[Frame],
    *,
    words: Vocabulary,
    settings: Settings,
    sides: Sequence[int],
    powers: Sequence[float] = POWERS,
    rule: TrustRule | None = None,
    videos: Videos | None = None,
    seed: int = 0,
) -> Measured:
    """Measure a checkpoint on the photos of val.

    Args:
        checkpoint: folder with model.safetensors and model.onnx.
        sides: longer sides of the input to choose from, pixels.

    Raises:
        InputError: if no class is good enough.
    """
    rule, videos = rule or TrustRule(), videos or Videos()
    found: dict[Reading, list[Detections]] = {}
    network = OnnxNetwork(checkpoint / GRAPH_FILE, threads=settings.cpu_threads)
    for side in sides:
        found |= look_at_all(network, frames, side=side, powers=powers)
        log.info("looked at %d photos at %d pixels", len(frames), side)
    candidates = {reading: match_classes(frames, own, words) for reading, own in found.items()}
    strict = {
        reading: match_classes(frames, own, words, counts_misnamed=True)
        for reading, own in found.items()
    }
    everything = np.ones(len(frames), np.int64)
    shipped = choose(candidates, strict, everything, words, rule)
    folds = folds_of(frames)
    choices = [
        choose(candidates, strict, (folds != fold).astype(np.int64), words, rule)
        for fold in range(FOLDS)
    ]
    log.info("%d classes may be named; now as in use", len(shipped.thresholds))
    own_found = [found[choices[fold].reading][index] for index, fold in enumerate(folds.tolist())]
    with ExitStack() as stack:
        looks = [
            stack.enter_context(
                runner_of(
                    checkpoint, choice.reading, choice.thresholds, words=words, settings=settings
                )
            ).look
            for choice in choices
        ]
        seen = [
            looks[fold](read_photo(frame), index, 0.0)
            for index, (frame, fold) in enumerate(zip(frames, folds, strict=True))
        ]
        of_videos = _measure_videos(frames, [looks[fold] for fold in folds], words, videos, seed)
    trusted = [set(choices[fold].thresholds) for fold in folds]
    metrics = {
        "photos": len(frames),
        "network": "exported graph",
        "cross_fitted": CROSS_FITTED,
        "trust_rule": rule.words,
        "precision": _precision(match_classes(frames, own_found, words), words, seed),
        "operating_points": _operating_points(strict, choices, folds, words, shipped),
        "choices_of_the_parts": [
            {"side": c.reading.side, "power": c.reading.power, "classes": len(c.thresholds)}
            for c in choices
        ],
        "score_by_side_and_power": [
            {
                "side": reading.side, "power": reading.power, "score": score_of(own, everything),
            }
            for reading, own in candidates.items()
        ],
        "safety": measure_safety(frames, seen, words, trusted),
        "zone_head": zone_head(frames, own_found, words),
        **of_videos,
    }  # fmt: skip
    return Measured(inference_part(shipped.reading, shipped.thresholds, words), metrics)


def _measure_videos(
    frames: Sequence[Frame], looks: Sequence[Look], words: Vocabulary, videos: Videos, seed: int
) -> dict[str, Any]:
    """Show calm videos and parked cars, drawn from all of val; `looks` holds one for each photo."""

    def said(index: int, *, is_panning: bool) -> list[Alert]:
        log.info("video of %s", frames[index].path.name)
        video = Video(frames[index], videos.seconds, videos.fps, is_panning, seed)
        return alerts_of(video, looks[index])

    order = np.random.default_rng(seed).permutation(len(frames)).tolist()
    calm: list[int] = []
    for index in order:
        video = Video(frames[index], videos.seconds, videos.fps, True, seed)
        if len(calm) < videos.calm and is_calm(video, words):
            calm.append(index)
    parked = [index for index in order if is_parked_near(frames[index], words)][: videos.parked]
    return {
        "calm_videos": summarise_calm(
            [said(index, is_panning=True) for index in calm], seconds=videos.seconds
        ),
        "parked_car_within_3_m": summarise_parked(
            [said(index, is_panning=False) for index in parked], seconds=videos.seconds
        ),
    }


def _precision(matches: Sequence[ClassMatches], words: Vocabulary, seed: int) -> dict[str, Any]:
    """Compute AP50 by class and the means over classes, with intervals from resampled photos."""
    once = np.ones(len(matches[0].true_counts), np.int64)
    draws = draw_photos(len(once), seed=seed)
    counts = np.array([own.true_counts.sum() for own in matches])
    present = np.flatnonzero(counts)
    values = np.array([matches[index].average_precision(once) for index in present])
    drawn = np.array(
        [[matches[index].average_precision(row) for index in present] for row in draws]
    )

    def mean(least: int) -> dict[str, Any]:
        chosen = counts[present] >= least
        if not chosen.any():
            return {"classes": 0, "ap50": None}
        means = np.array(
            [np.nanmean(row[chosen]) for row in drawn if not np.isnan(row[chosen]).all()]
        )
        return {
            "classes": int(chosen.sum()),
            "ap50": around(float(values[chosen].mean()), means),
        }

    return {
        "map50_all_classes_with_boxes": mean(1),
        f"map50_classes_with_{MANY_BOXES}_boxes": mean(MANY_BOXES),
        "by_class": {
            words.trained_ids[index]: {
                "boxes": int(counts[index]),
                "ap50": around(float(values[column]), drawn[:, column]),
            }
            for column, index in enumerate(present)
        },
    }


def _operating_points(
    strict: Mapping[Reading, Sequence[ClassMatches]],
    choices: Sequence[Choice],
    folds: NDArray[np.int64],
    words: Vocabulary,
    shipped: Choice,
) -> dict[str, Any]:
    """Measure precision and recall of each class at thresholds chosen on other photos."""
    points = {}
    for row, name in enumerate(words.trained_ids):
        hits, named, true = 0, 0, 0
        for fold, choice in enumerate(choices):
            own = strict[choice.reading][row]
            true += int(own.true_counts[folds == fold].sum())
            # Named in no photo of this part if it was not trusted on the others.
            least = choice.thresholds.get(name, np.inf)
            is_named = (folds[own.photos] == fold) & (own.scores >= least)
            named += int(is_named.sum())
            hits += int(own.is_hit[is_named].sum())
        points[name] = {
            "ships_with_threshold": shipped.thresholds.get(name),
            "trusted_in_parts": sum(name in choice.thresholds for choice in choices),
            "boxes": true,
            "precision": share(hits, named),
            "recall": share(hits, true),
        }
    return points
