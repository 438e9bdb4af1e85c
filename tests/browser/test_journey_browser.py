"""From a photo to the chat, the projects and one page with all of it, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.access_page import (
    COLOUR_RULES,
    TOO_WIDE,
    choose_appearance,
    violations,
)
from tests.browser.chat_page import (
    QUESTIONS,
    last_answer,
    open_ask,
    spoken_count,
    wait_until_spoken,
)
from tests.browser.conftest import Visits
from tests.browser.upcycle_page import (
    CARDS,
    PROJECT,
    READY_MS,
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


def test_a_photo_is_asked_about_and_made_something_of_with_item_material_and_place(
    page: Page, bottle: Path
) -> None:
    wait_for_engines(page)
    pick(page, "#waste-place", "Germany")
    show(page, bottle)
    page.wait_for_function("spoken.length > 0")
    press(page, ASK)
    expect_open(page, "Ask")
    question = "How do I dispose of a glass bottle in Germany?"
    expect(page.locator(QUESTIONS)).to_have_text(question)
    expect(page.locator("#ask-place input")).to_have_value("Germany")
    expect(last_answer(page)).to_be_focused()
    assert len(spoken(page)) == len(set(spoken(page)))
    expect(page.locator(STRIPS["Ask"])).to_contain_text("Your thing: Glass bottle")

    open_tab(page, "Waste")
    for _ in range(2):
        press(page, MAKE)
        expect_open(page, "Upcycle")
        expect(page.locator("#upcycle-taken h3")).to_have_text("Glass bottle")
        expect(page.locator(CARDS)).to_have_count(10)
        expect(page.locator("#upcycle-results")).to_be_focused()
        open_tab(page, "Waste")


def test_one_page_shows_bin_answer_projects_and_times_leads_on_and_takes_a_persons_word(
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

    open_tab(page, "Waste")
    page.get_by_role("button", name="Back to the photo").click()
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
