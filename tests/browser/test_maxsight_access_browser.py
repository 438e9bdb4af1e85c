"""The MaxSight tab for everyone: keyboard, phones, every appearance."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.access_page import TOO_WIDE, violations_in_every_appearance
from tests.browser.conftest import Visits
from tests.browser.maxsight_page import (
    expect_camera_off,
    heard,
    open_maxsight,
    start,
    start_button,
    state,
    stop_button,
    wait_until_seen,
)
from tests.browser.waste_page import unfold

LEAST_BUTTON_PX = 48
WIDTHS = (390, 320)
ACCORDIONS = ("#maxsight-settings", "#maxsight-files", "#maxsight-pipeline")


def focused(page: Page) -> str:
    found: str = page.evaluate("document.activeElement.id")
    return found


def fold(page: Page, box: str) -> None:
    page.locator(f"{box} > button.label-wrap.open").click()


def test_a_whole_visit_needs_keys_alone_and_the_single_keys_can_be_switched_off(
    paint_visits: Visits,
) -> None:
    page = open_maxsight(paint_visits)
    page.get_by_role("tab", name="About").focus()
    page.keyboard.press("Tab")
    assert focused(page) == "maxsight-start"
    page.keyboard.press("Enter")
    wait_until_seen(page)
    assert focused(page) == "maxsight-stop"
    page.wait_for_function("heard.some((one) => one.text.startsWith('Danger: car'))")
    danger = heard(page, "live-assertive")[0]
    page.keyboard.press("r")
    page.wait_for_function(
        "text => heard.filter((one) => one.text === text).length === 2", arg=danger
    )
    page.keyboard.press("a")
    page.wait_for_function("heard.some((one) => / car .* person /.test(one.text))")
    page.keyboard.press("m")
    mute = page.locator("#maxsight-mute")
    expect(mute).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("m")
    expect(mute).to_have_attribute("aria-pressed", "false")
    page.keyboard.press("Escape")
    expect_camera_off(page)
    assert focused(page) == "maxsight-start"

    page.locator("[data-maxsight-keys]").press("Enter")
    page.keyboard.press("s")
    page.keyboard.press("m")
    expect(mute).to_have_attribute("aria-pressed", "false")
    expect(state(page)).to_contain_text("Camera off")
    page.locator("[data-maxsight-keys]").press("Enter")
    unfold(page, "#maxsight-settings")
    page.locator("#maxsight-max_distance_m input[type=number]").press("s")
    expect(state(page)).to_contain_text("Camera off")


def test_a_phone_has_start_in_reach_the_picture_in_sight_and_never_scrolls_sideways(
    paint_visits: Visits,
) -> None:
    page = open_maxsight(paint_visits, width=WIDTHS[0], height=800)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        page.evaluate("window.scrollTo(0, 0)")
        button = start_button(page).bounding_box()
        assert button is not None
        assert button["height"] >= LEAST_BUTTON_PX
        assert button["y"] + button["height"] < 800
        assert page.evaluate(TOO_WIDE) == []
        start(page)
        assert page.evaluate(TOO_WIDE) == []
        for part in ("#maxsight-camera", "#maxsight-status [data-part=state]", "#maxsight-stop"):
            box = page.locator(part).bounding_box()
            assert box is not None
            assert box["y"] >= 0
            assert box["y"] + box["height"] <= 800
        for accordion in ACCORDIONS:
            unfold(page, accordion)
        page.locator("#maxsight-strip canvas").wait_for()
        assert page.evaluate(TOO_WIDE) == []
        stop_button(page).click()
        for accordion in ACCORDIONS:
            fold(page, accordion)


def test_axe_finds_nothing_in_any_appearance(paint_visits: Visits) -> None:
    page = open_maxsight(paint_visits, is_allowed=False)
    page.get_by_role("radio", name="Developer").check()
    for accordion in ACCORDIONS:
        unfold(page, accordion)
    start_button(page).click()
    expect(state(page)).to_contain_text("did not allow")
    found = violations_in_every_appearance(page, "refused")
    page.context.grant_permissions(["camera"])
    start_button(page).click()
    page.locator("#maxsight-log pre").wait_for()
    found += violations_in_every_appearance(page, "looking")
    assert not found, "\n".join(found)
