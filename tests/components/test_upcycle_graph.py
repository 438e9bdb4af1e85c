"""The graph's picture and its words: what is shown, lit and walked to."""

from __future__ import annotations

import re

import pytest

from components.graph_chart import graph_figure, graph_words, sentences
from components.graph_view import MOST_NEIGHBOURS, Picture, picture_of
from engines.upcycle.explain import NEW
from engines.upcycle.knowledge import Knowledge, kind_of
from engines.upcycle.safety import SafetyRules, Thing


@pytest.fixture(scope="module")
def jar(knowledge: Knowledge) -> Thing:
    return SafetyRules(knowledge).thing("glass_jar")


@pytest.fixture(scope="module")
def projects(knowledge: Knowledge) -> list[str]:
    """Name some projects that the facts list for a glass jar."""
    listed = [p.id for p in knowledge.projects.values() if "glass_jar" in p.items]
    return sorted(listed)[:5]


@pytest.fixture(scope="module")
def lit(knowledge: Knowledge, jar: Thing, projects: list[str]) -> Picture:
    """Light thing, own property, project."""
    record = next(
        knowledge.projects[p]
        for p in projects
        if set(knowledge.projects[p].requires) & set(jar.properties)
    )
    shared = next(name for name in record.requires if name in jar.properties)
    path = ("item:glass_jar", f"property:{shared}", f"project:{record.id}")
    return picture_of(knowledge, jar, projects, path=path)


def test_every_line_joins_two_shown_nodes_and_is_a_fact(knowledge: Knowledge, lit: Picture) -> None:
    for edge in lit.edges:
        assert {edge[0], edge[2]} <= set(lit.nodes)
        assert edge in knowledge.edges


def test_the_thing_its_materials_and_the_suggested_projects_are_all_there(
    jar: Thing, projects: list[str], lit: Picture
) -> None:
    assert lit.centre == lit.thing == "item:glass_jar"
    assert {f"material:{name}" for name in jar.materials} <= set(lit.nodes)
    assert lit.column("project") == tuple(f"project:{name}" for name in projects)


def test_the_lit_path_is_drawn_thick_with_bold_names_and_larger_points(lit: Picture) -> None:
    figure = graph_figure(lit)
    plain, shining = figure.data[0], figure.data[1]
    assert shining.line.width > plain.line.width
    assert len([x for x in shining.x if x is None]) == len(lit.lit) - 1
    for trace in figure.data[2:]:
        for node, text, size in zip(trace.customdata, trace.text, trace.marker.size):
            assert text.startswith("<b>") == (node in lit.lit)
            assert (size > 14) == (node in lit.lit)


def test_every_point_carries_its_node_for_the_click(lit: Picture) -> None:
    nodes = [node for trace in graph_figure(lit).data[2:] for node in trace.customdata]
    assert sorted(nodes) == sorted(lit.nodes)


def test_the_words_hold_every_neighbour_as_a_button_and_every_line_as_a_sentence(
    lit: Picture,
) -> None:
    page = graph_words(lit)
    walks = set(re.findall(r'data-go="walk:([^"]+)"', page))
    assert set(lit.column("project")) | set(lit.lit) <= walks
    for sentence in sentences(lit):
        assert sentence in page
    assert f'data-go="{lit.lit[-1]}"' in page
    assert f"Every line of the picture ({len(lit.edges)})" in page


def test_a_walk_shows_the_neighbours_and_says_how_many_are_left_out(
    knowledge: Knowledge, jar: Thing, projects: list[str]
) -> None:
    picture = picture_of(knowledge, jar, projects, centre="material:glass")
    assert picture.centre == "material:glass"
    for kind, count in picture.left_out.items():
        assert count > 0
        neighbours = {
            end
            for s, relation, t in knowledge.edges
            if "material:glass" in (s, t) and relation in ("made_of", "has_property")
            for end in (s, t)
            if kind_of(end) == kind
        }
        assert len(neighbours) == MOST_NEIGHBOURS + count
    assert "Not shown:" in graph_words(picture)
    assert 'data-go="walk:item:glass_jar">Back to glass jar' in graph_words(picture)


def test_an_unknown_centre_falls_back_to_the_thing(
    knowledge: Knowledge, jar: Thing, projects: list[str]
) -> None:
    assert picture_of(knowledge, jar, projects, centre="item:atlantis").centre == "item:glass_jar"


def test_a_new_thing_is_a_node_of_its_own_with_what_it_was_taken_for(
    knowledge: Knowledge, projects: list[str]
) -> None:
    thing = Thing("garden gnome", None, ("ceramic",), ("container",), ("flower_pot",))
    picture = picture_of(knowledge, thing, projects)
    assert (NEW, "made_of", "material:ceramic") in picture.edges
    assert picture.names[NEW] == "garden gnome"
    assert graph_figure(picture).data


def test_a_corrected_material_replaces_the_one_of_the_facts(
    knowledge: Knowledge, projects: list[str]
) -> None:
    thing = Thing("glass jar", "glass_jar", ("ceramic",), ())
    picture = picture_of(knowledge, thing, projects)
    assert "material:glass" not in picture.column("material")


def test_a_note_stands_before_the_words(
    knowledge: Knowledge, jar: Thing, projects: list[str]
) -> None:
    page = graph_words(picture_of(knowledge, jar, projects), note="No path is <lit>.")
    assert "No path is &lt;lit&gt;." in page
