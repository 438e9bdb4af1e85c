"""What is chosen for the network of sounds, by what no network learnt from.

How far it is moved back to the published network, the temperature of its logits, and the least
probability at which a sound is named.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from engines.maxsight.fit.sound_data import Clip, Sounds
from engines.maxsight.fit.sound_heard import listen_elsewhere
from engines.maxsight.fit.sound_train import labels_of
from engines.maxsight.sound_classes import BACKGROUND, output_ids
from engines.maxsight.sound_network import SoundNetwork

# A sound is named from the least probability on at which four of five such names are right.
PRECISION = 0.8
GRID = np.round(np.arange(0.30, 0.951, 0.05), 2)
# Where fewer clips than this tell, the usual half is taken.
MIN_TOLD, USUAL_THRESHOLD = 10, 0.5
SHARES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def choose_share(
    runs: Sequence[Path], clips: Sequence[Clip], sounds: Sounds, published: SoundNetwork
) -> tuple[float, dict[str, float]]:
    """Choose how far to move back to the published network, by what runs say of unheard sources.

    Returns:
        The share with the highest log-likelihood at its best temperature, and that of each share.
    """
    scores: dict[str, float] = {}
    for share in SHARES:
        heard = listen_elsewhere(runs, clips, sounds, published=published, share=share)
        wanted = labels_of(heard.clips)
        temperature = fit_temperature(heard.learnt, wanted)
        scores[str(share)] = log_likelihood(heard.learnt, wanted, temperature)
        print(f"share {share}: log-likelihood {scores[str(share)]:.4f}", flush=True)
    return max(SHARES, key=lambda share: scores[str(share)]), scores


def fit_temperature(logits: NDArray[np.float32], wanted: NDArray[np.int64]) -> float:
    """Return the temperature of least negative log-likelihood, from 0.25 to 4.

    Every class weighs the same. Source: Guo et al. 2017.
    """
    found = minimize_scalar(
        lambda logarithm: -log_likelihood(logits, wanted, float(np.exp(logarithm))),
        bounds=(np.log(0.25), np.log(4.0)),
        method="bounded",
    )
    return float(np.exp(found.x))


def log_likelihood(
    logits: NDArray[np.float32], wanted: NDArray[np.int64], temperature: float
) -> float:
    """Return the mean log-probability of the true class; every class weighs the same."""
    likely = log_softmax(logits / temperature, axis=1)[np.arange(len(wanted)), wanted]
    return float((even_weights(wanted) * likely).sum())


def even_weights(wanted: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return weights that sum to 1 and give every class the same sum, (N,)."""
    weights = 1.0 / np.bincount(wanted)[wanted]
    return np.asarray(weights / weights.sum())


def choose_thresholds(
    probabilities: NDArray[np.float64], wanted: NDArray[np.int64]
) -> dict[str, float]:
    """Choose the least probability of each sound at which PRECISION of its names are right.

    Every class weighs the same. A sound for which there is none is left out: it is never named.
    With fewer than MIN_TOLD clips of a sound, USUAL_THRESHOLD is taken.

    Args:
        probabilities: (N, ids) of `output_ids`.
        wanted: (N,) indices of the true ones.
    """
    weights, counts = even_weights(wanted), np.bincount(wanted, minlength=len(output_ids()))
    chosen: dict[str, float] = {}
    for index, name in enumerate(output_ids()):
        if name == BACKGROUND:
            continue
        if counts[index] < MIN_TOLD:
            chosen[name] = USUAL_THRESHOLD
            continue
        for least in GRID:
            named = probabilities[:, index] >= least
            right = float(weights[named & (wanted == index)].sum())
            if right > 0 and right >= PRECISION * float(weights[named].sum()):
                chosen[name] = float(least)
                break
    return chosen
