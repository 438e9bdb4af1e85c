"""The page for everyone: keyboard, screen readers, every appearance, small screens, privacy."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.browser.waste_page import (
    expect_answer,
    mark_card,
    next_card,
    open_system,
    pick,
    rule_book,
    show,
    unfold,
    upload_button,
)

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
APPEARANCES = {"light": "Light", "dark": "Dark", "contrast": "High contrast"}
GROUND = {"light": "rgb(246, 248, 245)", "dark": "rgb(15, 19, 15)", "contrast": "rgb(0, 0, 0)"}
MOST_TABS = 70

# One step of a walk with the Tab key: who is focused, whether one can see it, and what the one
# before looked like while it was focused and after.
WHERE = """
() => {
  const look = (element) => {
    const drawn = [];
    for (let part = element, depth = 0; part && depth < 3; part = part.parentElement, depth++) {
      const style = getComputedStyle(part);
      drawn.push(style.outlineStyle, style.outlineWidth, style.outlineColor, style.boxShadow,
                 style.borderColor);
    }
    return drawn.join("|");
  };
  const before = window.walk;
  const element = document.activeElement;
  const name = (part) => {
    const box = part.closest("[id]")?.id ?? "";
    const said = part.getAttribute("aria-label") || part.innerText || part.name || "";
    return `${part.tagName.toLowerCase()} #${box} ${said.trim().slice(0, 40)}`;
  };
  const isSameLook = before?.element.isConnected && look(before.element) === before.look;
  window.walk = { element, look: look(element), name: name(element) };
  const box = element.getBoundingClientRect();
  return {
    name: window.walk.name,
    isPage: element === document.body,
    isSeen: box.width > 0 && box.height > 0,
    unmarked: isSameLook && before.element !== element ? before.name : null,
  };
}
"""

# Nothing fades or moves, but for what moves for ever.
STILL = """
() => document.getAnimations().every((moving) =>
  moving.playState !== "running" || moving.effect.getComputedTiming().endTime === Infinity)
"""
# What sticks out on the right of a page that scrolls sideways; empty where the page doesn't.
TOO_WIDE = """
() => {
  const page = document.documentElement;
  if (page.scrollWidth <= page.clientWidth) return [];
  const wide = [...document.querySelectorAll("body *")].filter(
    (part) => part.getBoundingClientRect().right > page.clientWidth + 1);
  return [`${page.scrollWidth} of ${page.clientWidth}`,
          ...wide.map((part) => `${part.tagName} #${part.id} .${part.getAttribute("class")}`)];
}
"""


def choose_appearance(page: Page, appearance: str) -> None:
    page.get_by_role("button", name=APPEARANCES[appearance], exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-appearance", appearance)


def serious_findings(page: Page, state: str) -> list[str]:
    """Run axe-core; returns one line for every node with a serious or critical violation."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    # Colours that are still fading from one state to the next are nobody's colours.
    page.wait_for_function(STILL)
    report: dict[str, Any] = page.evaluate(
        "(tags) => axe.run({ runOnly: { type: 'tag', values: tags } })",
        AXE_TAGS,
    )
    return [
        f"{state}: {violation['id']} ({violation['impact']}) at {node['target']}: "
        f"{node['failureSummary']} {node['html'][:160]}"
        for violation in report["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("appearance", list(APPEARANCES))
def test_axe_finds_nothing_serious_in_any_state(
    appearance: str, page: Page, example_paths: list[Path], unsure_photo: Path, tmp_path: Path
) -> None:
    choose_appearance(page, appearance)
    findings = serious_findings(page, "empty")
    show(page, example_paths[0])
    unfold(page, "#waste-wrong")
    unfold(page, "#waste-many")
    for summary in page.locator("#waste-answer summary").all():
        summary.click()
    page.get_by_label("Show where the model looked").check()
    page.locator("#waste-heat img").wait_for()
    findings += serious_findings(page, "answered, all open")
    page.get_by_label("Show where the model looked").uncheck()
    show(page, unsure_photo)
    page.locator("#waste-pick label").first.wait_for()
    findings += serious_findings(page, "unsure")
    bad = tmp_path / "letter.jpg"
    bad.write_text("Dear all,")
    show(page, bad)
    findings += serious_findings(page, "problem")
    open_system(page)
    for summary in page.locator("#system-models summary, #system-settings summary").all():
        summary.click()
    findings += serious_findings(page, "system, all open")
    assert not findings, "\n".join(findings)


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


def test_a_whole_visit_can_be_made_without_a_pointer(page: Page, example_paths: list[Path]) -> None:
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


@pytest.mark.parametrize("width", [390, 320])
def test_a_phone_scrolls_down_but_never_sideways(
    width: int, visits: Visits, example_paths: list[Path]
) -> None:
    page = visits.open(width=width, height=800)
    show(page, example_paths[0])
    unfold(page, "#waste-wrong")
    unfold(page, "#waste-many")
    assert page.evaluate(TOO_WIDE) == []
    open_system(page)
    for summary in page.locator("#system-models summary, #system-settings summary").all():
        summary.click()
    assert page.evaluate(TOO_WIDE) == []


@pytest.mark.parametrize("appearance", ["dark", "contrast"])
def test_the_appearance_follows_its_switch_and_survives_a_reload(
    appearance: str, visits: Visits
) -> None:
    page = visits.open()
    html = page.locator("html")
    expect(html).to_have_css("background-color", GROUND["light"])
    choose_appearance(page, appearance)
    expect(html).to_have_css("background-color", GROUND[appearance])
    visits.reload(page)
    expect(html).to_have_css("background-color", GROUND[appearance])
    expect(page.get_by_role("button", name=APPEARANCES[appearance], exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )


def test_a_visit_asks_no_other_machine_and_logs_no_error(
    visits: Visits, example_paths: list[Path]
) -> None:
    page = visits.open()
    show(page, example_paths[0])
    page.get_by_label("Show where the model looked").check()
    page.locator("#waste-heat img").wait_for()
    pick(page, "#waste-place", list(rule_book().places.values())[1].name)
    open_system(page)
    page.locator("#system-refresh").click()
    page.wait_for_function("spoken.includes('Refreshed.')")
    assert visits.seen.outside_requests == []
    assert visits.seen.console_errors == []
