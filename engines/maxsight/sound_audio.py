"""Bring any sound to 16 kHz mono: checks, mixing down, resampling of a stream, reading files."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.maxsight.sound_network import SOUND_RATE_HZ
from engines.runtime.errors import InputError

Floats = NDArray[np.float32]

LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8_000, 192_000
MOST_CHANNELS = 8
# Floating-point sound is made for -1 to 1; codecs overshoot a little.
LARGEST_FLOAT = 2.0
# Two channels in opposite phase cancel; with less than this share of the louder one left they did.
CANCELLED_SHARE = 0.1
# Half-width of the low-pass in periods of the slower rate, and where it begins to fall.
FILTER_PERIODS, PASSED_SHARE, KAISER_BETA = 16, 0.94, 8.6
SOUND_SUFFIXES = frozenset({".wav", ".mp3", ".ogg", ".oga", ".opus", ".flac", ".m4a", ".webm"})


def check_rate(rate_hz: Any) -> int:
    """Return the rate as a whole number.

    Raises:
        InputError: if it is no number from 8,000 to 192,000 Hz.
    """
    is_number = isinstance(rate_hz, (int, float, np.integer, np.floating)) and rate_hz == rate_hz
    if not is_number or isinstance(rate_hz, bool):
        raise InputError("The sound has no sample rate.", "Use another microphone or file.")
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        raise InputError(
            f"The sound has {rate_hz:,.0f} samples a second.",
            "Use a recording with 8,000 to 192,000 samples a second.",
        )
    return round(rate_hz)


def to_mono(chunk: Any) -> tuple[Floats, int]:
    """Turn a chunk into one channel of float32, 1 being full scale.

    Channels are averaged; where that cancels them, the loudest is taken.

    Args:
        chunk: (N,) or (N, channels), whole numbers of 8 to 32 bits or floats in [-1, 1].

    Returns:
        The sound (N,), and how many of its samples were no numbers; those are 0.

    Raises:
        InputError: if it has another shape or type, or floats that are far too large.
    """
    sound = np.asarray(chunk)
    if sound.ndim not in (1, 2) or (sound.ndim == 2 and not 1 <= sound.shape[1] <= MOST_CHANNELS):
        raise InputError(
            f"The sound has the shape {sound.shape}.", "Give samples, or samples × channels."
        )
    if sound.dtype == np.uint8:
        floats = (sound.astype(np.float32) - 128.0) / 128.0
    elif np.issubdtype(sound.dtype, np.signedinteger) and sound.dtype.itemsize <= 4:
        floats = (sound / float(-int(np.iinfo(sound.dtype).min))).astype(np.float32)
    elif np.issubdtype(sound.dtype, np.floating):
        with np.errstate(over="ignore"):
            floats = sound.astype(np.float32)
    else:
        raise InputError(
            f"The sound is made of {sound.dtype}.", "Give 16-bit numbers, or floats from -1 to 1."
        )
    broken = ~np.isfinite(floats)
    count = int(broken.any(axis=-1).sum()) if floats.ndim == 2 else int(broken.sum())
    if count:
        floats = np.where(broken, np.float32(0), floats)
    if floats.size and float(np.abs(floats).max()) > LARGEST_FLOAT:
        raise InputError(
            "The numbers of the sound go far beyond -1 and 1.",
            "Divide them by full scale, or give 16-bit whole numbers.",
        )
    return _mix(floats), count


def _mix(floats: Floats) -> Floats:
    if floats.ndim == 1:
        return floats
    if floats.shape[1] == 1 or not len(floats):
        return floats.reshape(-1) if floats.shape[1] == 1 else floats[:, 0]
    mixed = floats.mean(axis=1)
    powers = floats.var(axis=0)
    loudest = int(powers.argmax())
    if mixed.var() < CANCELLED_SHARE**2 * powers[loudest]:
        return floats[:, loudest]
    return mixed


@lru_cache(maxsize=4)
def _taps(up: int, down: int) -> Floats:
    """Return a low-pass for each position between two input samples, (up, 2R + 2)."""
    reach = math.ceil(FILTER_PERIODS * max(1.0, down / up))
    cutoff = PASSED_SHARE * min(1.0, up / down)
    offsets = np.arange(-reach, reach + 2)[None] - np.arange(up)[:, None] / up
    inside = np.clip(1.0 - (offsets / (reach + 1)) ** 2, 0.0, None)
    taps = np.sinc(cutoff * offsets) * np.i0(KAISER_BETA * np.sqrt(inside))
    return np.asarray(taps / taps.sum(axis=1, keepdims=True), np.float32)


class StreamResampler:
    """Bring a stream of chunks to 16 kHz, as if it had come in one piece.

    Windowed sinc (Kaiser), no delay; the last 1 ms or so comes with the next chunk or `flush`.

    Raises:
        InputError: see `check_rate`.
    """

    def __init__(self, rate_hz: int) -> None:
        self.rate_hz = check_rate(rate_hz)
        common = math.gcd(self.rate_hz, SOUND_RATE_HZ)
        self._up, self._down = SOUND_RATE_HZ // common, self.rate_hz // common
        self._taps = _taps(self._up, self._down) if self._up != self._down else None
        self._reach = 0 if self._taps is None else self._taps.shape[1] // 2 - 1
        self._held: Floats = np.zeros(self._reach, np.float32)
        self._held_from = -self._reach
        self._made = 0

    def feed(self, sound: Floats) -> Floats:
        """Return what can be said at 16 kHz after these further samples."""
        if self._taps is None:
            return sound
        self._held = np.concatenate([self._held, sound])
        end = self._held_from + len(self._held)
        # Output n lies at n · down / up of the input and needs `reach` + 1 samples after that.
        ready = max(self._made, -((self._reach + 1 - end) * self._up // self._down))
        numbers = np.arange(self._made, ready, dtype=np.int64)
        first = numbers * self._down // self._up - self._reach - self._held_from
        width = self._taps.shape[1]
        out = np.zeros(0, np.float32)
        if len(numbers):
            windows = np.lib.stride_tricks.sliding_window_view(self._held, width)[first]
            phases = (numbers * self._down) % self._up
            out = np.einsum("nk,nk->n", windows, self._taps[phases])
        self._made = ready
        keep = max(0, ready * self._down // self._up - self._reach - self._held_from)
        self._held, self._held_from = self._held[keep:], self._held_from + keep
        return np.asarray(out, np.float32)

    def flush(self) -> Floats:
        """Return the rest, as if silence followed."""
        if self._taps is None:
            return np.zeros(0, np.float32)
        return self.feed(np.zeros(self._reach + 1, np.float32))


def resample(sound: Floats, rate_hz: int) -> Floats:
    """Bring a whole sound (N,) to 16 kHz."""
    resampler = StreamResampler(rate_hz)
    return np.concatenate([resampler.feed(sound), resampler.flush()])


def read_file(path: Path) -> Iterator[tuple[Floats, int]]:
    """Read a sound file piece by piece: mono float32 and its rate, Hz.

    WAV, MP3, OGG, FLAC, M4A and whatever else FFmpeg reads; of a video, its sound.

    Raises:
        InputError: if it cannot be read, holds no sound, or breaks off damaged.
    """
    # Imported here: the app listens to microphones without it.
    import av

    try:
        container = av.open(str(path))
    except (OSError, ValueError, av.FFmpegError) as error:
        raise InputError(f"{path.name} is no sound file that can be read.", _TRY) from error
    with container:
        if not container.streams.audio:
            raise InputError(f"{path.name} holds no sound.", _TRY)
        heard = 0
        try:
            for frame in container.decode(audio=0):
                planes = frame.to_ndarray()
                channels = frame.layout.nb_channels
                is_packed = planes.shape[0] != channels
                samples = planes.reshape(-1, channels) if is_packed else planes.T
                heard += len(samples)
                yield to_mono(samples)[0], frame.sample_rate
        except (OSError, ValueError, av.FFmpegError) as error:
            raise InputError(f"{path.name} is damaged.", _TRY) from error
        if not heard:
            raise InputError(f"{path.name} holds no sound.", _TRY)


_TRY = "Try a WAV, MP3, OGG, FLAC or M4A file."
