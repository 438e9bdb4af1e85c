"""The network that names sounds: EfficientAT's mn04 (a narrow MobileNetV3) and its log-mel picture.

Source: Schmid, Koutini & Widmer 2023, "Efficient Large-Scale Audio Tagging via
Transformer-to-CNN Knowledge Distillation"; the names of the tensors are those of its authors.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import conv1d, hardswish, pad

from engines.maxsight.sound_classes import AUDIOSET_CLASSES

EMBEDDING_WIDTH = 384
HIDDEN_WIDTH = 512

# The rate that sound is brought to, and the rate at which the log-mel picture is made.
SOUND_RATE_HZ = 16_000
PICTURE_RATE_HZ = 2 * SOUND_RATE_HZ
PRE_EMPHASIS = 0.97
FFT_SIZE, WINDOW, HOP, MELS = 1024, 800, 320, 128
HIGHEST_HZ = 15_000.0
POWER_FLOOR, SHIFT, SCALE = 1e-5, 4.5, 5.0
# The network halves time five times; with less than this nothing is left to look at.
SHORTEST_SAMPLES = SOUND_RATE_HZ // 5


class _Block(NamedTuple):
    """One inverted residual of MobileNetV3: channels, kernel, stride, gate and activation."""

    kernel: int
    wide: int
    out: int
    stride: int
    squeezed: int
    is_hard_swish: bool


# MobileNetV3-Large at width 0.4, channels rounded to multiples of 8.
BLOCKS = (
    _Block(3, 8, 8, 1, 0, False),
    _Block(3, 24, 16, 2, 0, False),
    _Block(3, 32, 16, 1, 0, False),
    _Block(5, 32, 16, 2, 8, False),
    _Block(5, 48, 16, 1, 16, False),
    _Block(5, 48, 16, 1, 16, False),
    _Block(3, 96, 32, 2, 0, True),
    _Block(3, 80, 32, 1, 0, True),
    _Block(3, 72, 32, 1, 0, True),
    _Block(3, 72, 32, 1, 0, True),
    _Block(3, 192, 48, 1, 48, True),
    _Block(3, 272, 48, 1, 72, True),
    _Block(5, 272, 64, 2, 72, True),
    _Block(5, 384, 64, 1, 96, True),
    _Block(5, 384, 64, 1, 96, True),
)
STEM_CHANNELS = 8


def _conv(
    inside: int,
    outside: int,
    kernel: int,
    *,
    stride: int = 1,
    groups: int = 1,
    activation: nn.Module | None = None,
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outside, eps=1e-3, momentum=0.01),
    ]
    return nn.Sequential(*layers, *([] if activation is None else [activation]))


class _Gate(nn.Module):
    """Squeeze-and-excitation over channels (Hu et al. 2018) with a sigmoid."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels, squeezed)
        self.fc2 = nn.Linear(squeezed, channels)

    def forward(self, maps: Tensor) -> Tensor:
        gate = self.fc2(self.fc1(maps.mean((2, 3))).relu()).sigmoid()
        return maps * gate[:, :, None, None]


class _Gates(nn.Module):
    """The published network may gate by frequency and time too; this one has the channels' gate."""

    def __init__(self, channels: int, squeezed: int) -> None:
        super().__init__()
        self.conc_se_layers = nn.ModuleList([_Gate(channels, squeezed)])

    def forward(self, maps: Tensor) -> Tensor:
        gated: Tensor = self.conc_se_layers[0](maps)
        return gated


class _InvertedResidual(nn.Module):
    def __init__(self, inside: int, plan: _Block) -> None:
        super().__init__()
        activation = nn.Hardswish if plan.is_hard_swish else nn.ReLU
        layers: list[nn.Module] = []
        if plan.wide != inside:
            layers.append(_conv(inside, plan.wide, 1, activation=activation()))
        layers.append(
            _conv(
                plan.wide,
                plan.wide,
                plan.kernel,
                stride=plan.stride,
                groups=plan.wide,
                activation=activation(),
            )
        )
        if plan.squeezed:
            layers.append(_Gates(plan.wide, plan.squeezed))
        layers.append(_conv(plan.wide, plan.out, 1))
        self.block = nn.Sequential(*layers)
        self.is_residual = plan.stride == 1 and plan.out == inside

    def forward(self, maps: Tensor) -> Tensor:
        out: Tensor = self.block(maps)
        return out + maps if self.is_residual else out


class SoundNetwork(nn.Module):
    """Name sounds from their log-mel picture, (B, 128, T) -> logits (B, classes).

    Args:
        classes: outputs of the last layer.
        dropout: before the last layer, in [0, 1).
    """

    def __init__(self, classes: int = AUDIOSET_CLASSES, *, dropout: float = 0.2) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv(1, STEM_CHANNELS, 3, stride=2, activation=nn.Hardswish())]
        channels = STEM_CHANNELS
        for plan in BLOCKS:
            layers.append(_InvertedResidual(channels, plan))
            channels = plan.out
        layers.append(_conv(channels, EMBEDDING_WIDTH, 1, activation=nn.Hardswish()))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(EMBEDDING_WIDTH, HIDDEN_WIDTH),
            nn.Hardswish(),
            nn.Dropout(dropout),
            nn.Linear(HIDDEN_WIDTH, classes),
        )

    def forward(self, picture: Tensor) -> Tensor:
        """Return logits (B, classes) of pictures (B, 128, T) from `log_mel`."""
        logits: Tensor = self.classifier(self.features(picture[:, None]))
        return logits

    def embed(self, picture: Tensor) -> Tensor:
        """Return (B, 896): the pooled maps (384), then the layer before the last (512)."""
        pooled = self.features(picture[:, None]).mean((2, 3))
        return torch.cat([pooled, hardswish(self.classifier[2](pooled))], dim=1)


def load_audioset(tensors: Mapping[str, Tensor], *, classes: int = 0) -> SoundNetwork:
    """Build the network from the published tensors, all 312 of them.

    Args:
        tensors: the state dict of EfficientAT's mn04_as.
        classes: so many fresh outputs are put before the 527 of AudioSet.

    Raises:
        RuntimeError: if a tensor is missing, left over or of another shape.
    """
    network = SoundNetwork()
    network.load_state_dict(dict(tensors), strict=True)
    published = network.classifier[5]
    assert isinstance(published, nn.Linear)
    last = nn.Linear(HIDDEN_WIDTH, classes + AUDIOSET_CLASSES)
    with torch.no_grad():
        last.weight[classes:] = published.weight
        last.bias[classes:] = published.bias
    network.classifier[5] = last
    return network


def mel_filters() -> NDArray[np.float32]:
    """Return the 128 triangles over the FFT's bins, (128, 513), each with its peak at 1.

    Equally wide on the scale m = 1127 ln(1 + f / 700), from 0 to 15,000 Hz, straight on that scale
    and not on the one of frequencies. Source: Kaldi, `MelBanks`.
    """

    def mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
        return 1127.0 * np.log1p(hz / 700.0)

    edges = np.linspace(0.0, mel(np.array(HIGHEST_HZ)), MELS + 2)
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    bins = mel(np.arange(FFT_SIZE // 2 + 1) * PICTURE_RATE_HZ / FFT_SIZE)[None]
    triangles = np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle))
    triangles = np.maximum(triangles, 0.0)
    triangles[:, -1] = 0.0
    return triangles.astype(np.float32)


def _doubling_filter() -> NDArray[np.float32]:
    # Its import takes a second, and the page imports this module for the rate alone.
    from scipy.signal import firwin

    # Zeros between the samples mirror the spectrum above 8 kHz; this takes the mirror image away.
    return (2.0 * firwin(95, 0.5, window=("kaiser", 8.0))).astype(np.float32)


class LogMel(nn.Module):
    """Make the picture that the network was trained on, 100 columns a second.

    The published network heard 32 kHz. Browsers and files give anything from 8 to 192 kHz and the
    training clips are 16 kHz, so every sound is first brought to 16 kHz and then doubled:
    what lies above 8 kHz is always empty, in training as at work.
    """

    window: Tensor
    filters: Tensor
    doubling: Tensor

    def __init__(self) -> None:
        super().__init__()
        window = torch.hann_window(WINDOW, periodic=False)
        self.register_buffer("window", window, persistent=False)
        self.register_buffer("filters", torch.from_numpy(mel_filters()), persistent=False)
        self.register_buffer("doubling", torch.from_numpy(_doubling_filter()), persistent=False)

    def forward(self, sound: Tensor) -> Tensor:
        """Return pictures (B, 128, T) of sound (B, N), 16 kHz, float32 in [-1, 1].

        Raises:
            ValueError: if it is shorter than 0.2 s or not two-dimensional.
        """
        if sound.ndim != 2 or sound.shape[1] < SHORTEST_SAMPLES:
            raise ValueError(
                f"a picture is made of (B, N) sounds of 0.2 s or more, not {tuple(sound.shape)}"
            )
        return self.picture(self.to_32_khz(sound))

    def to_32_khz(self, sound: Tensor) -> Tensor:
        """Bring 16 kHz (B, N) to 32 kHz (B, 2N), band-limited, without delay."""
        stuffed = torch.stack([sound, torch.zeros_like(sound)], dim=2).flatten(1)
        half = len(self.doubling) // 2
        return conv1d(pad(stuffed, (half, half))[:, None], self.doubling[None, None])[:, 0]

    def picture(self, sound: Tensor) -> Tensor:
        """Return pictures (B, 128, T) of sound (B, N) at 32 kHz, as its authors made them."""
        crisp = sound[:, 1:] - PRE_EMPHASIS * sound[:, :-1]
        spectrum = torch.stft(
            crisp, FFT_SIZE, HOP, WINDOW, self.window, center=True, return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        mels = self.filters @ power
        return ((mels + POWER_FLOOR).log() + SHIFT) / SCALE
