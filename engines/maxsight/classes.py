"""The words of MaxSight: what Stage A may name, how tall it is and how urgent."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from engines.runtime.yaml_files import read_yaml

CLASSES_FILE = Path(__file__).parents[2] / "assets" / "maxsight" / "classes.yaml"
Language = Literal["en", "es", "de"]


@dataclass(frozen=True)
class ObjectClass:
    """One thing that has a name.

    Attributes:
        id: name in the data sets, with underscores.
        names: plain name by language; English alone where the class is not trained.
        height_m: typical height in metres; None where the class is not trained.
        base_urgency: 0 safe, 1 caution, 2 warning, 3 danger, before distance and movement count.
        moves: whether it can come closer by itself.
        group: what a person can turn on and off; empty where the class is not trained.
        trained: whether the network has an output for it. Others are never emitted.
    """

    id: str
    names: dict[str, str]
    height_m: float | None
    base_urgency: int
    moves: bool
    group: str
    trained: bool


@dataclass(frozen=True)
class Vocabulary:
    """All classes; the trained ones in the order of the network's outputs."""

    groups: tuple[str, ...]
    trained: tuple[ObjectClass, ...]
    untrained: tuple[ObjectClass, ...]

    @property
    def trained_ids(self) -> tuple[str, ...]:
        """Names of the network's outputs, in order."""
        return tuple(one.id for one in self.trained)

    def index_of(self, class_id: str) -> int:
        """Return the network's output of a class.

        Raises:
            KeyError: if no such class is trained.
        """
        if class_id not in self.trained_ids:
            raise KeyError(f"{class_id} is not a trained class")
        return self.trained_ids.index(class_id)


class _Names(BaseModel):
    model_config = ConfigDict(extra="forbid")
    en: str = Field(min_length=1)
    es: str = Field(min_length=1)
    de: str = Field(min_length=1)


class _Trained(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: str = Field(pattern=r"^[a-z_]+$")
    names: _Names
    height_m: float = Field(gt=0, le=20)
    base_urgency: int = Field(ge=0, le=3)
    moves: bool
    group: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    groups: list[str] = Field(min_length=1)
    trained: list[_Trained] = Field(min_length=1)
    untrained: dict[Literal["coco", "accessibility"], list[str]]

    @model_validator(mode="after")
    def _agrees(self) -> _File:
        for one in self.trained:
            if one.group not in self.groups:
                raise ValueError(f"{one.id} is in the group {one.group}, which is not listed")
        every = [one.id for one in self.trained]
        every += [name for names in self.untrained.values() for name in names]
        twice = {name for name in every if every.count(name) > 1}
        if twice:
            raise ValueError(f"listed twice: {', '.join(sorted(twice))}")
        return self


def read_vocabulary(path: Path = CLASSES_FILE) -> Vocabulary:
    """Read the vocabulary from a YAML file.

    Raises:
        ValueError: if the file does not fit; the message says where.
    """
    loaded = read_yaml(path, _File)
    trained = tuple(
        ObjectClass(
            one.id, one.names.model_dump(), one.height_m, one.base_urgency, one.moves, one.group,
            trained=True,
        )
        for one in loaded.trained
    )  # fmt: skip
    untrained = tuple(
        ObjectClass(name, {"en": name.replace("_", " ")}, None, 0, False, "", trained=False)
        for names in loaded.untrained.values()
        for name in names
    )
    return Vocabulary(tuple(loaded.groups), trained, untrained)


@cache
def vocabulary() -> Vocabulary:
    """Return the shipped vocabulary, read once."""
    return read_vocabulary()
