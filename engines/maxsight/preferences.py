"""What one person wants to be told, and how."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from engines.maxsight.classes import Language, vocabulary

Mode = Literal["person", "clinician", "developer"]
DirectionStyle = Literal["clock", "sides"]

MODES: tuple[Mode, ...] = get_args(Mode)
LANGUAGES: tuple[Language, ...] = get_args(Language)
DIRECTION_STYLES: tuple[DirectionStyle, ...] = get_args(DirectionStyle)

# Lowest and highest value of each number, and what a person is told to choose between.
RANGES = {
    "max_distance_m": (1.0, 50.0, "The distance is between 1 and 50 metres."),
    "seconds_between": (0.0, 60.0, "The pause between alerts is between 0 and 60 seconds."),
    "voice_speed": (0.5, 3.0, "The voice speed is between 0.5 and 3."),
}
CHOICES: dict[str, tuple[str, ...]] = {
    "mode": MODES,
    "language": LANGUAGES,
    "direction_style": DIRECTION_STYLES,
}


@dataclass(frozen=True)
class Preferences:
    """What one person wants to be told, and how.

    Attributes:
        mode: how much is shown.
        groups_told: groups of the vocabulary that are spoken of; the others stay silent.
        max_distance_m: what is farther is not spoken of, unless it is a danger; 1 to 50.
        seconds_between: least pause between two alerts, unless one is a danger; 0 to 60.
        voice_speed: rate of the browser's voice; 1 is usual, 0.5 to 3.
        language: of the alerts.
        direction_style: "2 o'clock" or "on the right".
        is_vibrating: whether alerts come with a vibration.

    Raises:
        ValueError: if a value is not one of those; the message can be shown to the person.
    """

    mode: Mode = "person"
    groups_told: frozenset[str] = field(default_factory=lambda: frozenset(vocabulary().groups))
    max_distance_m: float = 10.0
    seconds_between: float = 5.0
    voice_speed: float = 1.0
    language: Language = "en"
    direction_style: DirectionStyle = "clock"
    is_vibrating: bool = True

    def __post_init__(self) -> None:
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                raise ValueError(f"Choose one of these: {', '.join(known)}.")
        for name, (lowest, highest, message) in RANGES.items():
            value = getattr(self, name)
            # A bool is an int in Python, and True metres is a mistake.
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(message)
            if not (math.isfinite(value) and lowest <= value <= highest):
                raise ValueError(message)
        object.__setattr__(self, "groups_told", frozenset(self.groups_told))
        unknown = self.groups_told - set(vocabulary().groups)
        if unknown:
            raise ValueError(f"Choose from these groups: {', '.join(vocabulary().groups)}.")

    def with_group(self, group: str, *, is_told: bool) -> Preferences:
        """Return the same preferences with one group told or muted; raises ValueError."""
        if is_told:
            return replace(self, groups_told=self.groups_told | {group})
        if group not in vocabulary().groups:
            raise ValueError(f"Choose from these groups: {', '.join(vocabulary().groups)}.")
        return replace(self, groups_told=self.groups_told - {group})
