"""What the Upcycle tab says, on the real facts and things made up for it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from components.upcycle_compare import metrics_html, ruled_out_html, verdict_html
from components.upcycle_page import page_html, save_page
from components.upcycle_project import forbidden_html, project_html, reason_html, share_query
from components.upcycle_view import (
    EMPTY,
    EXAMPLES,
    minutes_words,
    problem_html,
    results_html,
    spoken,
    taken_html,
)
from components.waste_card import answer_card
from engines.runtime.settings import Settings
from engines.upcycle.explain import Explanation, Path
from engines.upcycle.filters import Filters
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.linking import Link, Near
from engines.upcycle.results import Recommendation
from engines.upcycle.safety import Thing, Verdict
from engines.upcycle.schema import ProjectRecord
from engines.waste.engine import Candidate, Classification
from engines.waste.rules import load_places
from engines.waste.taxonomy import ITEM_BY_ID
from tests.components.upcycle_reading import found_for, link_to, words

ALLOWED = Verdict("allowed")
HOSTILE = '<img src=x onerror="alert(1)">'


def new_link(text: str, likeness: float = 0.5) -> Link:
    thing = Thing(text, None, ("wood", "nylon"), ("has_handle",), ("umbrella",))
    near = (Near("umbrella", likeness),)
    return Link(text, thing, near, 1, False, np.zeros(4, np.float32))


@pytest.fixture
def jar(knowledge: Knowledge) -> Link:
    return link_to(knowledge, "glass_jar")


@pytest.fixture
def project(knowledge: Knowledge) -> ProjectRecord:
    return next(p for p in knowledge.projects.values() if p.quantity > 1 and p.extras)


def entry_for(project: ProjectRecord, **fields: object) -> Recommendation:
    entry = Recommendation(project, "glass jar", 0.9, True, "It holds things.", ALLOWED)
    return replace(entry, **fields)  # type: ignore[arg-type]


def test_an_empty_tab_invites_and_offers_examples_to_click() -> None:
    for name in EXAMPLES:
        assert f'data-go="say:{name}"' in EMPTY


@pytest.mark.parametrize(
    ("minutes", "expected"), [(30, "30 min"), (60, "1 h"), (90, "1 h 30 min"), (1200, "20 h")]
)
def test_a_time_is_written_as_people_say_it(minutes: int, expected: str) -> None:
    assert minutes_words(minutes) == expected


def test_a_card_says_what_why_how_long_how_hard_with_which_tools_and_how_safely(
    knowledge: Knowledge, jar: Link, project: ProjectRecord
) -> None:
    verdict = Verdict("warned", warnings=("Wear gloves.",))
    text = words(results_html(knowledge, found_for(jar, entry_for(project, verdict=verdict))))
    tools = ", ".join(knowledge.tools[name].name for name in project.tools)
    for expected in (
        "1 project, best first",
        f"1. {project.name}",
        project.summary,
        "Why: It holds things.",
        minutes_words(project.minutes),
        project.difficulty.capitalize(),
        f"Needs {project.quantity} pieces",
        tools,
        f"{len(project.steps)} steps",
        "Take care",
        "Wear gloves.",
        "Listed in the facts",
    ):
        assert expected in text


def test_a_card_of_the_networks_own_idea_says_so(
    knowledge: Knowledge, jar: Link, project: ProjectRecord
) -> None:
    entry = entry_for(project, is_documented=False)
    assert "Suggested by the network" in words(results_html(knowledge, found_for(jar, entry)))


def test_with_several_things_each_card_names_its_thing(
    knowledge: Knowledge, jar: Link, project: ProjectRecord
) -> None:
    found = found_for(jar, entry_for(project))
    assert "For: glass jar" in words(results_html(knowledge, found, is_several=True))
    assert "For: glass jar" not in words(results_html(knowledge, found))


def test_no_result_says_which_filter_to_drop_with_a_button_for_each(
    knowledge: Knowledge, jar: Link
) -> None:
    found = found_for(jar, relaxations={"max_minutes": 12, "tools": 1})
    page = results_html(knowledge, found, is_filtered=True)
    assert "No project fits" in words(page)
    assert "Without the limit on time, 12 fit." in words(page)
    assert "Without the limit on tools, 1 fits." in words(page)
    actions = re.findall(r'data-go="([^"]+)"', page)
    assert actions == ["relax:max_minutes", "relax:tools", "relax:all"]
    assert spoken(found).startswith("No project fits. Without the limit on time, 12 fit.")


def test_where_no_single_filter_helps_all_can_be_dropped_at_once(
    knowledge: Knowledge, jar: Link
) -> None:
    page = results_html(knowledge, found_for(jar), is_filtered=True)
    assert "Dropping one filter alone does not help." in words(page)
    assert re.findall(r'data-go="([^"]+)"', page) == ["relax:all"]


def test_nothing_left_without_a_filter_is_the_doing_of_safety(
    knowledge: Knowledge, jar: Link
) -> None:
    assert "Safety rules every project out" in words(results_html(knowledge, found_for(jar)))


def test_a_dangerous_thing_has_no_projects_and_a_place_to_take_it(knowledge: Knowledge) -> None:
    battery = link_to(knowledge, "battery")
    found = found_for(battery, danger="It can burn. Take it to a collection point.")
    page = results_html(knowledge, found)
    assert "Make nothing of this: battery" in words(page)
    assert "Take it to a collection point." in words(page)
    assert "project-card" not in page
    assert "collection point" in spoken(found)


def test_beside_a_dangerous_thing_projects_of_the_others_are_shown(
    knowledge: Knowledge, project: ProjectRecord
) -> None:
    found = found_for(link_to(knowledge, "battery"), entry_for(project), danger="It can burn.")
    text = words(results_html(knowledge, found, is_several=True))
    assert text.index("Make nothing of this") < text.index(project.name)


def test_a_known_thing_is_named_with_its_materials_and_number(knowledge: Knowledge) -> None:
    text = words(taken_html(knowledge, [link_to(knowledge, "umbrella", quantity=2)]))
    umbrella = knowledge.items["umbrella"]
    first = knowledge.materials[umbrella.made_of[0]].name
    assert text.lower().startswith(f"{umbrella.name} made of {first}")
    assert "You have 2." in text


@pytest.mark.parametrize(
    ("likeness", "expected"),
    [(0.9, "If that is wrong, correct it below."), (0.45, "This is a guess.")],
    ids=["sure", "guess"],
)
def test_a_new_thing_says_what_it_was_taken_for_and_how_alike(
    knowledge: Knowledge, likeness: float, expected: str
) -> None:
    text = words(taken_html(knowledge, [new_link("parasol", likeness)]))
    assert "“parasol”" in text
    assert f"umbrella ({likeness:.0%} alike)" in text
    assert expected in text
    corrected = words(taken_html(knowledge, [new_link("parasol", likeness)], is_corrected=True))
    assert "As you described it." in corrected
    assert expected not in corrected


def test_what_a_person_typed_is_never_read_as_html(knowledge: Knowledge) -> None:
    link = new_link(HOSTILE)
    project = next(iter(knowledge.projects.values()))
    for page in (
        taken_html(knowledge, [link]),
        project_html(knowledge, link, project, ALLOWED),
        forbidden_html(HOSTILE, project, Verdict("forbidden", (HOSTILE,))),
        problem_html(HOSTILE, HOSTILE),
        page_html(knowledge, HOSTILE, project, ALLOWED, None),
    ):
        assert "<img" not in page


def test_a_project_in_full_has_every_step_tool_and_safety_note(
    knowledge: Knowledge, jar: Link, project: ProjectRecord
) -> None:
    text = words(project_html(knowledge, jar, project, ALLOWED))
    for expected in (*project.steps, *project.safety, *project.extras, project.summary):
        assert " ".join(expected.split()) in text
    for name in project.tools:
        assert knowledge.tools[name].name in text


def test_a_link_names_tab_project_and_thing_and_what_the_person_corrected(jar: Link) -> None:
    assert share_query(jar, "planter") == "tab=upcycle&project=planter&item=glass_jar"
    corrected = share_query(new_link("garden chair"), "planter", is_corrected=True)
    assert corrected == (
        "tab=upcycle&project=planter&item=garden+chair&made_of=wood&made_of=nylon&form=has_handle"
    )


def test_a_forbidden_project_shows_its_reason_and_no_steps(project: ProjectRecord) -> None:
    text = words(forbidden_html("glass jar", project, Verdict("forbidden", ("It shatters.",))))
    assert "ruled out by safety" in text
    assert "It shatters." in text
    assert project.steps[0] not in text


@pytest.fixture
def explanation(jar: Link, project: ProjectRecord) -> Explanation:
    nodes = ("item:glass_jar", "material:glass", "item:spice_jar", f"project:{project.id}")
    path = Path(nodes, ("made_of", "rev_made_of", "can_become"), 0.4, "A jar is made of glass.")
    return Explanation(jar.thing, project.id, 0.9, (path,))


def test_the_reason_says_that_it_is_no_proof(explanation: Explanation) -> None:
    text = words(reason_html(explanation, "Glass is waterproof."))
    assert "A jar is made of glass." in text
    assert "no proof" in text
    bare = words(reason_html(replace(explanation, paths=()), "Glass is waterproof."))
    assert "No single path" in bare


def test_a_saved_page_stands_alone_without_script_or_other_machines(
    knowledge: Knowledge, project: ProjectRecord, explanation: Explanation
) -> None:
    page = page_html(knowledge, "glass jar", project, ALLOWED, explanation)
    path = save_page(page, project)
    with open(path, encoding="utf-8") as saved:
        assert saved.read() == page
    assert path.endswith(".html")
    assert page.startswith("<!doctype html>")
    assert not re.search(r"<script|src=|href=|https?:|data-go", page)
    assert project.steps[-1] in words(page)
    assert "A jar is made of glass." in words(page)


def test_ruled_out_projects_stand_with_reason_and_rule(jar: Link, project: ProjectRecord) -> None:
    verdict = Verdict("forbidden", ("It shatters.",), rules=("glass_and_fire",))
    found = found_for(jar, ruled_out=(entry_for(project, verdict=verdict),))
    text = words(ruled_out_html(found))
    assert f"{project.name}: It shatters. Rule: glass and fire." in text
    assert "No project was ruled out" in words(ruled_out_html(found_for(jar)))


@pytest.mark.parametrize(
    ("verdict", "filters", "is_shown", "expected"),
    [
        pytest.param(Verdict("forbidden", ("No.",)), Filters(), False, "ruled out", id="forbidden"),
        pytest.param(ALLOWED, Filters(max_minutes=1), False, "the limit on time", id="filtered"),
        pytest.param(ALLOWED, Filters(), True, "one of the suggested projects", id="shown"),
        pytest.param(ALLOWED, Filters(), False, "Other projects suit", id="lower"),
    ],
)
def test_why_not_names_safety_then_filters_then_the_score(
    project: ProjectRecord, verdict: Verdict, filters: Filters, is_shown: bool, expected: str
) -> None:
    text = words(verdict_html(project, "glass jar", verdict, filters, is_shown=is_shown))
    assert expected in text


def test_measures_are_tables_with_spread_and_their_absence_is_said() -> None:
    text = words(metrics_html({"warm": {"gat": {"auc": [0.93, 0.92, 0.94]}}}))
    assert "GAT 0.930 (0.920 to 0.940)" in text
    assert "holds no measures" in words(metrics_html({}))


@pytest.mark.parametrize(
    ("item", "is_offered"), [("glass_jar", True), ("battery", False)], ids=["jar", "battery"]
)
def test_the_waste_card_takes_a_thing_over_unless_its_place_calls_it_hazardous(
    item: str, is_offered: bool
) -> None:
    place = next(iter(load_places(Settings().rules_dir).places.values()))
    material = ITEM_BY_ID[item].materials[0]
    seen, kind = Candidate(item, 0.9), Candidate(material, 0.9)
    rule = place.rule_for(item, material)
    classification = Classification(
        item=seen,
        material=kind,
        bin=Candidate(rule.bin_kind, 0.9),
        top_items=(seen,),
        top_materials=(kind,),
        top_bins=(),
        waste_probability=0.99,
        is_waste=True,
        is_sure=True,
        latency_ms=10.0,
    )
    card = answer_card(classification, rule)
    assert (f'data-go="take:{item}/{material}"' in card) == is_offered
