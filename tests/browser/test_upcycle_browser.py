"""The Upcycle tab in a real browser: from a thing to a project and the path behind it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.chat_page import spoken_count
from tests.browser.conftest import Visits
from tests.browser.upcycle_page import (
    CARDS,
    PROJECT,
    READY_MS,
    card_names,
    choose,
    find,
    here,
    name_box,
    open_card,
    open_upcycle,
    open_view,
    press_and_hear,
    wait_for_graph,
    wait_until_spoken,
)
from tests.browser.waste_page import spoken, unfold

# The lines of a lit path are thicker than the others.
LIT_LINE = 'path.js-line[style*="stroke-width: 4px"]'
PRINTED = """
() => {
  window.print = () => {
    window.dispatchEvent(new Event("beforeprint"));
    window.printed = document.getElementById("print-sheet").innerText;
    window.dispatchEvent(new Event("afterprint"));
  };
}
"""


@pytest.fixture
def upcycling(page: Page) -> Page:
    """Open the Upcycle tab as one visitor at a desk."""
    open_upcycle(page)
    return page


def test_a_thing_is_an_example_picked_or_typed_and_what_is_typed_after_picking_stays(
    upcycling: Page,
) -> None:
    press_and_hear(upcycling, upcycling.get_by_role("button", name="glass jar", exact=True))
    expect(upcycling.locator(CARDS)).to_have_count(10)
    card = upcycling.locator(CARDS).first
    for part in ("Why:", "Tools:", "steps"):
        expect(card).to_contain_text(part)
    expect(name_box(upcycling)).to_have_value("glass jar")
    assert spoken(upcycling)[-1].startswith("10 projects, best first. First: ")

    name_box(upcycling).fill("old tennis racket")
    before = spoken_count(upcycling)
    # What is asked of the server is held back until the text stands there.
    held: list[Route] = []
    upcycling.route("**/queue/join*", lambda route: held.append(route))
    choose(upcycling, "#upcycle-pick", "Wooden pallet")
    expect(name_box(upcycling)).to_have_value("")
    name_box(upcycling).fill("garden gnome")
    assert any("pallet" in (route.request.post_data or "") for route in held)
    # It lets go of what was held.
    upcycling.unroute("**/queue/join*")
    wait_until_spoken(upcycling, before)
    expect(upcycling.locator("#upcycle-taken")).to_contain_text("Wooden pallet")
    expect(upcycling.locator(CARDS)).to_have_count(10)
    expect(name_box(upcycling)).to_have_value("garden gnome")

    find(upcycling, "garden gnome")
    expect(upcycling.locator("#upcycle-taken")).to_contain_text("New here")
    expect(upcycling.locator("#upcycle-taken")).to_contain_text("alike")
    expect(upcycling.locator(CARDS)).to_have_count(10)


def test_a_correction_changes_the_list_and_filters_narrow_it_until_one_click_relaxes_them(
    upcycling: Page,
) -> None:
    find(upcycling, "garden gnome")
    uncorrected = card_names(upcycling)
    unfold(upcycling, "#upcycle-correction")
    upcycling.locator("#upcycle-materials .remove-all").click()
    choose(upcycling, "#upcycle-materials", "Wood")
    upcycling.keyboard.press("Escape")
    press_and_hear(upcycling, upcycling.locator("#upcycle-correct"))
    expect(upcycling.locator("#upcycle-taken")).to_contain_text("As you described it.")
    assert card_names(upcycling) != uncorrected

    find(upcycling, "glass jar")
    unfold(upcycling, "#upcycle-filters")
    press_and_hear(upcycling, upcycling.get_by_label("A child of 8 can make it"))
    for card in upcycling.locator(CARDS).all():
        expect(card).to_contain_text("Child of 8")
    before = spoken_count(upcycling)
    choose(upcycling, "#upcycle-tools", "Glass or tile drill bit")
    wait_until_spoken(upcycling, before)
    upcycling.keyboard.press("Escape")
    expect(upcycling.locator("#upcycle-list")).to_contain_text("No project fits")
    expect(upcycling.locator("#upcycle-filters > button")).to_contain_text("2 on")
    press_and_hear(upcycling, upcycling.get_by_role("button", name="Without the limit on tools"))
    expect(upcycling.locator(CARDS).first).to_be_visible()
    expect(upcycling.locator("#upcycle-tools .token")).to_have_count(0)
    expect(upcycling.get_by_label("A child of 8 can make it")).to_be_checked()


def test_a_project_opens_with_steps_reasons_and_path_and_is_printed_alone_and_saved(
    upcycling: Page,
) -> None:
    find(upcycling, "old tennis racket")
    name = open_card(upcycling, 2)
    expect(upcycling.locator(f"{PROJECT} h2")).to_be_focused()
    expect(upcycling.locator(f"{PROJECT} ol.project-steps li").nth(3)).to_be_visible()
    expect(upcycling.locator(CARDS).first).not_to_be_visible()
    # The first path that is looked for takes longest.
    reason = upcycling.locator("#upcycle-reason")
    expect(reason).to_contain_text("no proof", timeout=READY_MS)
    press_and_hear(upcycling, upcycling.get_by_role("button", name="Back to the list"))
    expect(upcycling.locator(f"{CARDS} h3 button", has_text=name)).to_be_focused()

    find(upcycling, "glass jar")
    name = open_card(upcycling)
    upcycling.get_by_role("button", name="See the path in the graph").click()
    graph = wait_for_graph(upcycling)
    expect(graph.get_by_role("img", name="The graph around your thing")).to_be_visible()
    words = upcycling.locator("#upcycle-words")
    expect(words).to_contain_text("The lit path")
    expect(words.locator(".lit-path button").last).to_have_text(name)
    words.get_by_role("button", name=f"Open {name}").click()
    expect(upcycling.locator(f"{PROJECT} h2")).to_be_visible()

    step = upcycling.locator(f"{PROJECT} ol.project-steps li").first.inner_text()
    upcycling.evaluate(PRINTED)
    upcycling.get_by_role("button", name="Print or save as PDF").click()
    printed = upcycling.evaluate("window.printed")
    assert name in printed
    assert step in printed
    assert "What do you have?" not in printed
    expect(upcycling.locator("#print-sheet")).to_have_count(0)
    with upcycling.expect_download() as download:
        upcycling.get_by_role("button", name="Save as a page").click()
    assert download.value.suggested_filename.endswith(".html")
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert f"<h1>{name}</h1>" in saved
    assert step in saved


def test_points_and_names_of_the_graph_lead_on_and_networks_stand_side_by_side(
    upcycling: Page,
) -> None:
    find(upcycling, "glass jar")
    open_view(upcycling, "Graph")
    graph = wait_for_graph(upcycling)
    expect(here(upcycling)).to_have_text("glass jar")
    before = spoken_count(upcycling)
    graph.locator(".points path").last.click(force=True)
    wait_until_spoken(upcycling, before)
    expect(upcycling.locator("#upcycle-words")).to_contain_text("The lit path")
    expect(graph).to_be_visible()

    # The next click is for the picture with the path in it.
    graph.locator(LIT_LINE).first.wait_for(state="attached")
    wait_for_graph(upcycling)
    # Columns come one after another: the thing's own point, then its material's.
    before = spoken_count(upcycling)
    graph.locator(".points path").nth(1).click(force=True)
    wait_until_spoken(upcycling, before)
    expect(here(upcycling)).to_have_text("glass")
    words = upcycling.locator("#upcycle-words")
    press_and_hear(upcycling, words.get_by_role("button", name="Back to glass jar"))
    expect(here(upcycling)).to_have_text("glass jar")

    open_view(upcycling, "Compare")
    table = upcycling.locator("#upcycle-comparison table.compare").first
    for name in ("GraphSAGE", "GAT", "Relational network", "Popularity", "Property overlap"):
        expect(table.get_by_role("columnheader", name=name, exact=True)).to_be_visible()
    expect(table.locator("tbody tr")).to_have_count(10)
    expect(upcycling.locator("#upcycle-comparison")).to_contain_text("What GAT listens to")
    expect(upcycling.locator("#upcycle-comparison .attention li").first).to_contain_text("%")


def test_a_dangerous_thing_says_where_to_take_it_and_why_not_names_the_safety_rule(
    upcycling: Page,
) -> None:
    find(upcycling, "gas cylinder")
    expect(upcycling.locator("#upcycle-list")).to_contain_text("Make nothing of this")
    expect(upcycling.locator("#upcycle-list")).to_contain_text("Take it to")
    expect(upcycling.locator(CARDS)).to_have_count(0)

    find(upcycling, "PET bottle")
    open_view(upcycling, "Why not?")
    expect(upcycling.locator("#upcycle-ruled-out")).to_contain_text("Ruled out by safety")
    before = spoken_count(upcycling)
    field = upcycling.locator("#upcycle-why input")
    field.fill("mug for hot coffee")
    field.press("Enter")
    wait_until_spoken(upcycling, before)
    expect(upcycling.locator("#upcycle-verdict")).to_contain_text("ruled out by safety")
    assert spoken(upcycling)[-1].startswith("Ruled out by safety.")


def test_a_link_is_copied_and_opens_the_project_for_someone_else(visits: Visits) -> None:
    page = visits.open(permissions=("clipboard-read", "clipboard-write"))
    open_upcycle(page)
    find(page, "garden gnome")
    name = open_card(page, 1)
    address = page.locator(f"{PROJECT} a").get_attribute("href")
    assert address is not None
    assert parse_qs(urlsplit(address).query)["item"] == ["garden gnome"]
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Link copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"{visits.app.url}/?tab=upcycle&project=")

    other = visits.open(query=address)
    expect(other.get_by_role("tab", name="Upcycle")).to_have_attribute("aria-selected", "true")
    expect(other.locator(f"{PROJECT} h2")).to_have_text(name, timeout=READY_MS)
    expect(name_box(other)).to_have_value("garden gnome")


def test_script_in_a_thing_is_shown_and_does_nothing(upcycling: Page) -> None:
    find(upcycling, '<img src=x onerror="window.hacked=1"> glass jar lid')
    assert upcycling.evaluate("window.hacked === undefined")
    expect(upcycling.locator("#upcycle-taken img, #upcycle-list img")).to_have_count(0)
