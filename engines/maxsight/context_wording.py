"""The sentences about the surroundings: finding a thing, the free path, what makes it hard."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal

from pydantic import RootModel

from engines.maxsight.classes import CLASSES_FILE, Language, vocabulary
from engines.maxsight.depth import Distance
from engines.maxsight.findability import Reason
from engines.maxsight.free_path import FreePath, SidePath
from engines.maxsight.measures import Difficulty
from engines.maxsight.picture_state import PROBLEMS, PictureState
from engines.maxsight.preferences import LANGUAGES
from engines.maxsight.text_lines import TextLine
from engines.runtime.yaml_files import read_yaml

CONTEXT_WORDING_FILE = CLASSES_FILE.with_name("context_wording.yaml")

# Below this there is no room for a step, and up to the second it is one metre.
NO_ROOM_M, ONE_METRE_M = 0.75, 1.75
# A person is told when the floor that is nearer than this, or more, is not in the picture.
UNSEEN_FLOOR_M = 1.5

_ONE_WORD = "small low_contrast clutter glare occluded"
# Languages that a text may be taken to be written in, by ISO 639-1.
_LANGUAGES_READ = "en es de fr it pt nl ja ko zh el unknown"
_WAY_WORDS = "blocked crowded crossing clutter glare dark"
# Every text of the file, by its dotted path, and what it has to fill in.
PLACES: dict[str, set[str]] = {
    "find.not_in_view": {"name"},
    "find.still_not": {"name"},
    "hard.begin": {"reasons"},
    **{f"hard.{word}": set() for word in _ONE_WORD.split()},
    "free.begin": {"sides"},
    **{f"free.{side}": {"what"} for side in ("left", "ahead", "right")},
    "free.blocked": set(),
    "free.one": set(),
    "free.many": {"metres"},
    "free.then_thing": {"free", "name"},
    "free.then_movement": {"free"},
    "free.unknown": set(),
    "free.nothing_known": set(),
    "free.below": {"said", "metres"},
    "way.begin": {"reasons"},
    **{f"way.{word}": set() for word in _WAY_WORDS.split()},
    "crossing.left": {"name"},
    "crossing.right": {"name"},
    "bar.between": {"metres", "low", "high"},
    "bar.at_least": {"metres", "low"},
    "bar.at_most": {"high"},
    "asked.no_picture": set(),
    "asked.no_text": set(),
    "asked.maybe": {"text"},
    "asked.too_late": set(),
    **{f"picture.{state}": set() for state in PROBLEMS},
    **{f"sure.{step}": set() for step in ("very", "fairly", "less")},
    **{f"to_see.{step}": set() for step in ("easy", "middling", "hard")},
    **{f"language.{name}": set() for name in _LANGUAGES_READ.split()},
}


class _File(RootModel[dict[Language, dict[str, Any]]]):
    pass


class ContextWording:
    """Build the sentences of one language."""

    def __init__(self, language: Language, texts: Mapping[str, str]) -> None:
        self.language = language
        self._texts = texts
        self._names = {one.id: one.names[language] for one in vocabulary().trained}

    def not_in_view(self, class_id: str, *, is_long: bool = False) -> str:
        """Say that a thing that is looked for is not in view; `is_long` after a long search."""
        text = self._texts["find.still_not" if is_long else "find.not_in_view"]
        return _sentence(text.format(name=self._names[class_id]))

    def hard_to_see(self, reasons: Sequence[Reason]) -> str:
        """Say why a thing is hard to see; an empty text where there is no reason."""
        return self._listed("hard", reasons)

    def hard_to_find_the_way(self, difficulty: Difficulty) -> str:
        """Say what makes it hard to find the way; an empty text where nothing does."""
        return self._listed("way", difficulty.reasons)

    def crossing(self, class_id: str, comes_from: Literal["left", "right"]) -> str:
        """Say what crosses and from where."""
        return _sentence(self._texts[f"crossing.{comes_from}"].format(name=self._names[class_id]))

    def free_path(self, path: FreePath) -> str:
        """Say how far the floor is free on each side, ahead first, as the estimate that it is."""
        if not any(side.is_known for side in path.sides):
            return _sentence(self._texts["free.nothing_known"])
        sides = "; ".join(
            self._texts[f"free.{side.side}"].format(what=self._free(side))
            for side in (path.ahead, path.left, path.right)
        )
        said = _sentence(self._texts["free.begin"].format(sides=sides))
        if path.seen_from_m is None or path.seen_from_m < UNSEEN_FLOOR_M:
            return said
        # Rounded up, as what is not seen is where the next step goes.
        return self._texts["free.below"].format(said=said, metres=math.ceil(path.seen_from_m))

    def error_bar(self, distance: Distance) -> str:
        """Say a distance with its error bar, in metres, to tenths below ten."""
        if distance.source == "limit":
            return self._texts["bar.at_most"].format(high=self._metres(distance.high_m))
        metres, low = self._metres(distance.metres), self._metres(distance.low_m)
        if not math.isfinite(distance.high_m):
            return self._texts["bar.at_least"].format(metres=metres, low=low)
        high = self._metres(distance.high_m)
        return self._texts["bar.between"].format(metres=metres, low=low, high=high)

    def no_picture(self) -> str:
        """Say that there is nothing to look at now."""
        return _sentence(self._texts["asked.no_picture"])

    def too_late(self) -> str:
        """Say that reading a text took too long."""
        return _sentence(self._texts["asked.too_late"])

    def picture_problem(self, state: PictureState) -> str:
        """Say what is wrong with the picture and what to do; empty where nothing is known."""
        return _sentence(self._texts.get(f"picture.{state}", ""))

    def sure(self, step: Literal["very", "fairly", "less"]) -> str:
        """Say how sure a line of text is."""
        return self._texts[f"sure.{step}"]

    def to_see(self, step: Literal["easy", "middling", "hard"]) -> str:
        """Say how easy a thing is to see."""
        return self._texts[f"to_see.{step}"]

    def language_name(self, code: str | None) -> str:
        """Name the language of a text by its ISO 639-1 code; None or another one is not known."""
        return self._texts.get(f"language.{code}", self._texts["language.unknown"])

    def read(self, lines: Sequence[TextLine], *, sure: float) -> str:
        """Say lines in their order; those less sure than `sure`, in [0, 1], as a perhaps."""
        if not lines:
            return _sentence(self._texts["asked.no_text"])
        maybe = self._texts["asked.maybe"]
        said = (
            line.text if line.confidence >= sure else maybe.format(text=line.text) for line in lines
        )
        return " ".join(one if one[-1] in ".!?…" else f"{one}." for one in said)

    def _free(self, side: SidePath) -> str:
        if side.free_m is None:
            return self._texts["free.unknown"]
        # Rounded down: a metre too few costs a step, one too many may cost more.
        if side.free_m < NO_ROOM_M:
            free = self._texts["free.blocked"]
        elif side.free_m < ONE_METRE_M:
            free = self._texts["free.one"]
        else:
            free = self._texts["free.many"].format(metres=max(2, math.floor(side.free_m)))
        if side.class_id is not None:
            name = self._names[side.class_id]
            return self._texts["free.then_thing"].format(free=free, name=name)
        if side.ends_at == "movement":
            return self._texts["free.then_movement"].format(free=free)
        return free

    def _listed(self, part: str, reasons: Sequence[str]) -> str:
        if not reasons:
            return ""
        words = ", ".join(self._texts[f"{part}.{reason}"] for reason in reasons)
        return _sentence(self._texts[f"{part}.begin"].format(reasons=words))

    def _metres(self, metres: float) -> str:
        text = f"{metres:.0f}" if metres >= 10 else f"{metres:.1f}".removesuffix(".0")
        return text if self.language == "en" else text.replace(".", ",")


def read_texts(path: Path, places: Mapping[str, set[str]]) -> dict[Language, dict[str, str]]:
    """Read texts of all languages from a YAML file of nested names.

    Args:
        places: every text that the file has to hold, by its dotted path, and what it fills in.

    Returns:
        By language, the texts by their dotted paths.

    Raises:
        ValueError: if the file does not fit; the message says where.
    """
    loaded = read_yaml(path, _File).root
    if set(loaded) != set(LANGUAGES):
        raise ValueError(f"{path.name} has to hold these languages: {', '.join(LANGUAGES)}")
    texts = {language: _flat(loaded[language]) for language in LANGUAGES}
    for language, found in texts.items():
        odd = sorted(set(found) ^ set(places))
        if odd:
            raise ValueError(f"{path.name}, {language}: missing or not known: {', '.join(odd)}")
        for name, text in found.items():
            if not isinstance(text, str) or not text.strip():
                raise ValueError(f"{path.name}, {language}: {name} is no text")
            if _filled_in(text, path, language, name) != places[name]:
                wanted = ", ".join(sorted(places[name])) or "nothing"
                raise ValueError(f"{path.name}, {language}: {name} has to fill in {wanted}")
    return texts


@cache
def _shipped() -> dict[Language, dict[str, str]]:
    return read_texts(CONTEXT_WORDING_FILE, PLACES)


def context_wording(language: Language) -> ContextWording:
    """Return the shipped sentences of a language, read once."""
    return ContextWording(language, _shipped()[language])


def _flat(node: Any, above: str = "") -> dict[str, Any]:
    """Return what a nested mapping holds by dotted paths."""
    if not isinstance(node, dict):
        return {above.removesuffix("."): node}
    return {
        path: text
        for key, value in node.items()
        for path, text in _flat(value, f"{above}{key}.").items()
    }


def _filled_in(text: str, path: Path, language: Language, name: str) -> set[str]:
    try:
        return {place for _, place, _, _ in Formatter().parse(text) if place is not None}
    except ValueError as error:
        raise ValueError(f"{path.name}, {language}: {name}: {error}") from error


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
