"""The clips that sounds are learnt from: which are used, how they are drawn and distorted."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve
from torch.utils.data import Dataset

from engines.maxsight.sound_audio import read_file, resample
from engines.maxsight.sound_classes import BACKGROUND, learnt_ids
from engines.maxsight.sound_network import SOUND_RATE_HZ
from engines.runtime.fit import SampleKey

Floats = NDArray[np.float32]
Terms = Literal["open", "non-commercial", "unstated"]

# A class with fewer training clips, or clips of fewer recordings, is not learnt: nothing measured
# on it could be trusted.
MIN_CLIPS, MIN_RECORDINGS = 25, 10
WINDOW_S = 2.0
WINDOW_SAMPLES = int(WINDOW_S * SOUND_RATE_HZ)

GAIN_DB = (-24.0, 3.0)
NOISE_SHARE, NOISE_SNR_DB = 0.5, (5.0, 40.0)
ROOM_SHARE, ROOM_RT60_S, ROOM_DIRECT_DB = 0.4, (0.1, 0.9), (-3.0, 12.0)
SCENE_SHARE, SCENE_SNR_DB = 0.35, (0.0, 20.0)
SPEED_SHARE, SPEED = 0.3, (0.9, 1.1)
# A crop with less than this share of the energy of the clip's loudest moment may miss the event.
LEAST_ENERGY_SHARE, CROP_TRIES = 0.1, 5


@dataclass(frozen=True)
class Clip:
    """One clip of the pack.

    Attributes:
        file: path inside the pack.
        class_id: its class in the pack.
        split: "train" or "val".
        source: the collection it comes from.
        recording: clips of one recording share it.
        licence: as the pack states it.
        terms: what that licence lets one do with what is learnt.
    """

    file: str
    class_id: str
    split: str
    source: str
    recording: str
    licence: str
    terms: Terms


def terms_of(licence: str) -> Terms:
    """Sort a licence: open (also with credit or share-alike), non-commercial, or unstated."""
    plain = licence.lower()
    if "none stated" in plain.split("(")[0] or plain.startswith("not stated"):
        return "unstated"
    if "-nc" in plain or "noncommercial" in plain or "non-commercial" in plain:
        return "non-commercial"
    if plain.startswith(("cc", "mit", "gpl", "public domain")):
        return "open"
    return "unstated"


def load_clips(data_dir: Path) -> list[Clip]:
    """Read the list of clips, in its order.

    Raises:
        FileNotFoundError: if `data_dir` is not the pack.
    """
    with (data_dir / "recordings.csv").open(newline="", encoding="utf-8") as file:
        recordings = {row["file"]: row["recording"] for row in csv.DictReader(file)}
    with (data_dir / "labels.csv").open(newline="", encoding="utf-8") as file:
        return [
            Clip(
                row["file"],
                row["class"],
                row["split"],
                row["source"],
                recordings[row["file"]],
                row["licence"],
                terms_of(row["licence"]),
            )
            for row in csv.DictReader(file)
        ]


def thin_classes(clips: Sequence[Clip]) -> dict[str, tuple[int, int]]:
    """Return the classes that are not learnt, with their training clips and recordings."""
    training = [clip for clip in clips if clip.split == "train"]
    counts = Counter(clip.class_id for clip in training)
    pairs = {(clip.class_id, clip.recording) for clip in training}
    recordings = Counter(class_id for class_id, _ in pairs)
    return {
        name: (counts[name], recordings[name])
        for name in sorted({clip.class_id for clip in clips})
        if counts[name] < MIN_CLIPS or recordings[name] < MIN_RECORDINGS
    }


def usable(clips: Sequence[Clip], terms: Collection[Terms]) -> list[Clip]:
    """Return the clips of classes that are learnt, under licences of these kinds."""
    known = set(learnt_ids())
    return [clip for clip in clips if clip.class_id in known and clip.terms in terms]


class Sounds:
    """All clips as 16-bit samples at 16 kHz in one array, decoded once and kept in a file.

    Args:
        data_dir: folder of the pack.
        clips: what is needed, any part of `load_clips`.
        cache: file of the decoded samples; made from every clip given when it is missing.
    """

    def __init__(self, data_dir: Path, clips: Sequence[Clip], cache: Path) -> None:
        if not cache.is_file():
            _decode(data_dir, clips, cache)
        with np.load(cache) as held:
            self._samples: NDArray[np.int16] = held["samples"]
            ends = held["ends"]
            self._where = {
                str(name): (int(end - count), int(end))
                for name, end, count in zip(held["files"], ends, np.diff(ends, prepend=0))
            }
        missing = [clip.file for clip in clips if clip.file not in self._where]
        if missing:
            raise ValueError(f"{cache} lacks {missing[0]}; delete it to make it anew")

    def __getitem__(self, clip: Clip) -> Floats:
        start, end = self._where[clip.file]
        return self._samples[start:end].astype(np.float32) / 32768.0


def _decode(data_dir: Path, clips: Sequence[Clip], cache: Path) -> None:
    pieces = []
    for clip in clips:
        parts = list(read_file(data_dir / clip.file))
        sound = resample(np.concatenate([part for part, _ in parts]), parts[0][1])
        pieces.append(np.round(np.clip(sound, -1, 32767 / 32768) * 32768).astype(np.int16))
    cache.parent.mkdir(parents=True, exist_ok=True)
    temporary = cache.with_name(f"{cache.stem}.tmp.npz")
    np.savez(
        temporary,
        samples=np.concatenate(pieces),
        ends=np.cumsum([len(piece) for piece in pieces]),
        files=np.array([clip.file for clip in clips]),
    )
    temporary.replace(cache)


def draw_keys(clips: Sequence[Clip], *, count: int, seed: int, epoch: int) -> list[SampleKey]:
    """Draw the samples of an epoch: every class equally often, the background twice as often.

    Within a class a clip's weight is 1/sqrt(clips of its source), so that no collection rules.
    """
    rng = np.random.default_rng((seed, epoch))
    by_source = Counter((clip.class_id, clip.source) for clip in clips)
    weights = np.array([by_source[clip.class_id, clip.source] ** -0.5 for clip in clips])
    names = np.array([clip.class_id for clip in clips])
    for name in set(names):
        share = 2.0 if name == BACKGROUND else 1.0
        weights[names == name] *= share / weights[names == name].sum()
    chosen = rng.choice(len(clips), size=count, p=weights / weights.sum())
    seeds = rng.integers(0, 2**31, size=count)
    return [(int(index), int(one)) for index, one in zip(chosen, seeds, strict=True)]


class SoundDataset(Dataset[tuple[Floats, int]]):
    """Windows of 2 s, distorted: (samples (32000,), index of the class)."""

    def __init__(self, clips: Sequence[Clip], sounds: Sounds) -> None:
        self.clips, self.sounds = list(clips), sounds
        self.scenes = [clip for clip in clips if clip.class_id == BACKGROUND]
        self.index = {name: number for number, name in enumerate(learnt_ids())}

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, key: SampleKey) -> tuple[Floats, int]:
        index, seed = key
        rng = np.random.default_rng(seed)
        clip = self.clips[index]
        sound = self.sounds[clip]
        if rng.random() < SPEED_SHARE:
            sound = change_speed(sound, rng.uniform(*SPEED))
        window = cut(sound, rng)
        if rng.random() < ROOM_SHARE:
            window = add_room(window, rng)
        if self.scenes and clip.class_id != BACKGROUND and rng.random() < SCENE_SHARE:
            scene = self.sounds[self.scenes[int(rng.integers(len(self.scenes)))]]
            window = mix(window, cut(scene, rng), snr_db=rng.uniform(*SCENE_SNR_DB))
        if rng.random() < NOISE_SHARE:
            noise = coloured_noise(len(window), rng)
            window = mix(window, noise, snr_db=rng.uniform(*NOISE_SNR_DB))
        gain = 10.0 ** (rng.uniform(*GAIN_DB) / 20.0)
        return np.clip(window * gain, -1.0, 1.0).astype(np.float32), self.index[clip.class_id]


def cut(sound: Floats, rng: np.random.Generator) -> Floats:
    """Take 2 s where something is heard; what is shorter lands anywhere in silence."""
    spare = len(sound) - WINDOW_SAMPLES
    if spare <= 0:
        before = int(rng.integers(0, -spare + 1))
        return np.pad(sound, (before, -spare - before))
    energy = np.cumsum(np.square(sound, dtype=np.float64))
    loudest = (energy[WINDOW_SAMPLES:] - energy[:-WINDOW_SAMPLES]).max()
    for _ in range(CROP_TRIES):
        start = int(rng.integers(0, spare + 1))
        window = sound[start : start + WINDOW_SAMPLES]
        if np.square(window).sum() >= LEAST_ENERGY_SHARE * loudest:
            break
    return window


def change_speed(sound: Floats, factor: float) -> Floats:
    """Play faster (factor above 1) or slower; the pitch moves with it."""
    places = np.arange(0, len(sound) - 1, factor)
    return np.interp(places, np.arange(len(sound)), sound).astype(np.float32)


def add_room(sound: Floats, rng: np.random.Generator) -> Floats:
    """Let it sound in a room: noise that dies away by 60 dB in 0.1 to 0.9 s, after the sound."""
    rt60_s = rng.uniform(*ROOM_RT60_S)
    times_s = np.arange(int(rt60_s * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    tail = rng.standard_normal(len(times_s)) * 10.0 ** (-3.0 * times_s / rt60_s)
    direct = 10.0 ** (rng.uniform(*ROOM_DIRECT_DB) / 20.0)
    tail[0] = direct * np.sqrt(np.square(tail).sum())
    heard = fftconvolve(sound, tail / np.sqrt(np.square(tail).sum()))[: len(sound)]
    return np.asarray(heard, np.float32)


def coloured_noise(count: int, rng: np.random.Generator) -> Floats:
    """Make noise whose power falls with frequency by a power from 0 (white) to 2 (brown)."""
    spectrum = np.fft.rfft(rng.standard_normal(count))
    hz = np.fft.rfftfreq(count, 1.0 / SOUND_RATE_HZ)
    spectrum *= np.maximum(hz, 50.0) ** (-rng.uniform(0.0, 2.0) / 2.0)
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / (np.abs(noise).max() + 1e-9), np.float32)


def mix(sound: Floats, other: Floats, *, snr_db: float) -> Floats:
    """Add `other` so that `sound` has `snr_db` more power; silence stays as it is."""
    power, disturbing = float(np.square(sound).mean()), float(np.square(other).mean())
    if power == 0.0 or disturbing == 0.0:
        return sound
    gain = np.sqrt(power / disturbing * 10.0 ** (-snr_db / 10.0))
    return np.asarray(sound + gain * other, np.float32)
