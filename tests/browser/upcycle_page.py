"""What a visitor does on the Upcycle tab, and what the page then says."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.browser.chat_page import spoken_count

# The first visitor may have to wait for the engine.
READY_MS = 240_000
CARDS = "#upcycle-list .project-card"
PROJECT = "#upcycle-project article"


def open_upcycle(page: Page) -> None:
    """Go to the Upcycle tab once its engine is ready."""
    page.get_by_text("Upcycle: ready").wait_for(timeout=READY_MS)
    page.get_by_role("tab", name="Upcycle").click()
    name_box(page).wait_for()


def name_box(page: Page) -> Locator:
    """Find the field for the thing."""
    return page.locator("#upcycle-name input")


def wait_until_spoken(page: Page, before: int) -> None:
    """Wait for the next announcement; an outcome is announced when it is on the page."""
    page.wait_for_function("count => spoken.length > count", arg=before, timeout=READY_MS)


def find(page: Page, text: str) -> None:
    """Type a thing, press Enter and wait for the outcome."""
    before = spoken_count(page)
    name_box(page).fill(text)
    name_box(page).press("Enter")
    wait_until_spoken(page, before)


def press_and_hear(page: Page, button: Locator) -> None:
    """Press a button and wait until its outcome is announced."""
    before = spoken_count(page)
    button.click()
    wait_until_spoken(page, before)


def card_names(page: Page) -> list[str]:
    """List the names on the cards, without their numbers."""
    return [
        text.partition(". ")[2] for text in page.locator(f"{CARDS} h3 button").all_inner_texts()
    ]


def open_card(page: Page, place: int = 0) -> str:
    """Open a card and return the project's name."""
    name = card_names(page)[place]
    press_and_hear(page, page.locator(f"{CARDS} h3 button").nth(place))
    expect(page.locator(f"{PROJECT} h2")).to_have_text(name)
    return name


def open_view(page: Page, name: str) -> None:
    """Go to Projects, Graph, Why not? or Compare."""
    page.locator("#upcycle-views").get_by_role("tab", name=name, exact=True).click()


def wait_for_graph(page: Page) -> Locator:
    """Wait until the picture is drawn and can be clicked; returns its frame."""
    frame = page.locator("#upcycle-plot")
    frame.locator(".js-plotly-plot[data-is-walkable] .points path").first.wait_for()
    return frame


def here(page: Page) -> Locator:
    """Find the words that say where in the graph one is."""
    return page.locator("#upcycle-words .graph-words p strong").first


def choose(page: Page, box: str, name: str) -> None:
    """Choose an entry of a dropdown by typing its name; Gradio lists the first hundred only."""
    page.locator(f"{box} input").press_sequentially(name)
    page.get_by_role("option", name=name, exact=True).click()
