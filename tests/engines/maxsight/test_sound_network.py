"""The network of sounds and the picture it looks at."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from engines.maxsight.sound_network import (
    FFT_SIZE,
    HOP,
    PICTURE_RATE_HZ,
    POWER_FLOOR,
    WINDOW,
    LogMel,
    SoundNetwork,
    load_audioset,
    mel_filters,
)
from tests.engines.maxsight.sound_toy import noise, tone

PUBLISHED_TENSORS, PUBLISHED_PARAMETERS = 312, 983_599
FLOOR = (np.log(POWER_FLOOR) + 4.5) / 5.0


def test_the_network_has_the_published_tensors_and_parameters() -> None:
    network = SoundNetwork()
    assert len(network.state_dict()) == PUBLISHED_TENSORS
    assert sum(part.numel() for part in network.parameters()) == PUBLISHED_PARAMETERS
    shapes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    assert shapes["features.0.0.weight"] == (8, 1, 3, 3)
    assert shapes["features.12.block.2.conc_se_layers.0.fc1.weight"] == (72, 272)
    assert shapes["features.16.0.weight"] == (384, 64, 1, 1)
    assert shapes["classifier.5.weight"] == (527, 512)


@pytest.mark.parametrize("change", ["missing", "left over", "other shape"])
def test_published_tensors_are_all_used_or_refused(change: str) -> None:
    tensors = SoundNetwork().state_dict()
    if change == "missing":
        del tensors["classifier.2.bias"]
    elif change == "left over":
        tensors["features.17.weight"] = torch.zeros(1)
    else:
        tensors["classifier.2.bias"] = torch.zeros(3)
    with pytest.raises(RuntimeError):
        load_audioset(tensors)


def test_fresh_outputs_come_before_the_published_ones_and_change_none() -> None:
    torch.manual_seed(0)
    tensors = SoundNetwork().state_dict()
    fresh = load_audioset(tensors, classes=5).state_dict()
    assert fresh["classifier.5.weight"].shape == (5 + 527, 512)
    for name, tensor in tensors.items():
        kept = fresh[name][5:] if name.startswith("classifier.5") else fresh[name]
        assert torch.equal(kept, tensor)


def test_each_picture_gets_its_own_answer_whatever_its_length() -> None:
    torch.manual_seed(0)
    network = SoundNetwork(classes=4).eval()
    pictures = torch.randn(2, 128, 57)
    with torch.inference_mode():
        both, embedded = network(pictures), network.embed(pictures)
        one = network(pictures[1:])
    assert both.shape == (2, 4) and embedded.shape == (2, 896)
    torch.testing.assert_close(both[1:], one, rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        from_hidden = network.classifier[5](embedded[:, 384:])
    torch.testing.assert_close(both, from_hidden)


def test_mel_filters_are_triangles_in_order_up_to_15_khz() -> None:
    filters = mel_filters()
    assert filters.shape == (128, FFT_SIZE // 2 + 1)
    assert filters.min() == 0 and 0.9 < filters.max() <= 1
    hz = np.arange(filters.shape[1]) * PICTURE_RATE_HZ / FFT_SIZE
    assert not filters[:, hz >= 15_000].any()
    wide = filters[30:]
    centres = (wide * hz).sum(1) / wide.sum(1)
    assert (np.diff(centres) > 0).all()
    # Bins between two peaks belong to both, and to both together wholly.
    inside = (hz > 200) & (hz < 14_600)
    np.testing.assert_allclose(filters[:, inside].sum(0), 1.0, atol=1e-4)


def test_the_picture_is_a_log_mel_spectrogram_computed_step_by_step() -> None:
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, 9_000).astype(np.float32)
    crisp = sound[1:] - 0.97 * sound[:-1]
    padded = np.pad(crisp.astype(np.float64), FFT_SIZE // 2, mode="reflect")
    window = np.zeros(FFT_SIZE)
    start = (FFT_SIZE - WINDOW) // 2
    window[start : start + WINDOW] = np.hanning(WINDOW)
    columns = []
    for column in range(1 + len(crisp) // HOP):
        frame = padded[column * HOP : column * HOP + FFT_SIZE] * window
        power = np.abs(np.fft.rfft(frame)) ** 2
        columns.append((np.log(mel_filters() @ power + POWER_FLOOR) + 4.5) / 5.0)
    made = LogMel().picture(torch.from_numpy(sound)[None])[0].numpy()
    np.testing.assert_allclose(made, np.stack(columns, axis=1), atol=2e-4)


def test_a_tone_of_16_khz_sound_stays_where_it_is_and_nothing_appears_above_8_khz() -> None:
    picture = LogMel()(torch.from_numpy(tone(3000, 1.0))[None])[0].numpy()
    assert picture.shape[0] == 128 and 99 <= picture.shape[1] <= 101
    hz = np.arange(FFT_SIZE // 2 + 1) * PICTURE_RATE_HZ / FFT_SIZE
    loudest = mel_filters()[picture[:, 20:80].mean(1).argmax()]
    assert abs((loudest * hz).sum() / loudest.sum() - 3000) < 60
    hissing = LogMel()(torch.from_numpy(noise(1.0, peak=0.5))[None])[0].numpy()
    high = (mel_filters() * hz).sum(1) / mel_filters().sum(1).clip(1e-9) > 9_200
    assert hissing[high, 5:-5].max() < FLOOR + 0.2
    assert hissing[~high, 5:-5].mean() > FLOOR + 1.0


def test_silence_is_the_floor_and_finite() -> None:
    picture = LogMel()(torch.zeros(1, 16_000))
    np.testing.assert_allclose(picture.numpy(), FLOOR, atol=1e-5)


@pytest.mark.parametrize("shape", [(16_000,), (1, 3_000), (1, 1, 16_000)])
def test_sound_of_a_wrong_shape_or_too_short_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"0\.2 s"):
        LogMel()(torch.zeros(shape))
