"""Measure what a person is told: clips of val through a listener, from its first half second on.

    python -m engines.maxsight.fit.sound_listening --data DIR --run runs/sound/seed_0 \
      --checkpoint checkpoints/maxsight-sound

The other numbers of the card are of whole windows. These are of the sounds that are named on the
way, while a sound begins: each clip is heard three times, twice of them after up to half a second
of silence, as the listener's looks fall where they may. All clips of the sounds that are not
learnt are heard in the same way. The numbers are added to the card.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.maxsight.fit.intervals import around, draw_photos
from engines.maxsight.fit.sound_data import Clip, Sounds, load_clips, usable
from engines.maxsight.fit.sound_report import rounded
from engines.maxsight.fit.sound_train import TERMS
from engines.maxsight.sound import SoundListener
from engines.maxsight.sound_audio import Floats
from engines.maxsight.sound_classes import BACKGROUND, kept_sounds, sounds
from engines.maxsight.sound_events import HOP_S
from engines.maxsight.sound_network import SOUND_RATE_HZ
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.fit import write_card
from engines.runtime.settings import Settings
from engines.runtime.weights import CARD_FILE

LISTENINGS = 3
# A browser sends about four pieces a second.
PIECE_SAMPLES = SOUND_RATE_HZ // 4


@dataclass(frozen=True)
class Told:
    """What was named while one clip was heard once.

    Attributes:
        named: each sound that was named, with the second at which it was, from the clip's start.
    """

    named: dict[str, float]


def listen(runner: SoundRunner, clip: Floats, silence: int) -> Told:
    """Hear a clip, (N,) at 16 kHz, after so many samples of silence."""
    listener = SoundListener(runner)
    sound = np.concatenate([np.zeros(silence, np.float32), clip])
    pieces = [sound[at : at + PIECE_SAMPLES] for at in range(0, len(sound), PIECE_SAMPLES)]
    named: dict[str, float] = {}
    for hear in [*(_hearing(listener, piece) for piece in pieces), listener.catch_up]:
        report = hear()
        for event in report.events:
            named.setdefault(event.class_id, report.at_s - silence / SOUND_RATE_HZ)
    return Told(named)


def _hearing(listener: SoundListener, piece: Floats) -> Callable[[], Any]:
    return lambda: listener.hear(piece, SOUND_RATE_HZ)


def summary(wanted: Sequence[str], told: Sequence[Sequence[Told]]) -> dict[str, Any]:
    """Put together what was told of N clips, each heard M times.

    Args:
        wanted: the class of each clip, or background.
        told: for each clip, its M listenings.

    Returns:
        Shares of the listenings with 95 % intervals from resampling clips: of clips of a sound,
        how many had it named, and how many had another; of background, how many had any; of all,
        how many had an alarm that wasn't there. And the mean time until the right name.
    """
    alarms = {one.id for one in sounds() if one.is_alarm}
    right, other, alarm = (np.zeros(len(wanted)) for _ in range(3))
    until: list[float] = []
    for at, (name, heard) in enumerate(zip(wanted, told, strict=True)):
        right[at] = np.mean([name in one.named for one in heard])
        other[at] = np.mean([bool(set(one.named) - {name}) for one in heard])
        alarm[at] = np.mean([bool(alarms & set(one.named) - {name}) for one in heard])
        until += [one.named[name] for one in heard if name in one.named]
    is_sound = np.array([name != BACKGROUND for name in wanted])
    return {
        "listenings": sum(map(len, told)),
        "sound_named": _mean(right[is_sound]),
        "another_named": _mean(other[is_sound]),
        "background_named": _mean(other[~is_sound]),
        "false_alarm": _mean(alarm),
        "seconds_until_named": float(np.mean(until)) if until else None,
    }


def _mean(shares: NDArray[np.float64]) -> list[float] | None:
    if not len(shares):
        return None
    return around(float(shares.mean()), draw_photos(len(shares)) @ shares / len(shares))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the sound pack")
    parser.add_argument("--run", type=Path, required=True, help="of sound_train, for its clips")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder with a card")
    arguments = parser.parse_args(argv)
    settings = Settings(checkpoints_dir=arguments.checkpoint.parent)
    limit_threads(settings.cpu_threads)
    runner = SoundRunner(settings, choose_placement(settings))
    runner.load()
    every = load_clips(arguments.data)
    decoded = Sounds(arguments.data, every, arguments.run.parent / "sounds.npz")
    rng = np.random.default_rng(0)

    def heard_several_times(clip: Clip) -> list[Told]:
        later = rng.integers(0, round(HOP_S * SOUND_RATE_HZ), LISTENINGS - 1)
        return [listen(runner, decoded[clip], int(wait)) for wait in (0, *later)]

    clips = [clip for clip in usable(every, TERMS["all"]) if clip.split == "val"]
    found = summary([clip.class_id for clip in clips], [heard_several_times(c) for c in clips])
    kept: dict[str, Any] = {}
    for one in kept_sounds():
        own = [clip for clip in every if clip.class_id == one.id]
        kept[one.id] = summary([one.id] * len(own), [heard_several_times(c) for c in own])
    card = json.loads((arguments.checkpoint / CARD_FILE).read_text("utf-8"))
    card["metrics"]["val"]["listening"] = rounded(found)
    for name, told in kept.items():
        card["metrics"]["kept_from_audioset"][name]["listening"] = rounded(told)
    write_card(arguments.checkpoint, card)
    print(json.dumps(rounded({"val": found, **kept}), indent=2))


if __name__ == "__main__":
    main()
