"""The facts: complete, without orphans and contradictions, and errors that name file and line."""

from __future__ import annotations

import shutil
from pathlib import Path

import networkx as nx
import pytest

from engines.runtime.device import choose_placement
from engines.runtime.errors import InputError
from engines.runtime.settings import Settings
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.knowledge import (
    GRAPH_DIR,
    NODE_TYPES,
    RELATIONS,
    Knowledge,
    id_of,
    kind_of,
    read_knowledge,
)
from engines.upcycle.safety import SafetyRules
from engines.upcycle.words import content
from engines.waste.taxonomy import ITEMS


@pytest.mark.parametrize(
    ("kind", "at_least"),
    [("items", 90), ("materials", 35), ("properties", 45), ("projects", 240), ("tools", 40)],
)
def test_there_are_enough_facts(knowledge: Knowledge, kind: str, at_least: int) -> None:
    assert len(getattr(knowledge, kind)) >= at_least


def test_there_are_enough_edges_of_every_relation(knowledge: Knowledge) -> None:
    assert len(knowledge.edges) >= 2500
    assert {relation for _, relation, _ in knowledge.edges} == set(RELATIONS)
    assert len(set(knowledge.edges)) == len(knowledge.edges)


def test_the_items_of_the_waste_tab_are_there(knowledge: Knowledge) -> None:
    assert set(ITEMS) <= set(knowledge.items)


def test_the_graph_has_no_orphans_missing_fields_or_contradictions(knowledge: Knowledge) -> None:
    graph = knowledge.graph
    rules = SafetyRules(knowledge)
    assert set(graph.nodes) == set(knowledge.nodes)
    assert nx.is_weakly_connected(graph)
    for node, fields in graph.nodes(data=True):
        assert fields["kind"] in NODE_TYPES and fields["name"].strip(), node
        assert graph.degree(node) > 0, node
    for source, target, relation in graph.edges(keys=True):
        assert (kind_of(source), kind_of(target)) == RELATIONS[relation]
        # A film can be fused with film; nothing else leads back to itself.
        assert source != target or relation == "compatible_with"
    contradictions = []
    for source, target, relation in graph.edges(keys=True):
        if relation == "can_become":
            project = knowledge.projects[id_of(target)]
            if rules.judge(rules.thing(id_of(source)), project).is_forbidden:
                contradictions.append((source, target))
    assert contradictions == []
    # What becomes nothing has a danger; everything else becomes something.
    for item in knowledge.items.values():
        becomes = [
            target
            for _, target, relation in graph.out_edges(f"item:{item.id}", keys=True)
            if relation == "can_become"
        ]
        assert bool(becomes) == (item.danger is None), item.id


def test_no_project_requires_what_it_is_unsafe_with(knowledge: Knowledge) -> None:
    for project in knowledge.projects.values():
        assert not set(project.requires) & set(project.unsafe_with.properties), project.id


def test_every_project_meets_its_requirements_with_some_item_it_lists(knowledge: Knowledge) -> None:
    for project in knowledge.projects.values():
        met = [
            set(project.requires) & knowledge.properties_of(knowledge.items[item])
            for item in project.items
        ]
        assert any(met), project.id


def test_every_project_is_complete(knowledge: Knowledge) -> None:
    for project in knowledge.projects.values():
        assert 4 <= len(project.steps) <= 9, project.id
        assert project.tools and project.safety and project.minutes > 0, project.id
        assert project.difficulty in ("easy", "medium", "hard")
        texts = (project.name, project.summary, *project.steps, *project.safety)
        assert all(text.strip() and "TODO" not in text for text in texts), project.id
        assert all(text.endswith(".") for text in (*project.steps, *project.safety)), project.id


def test_names_tell_nodes_of_a_kind_apart(knowledge: Knowledge) -> None:
    for records in (knowledge.items, knowledge.projects, knowledge.materials, knowledge.tools):
        names = [record.name.lower() for record in records.values()]
        assert len(set(names)) == len(names)
    # Items and projects are found by the words of their names.
    for found in (knowledge.items, knowledge.projects):
        words = [content(record.name) for record in found.values()]
        assert all(words)
        assert len(set(words)) == len(words)
    owners: dict[tuple[str, ...], str] = {}
    for item in knowledge.items.values():
        for name in (item.name, *item.aliases):
            assert content(name), name
            assert owners.setdefault(content(name), item.id) == item.id, name


def test_every_property_is_required_or_had_and_every_tool_needed(knowledge: Knowledge) -> None:
    used = {target for _, _, target in knowledge.edges}
    assert {f"tool:{name}" for name in knowledge.tools} <= used
    assert {f"property:{name}" for name in knowledge.properties} <= used


def test_every_rule_concerns_something_of_the_graph(knowledge: Knowledge) -> None:
    uses = {use for project in knowledge.projects.values() for use in project.uses}
    for rule in knowledge.rules:
        assert set(rule.uses) <= set(knowledge.uses), rule.id
    assert uses <= set(knowledge.uses)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the facts, with the projects of the garden only, that a test may damage."""
    target = tmp_path / "graph"
    shutil.copytree(GRAPH_DIR, target, ignore=shutil.ignore_patterns("projects"))
    (target / "projects").mkdir()
    lines = (GRAPH_DIR / "projects" / "garden.yaml").read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith("- id:")]
    text = "\n".join(lines[: starts[2]]) + "\n"
    (target / "projects" / "garden.yaml").write_text(text, encoding="utf-8")
    return target


def damage(path: Path, line: int, text: str) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    lines.insert(line - 1, text)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        pytest.param("tools.yaml", "- {id: saw, name: [", "line 6", id="broken yaml"),
        pytest.param("tools.yaml", "  : : {", "line 5", id="broken indent"),
        pytest.param(
            "tools.yaml", "- {id: saw, name: saw}", "kind: is missing", id="field missing"
        ),
        pytest.param(
            "tools.yaml",
            "- {id: saw, name: saw, kind: hand, size: 3}",
            "size: is not a known field",
            id="unknown field",
        ),
        pytest.param("tools.yaml", "- {id: saw, name: '', kind: hand}", "name", id="empty name"),
        pytest.param(
            "tools.yaml", "- {id: saw, name: saw, kind: laser}", "kind", id="unknown kind"
        ),
        pytest.param(
            "tools.yaml", "- {id: scissors, name: s, kind: hand}", "used twice", id="id twice"
        ),
        pytest.param(
            "tools.yaml", "- {id: a, id: b, name: s, kind: hand}", "written twice", id="key twice"
        ),
        pytest.param(
            "safety.yaml",
            "- {id: x, verdict: forbid, uses: [food], reason: Because.}",
            "names no items",
            id="rule about nothing",
        ),
        pytest.param(
            "items.yaml",
            "- {id: x, name: x, aliases: [], made_of: [], properties: [soft]}",
            "made_of",
            id="item of nothing",
        ),
    ],
)
def test_a_line_that_does_not_fit_is_named(folder: Path, file: str, text: str, says: str) -> None:
    damage(folder / file, 5, text)
    with pytest.raises(InputError) as raised:
        read_knowledge(folder)
    assert file in str(raised.value)
    assert "line " in str(raised.value)
    assert says in str(raised.value)


def test_a_project_with_too_few_steps_is_named(folder: Path) -> None:
    path = folder / "projects" / "garden.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    first = next(n for n, line in enumerate(lines) if line.startswith("- id:"))
    steps = next(n for n, line in enumerate(lines) if line.startswith("  steps:"))
    del lines[steps + 1 : steps + 4]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(InputError, match=rf"garden\.yaml, line {first + 1}: steps"):
        read_knowledge(folder)


@pytest.mark.parametrize(
    ("file", "text", "says"),
    [
        pytest.param(
            "items.yaml",
            "- {id: ufo, name: ufo, aliases: [], made_of: [unobtainium], properties: [soft]}",
            "'ufo' in graph names material 'unobtainium' (made_of)",
            id="item to material",
        ),
        pytest.param(
            "items.yaml",
            "- {id: ufo, name: ufo, aliases: [], made_of: [wood], properties: [flying]}",
            "'ufo' in graph names property 'flying' (has_form)",
            id="item to property",
        ),
        pytest.param(
            "safety.yaml",
            "- {id: ghosts, verdict: warn, items: [ghost], reason: Boo.}",
            "'ghosts' in graph names item 'ghost'",
            id="rule to item",
        ),
    ],
)
def test_an_edge_to_a_node_that_does_not_exist_names_it(
    folder: Path, file: str, text: str, says: str
) -> None:
    damage(folder / file, 4, text)
    with pytest.raises(InputError) as raised:
        read_knowledge(folder)
    assert says in str(raised.value)


def test_a_missing_or_unreadable_file_is_named(folder: Path) -> None:
    (folder / "uses.yaml").unlink()
    with pytest.raises(InputError, match=r"uses\.yaml"):
        read_knowledge(folder)
    (folder / "uses.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"uses\.yaml"):
        read_knowledge(folder)
    (folder / "uses.yaml").write_text("just words")
    with pytest.raises(InputError, match=r"uses\.yaml is not a list"):
        read_knowledge(folder)


def test_the_engine_says_which_line_keeps_it_from_loading(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    damage(folder / "tools.yaml", 5, "- {id: saw, name: [")
    monkeypatch.setenv("RELEAF_GRAPH_DIR", str(folder))
    settings = Settings()
    engine = UpcycleEngine(settings, choose_placement(settings))
    with pytest.raises(InputError, match=r"tools\.yaml, line 6"):
        engine.load()
    assert not engine.health().is_ready
