"""The words of the section "Sounds", in the person's language."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from engines.maxsight.classes import Language
from engines.maxsight.preferences import LANGUAGES
from engines.maxsight.sound import Heard, Problem
from engines.maxsight.sound_classes import SOUNDS_FILE
from engines.maxsight.sound_events import Trend
from engines.runtime.yaml_files import read_yaml

SOUND_WORDING_FILE = SOUNDS_FILE.with_name("sound_wording.yaml")

Sureness = Literal["low", "middle", "high"]


class SoundWords(BaseModel):
    """The words of one language.

    Attributes:
        heard: where no sound is named, by what was heard.
        trends: how the loudness changes.
        sure: how sure a name is, in three steps.
        problems: what is wrong with the sound.
        said: a sound as it is announced.
        page: what the page's script says, by name.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    heard: dict[str, str]
    trends: dict[str, str]
    sure: dict[str, str]
    problems: dict[str, str]
    said: dict[str, str]
    page: dict[str, str] = Field(min_length=1)

    @model_validator(mode="after")
    def _is_whole(self) -> SoundWords:
        wanted = {
            # A sound that is named has its own words.
            "heard": set(get_args(Heard)) - {"sound"},
            "trends": set(get_args(Trend)),
            "sure": set(get_args(Sureness)),
            "problems": set(get_args(Problem)),
            "said": {"plain", "plain_trend", "grave", "grave_trend"},
        }
        for part, names in wanted.items():
            odd = names ^ set(getattr(self, part))
            if odd:
                raise ValueError(f"{part}: missing or not known: {', '.join(sorted(odd))}")
        empty = [path for path, text in self.texts() if not text and path != "trends.steady"]
        if empty:
            raise ValueError(f"empty: {', '.join(empty)}")
        return self

    def texts(self) -> Iterator[tuple[str, str]]:
        """Go through all texts with their dotted paths."""
        for part, texts in self.model_dump().items():
            for name, text in texts.items():
                yield f"{part}.{name}", text


class _File(RootModel[dict[Language, SoundWords]]):
    @model_validator(mode="after")
    def _agrees(self) -> _File:
        missing = [language for language in LANGUAGES if language not in self.root]
        if missing:
            raise ValueError(f"these languages are missing: {', '.join(missing)}")
        first = _places(self.root["en"])
        for language, words in self.root.items():
            places = _places(words)
            odd = [path for path in first.keys() | places if first.get(path) != places.get(path)]
            if odd:
                raise ValueError(f"{language} and en differ in {', '.join(sorted(odd))}")
        return self


def read_sound_wording(path: Path = SOUND_WORDING_FILE) -> dict[Language, SoundWords]:
    """Read the words of all languages from a YAML file.

    Raises:
        ValueError: if the file does not fit; the message says where.
        OSError: if it cannot be read.
    """
    return read_yaml(path, _File).root


@cache
def _shipped() -> dict[Language, SoundWords]:
    return read_sound_wording()


def sound_words(language: Language) -> SoundWords:
    """Return the shipped words of a language, read once."""
    return _shipped()[language]


def _places(words: SoundWords) -> dict[str, frozenset[str]]:
    """Return which words each text fills in."""
    return {
        path: frozenset(name for _, name, _, _ in Formatter().parse(text) if name is not None)
        for path, text in words.texts()
    }
