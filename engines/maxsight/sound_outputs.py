"""Read the outputs of the network of sounds: logits in, probabilities of the named sounds out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from engines.maxsight.sound_classes import kept_sounds, learnt_ids


def audioset_outputs() -> tuple[int, ...]:
    """Return the outputs of AudioSet that the network keeps, in its order, by their number."""
    return tuple(number for one in kept_sounds() for number in one.audioset)


def output_count() -> int:
    """Return how many outputs the network has: what it learnt here, then those of AudioSet."""
    return len(learnt_ids()) + len(audioset_outputs())


def kept_logits(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the highest output of each kept sound, (N, kept sounds), of outputs of AudioSet.

    Args:
        logits: (N, len(audioset_outputs())).
    """
    found, start = [], 0
    for one in kept_sounds():
        found.append(logits[:, start : start + len(one.audioset)].max(1))
        start += len(one.audioset)
    return np.stack(found, axis=1).astype(np.float64)


def combine(learnt: NDArray[np.floating], kept: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the probability of each of `output_ids()`, (N, ids); each row sums to 1.

    What was learnt knows no kept sound and takes it for background, so the background's share is
    divided between the kept sounds and what is none of them.

    Args:
        learnt: (N, learnt) logits, the background's last.
        kept: (N, kept sounds) logarithms of their odds against the background.
    """
    beside = kept + learnt[:, -1:]
    everything = np.concatenate([learnt[:, :-1], beside, learnt[:, -1:]], axis=1)
    return np.asarray(softmax(everything.astype(np.float64), axis=1))


def probabilities_of(logits: NDArray[np.floating], temperature: float) -> NDArray[np.float64]:
    """Return the probability of each of `output_ids()`, (N, ids); each row sums to 1.

    Args:
        logits: (N, output_count()).
        temperature: the logits of what was learnt are divided by it.
    """
    count = len(learnt_ids())
    return combine(logits[:, :count] / temperature, kept_logits(logits[:, count:]))
