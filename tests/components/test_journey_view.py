"""The page of a whole journey: what it says of each step, and that nothing in it acts."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from components.journey_offer import offers_html, strip_html
from components.journey_thing import NOTHING, Thing, action_of
from components.journey_view import (
    answer_html,
    projects_html,
    spoken,
    thing_html,
    thumbnail,
    times_html,
)
from engines.journey_question import disposal_question
from engines.journey_report import JourneyReport, JourneyStep, Subject
from engines.runtime.settings import Settings
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.results import Recommendation
from engines.upcycle.safety import Verdict
from engines.waste.rules import load_places
from engines.waste.taxonomy import ITEM_BY_ID, TRIPLES
from tests.components.test_chat_view import INJECTION, answer, citation
from tests.components.upcycle_reading import found_for, link_to, words

PLACE = load_places(Settings().rules_dir).places["germany"]
JAR = Thing("glass_jar", "glass")
PROBLEM = ("Its weights are lost.", "Load them again.")


@pytest.fixture
def report(knowledge: Knowledge) -> JourneyReport:
    """Make a journey of a glass jar by hand: 100 ms to look, 50 to ask, 50 to find projects."""
    project = next(iter(knowledge.projects.values()))
    entry = Recommendation(project, "glass jar", 0.9, True, "It holds things.", Verdict("allowed"))
    return JourneyReport(
        place_id="germany",
        place_name="Germany",
        subject=Subject("glass_jar", "glass", is_chosen=True),
        rule=PLACE.rule_for("glass_jar", "glass"),
        question=disposal_question("glass_jar", "glass", "Germany"),
        answer=answer(),
        recommendations=found_for(link_to(knowledge, "glass_jar"), *[entry] * 5),
        steps=(
            JourneyStep("classify", 0.0, 100.0, "done"),
            JourneyStep("ask", 100.0, 50.0, "done"),
            JourneyStep("recommend", 150.0, 50.0, "done"),
        ),
        latency_ms=200.0,
    )


def failing(report: JourneyReport, place: int) -> JourneyReport:
    steps = list(report.steps)
    steps[place] = replace(steps[place], outcome="failed", what=PROBLEM[0], do=PROBLEM[1])
    part = ("classification", "answer", "recommendations")[place]
    return replace(report, steps=tuple(steps), **{part: None})  # type: ignore[arg-type]


def test_the_card_says_item_bin_and_first_step_and_shows_the_photo(report: JourneyReport) -> None:
    page = thing_html(report, thumbnail(Image.new("RGBA", (900, 300), "red")))
    assert report.rule is not None
    for expected in ("Glass jar", report.rule.bin_name, report.rule.prepare[0]):
        assert expected in words(page)
    assert 'src="data:image/jpeg;base64,' in page
    assert 'width="240" height="80"' in page
    assert "data-journey" not in page


def test_the_answer_puts_danger_first_and_every_number_leads_to_its_passage(
    report: JourneyReport,
) -> None:
    page = answer_html(report)
    text = words(page)
    assert text.index("Safety: Never break it open.") < text.index("Take it back to a shop.")
    assert report.question in text
    for number in set(re.findall(r'href="#(journey-source-\d+)"', page)):
        assert page.count(f'id="{number}"') == 1
    assert "US EPA: How to Safely Dispose of E-Cigarettes (2023)" in text


def test_the_three_best_projects_are_shown_with_their_reason(report: JourneyReport) -> None:
    page = projects_html(report)
    assert page.count("Why:</strong> It holds things.") == 3
    assert page.count('data-go="take:glass_jar/glass" data-then="project:') == 3


def test_a_dangerous_thing_is_said_to_be_made_into_nothing(report: JourneyReport) -> None:
    assert report.recommendations is not None
    danger = replace(report.recommendations, best=(), danger="It can catch fire.")
    page = projects_html(replace(report, recommendations=danger))
    assert "Make nothing of this" in words(page)
    assert "It can catch fire." in words(page)
    assert "data-go" not in page


def test_bars_stand_where_the_steps_were_and_are_told_in_words(report: JourneyReport) -> None:
    page = times_html(report)
    assert re.findall(r"margin-left:([\d.]+)%;width:([\d.]+)%", page) == [
        ("0.0", "50.0"),
        ("50.0", "25.0"),
        ("75.0", "25.0"),
    ]
    assert [ms in words(page) for ms in ("100 ms", "50 ms", "Altogether 200 ms")] == [True] * 3


def test_a_step_to_come_is_shown_as_waiting(report: JourneyReport) -> None:
    page = words(times_html(replace(report, steps=report.steps[:1], latency_ms=100.0)))
    assert page.count("Waiting") == 2
    assert "Not finished yet." in page


@pytest.mark.parametrize("place", [0, 1, 2], ids=["photo", "answer", "projects"])
def test_what_failed_is_said_with_what_to_do_and_the_others_are_still_shown(
    report: JourneyReport, place: int
) -> None:
    broken = failing(report, place)
    parts = [words(part(broken)) for part in (thing_html, answer_html, projects_html)]
    for number, part in enumerate(parts):
        assert all(text in part for text in PROBLEM) == (number == place)
    assert "Glass jar" in parts[0]
    assert "Did not work" in words(times_html(broken))
    assert PROBLEM[0] in spoken(broken)


def test_a_step_that_was_left_out_says_why(report: JourneyReport) -> None:
    first = JourneyStep("classify", 0.0, 0.0, "skipped", "There is no photo.", "Show one.")
    page = words(times_html(replace(report, steps=(first, *report.steps[1:]))))
    assert "Left out There is no photo. Show one." in page


def test_the_whole_is_spoken_in_a_few_sentences(report: JourneyReport) -> None:
    assert report.rule is not None and report.recommendations is not None
    first = report.recommendations.best[0].project.name
    assert spoken(report) == (
        f"Glass jar. Goes into {report.rule.bin_name}. Safety: Never break it open. "
        f"An answer with 2 sources. 3 projects. First: {first}. It took 200 ms."
    )


def test_script_in_a_document_or_a_reason_does_nothing(report: JourneyReport) -> None:
    hostile = answer(
        sentences=(replace(answer().sentences[0], text=INJECTION),),
        citations=(citation(1, title=INJECTION, passage=INJECTION, sources=(INJECTION,)),),
    )
    broken = replace(failing(report, 2), answer=hostile, question=INJECTION)
    step = replace(broken.steps[2], what=INJECTION, do=INJECTION)
    broken = replace(broken, steps=(*broken.steps[:2], step))
    for part in (answer_html, projects_html, times_html):
        assert "<script" not in part(broken)
        assert "<img" not in part(broken)


@pytest.mark.parametrize(("item", "material"), [triple[:2] for triple in TRIPLES])
def test_a_thing_is_the_same_after_the_browser_or_a_button_had_it(item: str, material: str) -> None:
    thing = Thing(item, material)
    assert Thing.from_kept(thing.kept) == thing
    kind, address = action_of(f"7 all:{thing.address}")
    assert (kind, Thing.from_address(address)) == ("all", thing)
    assert ITEM_BY_ID[item].name in thing.words


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.sampled_from(["item", "material"]), inner)
        ),
    )
)
def test_whatever_a_browser_has_kept_is_a_known_thing_or_none(kept: object) -> None:
    thing = Thing.from_kept(kept)
    assert thing is None or (thing.item, thing.material) in {triple[:2] for triple in TRIPLES}


@pytest.mark.parametrize(
    "kept",
    [None, NOTHING, {"item": "unicorn"}, {"item": "glass_jar", "material": "PET"}],
    ids=["never", "forgotten", "no such item", "no such material of it"],
)
def test_nothing_is_remembered_of_what_is_not_known(kept: object) -> None:
    assert Thing.from_kept(kept) is None


@pytest.mark.parametrize("is_hazardous", [False, True], ids=["harmless", "dangerous"])
def test_a_card_offers_the_chat_the_projects_and_the_page_but_no_project_of_a_danger(
    is_hazardous: bool,
) -> None:
    offered = re.findall(
        r'data-(?:go|journey)="([^"]+)"', offers_html(JAR, is_hazardous=is_hazardous)
    )
    make = [] if is_hazardous else ["take:glass_jar/glass"]
    assert offered == ["ask:glass_jar/glass", *make, "all:glass_jar/glass", "forget:"]


def test_each_tab_offers_its_own_job_for_the_thing() -> None:
    assert "ask:glass_jar/glass" in strip_html(JAR, "ask")
    assert "take:glass_jar/glass" in strip_html(JAR, "upcycle")
    assert "take:" not in strip_html(Thing("battery", "electronic"), "upcycle")
