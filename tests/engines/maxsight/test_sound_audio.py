"""Any sound becomes 16 kHz mono, or is refused in words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engines.maxsight.sound_audio import (
    StreamResampler,
    check_rate,
    read_file,
    resample,
    to_mono,
)
from engines.runtime.errors import InputError
from tests.engines.maxsight.sound_toy import noise, tone, write_sound

RATES_HZ = [8_000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000, 192_000]


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (np.array([-32768, 0, 16384], np.int16), [-1.0, 0.0, 0.5]),
        (np.array([-(2**31), 2**30], np.int32), [-1.0, 0.5]),
        (np.array([0, 128, 192], np.uint8), [-1.0, 0.0, 0.5]),
        (np.array([0.25, -0.5]), [0.25, -0.5]),
        (np.array([[0.5], [0.25]], np.float32), [0.5, 0.25]),
        (np.array([[0.5, 0.3], [0.1, 0.3]], np.float32), [0.4, 0.2]),
        (np.array([[0.5, -0.5], [-0.25, 0.25]], np.float32), [0.5, -0.25]),
        (np.zeros(0, np.int16), []),
        (np.zeros((0, 2), np.float32), []),
    ],
    ids=[
        "16 bit", "32 bit", "8 bit", "double", "one column", "stereo", "opposite phase", "empty",
        "empty stereo",
    ],
)  # fmt: skip
def test_every_usual_kind_of_samples_becomes_mono_floats(chunk: Any, expected: list[float]) -> None:
    sound, broken = to_mono(chunk)
    assert sound.dtype == np.float32 and sound.ndim == 1 and broken == 0
    np.testing.assert_allclose(sound, expected, atol=1e-6)


def test_samples_that_are_no_numbers_are_counted_and_silent() -> None:
    sound, broken = to_mono(np.array([[np.nan, 0.2], [0.1, np.inf], [0.4, 0.4]], np.float32))
    assert broken == 2
    np.testing.assert_allclose(sound, [0.1, 0.05, 0.4])


@pytest.mark.parametrize(
    "chunk",
    [
        np.zeros((2, 2, 2)), np.float32(0.5), np.zeros((4, 9)), np.zeros(4, np.complex64),
        np.array(["a"]), np.array([12000.0, -3.0]), np.zeros(4, bool), np.zeros(4, np.int64),
    ],
    ids=["three axes", "one number", "nine channels", "complex", "text", "unscaled", "bool", "64"],
)  # fmt: skip
def test_what_is_no_sound_is_refused(chunk: Any) -> None:
    with pytest.raises(InputError):
        to_mono(chunk)


@pytest.mark.parametrize("rate_hz", [0, -1, 7_999, 192_001, float("nan"), "16000", None, True])
def test_odd_rates_are_refused(rate_hz: Any) -> None:
    with pytest.raises(InputError):
        check_rate(rate_hz)


@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_tone_keeps_height_level_and_length_at_every_rate(rate_hz: int) -> None:
    made = resample(tone(1_000, 0.5, rate_hz=rate_hz), rate_hz)
    expected = tone(1_000, 0.5)
    assert abs(len(made) - len(expected)) <= 1
    inside = slice(400, 7_600)
    np.testing.assert_allclose(made[inside], expected[inside], atol=2e-3)


def test_what_lies_above_8_khz_does_not_fold_back() -> None:
    made = resample(tone(10_000, 0.5, rate_hz=48_000), 48_000)
    assert np.abs(made[400:-400]).max() < 1e-3


@settings(max_examples=40, deadline=None)
@given(
    rate_hz=st.sampled_from(RATES_HZ),
    cuts=st.lists(st.integers(0, 3_999), max_size=8),
)
def test_chunks_of_any_size_give_what_the_whole_gives(rate_hz: int, cuts: list[int]) -> None:
    sound = noise(0.25)
    whole = resample(sound, rate_hz)
    resampler = StreamResampler(rate_hz)
    pieces = [resampler.feed(piece) for piece in np.split(sound, sorted(cuts))]
    np.testing.assert_array_equal(np.concatenate([*pieces, resampler.flush()]), whole)


@pytest.mark.parametrize(
    ("suffix", "codec", "rate_hz"),
    [
        ("wav", "pcm_s16le", 16_000), ("wav", "pcm_s16le", 8_000), ("flac", "flac", 96_000),
        ("mp3", "libmp3lame", 44_100), ("ogg", "libopus", 48_000), ("m4a", "aac", 44_100),
    ],
)  # fmt: skip
def test_usual_files_are_read(tmp_path: Path, suffix: str, codec: str, rate_hz: int) -> None:
    path = tmp_path / f"one.{suffix}"
    mono = tone(1_000, 1.0, rate_hz=rate_hz)
    write_sound(path, np.stack([mono, mono], axis=1), rate_hz, codec)
    pieces = list(read_file(path))
    assert {rate for _, rate in pieces} == {rate_hz}
    sound = np.concatenate([piece for piece, _ in pieces])
    assert abs(len(sound) / rate_hz - 1.0) < 0.1
    inside = sound[rate_hz // 4 : rate_hz // 2]
    spectrum = np.abs(np.fft.rfft(inside * np.hanning(len(inside))))
    assert abs(spectrum.argmax() * rate_hz / len(inside) - 1_000) < 8
    assert abs(np.sqrt(2 * np.mean(inside**2)) - 0.5) < 0.03


@pytest.mark.parametrize("content", [b"", b"no sound at all" * 50, b"RIFF\x00\x00"])
def test_files_that_are_no_sound_are_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "letter.wav"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"letter\.wav"):
        list(read_file(path))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.wav"):
        list(read_file(tmp_path / "gone.wav"))
