"""Listen, and say which sounds there are: `SoundListener`, and a command for files.

    python -m engines.maxsight.sound PATH... --out results.csv

One row for each second of sound: file, class, confidence, second, latency_ms. Beside the names of
sounds.yaml a row may say background, unknown or silence.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from engines.maxsight.sound_audio import Floats, StreamResampler, check_rate, to_mono
from engines.maxsight.sound_classes import BACKGROUND, output_ids, sounds
from engines.maxsight.sound_events import HOP_S, SoundEvent, SoundMemory
from engines.maxsight.sound_features import sound_vector
from engines.maxsight.sound_network import SOUND_RATE_HZ
from engines.maxsight.sound_runner import SoundRunner
from engines.runtime.device import choose_placement, limit_threads
from engines.runtime.errors import InputError, ReleafError
from engines.runtime.settings import Settings
from engines.runtime.timing import Stopwatch

Heard = Literal["nothing", "silence", "background", "unknown", "sound"]
Problem = Literal["muted", "clipped", "broken", "offset"]

WINDOW_SAMPLES = 2 * SOUND_RATE_HZ
HOP_SAMPLES = int(HOP_S * SOUND_RATE_HZ)
# What a 16-bit microphone leaves when nothing comes in; rooms at night are above.
SILENCE_DB = -75.0
MUTED_AFTER_S = 3.0
FULL_SCALE, CLIPPED_SHARE = 0.999, 0.01
OFFSET = 0.1
# A chunk from a browser holds a second or so; whoever hands in more has a file, and reads it so.
LONGEST_CHUNK_S = 60.0

PROBLEM_WORDS: dict[Problem, str] = {
    "muted": "No sound is coming in. Check that the microphone is on and not muted.",
    "clipped": "The sound is too loud for the microphone. Move it away or turn it down.",
    "broken": "Parts of the sound are missing. Sounds may be missed.",
    "offset": "The microphone has a constant offset. Another one may hear better.",
}


@dataclass(frozen=True)
class SoundReport:
    """What a listener knows after the last chunk.

    Attributes:
        at_s: how much sound was heard so far, seconds; the listener's clock.
        heard: "nothing" before the first half second; "silence"; "background" for known noise;
            "unknown" for something that has no name here; "sound" where events has some.
        events: the sounds that go on, most urgent first, without the muted ones.
        ended: the last sounds that ended, newest first, without the muted ones; at most 200.
        loudness_db: level of the last half second, dB below full scale; -inf in silence.
        problems: what is wrong with the sound; `PROBLEM_WORDS` says it to a person.
        latency_ms: time for this chunk, device synchronised.
    """

    at_s: float
    heard: Heard
    events: tuple[SoundEvent, ...]
    ended: tuple[SoundEvent, ...]
    loudness_db: float
    problems: tuple[Problem, ...]
    latency_ms: float


class SoundListener:
    """Listen to one person's sound, chunk by chunk.

    It holds two seconds of sound and forgets the rest; no words of speech are kept.

    Attributes:
        muted: sounds that the person doesn't want to be told of.
    """

    def __init__(self, runner: SoundRunner) -> None:
        self.runner = runner
        self.muted: set[str] = set()
        self._memory = SoundMemory(sounds(), runner.inference.thresholds)
        self._resampler: StreamResampler | None = None
        self._recent: Floats = np.zeros(0, np.float32)
        self._waiting: Floats = np.zeros(0, np.float32)
        self._heard_samples = 0
        self._silent_s = 0.0
        self._level_db = -math.inf
        self._heard: Heard = "nothing"
        self._events: tuple[SoundEvent, ...] = ()

    def hear(self, chunk: Any, rate_hz: Any) -> SoundReport:
        """Take in the next chunk.

        Args:
            chunk: (N,) or (N, channels), whole numbers or floats; empty is fine.
            rate_hz: samples a second, 8,000 to 192,000; it may change between chunks.

        Raises:
            InputError: if it is no sound that can be used; what was heard before stays.
            EngineUnavailableError: if the network is not loaded.
        """
        with Stopwatch(self.runner.placement.device) as watch:
            rate = check_rate(rate_hz)
            sound, broken = to_mono(chunk)
            if len(sound) > LONGEST_CHUNK_S * rate:
                raise InputError(
                    "The piece of sound is longer than a minute.", "Send it in shorter pieces."
                )
            problems = _problems_of(sound, broken)
            if self._resampler is None or self._resampler.rate_hz != rate:
                self._resampler = StreamResampler(rate)
            for start in range(0, len(sound), rate):
                self._take(self._resampler.feed(sound[start : start + rate]))
        if self._silent_s >= MUTED_AFTER_S:
            problems = ("muted", *problems)
        return self._report(problems, watch.elapsed_ms)

    def catch_up(self) -> SoundReport:
        """Listen to what is left of less than half a second, as if nothing followed."""
        with Stopwatch(self.runner.placement.device) as watch:
            if self._resampler is not None:
                rest = self._resampler.flush()
                self._resampler = None
                self._take(rest)
            if len(self._waiting):
                self._look(self._waiting, is_last=True)
                self._waiting = self._waiting[:0]
        return self._report((), watch.elapsed_ms)

    def finish(self) -> SoundReport:
        """Listen to the rest and end all sounds: the microphone was turned off."""
        latency_ms = self.catch_up().latency_ms
        self._memory.end_all()
        self._events = ()
        return self._report((), latency_ms)

    def likeliest(self) -> tuple[str, float]:
        """Name the last half second in one word, with its confidence in [0, 1].

        A sound of sounds.yaml, or background, unknown or silence.
        """
        if self._events:
            best = max(self._events, key=lambda event: event.confidence)
            return best.class_id, best.confidence
        if self._heard in ("nothing", "silence"):
            return "silence", 1.0
        smoothed = self._memory.smoothed
        if self._heard == "background":
            return BACKGROUND, smoothed[BACKGROUND]
        return "unknown", 1.0 - max(smoothed.values())

    def vector(self) -> Floats:
        """Return the last second as (128,) features for the audio-visual fusion; 0 before it."""
        if len(self._recent) < SOUND_RATE_HZ:
            return np.zeros(128, np.float32)
        return np.asarray(sound_vector(self._recent[None, -SOUND_RATE_HZ:])[0], np.float32)

    def _take(self, sound: Floats) -> None:
        self._waiting = np.concatenate([self._waiting, sound])
        while len(self._waiting) >= HOP_SAMPLES:
            self._look(self._waiting[:HOP_SAMPLES])
            self._waiting = self._waiting[HOP_SAMPLES:]

    def _look(self, newest: Floats, *, is_last: bool = False) -> None:
        """Listen to the last two seconds, of which `newest` is new."""
        self._recent = np.concatenate([self._recent, newest])[-WINDOW_SAMPLES:]
        self._heard_samples += len(newest)
        self._level_db = level_db(newest)
        is_silent = self._level_db < SILENCE_DB
        self._silent_s = self._silent_s + len(newest) / SOUND_RATE_HZ if is_silent else 0.0
        if is_silent:
            probabilities: Floats = np.zeros(len(output_ids()), np.float32)
            probabilities[-1] = 1.0
        else:
            # As in training: what is short is followed by silence.
            missing = WINDOW_SAMPLES - len(self._recent)
            window = np.pad(self._recent - self._recent.mean(), (0, missing))
            probabilities = self.runner.probabilities(window)
        at_s = self._heard_samples / SOUND_RATE_HZ
        self._events = self._memory.update(at_s, probabilities, self._level_db, is_last=is_last)
        if self._events:
            self._heard = "sound"
        elif is_silent:
            self._heard = "silence"
        else:
            smoothed = self._memory.smoothed
            is_known = max(smoothed, key=smoothed.__getitem__) == BACKGROUND
            self._heard = "background" if is_known else "unknown"

    def _report(self, problems: tuple[Problem, ...], latency_ms: float) -> SoundReport:
        events = tuple(event for event in self._events if event.class_id not in self.muted)
        ended = [event for event in self._memory.ended if event.class_id not in self.muted]
        # To someone who muted all that is heard, it is background.
        is_hidden = self._heard == "sound" and not events
        return SoundReport(
            at_s=self._heard_samples / SOUND_RATE_HZ,
            heard="background" if is_hidden else self._heard,
            events=events,
            ended=tuple(reversed(ended)),
            loudness_db=self._level_db,
            problems=problems,
            latency_ms=latency_ms,
        )


def level_db(sound: Floats) -> float:
    """Return the level in dB below full scale (a full-scale square wave is 0), without offset."""
    if not len(sound):
        return -math.inf
    power = float(np.var(sound, dtype=np.float64))
    return 10.0 * math.log10(power) if power > 0 else -math.inf


def _problems_of(sound: Floats, broken: int) -> tuple[Problem, ...]:
    found: list[Problem] = []
    if broken:
        found.append("broken")
    if len(sound):
        if float((np.abs(sound) >= FULL_SCALE).mean()) >= CLIPPED_SHARE:
            found.append("clipped")
        if abs(float(sound.mean())) >= OFFSET:
            found.append("offset")
    return tuple(found)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line."""
    from engines.maxsight.sound_files import find_files, listen_to_file, write_rows

    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="files or folders")
    parser.add_argument("--out", type=Path, required=True, help="results.csv to write")
    arguments = parser.parse_args(argv)
    problems: list[str] = []
    try:
        settings = Settings()
        limit_threads(settings.cpu_threads)
        runner = SoundRunner(settings, choose_placement(settings))
        files = find_files(arguments.paths)
        runner.load()
        runner.warmup()
        count = write_rows(
            arguments.out, (row for path in files for row in listen_to_file(runner, path, problems))
        )
        if not count:
            raise InputError("None of the files could be heard.", "; ".join(problems))
    except ReleafError as error:
        sys.exit(str(error))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{count} seconds of {len(files)} files, in {arguments.out}.")
    print(runner.health().detail)


if __name__ == "__main__":
    main()
