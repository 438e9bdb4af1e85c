"""The Upcycle tab for everyone: keyboard, phones, screen readers, every appearance."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.access_page import TOO_WIDE, violations_in_every_appearance
from tests.browser.chat_page import spoken_count
from tests.browser.conftest import Visits
from tests.browser.upcycle_page import (
    CARDS,
    PROJECT,
    READY_MS,
    card_names,
    find,
    here,
    name_box,
    open_card,
    open_upcycle,
    open_view,
    wait_for_graph,
    wait_until_spoken,
)
from tests.browser.waste_page import unfold


@pytest.fixture
def upcycling(page: Page) -> Page:
    """Open the Upcycle tab as one visitor at a desk."""
    open_upcycle(page)
    return page


def test_a_whole_visit_needs_no_pointer(page: Page) -> None:
    page.get_by_text("Upcycle: ready").wait_for(timeout=READY_MS)
    page.get_by_role("tab", name="Waste").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Upcycle")).to_have_attribute("aria-selected", "true")
    name_box(page).focus()
    page.keyboard.type("glass jar")
    before = spoken_count(page)
    page.keyboard.press("Enter")
    wait_until_spoken(page, before)
    first = page.locator(f"{CARDS} h3 button").first
    name = card_names(page)[0]
    first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(f"{PROJECT} h2")).to_be_focused()
    path = page.get_by_role("button", name="See the path in the graph")
    path.focus()
    page.keyboard.press("Enter")
    step = page.locator("#upcycle-words .lit-path button").nth(1)
    goal = step.inner_text()
    step.focus()
    before = spoken_count(page)
    page.keyboard.press("Enter")
    wait_until_spoken(page, before)
    expect(here(page)).to_have_text(goal)
    expect(page.locator("#upcycle-words h3")).to_be_focused()
    page.locator("#upcycle-views").get_by_role("tab", name="Graph").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator(f"{PROJECT} h2")).to_have_text(name)
    page.get_by_role("button", name="Back to the list").focus()
    page.keyboard.press("Enter")
    expect(first).to_be_focused()


def test_a_phone_scrolls_down_but_never_sideways(visits: Visits) -> None:
    page = visits.open(width=320, height=800)
    open_upcycle(page)
    assert page.evaluate(TOO_WIDE) == []
    find(page, "garden gnome")
    unfold(page, "#upcycle-filters")
    unfold(page, "#upcycle-correction")
    assert page.evaluate(TOO_WIDE) == []
    open_card(page)
    page.get_by_role("button", name="See the path in the graph").wait_for()
    assert page.evaluate(TOO_WIDE) == []
    views = {
        "Graph": "#upcycle-plot .points path",
        "Why not?": "#upcycle-ruled-out :is(.panel, p)",
        "Compare": "#upcycle-comparison table",
    }
    for view, part in views.items():
        open_view(page, view)
        page.locator(part).first.wait_for()
        assert page.evaluate(TOO_WIDE) == []


def test_axe_finds_nothing_in_any_state(upcycling: Page) -> None:
    find(upcycling, "two broken umbrellas")
    unfold(upcycling, "#upcycle-filters")
    unfold(upcycling, "#upcycle-correction")
    found = violations_in_every_appearance(upcycling, "found, all open")
    open_card(upcycling)
    upcycling.get_by_role("button", name="See the path in the graph").wait_for()
    found += violations_in_every_appearance(upcycling, "project")
    open_view(upcycling, "Graph")
    wait_for_graph(upcycling)
    upcycling.locator("#upcycle-words summary").click()
    found += violations_in_every_appearance(upcycling, "graph")
    open_view(upcycling, "Why not?")
    upcycling.locator("#upcycle-ruled-out .panel, #upcycle-ruled-out p").first.wait_for()
    found += violations_in_every_appearance(upcycling, "why not")
    open_view(upcycling, "Compare")
    upcycling.locator("#upcycle-comparison table").first.wait_for()
    found += violations_in_every_appearance(upcycling, "compare")
    open_view(upcycling, "Projects")
    find(upcycling, "battery")
    found += violations_in_every_appearance(upcycling, "danger")
    find(upcycling, "asdf qwer")
    found += violations_in_every_appearance(upcycling, "not understood")
    assert not found, "\n".join(found)
