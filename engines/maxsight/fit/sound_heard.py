"""Let trained networks listen to clips that they never learnt from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.maxsight.fit.sound_data import Clip, Sounds, usable
from engines.maxsight.fit.sound_kept import (
    Calibration,
    calibrate,
    highest_of,
    indices_of,
    out_of_fold,
    shipped,
)
from engines.maxsight.fit.sound_train import FACTS_FILE, TERMS, predict
from engines.maxsight.sound_classes import AUDIOSET_CLASSES, BACKGROUND, kept_sounds, learnt_ids
from engines.maxsight.sound_network import SoundNetwork
from engines.runtime.weights import load_tensors

BEST_FILE = "best.safetensors"
# A class counts as heard elsewhere only if this many clips of it were left to learn from.
MIN_LEFT = 10


@dataclass(frozen=True)
class Heard:
    """Clips and what a network that never heard their recordings says.

    Attributes:
        clips: N clips.
        logits: (N, output_count()), the kept outputs calibrated.
    """

    clips: tuple[Clip, ...]
    logits: NDArray[np.float32]

    @property
    def learnt(self) -> NDArray[np.float32]:
        """The logits of what was learnt, (N, learnt)."""
        return self.logits[:, : len(learnt_ids())]

    def part(self, split: str) -> Heard:
        """Return the clips of one split."""
        rows = [row for row, clip in enumerate(self.clips) if clip.split == split]
        return Heard(tuple(self.clips[row] for row in rows), self.logits[rows])


def listen_elsewhere(
    runs: Sequence[Path], clips: Sequence[Clip], sounds: Sounds, calibration: Calibration
) -> Heard:
    """Let each run that left sources out listen to those; classes it hardly knows don't count."""
    chosen: list[Clip] = []
    logits: list[NDArray[np.float32]] = []
    for run in runs:
        facts = json.loads((run / FACTS_FILE).read_text("utf-8"))
        out = set(facts["leave_out"])
        known = usable(clips, TERMS[facts["licences"]])
        left = Counter(c.class_id for c in known if c.split == "train" and c.source not in out)
        asked = [c for c in known if c.source in out and left[c.class_id] >= MIN_LEFT]
        if asked:
            chosen += asked
            logits.append(predict(shipped(load_run(run), calibration), asked, sounds))
    if not chosen:
        raise ValueError("no run left a source out whose classes could be learnt elsewhere")
    return Heard(tuple(chosen), np.concatenate(logits))


def hear_kept(
    network: SoundNetwork, clips: Sequence[Clip], sounds: Sounds
) -> tuple[Heard, Calibration]:
    """Let a trained network listen to all clips of the kept sounds, and calibrate it by them.

    The calibration is of the training part; there each recording is read by one without it.
    """
    ids, split = {one.id for one in kept_sounds()}, "train"
    asked = [
        clip
        for clip in clips
        if clip.class_id in ids or (clip.class_id == BACKGROUND and clip.split == split)
    ]
    logits = predict(shipped(network), asked, sounds)
    highest, wanted = highest_of(logits), indices_of(asked)
    is_train = np.array([clip.split == split for clip in asked])
    calibration = calibrate(highest[is_train], wanted[is_train])
    odds = calibration.logits(highest)
    recordings = [clip.recording for clip in asked if clip.split == split]
    odds[is_train] = out_of_fold(highest[is_train], wanted[is_train], recordings)
    widths = [len(one.audioset) for one in kept_sounds()]
    logits[:, len(learnt_ids()) :] = np.repeat(odds, widths, axis=1)
    rows = [row for row, clip in enumerate(asked) if clip.class_id in ids]
    return Heard(tuple(asked[row] for row in rows), logits[rows]), calibration


def load_run(run: Path) -> SoundNetwork:
    """Load the network that a run kept, with all outputs of AudioSet."""
    network = SoundNetwork(len(learnt_ids()) + AUDIOSET_CLASSES)
    network.load_state_dict(load_tensors(run / BEST_FILE))
    return network.eval()
