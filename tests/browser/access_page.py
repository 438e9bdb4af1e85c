"""How the page is judged for everyone: by axe-core, and by scripts that measure what is drawn."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

from playwright.sync_api import Page, ViewportSize, expect

AXE = (files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
APPEARANCES = {"light": "Light", "dark": "Dark", "contrast": "High contrast"}
GROUND = {"light": "rgb(246, 248, 245)", "dark": "rgb(15, 19, 15)", "contrast": "rgb(0, 0, 0)"}
MOST_TABS = 70
TABS = ("Waste", "Ask", "Upcycle", "MaxSight", "System", "About")
# Rules whose verdict depends on colours; the others judge what is the same in every appearance.
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
# WCAG 2.2, 2.5.8 Target Size (Minimum), CSS pixels.
LEAST_TARGET_PX = 24
# A desk of 1280 x 900 pixels at 200 % has room for 640 x 450 of the page's.
SMALL_SCREENS: dict[str, ViewportSize] = {
    "phone": {"width": 320, "height": 800},
    "200 percent": {"width": 640, "height": 450},
}

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

# Every target in sight that is too small. A link within a sentence may be as high as its line, and
# the label of a box or a button of a group is part of the target.
SMALL_TARGETS = """
(least) => [...document.querySelectorAll(
  "button, a[href], input, select, textarea, summary, [role=button], [role=tab], [role=slider]")]
  .filter((part) => part.checkVisibility({ opacityProperty: true, visibilityProperty: true }))
  .filter((part) => !part.closest(".visually-hidden, [aria-hidden=true], .skip-link"))
  .filter((part) => !(part.matches("a[href]") && getComputedStyle(part).display === "inline"))
  .map((part) => [part, (part.closest("label") ?? part).getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && box.height > 1)
  .filter(([, box]) => Math.min(box.width, box.height) < least - 0.5)
  .map(([part, box]) => `${part.tagName} #${part.closest("[id]")?.id} "${part.innerText.trim()}"` +
    ` ${part.getAttribute("aria-label")}: ${Math.round(box.width)} x ${Math.round(box.height)}`)
"""
# Where else than in the page's two regions a screen reader would be told of changes.
LIVE_REGIONS = """
() => [...document.querySelectorAll("[aria-live], [role=status], [role=alert], [role=log]")]
  .filter((part) => part.getAttribute("aria-live") !== "off")
  .map((part) => `${part.id || part.outerHTML.slice(0, 80)} ${part.getAttribute("aria-live")}`)
"""
# What moves for longer than an eye can see.
MOVING = """
() => document.getAnimations()
  .filter((moving) => moving.playState === "running")
  .filter((moving) => moving.effect.getComputedTiming().endTime > 50)
  .map((moving) => moving.animationName ?? moving.transitionProperty)
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
# Resolves once what a change of the screen's size set off has been drawn.
AFTER_TWO_DRAWINGS = """
() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))
"""


def choose_appearance(page: Page, appearance: str) -> None:
    page.get_by_role("button", name=APPEARANCES[appearance], exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-appearance", appearance)


def violations(page: Page, state: str, *, rules: list[str] | None = None) -> list[str]:
    """Run axe-core; returns one line for every node with a violation of WCAG 2.2 AA.

    Args:
        state: words for what is on the page.
        rules: the only ones to run; None runs all rules of AXE_TAGS.
    """
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE)
    # Colours that are still fading from one state to the next are nobody's colours.
    page.wait_for_function(STILL)
    only = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": AXE_TAGS}
    # Nobody reads what was found to be in order, and writing it down takes longer than finding it.
    options: dict[str, Any] = {"runOnly": only, "resultTypes": ["violations"]}
    if rules is None:
        # The rules of WCAG 2.2 are off unless asked for.
        options["rules"] = {"target-size": {"enabled": True}}
    report: dict[str, Any] = page.evaluate("(options) => axe.run(options)", options)
    return [
        f"{state}: {violation['id']} ({violation['impact']}) at {node['target']}: "
        f"{node['failureSummary']} {node['html'][:160]}"
        for violation in report["violations"]
        for node in violation["nodes"]
    ]


def violations_in_every_appearance(page: Page, state: str) -> list[str]:
    """Run every rule in the light, and those on colours in the other appearances."""
    choose_appearance(page, "light")
    found = violations(page, state)
    for appearance in ("dark", "contrast"):
        choose_appearance(page, appearance)
        found += violations(page, f"{state}, {appearance}", rules=COLOUR_RULES)
    return found


def open_tab(page: Page, name: str) -> None:
    """Go to a tab and wait until it stands."""
    tab = page.locator("#tabs").get_by_role("tab", name=name, exact=True).first
    tab.click()
    panel = page.locator(f"#{tab.get_attribute('aria-controls')}")
    panel.locator(":scope *").first.wait_for(state="attached")
    expect(tab).to_have_attribute("aria-selected", "true")
    if name == "About":
        expect(page.locator("#about-models article.card").first).to_be_visible()


def all_violations(page: Page, state: str) -> list[str]:
    """Run every rule in every appearance."""
    found: list[str] = []
    for appearance in APPEARANCES:
        choose_appearance(page, appearance)
        found += violations(page, f"{state}, {appearance}")
    return found
