"""The page for everyone: keyboard, screen readers, every appearance, small screens."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.access_page import (
    AFTER_TWO_DRAWINGS,
    APPEARANCES,
    GROUND,
    LEAST_TARGET_PX,
    LIVE_REGIONS,
    MOST_TABS,
    MOVING,
    SMALL_SCREENS,
    SMALL_TARGETS,
    TABS,
    TOO_WIDE,
    WHERE,
    choose_appearance,
    open_tab,
    violations,
    violations_in_every_appearance,
)
from tests.browser.conftest import Visits
from tests.browser.waste_page import (
    expect_answer,
    mark_card,
    next_card,
    open_system,
    rule_book,
    show,
    unfold,
    upload_button,
)


def test_axe_finds_nothing_on_any_tab_nor_where_settings_and_cards_are_unfolded(page: Page) -> None:
    found: list[str] = []
    small: list[str] = []
    for name in TABS:
        open_tab(page, name)
        for appearance in APPEARANCES:
            choose_appearance(page, appearance)
            state = f"{name}, {appearance}"
            found += violations(page, state)
            small += [f"{state}: {one}" for one in page.evaluate(SMALL_TARGETS, LEAST_TARGET_PX)]
    # All tabs are drawn now, and what they say goes through these two.
    assert page.evaluate(LIVE_REGIONS) == ["live-polite polite", "live-assertive assertive"]

    open_system(page)
    page.locator("#system-settings summary").click()
    found += violations_in_every_appearance(page, "system, unfolded")
    open_tab(page, "About")
    # The card with tables and numbers of every kind; the others are made of the same.
    for summary in page.locator("#about-models article.card").last.locator("summary").all():
        summary.click()
    found += violations_in_every_appearance(page, "about, unfolded")
    small += [f"about, unfolded: {one}" for one in page.evaluate(SMALL_TARGETS, LEAST_TARGET_PX)]
    assert not found, "\n".join(found)
    assert not small, "\n".join(small)


def test_axe_finds_nothing_in_any_state_of_the_waste_tab(
    page: Page, example_paths: list[Path], unsure_photo: Path, tmp_path: Path
) -> None:
    show(page, example_paths[0])
    unfold(page, "#waste-wrong")
    unfold(page, "#waste-many")
    for summary in page.locator("#waste-answer summary").all():
        summary.click()
    page.get_by_label("Show where the model looked").check()
    page.locator("#waste-heat img").wait_for()
    found = violations_in_every_appearance(page, "answered, all open")
    page.get_by_label("Show where the model looked").uncheck()
    show(page, unsure_photo)
    page.locator("#waste-pick label").first.wait_for()
    found += violations_in_every_appearance(page, "unsure")
    bad = tmp_path / "letter.jpg"
    bad.write_text("Dear all,")
    show(page, bad)
    found += violations_in_every_appearance(page, "problem")
    assert not found, "\n".join(found)


def test_the_keyboard_reaches_everything_in_sight_and_is_never_caught(
    page: Page, example_paths: list[Path]
) -> None:
    show(page, example_paths[0])
    page.evaluate("() => { document.activeElement.blur(); window.scrollTo(0, 0); }")
    page.locator("body").evaluate("body => { body.tabIndex = -1; body.focus(); }")
    names: list[str] = []
    unmarked: list[str] = []
    unseen: list[str] = []
    for _ in range(MOST_TABS):
        page.keyboard.press("Tab")
        step = page.evaluate(WHERE)
        if step["unmarked"]:
            unmarked.append(step["unmarked"])
        if step["isPage"] or (names and step["name"] == names[0]):
            break
        names.append(step["name"])
        if not step["isSeen"]:
            unseen.append(step["name"])
    else:
        pytest.fail(f"The keyboard never came back to the start: {names}")
    assert names[0].startswith("a") and "Skip to the main part" in names[0]
    for wanted in (
        "Light", "Waste", "Remove Image", "Place", "#waste-heat-switch", "This is wrong",
        "Sort many photos",
    ):  # fmt: skip
        assert any(wanted in name for name in names), f"{wanted} was not reached: {names}"
    assert unseen == []
    assert unmarked == []


def test_a_whole_visit_from_photo_to_cards_can_be_made_without_a_pointer(
    page: Page, example_paths: list[Path]
) -> None:
    page.keyboard.press("Tab")
    expect(page.locator(".skip-link")).to_be_focused()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('#main') !== null")

    page.get_by_role("tab", name="Waste").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Ask")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="Waste")).to_have_attribute("aria-selected", "true")

    mark_card(page)
    upload_button(page).wait_for()
    with page.expect_file_chooser() as chooser:
        upload_button(page).press("Enter")
    chooser.value.set_files(example_paths[0])
    next_card(page)
    expect_answer(page, example_paths[0])

    places = list(rule_book().places.values())
    mark_card(page)
    page.locator("#waste-place input").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    next_card(page)
    expect(page.locator("#waste-place input")).to_have_value(places[1].name)

    page.get_by_label("Show where the model looked").focus()
    page.keyboard.press("Space")
    expect(page.locator("#waste-heat img")).to_be_visible()

    page.locator("#waste-wrong > button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#waste-send")).to_be_visible()

    page.get_by_role("tab", name="About").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("tab", name="System")).to_have_attribute("aria-selected", "true")
    page.locator("#system-refresh").focus()
    page.keyboard.press("Enter")
    page.wait_for_function("spoken.includes('Refreshed.')")
    page.locator("#system-cards").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="About")).to_be_focused()
    card = page.locator("#about-models details").first
    card.locator("summary").first.focus()
    page.keyboard.press("Enter")
    expect(card).to_have_attribute("open", "")


def wide_parts(page: Page, state: str) -> list[str]:
    """List what sticks out on a small screen; one line for every part of it."""
    found: list[str] = []
    for words, size in SMALL_SCREENS.items():
        page.set_viewport_size(size)
        # Gradio moves the tabs that have no room into a menu, one drawing later.
        page.evaluate(AFTER_TWO_DRAWINGS)
        found += [f"{state}, {words}: {part}" for part in page.evaluate(TOO_WIDE)]
    return found


def test_no_tab_scrolls_sideways_on_a_phone_or_enlarged(
    visits: Visits, example_paths: list[Path]
) -> None:
    page = visits.open(**SMALL_SCREENS["phone"])
    show(page, example_paths[0])
    unfold(page, "#waste-wrong")
    unfold(page, "#waste-many")
    wide = wide_parts(page, "Waste")
    for name in TABS[1:]:
        open_tab(page, name)
        wide += wide_parts(page, name)
    for summary in page.locator("#about-models summary").all():
        summary.click()
    wide += wide_parts(page, "About, unfolded")
    assert not wide, "\n".join(wide)


def test_nothing_moves_for_those_who_asked_for_less_motion(
    page: Page, example_paths: list[Path]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    show(page, example_paths[0])
    unfold(page, "#waste-wrong")
    assert page.evaluate(MOVING) == []
    for name in TABS[1:]:
        open_tab(page, name)
        assert page.evaluate(MOVING) == [], name


def test_the_appearance_follows_its_switch_and_survives_a_reload(visits: Visits) -> None:
    page = visits.open()
    html = page.locator("html")
    expect(html).to_have_css("background-color", GROUND["light"])
    for appearance in ("dark", "contrast"):
        choose_appearance(page, appearance)
        expect(html).to_have_css("background-color", GROUND[appearance])
        visits.reload(page)
        expect(html).to_have_css("background-color", GROUND[appearance])
        chosen = page.get_by_role("button", name=APPEARANCES[appearance], exact=True)
        expect(chosen).to_have_attribute("aria-pressed", "true")
