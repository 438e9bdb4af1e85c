"""Read the upcycling facts and join them to a graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Generic, TypeVar

import networkx as nx
import yaml
from pydantic import ValidationError

from engines.runtime.errors import InputError
from engines.runtime.settings import REPO_ROOT
from engines.runtime.yaml_files import StrictLoader, in_words
from engines.upcycle.schema import (
    ItemRecord,
    MaterialRecord,
    ProjectRecord,
    PropertyRecord,
    Record,
    RefusalRecord,
    SafetyRuleRecord,
    ToolRecord,
    UseRecord,
)

GRAPH_DIR = REPO_ROOT / "assets" / "graph"

NODE_TYPES = ("item", "material", "property", "project", "tool")
# Each relation with the types at its two ends, source first.
RELATIONS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "made_of": ("item", "material"),
        "has_form": ("item", "property"),
        "has_property": ("material", "property"),
        "compatible_with": ("material", "material"),
        "requires_property": ("project", "property"),
        "needs_tool": ("project", "tool"),
        "can_become": ("item", "project"),
        "unsafe_with": ("project", "material"),
        "unsafe_with_property": ("project", "property"),
    }
)

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class Knowledge:
    """Hold all facts: records by id, and the graph that they make.

    Node names are "type:id", such as "item:glass_jar".
    """

    properties: Mapping[str, PropertyRecord]
    materials: Mapping[str, MaterialRecord]
    tools: Mapping[str, ToolRecord]
    items: Mapping[str, ItemRecord]
    projects: Mapping[str, ProjectRecord]
    rules: tuple[SafetyRuleRecord, ...]
    uses: Mapping[str, UseRecord]
    refusals: tuple[RefusalRecord, ...]

    @cached_property
    def nodes(self) -> tuple[str, ...]:
        """Name every node, sorted within its type, types in the order of `NODE_TYPES`."""
        records = (self.items, self.materials, self.properties, self.projects, self.tools)
        return tuple(
            f"{kind}:{name}"
            for kind, known in zip(NODE_TYPES, records, strict=True)
            for name in sorted(known)
        )

    @cached_property
    def edges(self) -> tuple[tuple[str, str, str], ...]:
        """List every edge as (source, relation, target), each once."""
        return tuple(sorted(set(self._edges())))

    @cached_property
    def graph(self) -> nx.MultiDiGraph:
        """Return the graph; nodes carry `kind` and `name`, edges their relation as key."""
        graph = nx.MultiDiGraph()
        for node in self.nodes:
            graph.add_node(node, kind=kind_of(node), name=self.name_of(node))
        for source, relation, target in self.edges:
            graph.add_edge(source, target, key=relation)
        return graph

    @cached_property
    def requirement_counts(self) -> Mapping[str, int]:
        """Count how many projects require each property."""
        counts = dict.fromkeys(self.properties, 0)
        for project in self.projects.values():
            for name in project.requires:
                counts[name] += 1
        return MappingProxyType(counts)

    def name_of(self, node: str) -> str:
        """Return the name that a person reads; raises KeyError for an unknown node."""
        kind, _, name = node.partition(":")
        return self._names[kind][name]

    @cached_property
    def _names(self) -> Mapping[str, Mapping[str, str]]:
        return {
            "item": {name: record.name for name, record in self.items.items()},
            "material": {name: record.name for name, record in self.materials.items()},
            "property": {name: record.name for name, record in self.properties.items()},
            "project": {name: record.name for name, record in self.projects.items()},
            "tool": {name: record.name for name, record in self.tools.items()},
        }

    def properties_of(self, item: ItemRecord, *, is_any_material: bool = True) -> frozenset[str]:
        """Collect an item's properties: its own and those of its materials.

        Args:
            is_any_material: whether every material it may be made of counts, or only the likeliest.
        """
        materials = item.made_of if is_any_material else item.made_of[:1]
        own = set(item.properties)
        return frozenset(own.union(*(self.materials[name].properties for name in materials)))

    def _edges(self) -> Iterator[tuple[str, str, str]]:
        for item in self.items.values():
            node = f"item:{item.id}"
            yield from ((node, "made_of", f"material:{name}") for name in item.made_of)
            yield from ((node, "has_form", f"property:{name}") for name in item.properties)
        for material in self.materials.values():
            node = f"material:{material.id}"
            yield from ((node, "has_property", f"property:{n}") for n in material.properties)
            yield from (
                (node, "compatible_with", f"material:{n}") for n in material.compatible_with
            )
        for project in self.projects.values():
            node = f"project:{project.id}"
            yield from ((f"item:{name}", "can_become", node) for name in project.items)
            yield from ((node, "requires_property", f"property:{n}") for n in project.requires)
            yield from ((node, "needs_tool", f"tool:{name}") for name in project.tools)
            unsafe = project.unsafe_with
            yield from ((node, "unsafe_with", f"material:{name}") for name in unsafe.materials)
            yield from (
                (node, "unsafe_with_property", f"property:{name}") for name in unsafe.properties
            )


def kind_of(node: str) -> str:
    """Return the type of a node: "item:glass_jar" is an item."""
    return node.partition(":")[0]


def id_of(node: str) -> str:
    """Return the id of a node: "item:glass_jar" is "glass_jar"."""
    return node.partition(":")[2]


def read_knowledge(folder: Path = GRAPH_DIR) -> Knowledge:
    """Read and check every file.

    Raises:
        InputError: if a file is missing or does not fit; it names file, line and field.
    """
    project_files = sorted((folder / "projects").glob("*.yaml"))
    knowledge = Knowledge(
        properties=_by_id(_read(folder / "properties.yaml", PropertyRecord)),
        materials=_by_id(_read(folder / "materials.yaml", MaterialRecord)),
        tools=_by_id(_read(folder / "tools.yaml", ToolRecord)),
        items=_by_id(_read(folder / "items.yaml", ItemRecord)),
        projects=_by_id([entry for path in project_files for entry in _read(path, ProjectRecord)]),
        rules=tuple(entry.record for entry in _read(folder / "safety.yaml", SafetyRuleRecord)),
        uses=_by_id(_read(folder / "uses.yaml", UseRecord)),
        refusals=tuple(entry.record for entry in _read(folder / "refusals.yaml", RefusalRecord)),
    )
    _check_names(knowledge, folder)
    return knowledge


@dataclass(frozen=True)
class _Entry(Generic[R]):
    """A record and where it stands."""

    record: R
    place: str


def _read(path: Path, record_class: type[R]) -> list[_Entry[R]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path.name} can't be read ({error}).", f"Restore {path}.") from error
    try:
        root = yaml.compose(text, Loader=StrictLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark is not None else "somewhere"
        problem = getattr(error, "problem", None) or str(error)
        raise InputError(
            f"{path.name}, {line}: {problem}.", "Correct that line and start again."
        ) from error
    if not isinstance(root, yaml.SequenceNode):
        raise InputError(f"{path.name} is not a list of entries.", f"Restore {path}.")
    entries = []
    for node in root.value:
        place = f"{path.name}, line {node.start_mark.line + 1}"
        loader = StrictLoader("")
        try:
            fields = loader.construct_document(node)
            entries.append(_Entry(record_class.model_validate(fields), place))
        except ValidationError as error:
            raise InputError(f"{place}: {in_words(error)}.", "Correct that entry.") from error
        except yaml.YAMLError as error:
            problem = getattr(error, "problem", None) or str(error)
            raise InputError(f"{place}: {problem}.", "Correct that entry.") from error
        finally:
            loader.dispose()
    return entries


def _by_id(entries: list[_Entry[R]]) -> Mapping[str, R]:
    found: dict[str, R] = {}
    for entry in entries:
        if entry.record.id in found:
            raise InputError(
                f"{entry.place}: the id '{entry.record.id}' is used twice.", "Give it another."
            )
        found[entry.record.id] = entry.record
    return MappingProxyType(found)


def _check_names(knowledge: Knowledge, folder: Path) -> None:
    """Refuse an edge to a node that is not there."""
    nodes = set(knowledge.nodes)
    missing = [edge for edge in knowledge.edges if not {edge[0], edge[2]} <= nodes]
    for rule in knowledge.rules:
        named = (
            *(f"item:{name}" for name in rule.items),
            *(f"material:{name}" for name in rule.materials),
            *(f"property:{name}" for name in rule.properties),
        )
        missing += [(f"rule:{rule.id}", "names", node) for node in named if node not in nodes]
    if missing:
        source, relation, target = missing[0]
        absent = source if source not in nodes and not source.startswith("rule:") else target
        holder = target if absent == source else source
        raise InputError(
            f"'{id_of(holder)}' in {folder.name} names {kind_of(absent)} '{id_of(absent)}' "
            f"({relation}), which does not exist ({len(missing)} such in all).",
            "Correct the name or add the entry.",
        )
