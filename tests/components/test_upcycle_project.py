"""One project of the Upcycle tab, on the shipped engine: path, rule, comparison, link, page."""

from __future__ import annotations

import html
import re
from pathlib import Path

import gradio as gr
import pytest

from components.upcycle_actions import UpcycleTab
from components.upcycle_compare import NOTHING_YET
from components.upcycle_show import SIDES
from components.upcycle_visit import Visit
from engines.upcycle.safety import SafetyRules
from tests.components.upcycle_reading import NOTHING, changes, form, found, html_of, words


def forbidden_for(tab: UpcycleTab, visit: Visit) -> str:
    """Find a project that safety forbids for a thing."""
    rules = SafetyRules(tab.knowledge)
    return next(
        project.id
        for project in tab.knowledge.projects.values()
        if rules.judge(visit.link.thing, project).is_forbidden
    )


def test_an_opened_project_takes_the_place_of_the_list_and_back_returns_it(
    tab: UpcycleTab, jar_visit: Visit
) -> None:
    project = jar_visit.found.best[2].project
    opened = changes(tab.go(f"1 project:{project.id}", jar_visit, *NOTHING))
    assert project.steps[0] in html_of(opened["project"])
    assert opened["results"]["visible"] is False
    assert opened["visit"].project == project.id
    closed = changes(tab.go("2 back:", opened["visit"], *NOTHING))
    assert closed["results"]["visible"] is True
    assert closed["visit"].project is None


def test_the_path_of_an_opened_project_is_explained_and_lit(
    tab: UpcycleTab, jar_visit: Visit
) -> None:
    project = jar_visit.found.best[0].project.id
    visit = changes(tab.go(f"1 project:{project}", jar_visit, *NOTHING))["visit"]
    explanation, reason = tab.explain(visit)
    assert explanation is not None
    assert explanation.paths[0].sentence in html_of(reason).replace("’", "'")
    picture = visit.picture(tab.knowledge, explanation)
    assert picture.lit == explanation.paths[0].nodes
    plot, page, *_ = tab.side(visit, explanation, "graph")
    assert plot["visible"]
    assert "The lit path" in words(page)


def test_a_project_that_is_explained_already_is_not_explained_again(
    tab: UpcycleTab, jar_visit: Visit
) -> None:
    project = jar_visit.found.best[0].project.id
    visit = changes(tab.go(f"1 project:{project}", jar_visit, *NOTHING))["visit"]
    explanation, reason = tab.explain(visit)
    assert tab.explain(visit, explanation) == (gr.skip(), reason)


def test_a_path_of_another_project_is_never_lit(tab: UpcycleTab, jar_visit: Visit) -> None:
    first, second = (entry.project.id for entry in jar_visit.found.best[:2])
    visit = changes(tab.go(f"1 project:{first}", jar_visit, *NOTHING))["visit"]
    explanation, _ = tab.explain(visit)
    other = changes(tab.go(f"2 project:{second}", jar_visit, *NOTHING))["visit"]
    assert other.picture(tab.knowledge, explanation).lit == ()


def test_a_forbidden_project_shows_the_rule_and_no_steps_or_path(
    tab: UpcycleTab, jar_visit: Visit
) -> None:
    project = forbidden_for(tab, jar_visit)
    shown = changes(tab.go(f"1 project:{project}", jar_visit, *NOTHING))
    assert "ruled out by safety" in html_of(shown["project"])
    assert tab.knowledge.projects[project].steps[0] not in html_of(shown["project"])
    explanation, reason = tab.explain(shown["visit"])
    assert explanation is None
    assert reason == gr.skip()
    _, page, *_ = tab.side(shown["visit"], None, "graph")
    assert "no path is lit" in words(page)


def test_a_walk_moves_the_centre_and_a_projects_point_lights_it(
    tab: UpcycleTab, jar_visit: Visit
) -> None:
    walked = changes(tab.go("1 walk:material:glass", jar_visit, *NOTHING))
    assert walked["visit"].centre == "material:glass"
    assert walked["said"] == "You are at glass."
    back = changes(tab.go("2 walk:item:glass_jar", walked["visit"], *NOTHING))["visit"]
    assert back.centre is None
    project = jar_visit.found.best[0].project.id
    lit = changes(tab.go(f"3 walk:project:{project}", jar_visit, *NOTHING))
    assert lit["visit"].project == project
    assert "views" not in lit
    again = changes(tab.go(f"4 walk:project:{project}", lit["visit"], *NOTHING))["visit"]
    assert again.centre == f"project:{project}"


def test_why_not_gives_the_safety_rule_of_a_picked_project(
    tab: UpcycleTab, jar_visit: Visit
) -> None:
    project = forbidden_for(tab, jar_visit)
    page, said = tab.why_not(project, jar_visit)
    assert "ruled out by safety" in words(page)
    assert "Rule:" in words(page)
    assert said.startswith("Ruled out by safety.")


def test_why_not_understands_a_typed_project(tab: UpcycleTab) -> None:
    bottle = found(tab, "PET bottle")
    page, _ = tab.why_not("mug for hot coffee", bottle)
    assert "ruled out by safety" in words(page)
    page, said = tab.why_not("a self-watering planter for flowers", bottle)
    assert "was taken for" in words(page)
    assert said == "Not ruled out."


def test_why_not_of_a_filtered_project_names_the_filter(tab: UpcycleTab, jar_visit: Visit) -> None:
    project = jar_visit.found.best[0].project
    refined = changes(tab.refine(jar_visit, *form(minutes="1")))["visit"]
    page, _ = tab.why_not(project.id, refined)
    assert "Left out by the limit on time." in words(page)


def test_the_networks_and_the_baselines_stand_side_by_side_with_gats_attention(
    tab: UpcycleTab, jar_visit: Visit
) -> None:
    shown = dict(zip(SIDES, tab.side(jar_visit, None, "compare")))
    text = words(shown["comparison"])
    for name in ("GraphSAGE", "GAT", "Relational network", "Popularity", "Property overlap",
                 "Text likeness", "Adamic-Adar", "What GAT listens to", "Measured"):  # fmt: skip
        assert name in text
    assert shown["plot"] == gr.skip()


def test_what_nobody_looks_at_is_not_drawn(tab: UpcycleTab, jar_visit: Visit) -> None:
    assert all(value == gr.skip() for value in tab.side(jar_visit, None, "projects"))
    assert tab.side(None, None, "graph")[1] == NOTHING_YET


def test_a_link_opens_its_project_with_what_the_person_corrected(tab: UpcycleTab) -> None:
    corrected = changes(
        tab.correct(["wood"], ["flat_sheet"], found(tab, "garden gnome"), *NOTHING)
    )["visit"]
    project = corrected.shown_projects[0]
    page = changes(tab.go(f"1 project:{project}", corrected, *NOTHING))["project"]["value"]
    query = html.unescape(re.search(r'data-copy-link="([^"]+)"', page)[1])  # type: ignore[index]
    opened = changes(tab.open_link(query, *NOTHING))
    assert opened["visit"].project == project
    assert opened["visit"].link.thing == corrected.link.thing
    assert opened["name"] == "garden gnome"
    assert opened["results"]["visible"] is False


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("?tab=upcycle&item=glass_jar&project=nothing", "no project", id="project"),
        pytest.param("?tab=upcycle&item=asdfqwer&project=x", "not understood", id="thing"),
        pytest.param("?item=glass_jar&project=x&made_of=kryptonite", "unknown", id="material"),
    ],
)
def test_a_link_that_leads_nowhere_says_so(tab: UpcycleTab, query: str, expected: str) -> None:
    assert expected in html_of(changes(tab.open_link(query, *NOTHING))["results"])


def test_an_address_without_a_thing_changes_nothing(tab: UpcycleTab) -> None:
    assert changes(tab.open_link("", *NOTHING)) == {}
    assert changes(tab.open_link("?tab=upcycle", *NOTHING)) == {}


def test_a_project_is_saved_as_a_page(tab: UpcycleTab, jar_visit: Visit) -> None:
    project = jar_visit.found.best[0].project
    visit = changes(tab.go(f"1 project:{project.id}", jar_visit, *NOTHING))["visit"]
    update, said = tab.save(visit, tab.explain(visit)[0])
    text = words(Path(update["value"]).read_text(encoding="utf-8"))
    assert project.steps[-1] in text
    assert "Why it was suggested" in text
    assert "downloaded" in said
    assert "Name the thing again" in tab.save(None, None)[1]


def test_buttons_of_a_page_that_was_open_too_long_say_so(tab: UpcycleTab) -> None:
    for action in ("1 project:planter", "2 relax:all", "3 back:", "4 walk:item:glass_jar"):
        assert "Name the thing again" in changes(tab.go(action, None, *NOTHING))["said"]
