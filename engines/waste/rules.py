"""Read the disposal rules of places: which bin an item goes into there, and what to do first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from engines.runtime.yaml_files import StrictLoader, in_words
from engines.waste.taxonomy import ITEMS, MATERIALS

BinKind = Literal["recycle", "compost", "landfill", "hazardous", "return", "collection"]
BinIcon = Literal["recycle", "leaf", "trash", "warning", "return", "drop_off"]

Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Steps = Annotated[list[Text], Field(min_length=1, max_length=4)]

# Every place has to say what to do about these: they are what most often spoils a load.
REQUIRED_CONTAMINATION: tuple[str, ...] = (
    "greasy_pizza_box",
    "food_left_in_jar",
    "bottle_with_cap",
    "black_plastic",
    "receipt_paper",
)


class RuleFileError(ValueError):
    """Say in one sentence which rule file is wrong and where."""


class _Entry(BaseModel):
    """Refuse unknown fields, so a misspelt one is named instead of ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Entry):
    """Name a published source: who, which document, which year."""

    name: Text
    document: Text
    year: int = Field(ge=1950, le=2100)

    def line(self) -> str:
        """Return the source as people cite it: 'Name, Document (year)'."""
        return f"{self.name}, {self.document} ({self.year})"


class Bin(_Entry):
    """Describe one bin, box, drop-off or return point by the name and colour people know."""

    id: Slug
    name: Text
    color: str = Field(pattern=r"^#[0-9a-fA-F]{6}$")
    color_name: Text
    kind: BinKind
    icon: BinIcon


class MaterialRule(_Entry):
    """Override an item's rule for one material; what is left out comes from the item."""

    bin: Slug
    prepare: Steps | None = None
    note: Text | None = None


class ItemRule(_Entry):
    """Say where one item goes and what to do first."""

    bin: Slug
    prepare: Steps
    note: Text | None = None
    materials: dict[str, MaterialRule] = Field(default_factory=dict)


class Contamination(_Entry):
    """Describe one common mistake, the items it concerns and what to do instead."""

    id: Slug
    title: Text
    items: list[str] = Field(min_length=1)
    bin: Slug
    do: Text


@dataclass(frozen=True)
class ContaminationCase:
    """One common mistake, ready to show: what it is, where the thing goes, what to do."""

    id: str
    title: str
    bin_id: str
    bin_name: str
    do: str


@dataclass(frozen=True)
class Rule:
    """The disposal rule for one item in one place.

    `bin_color` is '#rrggbb'; `bin_kind` and `bin_icon` are one of `BinKind` and `BinIcon`;
    `prepare` has one to four steps in the order to do them; `note` is None where there is none.
    """

    place_id: str
    place_name: str
    bin_id: str
    bin_name: str
    bin_color: str
    bin_color_name: str
    bin_kind: str
    bin_icon: str
    prepare: tuple[str, ...]
    note: str | None
    contamination: tuple[ContaminationCase, ...]
    authority: str
    last_word: str


class Place(_Entry):
    """Hold the disposal rules of one place, as its YAML file states them."""

    id: Slug
    name: Text
    summary: Text
    order: int = Field(ge=0)
    reviewed: str = Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")
    authority: Source
    sources: list[Source] = Field(default_factory=list)
    last_word: Text
    bins: list[Bin] = Field(min_length=1)
    items: dict[str, ItemRule]
    contamination: list[Contamination]

    @model_validator(mode="after")
    def _parts_agree(self) -> Place:
        problems = _duplicates("bins", [entry.id for entry in self.bins])
        problems += _duplicates("contamination", [case.id for case in self.contamination])
        problems += _item_problems(self.items)
        problems += _contamination_problems(self.contamination)
        known_bins = {entry.id for entry in self.bins}
        problems += [
            f"{field}: no bin '{bin_id}' in bins"
            for field, bin_id in self._bin_references()
            if bin_id not in known_bins
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _bin_references(self) -> list[tuple[str, str]]:
        references = []
        for item_id, rule in self.items.items():
            references.append((f"items.{item_id}.bin", rule.bin))
            references += [
                (f"items.{item_id}.materials.{material}.bin", override.bin)
                for material, override in rule.materials.items()
            ]
        references += [(f"contamination.{case.id}.bin", case.bin) for case in self.contamination]
        return references

    def bin(self, bin_id: str) -> Bin:
        """Return the bin with this id.

        Raises:
            KeyError: if the place has no such bin.
        """
        for entry in self.bins:
            if entry.id == bin_id:
                return entry
        raise KeyError(f"{self.name} has no bin {bin_id!r}")

    def rule_for(self, item: str, material: str | None = None) -> Rule:
        """Return the rule for an item here, narrowed by its material where the place does so.

        Args:
            item: one of `taxonomy.ITEMS`.
            material: one of `taxonomy.MATERIALS`, or None if not known.

        Raises:
            ValueError: if the item or the material is not in the taxonomy.
        """
        if item not in ITEMS:
            raise ValueError(f"No item '{item}'. Known items: {', '.join(ITEMS)}.")
        if material is not None and material not in MATERIALS:
            raise ValueError(f"No material '{material}'. Known: {', '.join(MATERIALS)}.")
        rule = self.items[item]
        override = None if material is None else rule.materials.get(material)
        if override is None:
            bin_id, prepare, note = rule.bin, rule.prepare, rule.note
        else:
            bin_id = override.bin
            prepare = override.prepare or rule.prepare
            # The item's note explains the item's bin; it would be wrong beside another one.
            note = override.note or (rule.note if bin_id == rule.bin else None)
        target = self.bin(bin_id)
        return Rule(
            place_id=self.id,
            place_name=self.name,
            bin_id=target.id,
            bin_name=target.name,
            bin_color=target.color,
            bin_color_name=target.color_name,
            bin_kind=target.kind,
            bin_icon=target.icon,
            prepare=tuple(prepare),
            note=note,
            contamination=self._cases_for(item),
            authority=self.authority.line(),
            last_word=self.last_word,
        )

    def _cases_for(self, item: str) -> tuple[ContaminationCase, ...]:
        return tuple(
            ContaminationCase(case.id, case.title, case.bin, self.bin(case.bin).name, case.do)
            for case in self.contamination
            if item in case.items
        )


@dataclass(frozen=True)
class RuleBook:
    """All places that could be read, in the order to show them, and what was wrong with the rest.

    `places` maps place id to place; `problems` has one readable sentence per file left out.
    """

    places: Mapping[str, Place]
    problems: tuple[str, ...]


def load_place(path: Path) -> Place:
    """Read and check one place file.

    Args:
        path: a YAML file whose name without the ending is the place's id.

    Raises:
        RuleFileError: if it can't be read, is no YAML, or breaks the schema; names file and field.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        at = "" if where is None else f" at line {where.line + 1}"
        what = getattr(error, "problem", None) or "not readable"
        raise RuleFileError(f"{path.name} is not valid YAML{at}: {what}.") from error
    # PyYAML lets a ValueError through for an impossible date such as 2026-13-01.
    except (OSError, ValueError, RecursionError) as error:
        raise RuleFileError(f"{path.name} can't be read: {error}.") from error
    if not isinstance(data, dict):
        raise RuleFileError(f"{path.name} must hold fields such as id, name and bins.")
    try:
        place = Place.model_validate(data)
    except ValidationError as error:
        raise RuleFileError(f"{path.name}: {in_words(error)}.") from error
    if place.id != path.stem:
        raise RuleFileError(
            f"{path.name}: id is '{place.id}', but the file name asks for '{path.stem}'."
        )
    return place


def load_places(folder: Path) -> RuleBook:
    """Read every `*.yaml` file in a folder; a broken one becomes a problem and stops no other.

    Returns:
        the places by id, sorted by order and then name, and the problems by file name.
    """
    if not folder.is_dir():
        return RuleBook({}, (f"There is no rules folder at {folder}.",))
    places: list[Place] = []
    problems: list[str] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            places.append(load_place(path))
        except RuleFileError as error:
            problems.append(str(error))
    places.sort(key=lambda place: (place.order, place.name))
    return RuleBook({place.id: place for place in places}, tuple(problems))


def _duplicates(field: str, ids: list[str]) -> list[str]:
    twice = sorted({entry for entry in ids if ids.count(entry) > 1})
    return [f"{field}: '{entry}' is there twice" for entry in twice]


def _item_problems(items: dict[str, ItemRule]) -> list[str]:
    problems = [f"items: '{item}' is missing" for item in ITEMS if item not in items]
    problems += [f"items: '{item}' is not a known item" for item in items if item not in ITEMS]
    for item, rule in items.items():
        problems += [
            f"items.{item}.materials: '{material}' is not a known material"
            for material in rule.materials
            if material not in MATERIALS
        ]
    return problems


def _contamination_problems(cases: list[Contamination]) -> list[str]:
    ids = {case.id for case in cases}
    problems = [
        f"contamination: '{case_id}' is missing"
        for case_id in REQUIRED_CONTAMINATION
        if case_id not in ids
    ]
    problems += [
        f"contamination.{case.id}.items: '{item}' is not a known item"
        for case in cases
        for item in case.items
        if item not in ITEMS
    ]
    return problems
