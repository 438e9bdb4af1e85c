"""The sentences that MaxSight speaks, in the person's language."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from engines.maxsight.classes import CLASSES_FILE, Language, vocabulary
from engines.maxsight.preferences import LANGUAGES, DirectionStyle
from engines.maxsight.tiers import TrackedObject, Urgency, Zone
from engines.maxsight.urgency import is_approaching
from engines.runtime.yaml_files import read_yaml

WORDING_FILE = CLASSES_FILE.with_name("wording.yaml")

# Below this score a thing is only "maybe" there.
SURE_SCORE = 0.5
# A third of the picture of a usual camera, about 62° wide: tan(31°) / 3 is tan(11°).
AHEAD_DEG = 11.0
ARMS_LENGTH_M, ONE_METRE_M, ONE_AND_HALF_M = 0.75, 1.25, 1.75
# The distance is an estimate: from here on single metres would say more than is known.
COARSE_FROM_M, COARSE_STEP_M = 10, 5
# More than this at once cannot be remembered.
MAX_THINGS_SUMMED_UP = 5

# What each text of the file has to fill in; texts that are not named here fill in nothing.
PLACES: dict[str, set[str]] = {
    "hours.one": {"hour"},
    "hours.many": {"hour"},
    "distances.many": {"metres"},
    "said.plain": {"name", "direction", "distance"},
    "said.maybe": {"one", "direction", "distance"},
    "said.maybe_coming": {"one", "direction", "distance"},
    "alerts.danger": {"said", "more"},
    "alerts.warning": {"said"},
    "alerts.caution": {"said"},
    "more.many": {"count"},
    "summary.begin": {"things"},
    "summary.one": {"one", "direction", "distance"},
    "summary.maybe_one": {"one", "direction", "distance"},
    "summary.several": {"count", "many", "direction", "distance"},
    "summary.maybe_several": {"count", "many", "direction", "distance"},
    "summary.and_one": {"things"},
    "summary.and_many": {"things", "count"},
}
# Spanish says "se acerca un coche", English "car coming closer": either noun, but not none.
COMING_PLACES = ({"name", "direction", "distance"}, {"one", "direction", "distance"})


class _Texts(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Number(_Texts):
    one: str = Field(min_length=1)
    many: str = Field(min_length=1)


class _Sides(_Texts):
    left: str
    ahead: str
    right: str


class _Distances(_Texts):
    arm: str
    one: str
    one_and_half: str
    many: str


class _Zones(_Texts):
    near: str
    medium: str
    far: str


class _Said(_Texts):
    plain: str
    maybe: str
    coming: str
    maybe_coming: str


class _Alerts(_Texts):
    danger: str
    warning: str
    caution: str


class _Summary(_Texts):
    begin: str
    one: str
    maybe_one: str
    several: str
    maybe_several: str
    and_one: str
    and_many: str
    nothing: str


class _Language(_Texts):
    hours: _Number
    sides: _Sides
    distances: _Distances
    zones: _Zones
    said: _Said
    alerts: _Alerts
    more: _Number
    unnamed: str = Field(min_length=1)
    summary: _Summary
    nouns: dict[str, tuple[str, str]]

    @model_validator(mode="after")
    def _fits(self) -> _Language:
        trained = set(vocabulary().trained_ids)
        if set(self.nouns) != trained:
            odd = sorted(set(self.nouns) ^ trained)
            raise ValueError(f"nouns and the trained classes differ in {', '.join(odd)}")
        for path, text in _texts_of(self.model_dump(exclude={"nouns"})):
            found = {name for _, name, _, _ in Formatter().parse(text) if name is not None}
            allowed = COMING_PLACES if path == "said.coming" else (PLACES.get(path, set()),)
            if found not in allowed:
                raise ValueError(f"{path} has to fill in {sorted(allowed[0]) or 'nothing'}")
        return self


class _File(RootModel[dict[Language, _Language]]):
    pass


def _texts_of(node: dict[str, Any], above: str = "") -> list[tuple[str, str]]:
    """Return all texts of a nested mapping with their dotted paths."""
    texts: list[tuple[str, str]] = []
    for key, value in node.items():
        path = f"{above}{key}"
        texts += [(path, value)] if isinstance(value, str) else _texts_of(value, f"{path}.")
    return texts


class Wording:
    """Build the sentences of one language."""

    def __init__(self, language: Language, texts: _Language) -> None:
        self.language = language
        self._texts = texts
        self._names = {one.id: one.names[language] for one in vocabulary().trained}

    def direction(self, track: TrackedObject, style: DirectionStyle) -> str:
        """Say where a thing is: "at 2 o'clock" or "on the right"."""
        if style == "clock":
            hours = self._texts.hours
            return (hours.one if track.clock_hour == 1 else hours.many).format(
                hour=track.clock_hour
            )
        sides = self._texts.sides
        if track.angle_deg < -AHEAD_DEG:
            return sides.left
        return sides.right if track.angle_deg > AHEAD_DEG else sides.ahead

    def distance(self, track: TrackedObject) -> str:
        """Say how far a thing is, in metres; by its zone where the distance is not a number."""
        if not math.isfinite(track.distance_m):
            zones = self._texts.zones
            return {Zone.NEAR: zones.near, Zone.MEDIUM: zones.medium, Zone.FAR: zones.far}[
                track.zone
            ]
        words = self._texts.distances
        if track.distance_m <= ARMS_LENGTH_M:
            return words.arm
        if track.distance_m <= ONE_METRE_M:
            return words.one
        if track.distance_m <= ONE_AND_HALF_M:
            return words.one_and_half
        step = 1 if track.distance_m < COARSE_FROM_M else COARSE_STEP_M
        return words.many.format(metres=step * math.floor(track.distance_m / step + 0.5))

    def alert(self, track: TrackedObject, *, style: DirectionStyle, more: int = 0) -> str:
        """Say one thing by its urgency.

        Args:
            track: with its final urgency; what is safe is worded like a caution.
            more: how many further dangers there are; only said of a danger.
        """
        said = self._said(track, style)
        alerts = self._texts.alerts
        if track.urgency == Urgency.DANGER:
            return _sentence(alerts.danger.format(said=said, more=self._more(more)))
        warning_or_less = alerts.warning if track.urgency == Urgency.WARNING else alerts.caution
        return _sentence(warning_or_less.format(said=said))

    def unnamed(self) -> str:
        """Say that the picture as a whole looks dangerous and no single thing explains it."""
        return _sentence(self._texts.unnamed)

    def summary(self, tracks: Sequence[TrackedObject], *, style: DirectionStyle) -> str:
        """Answer "What is around me?": the most urgent first, then the nearest.

        Things of one class in one direction are said together, at the distance of the nearest.
        """
        words = self._texts.summary
        if not tracks:
            return _sentence(words.nothing)
        together: dict[tuple[str, str], list[TrackedObject]] = {}
        for track in sorted(tracks, key=lambda one: (-one.urgency, _sortable(one.distance_m))):
            key = (track.class_id, self.direction(track, style))
            together.setdefault(key, []).append(track)
        said = list(together.values())[:MAX_THINGS_SUMMED_UP]
        things = "; ".join(self._group(group, style) for group in said)
        left_out = len(tracks) - sum(len(group) for group in said)
        if left_out == 1:
            things = words.and_one.format(things=things)
        elif left_out:
            things = words.and_many.format(things=things, count=left_out)
        return _sentence(words.begin.format(things=things))

    def _said(self, track: TrackedObject, style: DirectionStyle) -> str:
        said = self._texts.said
        is_coming, is_sure = is_approaching(track), track.score >= SURE_SCORE
        if is_sure:
            template = said.coming if is_coming else said.plain
        else:
            template = said.maybe_coming if is_coming else said.maybe
        return template.format(
            name=self._names[track.class_id],
            one=self._texts.nouns[track.class_id][0],
            direction=self.direction(track, style),
            distance=self.distance(track),
        )

    def _more(self, count: int) -> str:
        if count < 1:
            return ""
        return self._texts.more.one if count == 1 else self._texts.more.many.format(count=count)

    def _group(self, group: Sequence[TrackedObject], style: DirectionStyle) -> str:
        words = self._texts.summary
        is_sure = any(track.score >= SURE_SCORE for track in group)
        if len(group) == 1:
            template = words.one if is_sure else words.maybe_one
        else:
            template = words.several if is_sure else words.maybe_several
        nearest = min(group, key=lambda track: _sortable(track.distance_m))
        one, many = self._texts.nouns[nearest.class_id]
        return template.format(
            one=one,
            many=many,
            count=len(group),
            direction=self.direction(nearest, style),
            distance=self.distance(nearest),
        )


def read_wording(path: Path = WORDING_FILE) -> dict[Language, Wording]:
    """Read the sentences of all languages from a YAML file.

    Raises:
        ValueError: if the file does not fit; the message says where.
    """
    loaded = read_yaml(path, _File)
    missing = [language for language in LANGUAGES if language not in loaded.root]
    if missing:
        raise ValueError(f"{path.name}: these languages are missing: {', '.join(missing)}")
    return {language: Wording(language, texts) for language, texts in loaded.root.items()}


@cache
def _shipped() -> dict[Language, Wording]:
    return read_wording()


def wording(language: Language) -> Wording:
    """Return the shipped sentences of a language, read once."""
    return _shipped()[language]


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _sortable(distance_m: float) -> float:
    return distance_m if math.isfinite(distance_m) else math.inf
