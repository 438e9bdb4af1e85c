"""Let trained networks listen to clips that they never learnt from.

A network is the mean of several runs, moved part of the way back to the published network that they
began with: fine-tuning on a few hundred clips forgets some of what AudioSet taught, and what lies
between hears other collections better.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
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
from engines.runtime.fit import mean_weights, mix_weights
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
    runs: Sequence[Path],
    clips: Sequence[Clip],
    sounds: Sounds,
    *,
    published: SoundNetwork,
    share: float,
    calibration: Calibration | None = None,
) -> Heard:
    """Let the runs that left sources out listen to those; classes they hardly know don't count.

    Args:
        runs: those that left out the same sources are averaged.
        clips: all clips of the pack.
        sounds: what the clips hold.
        published: see `load_runs`.
        share: see `load_runs`.
        calibration: of the kept outputs; without one they are left as they are.
    """
    chosen: list[Clip] = []
    logits: list[NDArray[np.float32]] = []
    for (licences, left_out), group in _by_what_was_left_out(runs).items():
        known = usable(clips, TERMS[licences])
        left = Counter(c.class_id for c in known if c.split == "train" and c.source not in left_out)
        asked = [c for c in known if c.source in left_out and left[c.class_id] >= MIN_LEFT]
        if asked:
            network = load_runs(group, published=published, share=share)
            chosen += asked
            logits.append(predict(shipped(network, calibration), asked, sounds))
    if not chosen:
        raise ValueError("no run left a source out whose classes could be learnt elsewhere")
    return Heard(tuple(chosen), np.concatenate(logits))


def _by_what_was_left_out(runs: Sequence[Path]) -> dict[tuple[str, tuple[str, ...]], list[Path]]:
    """Return the runs by their licences and the sources that they left out."""
    groups: dict[tuple[str, tuple[str, ...]], list[Path]] = {}
    for run in runs:
        facts = read_facts(run)
        key = facts["licences"], tuple(sorted(facts["leave_out"]))
        groups.setdefault(key, []).append(run)
    return groups


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


def load_runs(runs: Sequence[Path], *, published: SoundNetwork, share: float) -> SoundNetwork:
    """Average runs and move them back towards the network that they began with.

    Args:
        runs: folders of `sound_train`.
        published: the network before the training, with the outputs of AudioSet alone.
        share: of the runs; at 0 all but the outputs that were learnt is as it was published.

    Returns:
        The network, with what was learnt and all outputs of AudioSet.
    """
    end = mean_weights([load_tensors(run / BEST_FILE) for run in runs])
    count, start = len(learnt_ids()), dict(published.state_dict())
    last = f"classifier.{len(published.classifier) - 1}"
    for name in (f"{last}.weight", f"{last}.bias"):
        start[name] = torch.cat([end[name][:count], start[name]])
    network = SoundNetwork(count + AUDIOSET_CLASSES)
    network.load_state_dict(mix_weights(start, end, share))
    return network.eval()


def read_facts(run: Path) -> dict[str, Any]:
    """Return what a run says of itself."""
    return dict(json.loads((run / FACTS_FILE).read_text("utf-8")))
