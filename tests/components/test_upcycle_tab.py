"""The Upcycle tab's handlers, on the shipped engine: what a person is shown and told."""

from __future__ import annotations

from dataclasses import fields

import gradio as gr
import pytest

from components.upcycle_actions import UpcycleTab
from components.upcycle_form import ANY, Form
from components.upcycle_show import FORM
from components.upcycle_visit import Visit
from tests.components.upcycle_reading import NOTHING, changes, form, found, html_of


def test_the_form_has_a_field_for_every_input() -> None:
    assert tuple(field.name for field in fields(Form)) == FORM


def test_a_typed_thing_gets_ten_cards_best_first_and_is_spoken(tab: UpcycleTab) -> None:
    shown = changes(tab.find("glass jar", None, *NOTHING))
    best = shown["visit"].found.best
    assert len(best) == 10
    assert [entry.score for entry in best] == sorted((e.score for e in best), reverse=True)
    text = html_of(shown["results"])
    for place, entry in enumerate(best, start=1):
        assert f"{place}. {entry.project.name}" in text
        assert " ".join(entry.why.split()) in text
    assert best[0].project.name in shown["said"]
    assert shown["pick"] is None


def test_a_picked_thing_empties_the_text(tab: UpcycleTab) -> None:
    shown = changes(tab.pick("umbrella", None, *NOTHING))
    assert shown["name"] == ""
    assert shown["visit"].link.thing.item == "umbrella"
    assert changes(tab.pick(None, None, *NOTHING)) == {}


def test_a_new_thing_says_what_it_was_taken_for_and_opens_the_correction_if_unsure(
    tab: UpcycleTab,
) -> None:
    shown = changes(tab.find("garden gnome", None, *NOTHING))
    link = shown["visit"].link
    assert not link.is_known
    assert tab.knowledge.items[link.near[0].id].name in html_of(shown["taken"])
    assert shown["correction"]["visible"]
    assert shown["correction"]["open"] == (not link.is_sure)
    assert shown["materials"] == list(link.thing.materials)


def test_a_correction_is_taken_and_the_projects_follow(tab: UpcycleTab) -> None:
    before = found(tab, "garden gnome")
    shown = changes(tab.correct(["wood"], ["flat_sheet"], before, *NOTHING))
    after = shown["visit"]
    assert after.is_corrected
    assert after.link.thing.materials == ("wood",)
    assert "As you described it." in html_of(shown["taken"])
    assert after.shown_projects != before.shown_projects


def test_a_correction_without_a_material_is_asked_for_and_nothing_is_lost(
    tab: UpcycleTab, jar_visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    warned: list[str] = []
    monkeypatch.setattr(gr, "Warning", warned.append)
    shown = changes(tab.correct([], [], jar_visit, *NOTHING))
    assert list(shown) == ["said"]
    assert "At least one material" in shown["said"]
    assert warned == [shown["said"]]


def test_a_correction_stays_when_a_filter_changes(tab: UpcycleTab) -> None:
    corrected = changes(
        tab.correct(["wood"], ["flat_sheet"], found(tab, "garden gnome"), *NOTHING)
    )["visit"]
    refined = changes(tab.refine(corrected, *form(hardest="easy")))["visit"]
    assert refined.is_corrected
    assert refined.link.thing.materials == ("wood",)


def test_a_filter_writes_nothing_back_that_the_person_may_be_changing(
    tab: UpcycleTab, jar_visit: Visit
) -> None:
    shown = changes(tab.refine(jar_visit, *form(minutes="60", tools=["kind:craft"], pieces=1)))
    assert not set(shown) & {*FORM, "materials", "forms", "correction"}


def test_every_card_passes_all_filters_and_the_label_counts_them(tab: UpcycleTab) -> None:
    chosen = {"tools": ["kind:craft"], "minutes": "60", "hardest": "easy", "place": "indoor"}
    shown = changes(tab.find("cardboard box", None, *form(**chosen)))
    filters = shown["visit"].form.filters(tab.knowledge)
    assert shown["visit"].found.best
    assert all(filters.allows(entry.project) for entry in shown["visit"].found.best)
    assert shown["filters"]["label"] == "Filters (4 on)"


def test_a_filter_without_result_names_what_to_drop_and_one_click_drops_it(
    tab: UpcycleTab, jar_visit: Visit
) -> None:
    # Less than any project takes.
    values = form(minutes="1")
    shown = changes(tab.refine(jar_visit, *values))
    assert not shown["visit"].found.best
    assert "Without the limit on time" in html_of(shown["results"])
    relaxed = changes(tab.go("1 relax:max_minutes", shown["visit"], *values))
    assert relaxed["minutes"] == ANY
    assert len(relaxed["visit"].found.best) == 10
    assert relaxed["filters"]["label"] == "Filters"


def test_all_filters_are_dropped_at_once_and_further_things_stay(tab: UpcycleTab) -> None:
    values = form(minutes="1", for_children=True, pieces=1, more=["wine_cork"])
    visit = found(tab, "glass jar", minutes="1", for_children=True, pieces=1, more=["wine_cork"])
    relaxed = changes(tab.go("1 relax:all", visit, *values))
    assert relaxed["visit"].form == Form(more=["wine_cork"])


def test_two_umbrellas_fill_in_two_pieces_and_the_next_thing_takes_them_out(
    tab: UpcycleTab,
) -> None:
    two = changes(tab.find("two broken umbrellas", None, *NOTHING))
    assert two["pieces"] == 2
    assert all(entry.project.quantity <= 2 for entry in two["visit"].found.best)
    after = changes(tab.find("glass jar", two["visit"], *form(pieces=2)))
    assert after["pieces"] == 0


def test_further_things_at_hand_bring_their_projects_and_cards_name_the_thing(
    tab: UpcycleTab,
) -> None:
    shown = changes(tab.find("glass jar", None, *form(more=["wine_cork", "glass_jar"])))
    assert [link.thing.item for link in shown["visit"].links] == ["glass_jar", "wine_cork"]
    things = {entry.thing for entry in shown["visit"].found.best}
    assert things <= {"glass jar", "wine cork"}
    assert all(f"For: {thing}" in html_of(shown["results"]) for thing in things)


def test_an_item_from_the_waste_tab_arrives_with_the_material_that_was_seen(
    tab: UpcycleTab,
) -> None:
    shown = changes(tab.go("1 take:plastic_bottle/HDPE", None, *NOTHING))
    assert shown["pick"] == "plastic_bottle"
    assert shown["visit"].link.thing.materials[0] == "HDPE"
    assert shown["view"] == "projects"


@pytest.mark.parametrize("text", ["battery", "asbestos sheet", "gas cylinder"])
def test_a_dangerous_thing_has_no_projects_but_a_place_to_take_it(
    tab: UpcycleTab, text: str
) -> None:
    shown = changes(tab.find(text, None, *NOTHING))
    assert not shown["visit"].found.best
    assert "Make nothing of this" in html_of(shown["results"])
    assert "Take it to" in html_of(shown["results"])
    assert "Take it to" in shown["said"]


@pytest.mark.parametrize(
    "text", ["", "   ", "asdf qwertz", "my husband", "x" * 5000, "🙂", "fresh bread"]
)
def test_what_is_no_thing_gets_a_sentence_and_the_next_thing_works(
    tab: UpcycleTab, text: str
) -> None:
    shown = changes(tab.find(text, None, *NOTHING))
    assert shown["visit"] is None
    assert html_of(shown["results"])
    assert len(shown["said"]) > 20
    assert found(tab, "glass jar").found.best
