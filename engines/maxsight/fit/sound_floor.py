"""What the training has to beat: a logistic regression on the network as it was published."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from engines.maxsight.fit.sound_data import Clip, Sounds
from engines.maxsight.fit.sound_train import labels_of, macro_recall
from engines.maxsight.sound_network import SOUND_RATE_HZ, LogMel, SoundNetwork, load_audioset
from engines.runtime.weights import load_tensors

STRENGTH = 0.02


@torch.inference_mode()
def embeddings(network: SoundNetwork, clips: Sequence[Clip], sounds: Sounds) -> NDArray[np.float32]:
    """Return what the network makes of whole clips before it names them, (N, 896)."""
    picture_of = LogMel()
    found = []
    for clip in clips:
        sound = sounds[clip]
        whole = np.pad(sound, (0, max(0, SOUND_RATE_HZ - len(sound))))
        found.append(network.embed(picture_of(torch.from_numpy(whole)[None]))[0].numpy())
    return np.stack(found)


def floor_recall(
    start: Path, training: Sequence[Clip], val: Sequence[Clip], sounds: Sounds
) -> float:
    """Return the macro recall on `val` of a regression on the published network's features."""
    network = load_audioset(load_tensors(start)).eval()
    scaler = StandardScaler()
    features = scaler.fit_transform(embeddings(network, training, sounds))
    regression = LogisticRegression(C=STRENGTH, max_iter=300, class_weight="balanced")
    regression.fit(features, labels_of(training))
    said = regression.predict(scaler.transform(embeddings(network, val, sounds)))
    return macro_recall(said, labels_of(val))
