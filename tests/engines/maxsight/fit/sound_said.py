"""Probabilities as a network of sounds might say them."""

from __future__ import annotations

import numpy as np

from engines.maxsight.sound_classes import output_ids

IDS = output_ids()
SIREN, DOG, BACKGROUND = IDS.index("siren"), IDS.index("dog_bark"), IDS.index("background")


def said(*pairs: tuple[int, float]) -> np.ndarray:
    """Return probabilities, each row's rest on the background (or on the alarm for it)."""
    found = np.zeros((len(pairs), len(IDS)))
    for row, (index, likely) in zip(found, pairs, strict=True):
        row[index] = likely
        row[BACKGROUND if index != BACKGROUND else 0] += 1 - likely
    return found
