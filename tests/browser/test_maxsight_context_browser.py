"""MaxSight's surroundings in a real browser: around, read, find, and other eyes, of a photo."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.access_page import TOO_WIDE, choose_appearance, violations
from tests.browser.conftest import Visits
from tests.browser.maxsight_page import (
    open_maxsight,
    start_button,
    state,
    wait_until_seen,
)
from tests.browser.paint import painted_frame
from tests.browser.waste_page import unfold

SCALE = 3
LEAST_BUTTON_PX = 48


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Write a photo of a painted car and person, with a sign."""
    frame = cv2.resize(painted_frame(0), None, fx=SCALE, fy=SCALE)
    cv2.rectangle(frame, (30, 560), (430, 690), (255, 255, 255), -1)
    cv2.putText(frame, "EXIT 12", (50, 655), cv2.FONT_HERSHEY_SIMPLEX, 2.6, (0, 0, 0), 7)
    path = tmp_path / "street.png"
    assert cv2.imwrite(str(path), cv2.cvtColor(np.asarray(frame), cv2.COLOR_RGB2BGR))
    return path


def show(page: Page, path: Path) -> None:
    unfold(page, "#maxsight-files")
    page.locator("#maxsight-photo input[type=file]").set_input_files(path)
    expect(state(page)).to_contain_text("Danger")


def card(page: Page, name: str) -> Locator:
    """Find what is drawn of the search ("find"), the text ("read") or the measures ("context")."""
    return page.locator(f'#maxsight-context-panel [data-part="{name}"]')


def look_for(page: Page, thing: str) -> None:
    page.get_by_label("Find my").click()
    page.get_by_role("option", name=thing, exact=True).click()
    page.locator("#maxsight-find").click()


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page where a folder for them is named."""
    folder = os.environ.get("RELEAF_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_a_photo_is_described_read_searched_and_seen_through_other_eyes(
    paint_visits: Visits, photo: Path
) -> None:
    page = open_maxsight(paint_visits)
    show(page, photo)
    page.locator("#maxsight-around").click()
    page.wait_for_function("heard.some((one) => /car .*person /.test(one.text))")
    # Without a language model the short sentences stay, and nobody waits.
    page.get_by_label("In fuller sentences").check()
    page.locator("#maxsight-around").click()
    page.wait_for_function(
        """() => {
          const said = heard.map((one) => one.text);
          const at = said.lastIndexOf("One moment.");
          return at >= 0 && said.slice(at).some((text) => /car .*person /.test(text));
        }"""
    )
    page.locator("#maxsight-title").click()
    page.keyboard.press("t")
    expect(card(page, "read")).to_contain_text("EXIT 12")
    expect(card(page, "read")).to_contain_text("sure")
    page.wait_for_function("heard.some((one) => one.text.includes('EXIT 12'))")

    look_for(page, "Car")
    expect(card(page, "find")).to_contain_text("Looking for: car")
    expect(card(page, "find")).to_contain_text("o'clock")
    page.wait_for_function("releafMaxSightTone.beeps() > 0")
    page.keyboard.press("Escape")
    expect(card(page, "find")).to_be_empty()
    assert not page.evaluate("releafMaxSightTone.isOn() || releafMaxSightContext.isLooking()")

    expect(card(page, "context")).to_be_empty()
    page.get_by_role("radio", name="Developer").check()
    show(page, photo)
    expect(card(page, "context")).to_contain_text("contrast")
    card(page, "context").locator("summary").click()
    expect(card(page, "context").locator("pre")).to_contain_text("car_")

    unfold(page, "#maxsight-eyes")
    figures = page.locator("#maxsight-eyes-panel figure")
    expect(figures).to_have_count(2)
    page.locator("#maxsight-eyes-way").get_by_label("What may help").check()
    expect(figures.nth(1)).to_contain_text("What may help: Short sight")
    page.locator("#maxsight-eyes-panel summary").click()
    expect(page.locator("#maxsight-eyes-panel details")).to_contain_text("read in full")
    assert all(alt for alt in figures.locator("img").evaluate_all("all => all.map((i) => i.alt)"))
    picture(page, "desktop")
    assert violations(page, "surroundings") == []


def test_a_camera_leads_to_a_thing_until_stop_and_a_phone_never_scrolls_sideways(
    paint_visits: Visits,
) -> None:
    page = open_maxsight(paint_visits, width=320, height=800)
    choose_appearance(page, "dark")
    look_for(page, "Person")
    expect(card(page, "find")).to_contain_text("Start the camera")
    start_button(page).click()
    wait_until_seen(page)
    expect(card(page, "find").locator(".is-found")).to_contain_text("o'clock")
    page.wait_for_function("releafMaxSightTone.isOn() && releafMaxSightTone.beeps() > 1")
    page.get_by_label("Describe every few seconds").check()
    page.get_by_role("radio", name="Clinician").check()
    expect(card(page, "context")).to_contain_text("between")
    unfold(page, "#maxsight-eyes")
    expect(page.locator("#maxsight-eyes-panel figure")).to_have_count(2)
    assert page.evaluate(TOO_WIDE) == []
    for button in ("#maxsight-read", "#maxsight-find", "#maxsight-find-end"):
        box = page.locator(button).bounding_box()
        assert box is not None and box["height"] >= LEAST_BUTTON_PX
    # Nobody asked: it is said politely.
    page.wait_for_function(
        "heard.some((one) => one.region === 'live-polite' && /car .*person /.test(one.text))"
    )
    picture(page, "phone")
    assert violations(page, "surroundings on a phone") == []
    page.locator("#maxsight-stop").click()
    expect(card(page, "find")).to_be_empty()
    assert not page.evaluate("releafMaxSightTone.isOn() || releafMaxSightContext.isLooking()")
