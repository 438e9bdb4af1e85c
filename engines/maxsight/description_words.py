"""The words of a description, by language: templates, and what a reworded one may say."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from string import Formatter

from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from engines.maxsight.classes import CLASSES_FILE, Language, vocabulary
from engines.maxsight.preferences import LANGUAGES
from engines.maxsight.scene_graph import SUPPORTS, Relation
from engines.maxsight.wording import WORDING_FILE
from engines.runtime.yaml_files import read_yaml

DESCRIPTION_FILE = CLASSES_FILE.with_name("description.yaml")

_PLACE = {"direction", "distance"}
# What each template has to fill in; those that are not named here fill in nothing.
PLACES: dict[str, set[str]] = {
    "careful": {"things"},
    "around": {"things"},
    "also": {"things"},
    "one": {"one", *_PLACE},
    "maybe_one": {"one", *_PLACE},
    "several": {"count", "many", *_PLACE},
    "maybe_several": {"count", "many", *_PLACE},
    "quote": {"text"},
    "written": {"texts"},
    "heard": {"sounds"},
    "more_one": {"things"},
    "more_many": {"things", "count"},
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Templates(_Part):
    """The sentences and their parts; see description.yaml."""

    careful: str
    around: str
    also: str
    one: str
    maybe_one: str
    several: str
    maybe_several: str
    quote: str
    written: str
    heard: str
    nothing: str
    more_one: str
    more_many: str

    @model_validator(mode="after")
    def _fills_in(self) -> Templates:
        for name, text in self:
            found = {place for _, place, _, _ in Formatter().parse(text) if place is not None}
            if found != PLACES.get(name, set()):
                raise ValueError(f"{name} has to fill in {sorted(PLACES.get(name, set()))}")
        return self


class Sides(_Part):
    """Words for the three directions."""

    left: list[str]
    ahead: list[str]
    right: list[str]


class DescriptionWords(_Part):
    """All of one language; see description.yaml for what each is."""

    templates: Templates
    lying_on: dict[str, str]
    sides: Sides
    relations: dict[str, list[Relation]]
    numbers: dict[str, int]
    one: list[str]
    joins: list[str] = Field(min_length=1)
    hears: list[str] = Field(min_length=1)
    reads: list[str] = Field(min_length=1)
    warns: list[str] = Field(min_length=1)
    more_words: list[str] = Field(min_length=1)
    single_more: list[str] = Field(min_length=1)
    fillers: list[str] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> DescriptionWords:
        if set(self.lying_on) != set(SUPPORTS):
            raise ValueError(f"lying_on has to name {', '.join(SUPPORTS)}")
        return self


class _File(RootModel[dict[Language, DescriptionWords]]):
    pass


class _Nouns(BaseModel):
    nouns: dict[str, tuple[str, str]]


class _NounsFile(RootModel[dict[Language, _Nouns]]):
    pass


def read_description_words(path: Path = DESCRIPTION_FILE) -> dict[Language, DescriptionWords]:
    """Read the words of all languages from a YAML file.

    Raises:
        ValueError: if the file does not fit; the message says where.
    """
    loaded = read_yaml(path, _File).root
    missing = [language for language in LANGUAGES if language not in loaded]
    if missing:
        raise ValueError(f"{path.name}: these languages are missing: {', '.join(missing)}")
    return loaded


@cache
def _shipped() -> dict[Language, DescriptionWords]:
    return read_description_words()


@cache
def _nouns_file() -> dict[Language, _Nouns]:
    return read_yaml(WORDING_FILE, _NounsFile).root


def description_words(language: Language) -> DescriptionWords:
    """Return the shipped words of a language, read once."""
    return _shipped()[language]


def nouns(language: Language) -> dict[str, tuple[str, str]]:
    """Return of each trained class "a car" and "cars" in a language."""
    return _nouns_file()[language].nouns


def names(language: Language) -> dict[str, str]:
    """Return of each trained class its name without an article in a language."""
    return {one.id: one.names[language] for one in vocabulary().trained}
