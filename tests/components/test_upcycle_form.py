"""The filters of the Upcycle tab and what a visit makes of them."""

from __future__ import annotations

from dataclasses import replace

from components.upcycle_form import ANY, Form, choices_of
from components.upcycle_visit import Visit, count_of, material_first, with_pieces, without_filter
from engines.upcycle.filters import Filters
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.safety import Verdict
from tests.components.upcycle_reading import found_for, link_to

ALLOWED = Verdict("allowed")
HOSTILE = '<img src=x onerror="alert(1)">'


def test_the_form_becomes_filters_and_a_kind_of_tool_stands_for_all_of_it(
    knowledge: Knowledge,
) -> None:
    form = Form((), ("kind:kitchen", "hammer"), "60", "easy", "indoor", True, 3.0)
    filters = form.filters(knowledge)
    kitchen = {tool.id for tool in knowledge.tools.values() if tool.kind == "kitchen"}
    assert filters == Filters(frozenset(kitchen | {"hammer"}), 60, "easy", "indoor", True, 3)
    assert Form().filters(knowledge) == Filters()
    assert (count_of(filters), count_of(Filters())) == (6, 0)


def test_every_choice_is_sorted_and_stands_for_something(knowledge: Knowledge) -> None:
    choices = choices_of(knowledge)
    assert {key for _, key in choices.items} == set(knowledge.items)
    assert {key for _, key in choices.projects} == set(knowledge.projects)
    assert [name.lower() for name, _ in choices.items] == sorted(
        name.lower() for name, _ in choices.items
    )


def test_a_filter_is_dropped_alone_or_all_together() -> None:
    form = Form(("rope",), ("hammer",), "30", "easy", "outdoor", True, 2)
    assert without_filter(form, "max_minutes") == replace(form, minutes=ANY)
    assert without_filter(form, "all") == Form(more=("rope",))


def test_a_number_in_the_text_fills_the_pieces_until_the_next_thing(knowledge: Knowledge) -> None:
    two = link_to(knowledge, "umbrella", quantity=2)
    one = link_to(knowledge, "glass_jar")
    filled = with_pieces(Form(), two, None)
    assert filled.pieces == 2
    before = Visit((two,), found_for(two), filled)
    assert with_pieces(filled, one, before).pieces == 0
    assert with_pieces(replace(filled, pieces=7), one, before).pieces == 7


def test_a_material_seen_in_a_photo_comes_first_if_the_thing_can_be_made_of_it(
    knowledge: Knowledge,
) -> None:
    bottle = link_to(knowledge, "plastic_bottle")
    assert material_first(bottle, "HDPE").thing.materials[0] == "HDPE"
    assert material_first(bottle, "glass") == bottle
