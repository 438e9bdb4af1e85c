"""A made-up pack of sounds: low tones are sirens, high tones dogs, noise is background."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from tests.engines.maxsight.sound_toy import noise, tone, write_sound

HEARD = {"siren": 500.0, "dog_bark": 3_000.0}
OPEN, CLOSED, UNSTATED = "CC0 (by someone)", "CC-BY-NC-3.0 (terms)", "none stated"


# Sounds that are not learnt.
KEPT = {"doorbell": 1_200.0, "glass_breaking": 5_000.0, "thunder_wind": 150.0}


def write_pack(folder: Path, *, each: int = 4, heard: Mapping[str, float] = HEARD) -> Path:
    """Write `each` clips of some sounds and of background for train, and one each for val."""
    rng = np.random.default_rng(0)
    labels, recordings = [], []
    for class_id in (*heard, "background"):
        for number in range(each + 1):
            split = "val" if number == each else "train"
            seconds = float(rng.uniform(0.6, 2.6))
            sound = noise(seconds, seed=number)
            if class_id in heard:
                sound = 0.2 * sound + tone(heard[class_id] * rng.uniform(0.9, 1.1), seconds)
            source = "one" if number % 2 else "two"
            file = f"clips/{class_id}/{source}_{number}.wav"
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            write_sound(folder / file, sound, 16_000, "pcm_s16le")
            licence = OPEN if source == "one" else CLOSED
            labels.append((file, class_id, "", split, source, "", licence, f"{seconds:.3f}"))
            recordings.append((file, f"{class_id}{number}"))
    head = ("file", "class", "upstream_class", "split", "source", "fold", "licence", "seconds")
    _write(folder / "labels.csv", head, labels)
    _write(folder / "recordings.csv", ("file", "recording"), recordings)
    return folder


def _write(path: Path, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)
