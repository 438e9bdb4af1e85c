"""Hear sounds in a real browser, before a microphone that hears a made-up siren, or nothing."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Locator, Page, Playwright, expect

from tests.browser.access_page import TOO_WIDE, all_violations
from tests.browser.chromium import hearing, launched
from tests.browser.conftest import RunningApp, Visits, watched
from tests.browser.maxsight_page import (
    HIDE,
    UNAVAILABLE,
    heard,
    open_maxsight,
)
from tests.browser.waste_page import unfold

RATE_HZ = 48_000
LEAST_BUTTON_PX = 48
PHONE_WIDTHS = (390, 320)
MOST_FLASHES, FLASH_WINDOW_MS = 3, 1000
# Long enough for two groups of flashes.
WATCHED_MS = 6000
# Each look of the page's edge and when it began; each vibration; what is asked of the microphone.
RECORD = """
window.looks = [];
new MutationObserver((changes) => {
  for (const { target } of changes) {
    if (target.id === "maxsight-alarm-edge") looks.push([target.dataset.look, performance.now()]);
  }
}).observe(document, { attributes: true, attributeFilter: ["data-look"], subtree: true });
window.felt = [];
navigator.vibrate = (pattern) => { felt.push(pattern); return true; };
window.asked = [];
// An empty page has no microphone at all.
const ask = window.MediaDevices?.prototype.getUserMedia;
if (ask) {
  MediaDevices.prototype.getUserMedia = function (wanted) {
    asked.push(wanted);
    return ask.call(this, wanted);
  };
}
"""
STILL_PAGE = """
const match = window.matchMedia.bind(window);
window.matchMedia = (query) => query.includes("reduced-motion")
  ? { matches: true, addEventListener() {} } : match(query);
"""


def write_sound(path: Path, sound: np.ndarray) -> None:
    """Write (N,) floats as a WAV file of 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes((np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes())


def siren(seconds: float) -> np.ndarray:
    """Make a siren that yelps: a tone with overtones, 700 to 1,700 Hz and back in 0.35 s.

    The shipped ears take it for a siren with 0.87 or more wherever their two seconds begin. A slow
    wail of 2 s gets 0.25 to 0.7, and a test cannot stand on that.
    """
    times_s = np.arange(round(RATE_HZ * seconds)) / RATE_HZ
    hertz = 1200 - 500 * np.cos(2 * np.pi * times_s / 0.35)
    phase = 2 * np.pi * np.cumsum(hertz) / RATE_HZ
    overtones = enumerate((1.0, 0.7, 0.5, 0.4, 0.3, 0.2, 0.1), 1)
    sound = np.sum([share * np.sin(number * phase) for number, share in overtones], axis=0)
    return 0.4 * sound / np.abs(sound).max()


def doorbell() -> np.ndarray:
    """Make a doorbell: ding, 0.6 s later dong, and half a second of silence.

    Rung again and again, the shipped ears name it within 3 s wherever they begin to listen (20
    places tried), though single windows of two seconds get 0.37 to 0.87.
    """
    sound = np.zeros(round(RATE_HZ * 2.0))
    for hertz, begins_s in ((880.0, 0.0), (698.0, 0.6)):
        start = round(RATE_HZ * begins_s)
        times_s = np.arange(len(sound) - start) / RATE_HZ
        for number, share in ((1.0, 1.0), (2.0, 0.5), (3.0, 0.25), (4.2, 0.2), (5.4, 0.1)):
            dying = np.exp(-times_s * np.sqrt(number) / 0.6)
            sound[start:] += share * dying * np.sin(2 * np.pi * hertz * number * times_s)
    rung: np.ndarray = 0.5 * sound / np.abs(sound).max()
    return np.concatenate([rung, np.zeros(RATE_HZ // 2)])


@pytest.fixture(scope="module")
def siren_browser(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Launch Chromium beside a siren."""
    path = tmp_path_factory.mktemp("siren") / "siren.wav"
    write_sound(path, siren(8))
    with launched(playwright, hearing(path)) as chromium:
        yield chromium


@pytest.fixture
def siren_visits(siren_browser: Browser, paint_app: RunningApp) -> Iterator[Visits]:
    """Open pages beside a siren; afterwards nothing may have gone wrong behind them."""
    with watched(Visits(siren_browser, paint_app, ready="Sounds: ready")) as opened:
        yield opened


@pytest.fixture
def quiet_visits(playwright: Playwright, paint_app: RunningApp, tmp_path: Path) -> Iterator[Visits]:
    """Open pages with a microphone that is switched off: hardly any noise, no sound."""
    path = tmp_path / "quiet.wav"
    noise = np.random.default_rng(0).standard_normal(4 * RATE_HZ)
    write_sound(path, 1e-4 * noise)
    with (
        launched(playwright, hearing(path)) as chromium,
        watched(Visits(chromium, paint_app, ready="Sounds: ready")) as opened,
    ):
        yield opened


@pytest.fixture
def doorbell_visits(
    playwright: Playwright, paint_app: RunningApp, tmp_path: Path
) -> Iterator[Visits]:
    """Open pages beside a doorbell."""
    path = tmp_path / "doorbell.wav"
    write_sound(path, np.tile(doorbell(), 3))
    with (
        launched(playwright, hearing(path)) as chromium,
        watched(Visits(chromium, paint_app, ready="Sounds: ready")) as opened,
    ):
        yield opened


def open_sounds(visits: Visits, *, script: str = "", **options: Any) -> Page:
    """Open the MaxSight tab as `open_maxsight` does, with a microphone that is watched."""
    return open_maxsight(visits, device="microphone", script=RECORD + script, **options)


def toggle(page: Page) -> Locator:
    """Find the large button, Start listening or Stop listening."""
    return page.locator("#maxsight-sound-toggle")


def card(page: Page) -> Locator:
    """Find what is heard now, the most urgent first."""
    return page.locator("#maxsight-sounds .sound-card").first


def state(page: Page) -> Locator:
    """Find the large line where no sound is named."""
    return page.locator("#maxsight-sounds .sound-now > .state-line")


def alarm(page: Page) -> Locator:
    """Find the bar of an alarm that nobody has taken note of."""
    return page.locator("#maxsight-sounds .sound-alarm")


def edge(page: Page) -> str:
    """Return how the page's edge looks: none, on, off or steady."""
    look: str = page.evaluate("document.getElementById('maxsight-alarm-edge').dataset.look")
    return look


def expect_microphone_off(page: Page) -> None:
    """Assert that the microphone's track has really ended."""
    expect(toggle(page)).to_have_text("Start listening")
    assert page.evaluate("kept.readyState") == "ended"
    assert page.evaluate("releafMaxSightMicrophone.tracks().length") == 0


def hear_siren(page: Page) -> None:
    """Start listening, wait for the siren, and keep hold of the microphone's track."""
    toggle(page).click()
    expect(card(page)).to_contain_text("Danger: siren")
    page.evaluate("() => { [window.kept] = releafMaxSightMicrophone.tracks(); }")


def test_a_siren_is_shown_felt_flashed_within_the_limit_and_said_once_until_got_it(
    siren_visits: Visits,
) -> None:
    page = open_sounds(siren_visits)
    title = page.title()
    hear_siren(page)
    expect(card(page).locator(".shape-octagon")).to_be_visible()
    expect(card(page)).to_contain_text("of 100")
    assert int(page.get_by_role("meter").get_attribute("aria-valuenow") or 0) > 50
    page.wait_for_timeout(WATCHED_MS)
    on = [at for look, at in page.evaluate("looks") if look == "on"]
    assert len(on) > MOST_FLASHES
    for first in on:
        assert sum(first <= at < first + FLASH_WINDOW_MS for at in on) <= MOST_FLASHES
    assert page.evaluate("felt[0]") == [800, 200, 800]
    assert heard(page, "live-assertive") == ["Danger: siren."]
    assert page.title() == f"(!) siren - {title}"
    expect(page.get_by_role("region", name="Last sounds")).to_contain_text("Siren · Danger")
    assert page.locator(".sound-strip rect").count() >= 1
    (asked,) = page.evaluate("asked")
    wanted = ("echoCancellation", "noiseSuppression", "autoGainControl")
    assert [asked["audio"][name] for name in wanted] == [False] * 3

    alarm(page).get_by_role("button", name="Got it").click()
    expect(alarm(page)).to_be_hidden()
    page.wait_for_timeout(FLASH_WINDOW_MS)
    assert (edge(page), page.title(), page.evaluate("felt.at(-1)")) == ("none", title, 0)
    expect(card(page)).to_contain_text("siren")
    assert heard(page, "live-assertive") == ["Danger: siren."]

    page.get_by_role("button", name="Mute siren").first.click()
    expect(card(page)).to_be_hidden()
    page.locator("#maxsight-sounds summary").click()
    page.get_by_role("button", name="Unmute siren").click()
    expect(card(page)).to_contain_text("siren")
    toggle(page).click()
    expect_microphone_off(page)
    expect(page.locator("#maxsight-sounds .things")).to_contain_text("ago")
    expect(page.get_by_role("meter")).to_have_attribute("aria-valuenow", "0")


def switch_off(page: Page) -> None:
    page.get_by_role("checkbox", name="Flash the edge").uncheck()


@pytest.mark.parametrize(
    ("script", "prepare"),
    [
        pytest.param("", switch_off, id="switched off"),
        pytest.param(STILL_PAGE, lambda page: None, id="less motion"),
    ],
)
def test_where_flashing_is_not_wanted_a_steady_frame_stands_instead(
    script: str, prepare: Callable[[Page], None], siren_visits: Visits
) -> None:
    page = open_sounds(siren_visits, script=script)
    prepare(page)
    hear_siren(page)
    page.wait_for_timeout(FLASH_WINDOW_MS)
    assert edge(page) == "steady"
    assert "on" not in {look for look, _ in page.evaluate("looks")}


def test_a_hidden_page_listens_on_with_its_title_and_leaving_the_tab_ends(
    siren_visits: Visits,
) -> None:
    page = open_sounds(siren_visits)
    expect(toggle(page)).to_be_visible()
    page.evaluate(HIDE, True)
    hear_siren(page)
    page.wait_for_function("document.title.startsWith('(!) siren')")
    assert edge(page) == "steady"
    assert page.evaluate("kept.readyState") == "live"
    page.evaluate(HIDE, False)
    page.wait_for_function("document.getElementById('maxsight-alarm-edge').dataset.look === 'on'")
    page.get_by_role("tab", name="System").click()
    page.wait_for_function("kept.readyState === 'ended'")
    assert not page.title().startswith("(!)")
    page.get_by_role("tab", name="MaxSight").click()
    expect(state(page)).to_contain_text("You left the MaxSight tab")


def test_silence_is_said_calmly_and_a_microphone_that_is_off_is_noticed(
    quiet_visits: Visits,
) -> None:
    page = open_sounds(quiet_visits)
    toggle(page).click()
    expect(state(page)).to_contain_text("Silence")
    expect(page.locator(".sound-problems")).to_contain_text("not muted")
    assert heard(page, "live-assertive") == []
    assert page.evaluate("looks.every(([look]) => look === 'none')")
    assert page.evaluate("felt") == []


@pytest.mark.parametrize(("script", "helps"), UNAVAILABLE)
def test_a_microphone_that_cannot_be_had_is_explained_and_can_be_tried_again(
    script: str, helps: dict[str, str], siren_visits: Visits
) -> None:
    page = open_sounds(siren_visits, is_allowed=False, script=script)
    told = 0
    for error, what_to_do in helps.items():
        page.evaluate("error => { window.deviceError = error; }", error)
        for _ in range(2):
            toggle(page).click()
            expect(state(page)).to_contain_text(what_to_do.format(device="microphone"))
            told += 1
            page.wait_for_function("count => heard.length === count", arg=told)
    assert not any("camera" in sentence for sentence in heard(page))


def test_a_phone_shows_it_all_without_scrolling_sideways_and_keys_are_enough(
    siren_visits: Visits,
) -> None:
    page = open_sounds(siren_visits, width=PHONE_WIDTHS[0], height=800)
    toggle(page).focus()
    page.keyboard.press("Enter")
    got_it = alarm(page).get_by_role("button", name="Got it")
    page.locator("#maxsight-sounds summary").press("Enter")
    unfold(page, "#maxsight-sound-file-part")
    for width in PHONE_WIDTHS:
        page.set_viewport_size({"width": width, "height": 800})
        box = toggle(page).bounding_box()
        assert box is not None and box["height"] >= LEAST_BUTTON_PX
        expect(alarm(page)).to_be_visible()
        placed = got_it.bounding_box()
        assert placed is not None and placed["height"] >= LEAST_BUTTON_PX
        assert placed["x"] >= 0 and placed["x"] + placed["width"] <= width
        assert page.evaluate(TOO_WIDE) == []
        # At the end of the page nothing is left under the bar.
        page.evaluate("window.scrollTo(0, document.documentElement.scrollHeight)")
        end, bar = page.locator(".site-footer").bounding_box(), alarm(page).bounding_box()
        assert end is not None and bar is not None and end["y"] + end["height"] <= bar["y"]
    got_it.press("Enter")
    expect(alarm(page)).to_be_hidden()
    assert page.evaluate("document.activeElement.id") == "maxsight-sound-toggle"
    page.keyboard.press("l")
    expect(toggle(page)).to_have_text("Start listening")


def test_a_doorbell_calls_with_light_and_vibration_and_looks_like_no_danger(
    doorbell_visits: Visits,
) -> None:
    page = open_sounds(doorbell_visits)
    toggle(page).click()
    expect(alarm(page)).to_contain_text("Attention: doorbell")
    page.wait_for_function("looks.some(([look]) => look === 'on')")
    assert page.evaluate("felt[0]") == [150, 150, 350]
    assert heard(page, "live-assertive") == ["Caution: doorbell."]
    expect(alarm(page)).to_have_attribute("data-urgency", "1")
    expect(page.locator("#maxsight-alarm-edge")).to_have_attribute("data-urgency", "1")
    findings = all_violations(page, "doorbell")
    assert not findings, "\n".join(findings)
    alarm(page).get_by_role("button", name="Got it").click()
    expect(alarm(page)).to_be_hidden()


def test_a_file_gives_its_sounds_by_time(siren_visits: Visits, tmp_path: Path) -> None:
    path = tmp_path / "street.wav"
    write_sound(path, np.concatenate([np.zeros(5 * RATE_HZ), siren(6)]))
    page = open_sounds(siren_visits)
    unfold(page, "#maxsight-sound-file-part")
    page.locator("#maxsight-sound-file input[type=file]").set_input_files(path)
    expect(state(page)).to_contain_text("The file is over")
    rows = page.locator("#maxsight-sounds .things li")
    expect(rows.filter(has_text="Siren")).to_contain_text("at 0:0")
    expect(alarm(page)).to_be_hidden()


def test_axe_finds_nothing_serious_and_the_words_follow_the_language(siren_visits: Visits) -> None:
    page = open_sounds(siren_visits)
    unfold(page, "#maxsight-settings")
    page.get_by_role("radio", name="Deutsch").check()
    expect(toggle(page)).to_have_text("Zuhören")
    page.locator("#maxsight-sounds summary").click()
    unfold(page, "#maxsight-sound-file-part")
    toggle(page).click()
    expect(card(page)).to_contain_text("Gefahr: Sirene")
    expect(alarm(page)).to_contain_text("Alarm: Sirene")
    findings = all_violations(page, "siren, German")
    assert not findings, "\n".join(findings)
