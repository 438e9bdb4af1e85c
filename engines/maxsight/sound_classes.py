"""The sounds that MaxSight may name, and how it tells of each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engines.maxsight.classes import CLASSES_FILE, Language
from engines.maxsight.tiers import Urgency
from engines.runtime.yaml_files import read_yaml

# Outputs of a network that was trained on AudioSet.
AUDIOSET_CLASSES = 527
SOUNDS_FILE = CLASSES_FILE.with_name("sounds.yaml")
# The network's last output; it is never named.
BACKGROUND = "background"


@dataclass(frozen=True)
class SoundClass:
    """One sound that has a name.

    Attributes:
        id: name in the data set, with underscores.
        names: plain name by language.
        urgency: how much it matters by itself.
        is_alarm: whether it asks for a flash and a vibration.
        haptic_ms: vibration, milliseconds on, off, on, ...
        audioset: the outputs of AudioSet that stand for it, by their number; empty for a sound
            that the network learnt from this project's clips.
    """

    id: str
    names: dict[str, str]
    urgency: Urgency
    is_alarm: bool
    haptic_ms: tuple[int, ...]
    audioset: tuple[int, ...] = ()

    def name_in(self, language: Language) -> str:
        """Return the plain name in a language."""
        return self.names[language]


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid")
    en: str = Field(min_length=1)
    es: str = Field(min_length=1)
    de: str = Field(min_length=1)


class _Sound(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str = Field(pattern=r"^[a-z_]+$")
    names: _Names
    urgency: int = Field(ge=0, le=3)
    alarm: bool
    haptic_ms: list[int] = Field(min_length=1, max_length=9)
    audioset: list[Annotated[int, Field(ge=0, lt=AUDIOSET_CLASSES)]] = []

    @model_validator(mode="after")
    def _can_be_felt(self) -> _Sound:
        if any(not 20 <= part <= 1000 for part in self.haptic_ms):
            raise ValueError("haptic_ms holds times from 20 to 1,000 ms")
        if len(self.haptic_ms) % 2 == 0:
            raise ValueError("haptic_ms ends with the motor on")
        return self


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sounds: list[_Sound] = Field(min_length=1)

    @model_validator(mode="after")
    def _agrees(self) -> _File:
        ids = [one.id for one in self.sounds]
        twice = {name for name in ids if ids.count(name) > 1}
        if twice:
            raise ValueError(f"listed twice: {', '.join(sorted(twice))}")
        if BACKGROUND in ids:
            raise ValueError(f"{BACKGROUND} is what is not named")
        patterns = [tuple(one.haptic_ms) for one in self.sounds if one.alarm]
        if len(set(patterns)) < len(patterns):
            raise ValueError("two alarms vibrate alike")
        is_kept = [bool(one.audioset) for one in self.sounds]
        if is_kept != sorted(is_kept):
            raise ValueError("sounds with audioset come after all others")
        outputs = [number for one in self.sounds for number in one.audioset]
        if len(set(outputs)) < len(outputs):
            raise ValueError("an output of AudioSet stands for one sound only")
        return self


def read_sounds(path: Path = SOUNDS_FILE) -> tuple[SoundClass, ...]:
    """Read the sounds: those that were learnt in the order of the network's outputs, then the rest.

    Raises:
        ValueError: if the file does not fit; the message says where.
    """
    loaded = read_yaml(path, _File)
    return tuple(
        SoundClass(
            one.id,
            one.names.model_dump(),
            Urgency(one.urgency),
            one.alarm,
            tuple(one.haptic_ms),
            tuple(one.audioset),
        )
        for one in loaded.sounds
    )


@cache
def sounds() -> tuple[SoundClass, ...]:
    """Return the shipped sounds, read once."""
    return read_sounds()


def learnt_ids() -> tuple[str, ...]:
    """Name what the network learnt from this project's clips, in order; background is the last."""
    return (*(one.id for one in sounds() if not one.audioset), BACKGROUND)


def kept_sounds() -> tuple[SoundClass, ...]:
    """Return the sounds that are named by outputs kept from AudioSet."""
    return tuple(one for one in sounds() if one.audioset)


def output_ids() -> tuple[str, ...]:
    """Name all that a window may be found to be: the sounds, then the background."""
    return (*(one.id for one in sounds()), BACKGROUND)
