"""Ears that know tones, and a person who sends them sound, for the tests of "Sounds"."""

from __future__ import annotations

import base64
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.maxsight_sound_actions import SoundTab
from engines.maxsight.sound_audio import Floats
from engines.runtime.device import choose_placement
from engines.runtime.settings import Settings
from tests.components.maxsight_eyes import TIMEOUT_S, Clock, Person, read
from tests.engines.maxsight.sound_toy import ToneRunner, noise, tone, tone_of

ONE: Any = Person("one")
OTHER: Any = Person("other")
HALF_S = 0.5


def piece(
    sound: NDArray[np.float32],
    number: int = 1,
    *,
    run: str = "run",
    rate_hz: Any = 16_000,
    muted: tuple[str, ...] = (),
    is_end: bool = False,
) -> str:
    """Write a piece as the page's script does."""
    pcm = base64.b64encode((sound * 32767).astype("<i2").tobytes()).decode("ascii")
    return json.dumps(
        {"run": run, "n": number, "rate": rate_hz, "pcm": pcm, "muted": muted, "isEnd": is_end}
    )


def listen(
    sounds: SoundTab, class_id: str, seconds: float, person: Any = ONE, **more: Any
) -> dict[str, Any]:
    """Send a tone in half seconds and return the last message."""
    message: dict[str, Any] = {}
    for number in range(1, round(seconds / HALF_S) + 1):
        heard = tone(tone_of(class_id), HALF_S, rate_hz=more.get("rate_hz", 16_000))
        message = read(sounds.hear(person, piece(heard, number, **more)))
    return message


def messages_of(sounds: SoundTab, path: Path, person: Any = ONE) -> list[dict[str, Any]]:
    return [read(message) for message in sounds.file(person, str(path))]


def scene() -> NDArray[np.float32]:
    """Two seconds of a siren, three of noise, two of a dog."""
    return np.concatenate([tone(tone_of("siren"), 2), noise(3), tone(tone_of("dog_bark"), 2)])


class TickingClock(Clock):
    """A clock that moves on whenever it is looked at."""

    def __call__(self) -> float:
        self.now_s += 0.2
        return self.now_s


class SlowRunner(ToneRunner):
    """Ears that wait until a test lets them hear."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, choose_placement(settings))
        self.begun, self.may_hear = threading.Event(), threading.Event()

    def probabilities(self, sound: Floats) -> NDArray[np.float32]:
        """See `SoundRunner.probabilities`."""
        self.begun.set()
        assert self.may_hear.wait(TIMEOUT_S)
        return super().probabilities(sound)
