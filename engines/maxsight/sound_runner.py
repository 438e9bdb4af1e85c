"""Name what is heard in a window of sound, with the trained network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from engines.maxsight.checkpoint import find_network, is_number
from engines.maxsight.sound_audio import Floats
from engines.maxsight.sound_classes import BACKGROUND, learnt_ids, output_ids
from engines.maxsight.sound_network import SHORTEST_SAMPLES, LogMel, SoundNetwork
from engines.maxsight.sound_outputs import audioset_outputs, output_count, probabilities_of
from engines.runtime.checkpoint_engine import CheckpointEngine
from engines.runtime.errors import (
    EngineUnavailableError,
    WeightsCorruptError,
)
from engines.runtime.weights import Card, load_card, load_tensors

CHECKPOINT = "maxsight-sound"
WARMUP_PASSES = 2


@dataclass(frozen=True)
class SoundInference:
    """How the network's outputs are read; the card says it.

    Attributes:
        thresholds: least probability at which a sound is named. Sounds that are not trusted have
            none, and are never named.
        temperature: the logits of what was learnt are divided by it before the softmax.
    """

    thresholds: Mapping[str, float]
    temperature: float


@dataclass(frozen=True)
class _Loaded:
    network: SoundNetwork
    picture_of: LogMel
    inference: SoundInference
    detail: str


class SoundRunner(CheckpointEngine[_Loaded]):
    """Listen to windows of sound with the trained `SoundNetwork`; it keeps nothing of them."""

    name, title = "maxsight-sound", "The network of sounds"

    def load(self) -> None:
        """Read the checkpoint.

        Raises:
            EngineUnavailableError: if there is no checkpoint.
            WeightsCorruptError: if it is damaged or was trained for other sounds.
        """
        source = find_network(CHECKPOINT, self.settings, cannot="name sounds")
        card = load_card(source.path.parent)
        if card is None:
            raise _bad_card("it is missing")
        inference = read_inference(card)
        network = SoundNetwork(output_count())
        try:
            network.load_state_dict(load_tensors(source.path))
        except RuntimeError as error:
            raise WeightsCorruptError(
                "The weights of the sounds do not fit this version of the network.",
                f"Restore checkpoints/{CHECKPOINT} with git, or train the network again.",
            ) from error
        device = self.placement.device
        # Full precision everywhere: the network is small and gains nothing by less.
        self._loaded = _Loaded(
            network.float().eval().to(device),
            LogMel().to(device),
            inference,
            f"{card.name} {card.version}, {len(inference.thresholds)} sounds, PyTorch on "
            f"{device.type}, from {source.origin}",
        )

    def warmup(self) -> None:
        """Listen to silence, so that the first person doesn't wait."""
        for _ in range(WARMUP_PASSES):
            self.probabilities(np.zeros(2 * 16_000, np.float32))

    @property
    def inference(self) -> SoundInference:
        """How the outputs are read. Raises EngineUnavailableError if nothing is loaded."""
        return self._ready().inference

    def probabilities(self, sound: Floats) -> NDArray[np.float32]:
        """Return the probability of each of `output_ids()`; they sum to 1.

        Args:
            sound: (N,) at 16 kHz, at least 0.2 s; the network was trained on 2 s.

        Raises:
            ValueError: if it is shorter or has more than one channel.
            EngineUnavailableError: if no network is loaded, or it computes numbers that are none.
        """
        loaded = self._ready()
        if sound.ndim != 1 or len(sound) < SHORTEST_SAMPLES:
            raise ValueError(f"0.2 s of one channel are needed, not {sound.shape}")
        with torch.inference_mode():
            samples = torch.from_numpy(np.ascontiguousarray(sound, np.float32))[None]
            picture = loaded.picture_of(samples.to(self.placement.device))
            logits = loaded.network(picture).cpu().numpy()
        found = probabilities_of(logits, loaded.inference.temperature)[0]
        if not np.isfinite(found).all():
            raise EngineUnavailableError(
                "The network of sounds computed numbers that are none.",
                f"Restart the app; if it happens again, restore checkpoints/{CHECKPOINT}.",
            )
        return np.asarray(found, np.float32)


def read_inference(card: Card) -> SoundInference:
    """Read the part "inference" of a card.

    It holds `classes`, what was learnt in the order of the outputs; `audioset`, the outputs that
    follow, by their number there; `thresholds`, sound -> least probability, above 0 and below 1;
    `temperature`, from 0.1 to 10.

    Raises:
        WeightsCorruptError: if something is missing, out of range, or of other sounds.
    """
    raw = card.raw.get("inference")
    if not isinstance(raw, dict):
        raise _bad_card('it has no part "inference"')
    trained_for = (raw.get("classes"), raw.get("audioset"))
    if trained_for != (list(learnt_ids()), list(audioset_outputs())):
        raise WeightsCorruptError(
            "The network of sounds was trained for other sounds than this app knows.",
            "Use the checkpoint that came with this version, or train again.",
        )
    thresholds, temperature = raw.get("thresholds"), raw.get("temperature")
    if not isinstance(thresholds, dict) or not thresholds:
        raise _bad_card("it trusts no sound")
    for name, least in thresholds.items():
        if name == BACKGROUND or name not in output_ids():
            raise _bad_card(f"it has a threshold for {name}, which is no sound of its own")
        if not is_number(least) or not 0 < least < 1:
            raise _bad_card(f"the threshold of {name} is no number between 0 and 1")
    if not is_number(temperature) or not 0.1 <= temperature <= 10:
        raise _bad_card("its temperature is no number from 0.1 to 10")
    return SoundInference(
        {name: float(least) for name, least in thresholds.items()}, float(temperature)
    )


def _bad_card(reason: str) -> WeightsCorruptError:
    return WeightsCorruptError(
        f"The card of the network of sounds can't be used: {reason}.",
        f"Restore checkpoints/{CHECKPOINT} with git, or make the card again.",
    )
