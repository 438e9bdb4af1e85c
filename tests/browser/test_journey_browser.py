"""From a photo to the chat, the projects and one page with all of it, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.chat_page import (
    QUESTIONS,
    last_answer,
    open_ask,
    spoken_count,
    wait_until_spoken,
)
from tests.browser.conftest import Visits
from tests.browser.test_access_browser import (
    COLOUR_RULES,
    TOO_WIDE,
    choose_appearance,
    violations,
)
from tests.browser.upcycle_page import (
    CARDS,
    PROJECT,
    READY_MS,
    choose,
    name_box,
    open_upcycle,
)
from tests.browser.waste_page import CARD, correct, pick, show, spoken

ASK = "How do I dispose of it here?"
MAKE = "What can I make of it?"
ALL = "All of it on one page"
FORGET = "Forget thing and place"
STRIPS = {"Ask": "#journey-strip-ask", "Upcycle": "#journey-strip-upcycle"}


@pytest.fixture
def bottle(example_paths: list[Path]) -> Path:
    """Return the photo of a bottle of glass."""
    return next(path for path in example_paths if path.name.startswith("glass_bottle"))


def wait_for_engines(page: Page) -> None:
    for name in ("Chat: ready", "Upcycle: ready"):
        page.get_by_text(name).wait_for(timeout=READY_MS)


def press(page: Page, words: str, within: str = CARD) -> None:
    """Press a button for the thing and wait until its outcome is announced."""
    before = spoken_count(page)
    page.locator(within).get_by_role("button", name=words, exact=True).click()
    wait_until_spoken(page, before)


def open_tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name, exact=True).first.click()


def expect_open(page: Page, tab: str) -> None:
    expect(page.get_by_role("tab", name=tab, exact=True).first).to_have_attribute(
        "aria-selected", "true"
    )


def test_a_photo_is_asked_about_with_item_material_and_place(page: Page, bottle: Path) -> None:
    wait_for_engines(page)
    pick(page, "#waste-place", "Germany")
    show(page, bottle)
    press(page, ASK)
    expect_open(page, "Ask")
    question = "How do I dispose of a glass bottle in Germany?"
    expect(page.locator(QUESTIONS)).to_have_text(question)
    expect(page.locator("#ask-place input")).to_have_value("Germany")
    expect(last_answer(page)).to_be_focused()
    assert len(spoken(page)) == len(set(spoken(page)))
    expect(page.locator(STRIPS["Ask"])).to_contain_text("Your thing: Glass bottle")


def test_the_projects_are_those_of_the_item_and_the_heading_has_the_focus(
    page: Page, bottle: Path
) -> None:
    wait_for_engines(page)
    show(page, bottle)
    for _ in range(2):
        press(page, MAKE)
        expect_open(page, "Upcycle")
        expect(page.locator("#upcycle-taken h3")).to_have_text("Glass bottle")
        expect(page.locator(CARDS)).to_have_count(10)
        expect(page.locator("#upcycle-results")).to_be_focused()
        open_tab(page, "Waste")


def test_one_page_shows_bin_answer_projects_and_times_and_leads_on(
    page: Page, bottle: Path
) -> None:
    wait_for_engines(page)
    show(page, bottle)
    page.wait_for_function("spoken.length > 0")
    before = spoken_count(page)
    press(page, ALL)
    expect(page.locator("#journey-title h2")).to_be_focused()
    assert spoken_count(page) == before + 1
    assert spoken(page)[-1].startswith("Glass bottle. Goes into ")
    expect(page.locator("#journey-classify .answer-bin-name")).to_be_visible()
    expect(page.locator("#journey-classify .journey-photo")).to_be_visible()
    expect(page.locator("#journey-recommend .project-why")).to_have_count(3)
    expect(page.locator("#journey-times .is-done")).to_have_count(3)
    expect(page.locator("#journey-times")).to_contain_text("Altogether")
    expect(page.locator("#waste-photo")).to_be_hidden()
    page.locator("#journey-ask .journey-number").first.click()
    expect(page.locator("#journey-ask .source summary").first).to_be_focused()
    expect(page.locator("#journey-ask .source-passage").first).to_be_visible()

    page.get_by_role("button", name="Back to the photo").click()
    expect(page.locator(CARD).get_by_role("button", name=ALL)).to_be_focused()
    expect(page.locator("#waste-photo img").first).to_be_visible()

    press(page, ALL)
    project = page.locator("#journey-recommend h4 button").first
    name = project.inner_text()
    project.click()
    expect(page.locator(f"{PROJECT} h2")).to_have_text(name)
    expect(page.locator(f"{PROJECT} h2")).to_be_focused()


def test_the_item_that_a_person_says_it_is_goes_along(page: Page, bottle: Path) -> None:
    wait_for_engines(page)
    show(page, bottle)
    correct(page, "Wood")
    expect(page.locator(f"{CARD} h2").first).to_have_text("Wood")
    press(page, ALL)
    expect(page.locator("#journey-classify h2")).to_have_text("Wood")
    expect(page.locator("#journey-classify")).to_contain_text("You said what it is.")
    expect(page.locator("#journey-ask")).to_contain_text("How do I dispose of wood")


def test_thing_and_place_survive_a_reload_until_they_are_forgotten_and_nobody_else_sees_them(
    visits: Visits, bottle: Path
) -> None:
    page = visits.open()
    wait_for_engines(page)
    pick(page, "#waste-place", "Germany")
    show(page, bottle)
    page.wait_for_function("() => localStorage.getItem('releaf.thing') !== null")
    visits.reload(page)
    expect(page.locator(CARD)).to_contain_text("You showed this before.")
    expect(page.locator(f"{CARD} h2").first).to_have_text("Glass bottle")
    expect(page.locator("#waste-place input")).to_have_value("Germany")
    press(page, ALL)
    expect(page.locator("#journey-times .is-skipped")).to_contain_text("There is no photo.")
    expect(page.locator("#journey-times .is-done")).to_have_count(2)

    other = visits.open()
    expect(other.locator(".answer-empty")).to_be_visible()
    open_ask(other)
    expect(other.locator(STRIPS["Ask"])).to_have_count(0)

    open_tab(page, "Ask")
    press(page, FORGET, STRIPS["Ask"])
    expect(page.locator(STRIPS["Ask"])).to_have_count(0)
    expect(page.get_by_role("tab", name="Ask", exact=True)).to_be_focused()
    visits.reload(page)
    expect(page.locator(".answer-empty")).to_be_visible()
    expect(page.locator("#waste-place input")).not_to_have_value("Germany")


def test_what_is_typed_right_after_picking_a_thing_stays(page: Page) -> None:
    open_upcycle(page)
    name_box(page).fill("old tennis racket")
    # What is asked of the server is held back until the text stands there.
    held: list[Route] = []
    page.route("**/queue/join*", lambda route: held.append(route))
    choose(page, "#upcycle-pick", "Wooden pallet")
    expect(name_box(page)).to_have_value("")
    name_box(page).fill("garden gnome")
    assert held
    # It lets go of what was held.
    page.unroute("**/queue/join*")
    expect(page.locator("#upcycle-taken")).to_contain_text("Wooden pallet")
    expect(page.locator(CARDS)).to_have_count(10)
    expect(name_box(page)).to_have_value("garden gnome")


def test_the_page_is_for_everyone(visits: Visits, bottle: Path) -> None:
    page = visits.open(width=320, height=640)
    wait_for_engines(page)
    show(page, bottle)
    assert page.evaluate(TOO_WIDE) == []
    press(page, ALL)
    page.locator("#journey-ask summary").first.click()
    assert page.evaluate(TOO_WIDE) == []
    findings = violations(page, "light")
    for appearance in ("dark", "contrast"):
        choose_appearance(page, appearance)
        findings += violations(page, appearance, rules=COLOUR_RULES)
    assert not findings, "\n".join(findings)
    for tab, strip in STRIPS.items():
        open_tab(page, tab)
        expect(page.locator(strip)).to_be_visible()
        assert page.evaluate(TOO_WIDE) == []
