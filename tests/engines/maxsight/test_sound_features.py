"""The 128 numbers of the fusion are those that librosa computes."""

from __future__ import annotations

import librosa
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.maxsight.sound_features import (
    VECTOR_WIDTH,
    differences,
    log_mel,
    mel_filters,
    mfcc,
    sound_vector,
)
from tests.engines.maxsight.sound_toy import noise, tone

RATE_HZ = 16_000
SWEEP = np.interp(np.arange(RATE_HZ), [0, RATE_HZ], [50, 7000])
SIGNALS = {
    "tone": tone(440, 1.0),
    "noise": noise(1.0),
    "sweep": (0.4 * np.sin(2 * np.pi * np.cumsum(SWEEP) / RATE_HZ)).astype(np.float32),
    "click in silence": np.eye(1, RATE_HZ, 8_000, dtype=np.float32)[0],
    "silence": np.zeros(RATE_HZ, np.float32),
    "odd length": noise(0.7313),
}


def reference_log_mel(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    crisp = librosa.effects.preemphasis(sound, coef=0.97, zi=[0.0])
    power = librosa.feature.melspectrogram(
        y=crisp, sr=RATE_HZ, n_fft=512, hop_length=160, win_length=400, n_mels=50
    )
    return np.asarray(librosa.power_to_db(power), np.float32)


@pytest.mark.parametrize("sound", SIGNALS.values(), ids=SIGNALS)
def test_log_mel_and_mfcc_equal_librosas(sound: NDArray[np.float32]) -> None:
    reference = reference_log_mel(sound)
    ours = log_mel(sound[None])
    np.testing.assert_allclose(ours[0], reference, atol=2e-2)
    expected = librosa.feature.mfcc(S=reference, n_mfcc=13)
    np.testing.assert_allclose(mfcc(ours)[0], expected, atol=0.1)


@pytest.mark.parametrize("sound", SIGNALS.values(), ids=SIGNALS)
def test_the_vector_equals_the_same_pooling_of_librosas_numbers(
    sound: NDArray[np.float32],
) -> None:
    reference = reference_log_mel(sound)
    first = librosa.feature.mfcc(S=reference, n_mfcc=13)
    parts: list[NDArray[np.float32]] = []
    for series in (
        first,
        librosa.feature.delta(first, order=1),
        librosa.feature.delta(first, order=2),
    ):
        parts += [series.mean(axis=1), series.std(axis=1)]
    expected = np.concatenate([*parts, reference.mean(axis=1)])
    assert expected.shape == (VECTOR_WIDTH,) == (128,)
    np.testing.assert_allclose(sound_vector(sound[None])[0], expected, atol=0.05)


def test_mel_filters_equal_librosas() -> None:
    np.testing.assert_allclose(
        mel_filters(), librosa.filters.mel(sr=RATE_HZ, n_fft=512, n_mels=50), atol=1e-6
    )


@pytest.mark.parametrize("order", [1, 2])
def test_differences_equal_librosas(order: int) -> None:
    series = np.random.default_rng(0).normal(size=(13, 60)).astype(np.float32)
    expected = librosa.feature.delta(series, order=order)
    np.testing.assert_allclose(differences(series, order), expected, atol=1e-4)


def test_a_batch_gives_what_each_sound_gives_alone() -> None:
    both = np.stack([SIGNALS["tone"], SIGNALS["noise"]])
    together = sound_vector(both)
    assert together.shape == (2, 128) and together.dtype == np.float32
    for index in range(2):
        np.testing.assert_allclose(
            together[index], sound_vector(both[index : index + 1])[0], atol=1e-4
        )


@pytest.mark.parametrize("shape", [(RATE_HZ,), (1, 1_000), (1, 1, RATE_HZ)])
def test_sound_of_a_wrong_shape_or_too_short_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="80 ms"):
        sound_vector(np.zeros(shape))
