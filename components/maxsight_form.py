"""What a person can choose in the MaxSight tab, as the engine's preferences and back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from engines.maxsight.classes import Language, vocabulary
from engines.maxsight.preferences import RANGES, DirectionStyle, Mode, Preferences
from engines.runtime.errors import InputError

Choice = tuple[str, str]

MODES: list[Choice] = [
    ("Person: few words", "person"),
    ("Clinician: scores and zones too", "clinician"),
    ("Developer: everything", "developer"),
]
GROUP_NAMES = {
    "people": "People",
    "vehicles": "Vehicles",
    "street": "Traffic lights and signs",
    "doors": "Doors",
    "obstacles": "Obstacles",
    "animals": "Animals",
    "items": "Small things",
}
LANGUAGES: list[Choice] = [("English", "en"), ("Español", "es"), ("Deutsch", "de")]
# Who says the alerts.
VOICE_CHOICES: list[Choice] = [
    ("This page", "page"), ("My screen reader", "reader"), ("Off", "off"),
]  # fmt: skip
DIRECTIONS: list[Choice] = [("At 2 o'clock", "clock"), ("On the right", "sides")]


def groups() -> list[Choice]:
    """List what can be told of, (name, id), in the vocabulary's order."""
    return [(GROUP_NAMES[group], group) for group in vocabulary().groups]


def voice_choice(remembered: Any) -> str:
    """Return who says the alerts, as the browser remembers it; the page where it does not."""
    known = [choice for _, choice in VOICE_CHOICES]
    return str(remembered) if remembered in known else known[0]


@dataclass(frozen=True)
class Form:
    """What stands in the settings, as Gradio hands it over; the fields in the page's order.

    Attributes:
        groups: ids of what is told of; None counts as none.
        distance_m, seconds_between, voice_speed: None, an emptied field, is refused.
    """

    mode: str
    groups: Sequence[str] | None
    distance_m: float | None
    seconds_between: float | None
    voice_speed: float | None
    language: str
    direction: str
    is_vibrating: bool

    @classmethod
    def of(cls, preferences: Preferences) -> Form:
        """Write preferences into the form."""
        return cls(
            mode=preferences.mode,
            groups=[one for one in vocabulary().groups if one in preferences.groups_told],
            distance_m=preferences.max_distance_m,
            seconds_between=preferences.seconds_between,
            voice_speed=preferences.voice_speed,
            language=preferences.language,
            direction=preferences.direction_style,
            is_vibrating=preferences.is_vibrating,
        )

    @property
    def values(self) -> tuple[Any, ...]:
        """The fields in order, as Gradio takes them."""
        return tuple(getattr(self, field.name) for field in fields(self))

    def preferences(self) -> Preferences:
        """Read the form.

        Raises:
            InputError: if something does not fit; it says what can be chosen.
        """
        try:
            # Preferences looks at every value itself, whatever a stranger sends.
            return Preferences(
                mode=cast(Mode, self.mode),
                groups_told=frozenset(self.groups or ()),
                max_distance_m=cast(float, self.distance_m),
                seconds_between=cast(float, self.seconds_between),
                voice_speed=cast(float, self.voice_speed),
                language=cast(Language, self.language),
                direction_style=cast(DirectionStyle, self.direction),
                is_vibrating=bool(self.is_vibrating),
            )
        except (ValueError, TypeError) as error:
            do = str(error) if isinstance(error, ValueError) else "Choose it from the list."
            raise InputError("This setting can't be used.", do) from error


FORM = tuple(field.name for field in fields(Form))


def range_of(name: str) -> tuple[float, float]:
    """Return the lowest and highest value of a number of the preferences."""
    lowest, highest, _ = RANGES[name]
    return lowest, highest
