"""Sounds with too few clips to be learnt: how the kept outputs of AudioSet are read.

The network never learns from their clips and takes them for background, so that is what they have
to be told from. A logistic regression on the highest output of each sound has two numbers to find,
a scale and an offset; what the card says of training clips comes from regressions that did not see
their recordings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold
from torch import nn

from engines.maxsight.fit.intervals import share
from engines.maxsight.fit.sound_data import Clip
from engines.maxsight.sound_classes import BACKGROUND, kept_sounds, learnt_ids, output_ids
from engines.maxsight.sound_network import SoundNetwork
from engines.maxsight.sound_outputs import audioset_outputs, kept_logits, output_count

FOLDS = 5


@dataclass(frozen=True)
class Calibration:
    """Log-odds against the background = scale * highest output + offset; (kept sounds,) each."""

    scales: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def logits(self, highest: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the log-odds (N, kept sounds) that the highest outputs stand for."""
        return self.scales * highest + self.offsets


def indices_of(clips: Sequence[Clip]) -> NDArray[np.int64]:
    """Return the index of each clip's class in `output_ids`, (N,)."""
    index = {name: number for number, name in enumerate(output_ids())}
    return np.array([index[clip.class_id] for clip in clips], np.int64)


def calibrate(highest: NDArray[np.float64], wanted: NDArray[np.int64]) -> Calibration:
    """Tell each kept sound from the background by its highest output; both weigh the same.

    Args:
        highest: (N, kept sounds), of `kept_logits`.
        wanted: (N,) indices in `output_ids`; clips of learnt sounds are not looked at.

    Raises:
        ValueError: if there is no clip of a kept sound, or none of the background.
    """
    scales, offsets = [], []
    for column, one in enumerate(kept_sounds()):
        is_it = wanted == output_ids().index(one.id)
        asked = is_it | (wanted == output_ids().index(BACKGROUND))
        regression = LogisticRegression(class_weight="balanced")
        regression.fit(highest[asked][:, [column]], is_it[asked])
        scales.append(float(regression.coef_[0, 0]))
        offsets.append(float(regression.intercept_[0]))
    return Calibration(np.array(scales), np.array(offsets))


def out_of_fold(
    highest: NDArray[np.float64], wanted: NDArray[np.int64], recordings: Sequence[str]
) -> NDArray[np.float64]:
    """Return the log-odds (N, kept sounds) that regressions on other recordings give."""
    found = np.zeros(highest.shape)
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    for seen, asked in folds.split(highest, wanted, recordings):
        found[asked] = calibrate(highest[seen], wanted[seen]).logits(highest[asked])
    return found


def shipped(network: SoundNetwork, calibration: Calibration | None = None) -> SoundNetwork:
    """Cut a trained network's last layer to the outputs that are read, calibrated.

    Args:
        network: with the outputs that were learnt, then all of AudioSet's.
        calibration: written into the weights; without one, the outputs are kept as they are.
    """
    count, last = len(learnt_ids()), network.classifier[-1]
    assert isinstance(last, nn.Linear)
    rows = [*range(count), *(count + number for number in audioset_outputs())]
    weight, bias = last.weight.detach()[rows].clone(), last.bias.detach()[rows].clone()
    if calibration is not None:
        widths = [len(one.audioset) for one in kept_sounds()]
        scales = torch.from_numpy(np.repeat(calibration.scales, widths)).float()
        offsets = torch.from_numpy(np.repeat(calibration.offsets, widths)).float()
        weight[count:] *= scales[:, None]
        bias[count:] = scales * bias[count:] + offsets
    cut = SoundNetwork(output_count())
    state = dict(network.state_dict())
    name = f"classifier.{len(network.classifier) - 1}"
    cut.load_state_dict({**state, f"{name}.weight": weight, f"{name}.bias": bias})
    return cut.eval()


def highest_of(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return `kept_logits` of a shipped network's logits, (N, kept sounds)."""
    return kept_logits(logits[:, len(learnt_ids()) :])


def kept_metrics(
    probabilities: NDArray[np.float64], clips: Sequence[Clip], thresholds: Mapping[str, float]
) -> dict[str, Any]:
    """Say of each kept sound how many of its clips, and of all others, reach its threshold.

    Args:
        probabilities: (N, ids) of `output_ids`.
        clips: N clips.
        thresholds: of the sounds that are named.
    """
    wanted, found = indices_of(clips), {}
    for one in kept_sounds():
        index = output_ids().index(one.id)
        is_it = wanted == index
        is_named = probabilities[:, index] >= thresholds.get(one.id, np.inf)
        found[one.id] = {
            "recall": share(int((is_named & is_it).sum()), int(is_it.sum())),
            "clips": int(is_it.sum()),
            "recordings": len({clip.recording for clip in clips if clip.class_id == one.id}),
            "others_named": share(int((is_named & ~is_it).sum()), int((~is_it).sum())),
        }
    return found
