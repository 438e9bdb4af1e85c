"""Made-up sound, and a runner of random weights: for shapes and plumbing, it knows nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from engines.maxsight.sound_audio import Floats
from engines.maxsight.sound_classes import learnt_ids, output_ids, sounds
from engines.maxsight.sound_network import SOUND_RATE_HZ, LogMel, SoundNetwork
from engines.maxsight.sound_outputs import audioset_outputs, output_count
from engines.maxsight.sound_runner import CHECKPOINT, SoundRunner
from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from engines.runtime.weights import CARD_FILE, WEIGHTS_FILE

# `ToneRunner` takes a tone of this height, and so on upwards, for the first sound and the next.
LOWEST_TONE_HZ, TONE_STEP_HZ = 500.0, 250.0
LONGEST_NAMED_HZ = LOWEST_TONE_HZ + TONE_STEP_HZ * len(sounds())


def tone(
    hz: float, seconds: float, *, rate_hz: int = SOUND_RATE_HZ, peak: float = 0.5
) -> NDArray[np.float32]:
    """Return a sine."""
    times_s = np.arange(round(seconds * rate_hz)) / rate_hz
    return (peak * np.sin(2 * np.pi * hz * times_s)).astype(np.float32)


def noise(seconds: float, *, peak: float = 0.1, seed: int = 0) -> NDArray[np.float32]:
    """Return white noise at 16 kHz."""
    count = round(seconds * SOUND_RATE_HZ)
    return (peak * np.random.default_rng(seed).uniform(-1, 1, count)).astype(np.float32)


def tone_of(class_id: str) -> float:
    """Return the height of the tone that `ToneRunner` takes for a sound, Hz."""
    return LOWEST_TONE_HZ + TONE_STEP_HZ * [one.id for one in sounds()].index(class_id)


def write_sound(path: Path, sound: NDArray[Any], rate_hz: int, codec: str) -> None:
    """Encode (N,) or (N, 2) floats with FFmpeg; the suffix names the container."""
    planes = np.ascontiguousarray(np.atleast_2d(sound.T), np.float32)
    layout = "mono" if len(planes) == 1 else "stereo"
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate_hz, layout=layout)
        frame = av.AudioFrame.from_ndarray(planes, format="fltp", layout=layout)
        frame.sample_rate = rate_hz
        fitting = av.AudioResampler(format=stream.format, layout=layout, rate=rate_hz)
        if stream.codec_context.frame_size:
            fitting = av.AudioResampler(
                format=stream.format,
                layout=layout,
                rate=rate_hz,
                frame_size=stream.codec_context.frame_size,
            )
        for piece in [*fitting.resample(frame), *fitting.resample(None)]:
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))


def random_network(seed: int = 0, *, classes: int | None = None) -> SoundNetwork:
    """Make a network whose answers differ from sound to sound; a fresh one says the same to all.

    Its normalisation is fitted to a few sounds, so that they come through all the layers. Without
    a number of classes it has the outputs of the shipped one.
    """
    torch.manual_seed(seed)
    network = SoundNetwork(output_count() if classes is None else classes)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.BatchNorm2d)]
    usual = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = None  # the plain mean of what it sees
    heard = [tone(hz, 1.0) for hz in (300, 1_000, 3_000)] + [noise(1.0)]
    with torch.no_grad():
        network(LogMel()(torch.from_numpy(np.stack(heard))))
    for layer, momentum in zip(layers, usual, strict=True):
        layer.momentum = momentum
    return network.eval()


def write_checkpoint(checkpoints_dir: Path, **inference: Any) -> Path:
    """Write a checkpoint of random weights and return its folder."""
    folder = checkpoints_dir / CHECKPOINT
    folder.mkdir(parents=True)
    state = random_network().state_dict()
    # Kept sounds that are a little likely: they leave something to those that were learnt.
    state["classifier.5.weight"][len(learnt_ids()) :] *= 0.05
    state["classifier.5.bias"][len(learnt_ids()) :] = -3.0
    save_file(state, folder / WEIGHTS_FILE)
    part = {
        "classes": list(learnt_ids()),
        "audioset": list(audioset_outputs()),
        "thresholds": {one.id: 0.5 for one in sounds()},
        "temperature": 1.0,
        **inference,
    }
    card = {"name": "maxsight-sound random", "version": "0", "inference": part}
    (folder / CARD_FILE).write_text(json.dumps(card))
    return folder


class ToneRunner(SoundRunner):
    """Name a pure tone by its height; what is no tone is background, a strange tone is unknown."""

    def __init__(self, settings: Settings, placement: Placement) -> None:
        super().__init__(settings, placement)
        self.load()

    def probabilities(self, sound: Floats) -> NDArray[np.float32]:
        """See `SoundRunner.probabilities`."""
        power = np.abs(np.fft.rfft(sound)) ** 2
        peak = int(power.argmax())
        found = np.full(len(output_ids()), 0.02, np.float32)
        if power[max(0, peak - 8) : peak + 9].sum() < 0.5 * power.sum():
            found[-1] = 1.0
        else:
            hz = peak * SOUND_RATE_HZ / len(sound)
            index = round((hz - LOWEST_TONE_HZ) / TONE_STEP_HZ)
            if 0 <= index < len(sounds()):
                found[index] = 1.0
            else:
                # Nothing in particular: a bit of two sounds.
                found[:2] = 0.3
        return found / found.sum()
