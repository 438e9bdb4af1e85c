"""The reference design's sound vector: 128 numbers for the audio-visual fusion.

16 kHz, pre-emphasis 0.97, windows of 25 ms every 10 ms, 50 mel bands, 13 MFCC with their first and
second differences. Computed with NumPy and SciPy alone and equal to librosa's, which a test shows.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.signal import savgol_filter

from engines.maxsight.sound_network import SOUND_RATE_HZ

Floats = NDArray[np.float32]

PRE_EMPHASIS = 0.97
FFT_SIZE, WINDOW, HOP = 512, 400, 160
MELS, MFCCS = 50, 13
DELTA_FRAMES = 9
VECTOR_WIDTH = 6 * MFCCS + MELS
# Below the loudest bin by more than this counts as this much; librosa's `top_db` and `amin`.
DYNAMIC_RANGE_DB, POWER_FLOOR = 80.0, 1e-10
# So many samples make the nine frames that the differences need.
SHORTEST_SAMPLES = (DELTA_FRAMES - 1) * HOP


def log_mel(sound: NDArray[np.floating]) -> Floats:
    """Return mel energies in dB, (B, 50, 1 + N // 160), of sounds (B, N) at 16 kHz in [-1, 1].

    Raises:
        ValueError: if it is not two-dimensional or shorter than 80 ms.
    """
    if sound.ndim != 2 or sound.shape[1] < SHORTEST_SAMPLES:
        raise ValueError(f"features need (B, N) sounds of 80 ms or more, not {sound.shape}")
    crisp = np.array(sound, np.float32)
    crisp[:, 1:] -= PRE_EMPHASIS * np.asarray(sound[:, :-1], np.float32)
    padded = np.pad(crisp, ((0, 0), (FFT_SIZE // 2, FFT_SIZE // 2)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE, axis=1)[:, ::HOP]
    power = np.abs(np.fft.rfft(frames * _window(), axis=2)) ** 2
    decibels = 10.0 * np.log10(np.maximum(POWER_FLOOR, power @ mel_filters().T))
    loudest = decibels.max(axis=(1, 2), keepdims=True)
    limited = np.maximum(decibels, loudest - DYNAMIC_RANGE_DB)
    return limited.transpose(0, 2, 1).astype(np.float32)


def mfcc(decibels: Floats) -> Floats:
    """Return 13 cepstral coefficients, (B, 13, T), of `log_mel`'s (B, 50, T).

    Orthonormal DCT-II over the bands. Source: Davis & Mermelstein 1980.
    """
    return np.asarray(dct(decibels, axis=1, type=2, norm="ortho")[:, :MFCCS], np.float32)


def sound_vector(sound: NDArray[np.floating]) -> Floats:
    """Pool sounds (B, N), 16 kHz in [-1, 1], to (B, 128) for the fusion; meant for a second each.

    In this order: mean and standard deviation over time of the 13 MFCC, of their first and of
    their second differences (Savitzky-Golay over 9 frames), then the mean of each mel band, dB.

    Raises:
        ValueError: if it is not two-dimensional or shorter than 80 ms.
    """
    decibels = log_mel(sound)
    coefficients = mfcc(decibels)
    parts = []
    for order in (0, 1, 2):
        series = coefficients if order == 0 else differences(coefficients, order)
        parts += [series.mean(axis=2), series.std(axis=2)]
    return np.concatenate([*parts, decibels.mean(axis=2)], axis=1).astype(np.float32)


def differences(series: Floats, order: int) -> Floats:
    """Return the derivative over time (last axis) of a local polynomial of that degree."""
    return np.asarray(
        savgol_filter(series, DELTA_FRAMES, polyorder=order, deriv=order, axis=-1, mode="interp"),
        np.float32,
    )


@cache
def mel_filters() -> Floats:
    """Return triangles of equal area over the FFT's bins, (50, 257), 0 to 8 kHz.

    Source: Slaney 1998, Auditory Toolbox: linear below 1 kHz, logarithmic above.
    """
    top = _hz_to_slaney(SOUND_RATE_HZ / 2)
    edges = _slaney_to_hz(np.linspace(0.0, top, MELS + 2))
    bins = np.arange(FFT_SIZE // 2 + 1) * SOUND_RATE_HZ / FFT_SIZE
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * (2.0 / (edges[2:] - edges[:-2]))[:, None]).astype(np.float32)


_LINEAR_HZ, _BREAK_HZ, _LOG_STEP = 200.0 / 3, 1000.0, np.log(6.4) / 27.0


def _hz_to_slaney(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz / _LINEAR_HZ
    return float(_BREAK_HZ / _LINEAR_HZ + np.log(hz / _BREAK_HZ) / _LOG_STEP)


def _slaney_to_hz(mels: NDArray[np.floating]) -> NDArray[np.floating]:
    break_mel = _BREAK_HZ / _LINEAR_HZ
    above = _BREAK_HZ * np.exp(_LOG_STEP * (mels - break_mel))
    return np.where(mels < break_mel, mels * _LINEAR_HZ, above)


@cache
def _window() -> Floats:
    # Periodic Hann of 25 ms in the middle of the FFT's frame.
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    side = (FFT_SIZE - WINDOW) // 2
    return np.pad(hann, side).astype(np.float32)
