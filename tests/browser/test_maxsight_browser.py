"""The MaxSight tab in a real browser, before a camera that films painted rectangles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visits
from tests.browser.maxsight_page import (
    DEVICE_ERRORS,
    FAKE_VOICE,
    HIDE,
    OVERLAY,
    UNAVAILABLE,
    drawn_share,
    expect_camera_off,
    heard,
    open_maxsight,
    start,
    start_button,
    state,
    stop_button,
    wait_until_seen,
)
from tests.browser.paint import painted_frame
from tests.browser.waste_page import choose_files, unfold

# Longer than the server sends an alert again with the frames that follow.
SAID_AGAIN_MS = 2600


def test_one_press_shows_boxes_words_and_shapes_and_says_each_alert_once(
    paint_visits: Visits,
) -> None:
    page = open_maxsight(paint_visits)
    start(page)
    overlay = page.evaluate(OVERLAY)
    assert overlay["isOnPicture"]
    assert overlay["drawn"] > 0.02
    expect(state(page).locator(".shape-octagon")).to_be_visible()
    things = page.locator("#maxsight-list li")
    expect(things.nth(0)).to_contain_text("Danger. Car")
    expect(things.nth(1)).to_contain_text("Person")
    page.wait_for_function("heard.some((one) => one.region === 'live-assertive')")
    page.wait_for_timeout(SAID_AGAIN_MS)
    (danger,) = heard(page, "live-assertive")
    assert danger.startswith("Danger: car")
    assert len(set(heard(page))) == len(heard(page))
    expect(page.locator("#maxsight-status .maxsight-said")).to_contain_text("Last said:")


def press_stop(page: Page) -> None:
    stop_button(page).click()


def leave_the_tab(page: Page) -> None:
    page.get_by_role("tab", name="System").click()
    page.locator("#system-engines").wait_for()
    page.get_by_role("tab", name="MaxSight").click()


def hide_the_page(page: Page) -> None:
    page.evaluate(HIDE, True)


def start_in_another_window(page: Page) -> None:
    other = page.context.new_page()
    other.goto(page.url)
    other.get_by_text("MaxSight: ready").wait_for()
    other.get_by_role("tab", name="MaxSight").click()
    start_button(other).click()
    wait_until_seen(other)
    other.close()


# What ends the camera, by what the page then says.
ENDINGS: dict[str, Callable[[Page], None]] = {
    "Camera off": press_stop,
    "You left the tab": leave_the_tab,
    "another tab or window": start_in_another_window,
    "out of sight": hide_the_page,
}


def test_stop_or_leaving_ends_the_camera_the_page_says_why_and_start_opens_it_again(
    paint_visits: Visits,
) -> None:
    page = open_maxsight(paint_visits)
    for why, end in ENDINGS.items():
        start(page)
        page.wait_for_function(f"() => ({OVERLAY})().drawn > 0.02")
        assert page.evaluate("kept.readyState") == "live"
        end(page)
        expect_camera_off(page)
        expect(state(page)).to_contain_text(why)
    page.evaluate(HIDE, False)
    start(page)


@pytest.mark.parametrize(("script", "helps"), UNAVAILABLE)
def test_a_camera_that_cannot_be_had_is_explained_once_and_can_be_tried_again(
    script: str, helps: dict[str, str], paint_visits: Visits
) -> None:
    page = open_maxsight(paint_visits, is_allowed=False, script=script)
    told = 0
    for error, what_to_do in helps.items():
        page.evaluate("error => { window.deviceError = error; }", error)
        for _ in range(2):
            start_button(page).click()
            expect(state(page)).to_contain_text(what_to_do.format(device="camera"))
            expect(start_button(page)).to_be_visible()
            told += 1
            page.wait_for_function(
                "count => heard.filter((one) => one.region === 'live-assertive').length === count",
                arg=told,
            )
    expect(page.locator("#camera-note")).to_have_count(0)


def test_what_the_page_says_by_itself_is_shown_and_spoken_in_the_language_of_the_alerts(
    paint_visits: Visits,
) -> None:
    page = open_maxsight(paint_visits, script=FAKE_VOICE + DEVICE_ERRORS)
    unfold(page, "#maxsight-settings")
    page.get_by_role("radio", name="Deutsch").check()
    start_button(page).click()
    expect(state(page)).to_contain_text("Gefahr")
    expect(page.locator("#maxsight-status .maxsight-said")).to_contain_text("Zuletzt gesagt:")
    stop_button(page).click()
    expect(state(page).locator(".state-word")).to_have_text("Kamera aus")
    expect(state(page).locator(".state-word")).to_have_attribute("lang", "de")
    spoken = "utterances.filter((one) => one.text === 'Kamera aus.').map((one) => one.lang)"
    assert page.evaluate(spoken) == ["de-DE"]
    page.evaluate("window.deviceError = 'OverconstrainedError'")
    start_button(page).click()
    expect(state(page)).to_contain_text("Keine Kamera")
    expect(state(page)).to_contain_text("Schließen Sie eine an")
    page.wait_for_function("heard.some((one) => one.text.includes('Schließen Sie eine an'))")

    # Language and voice are remembered, also where the settings stay folded away.
    page.get_by_role("radio", name="My screen reader").check()
    page.wait_for_function("localStorage.getItem('releaf.maxsight.voice')")
    paint_visits.reload(page)
    page.get_by_role("tab", name="MaxSight").click()
    expect(page.locator("#maxsight-sounds h3").first).to_have_text("Geräusche")
    start_button(page).click()
    expect(state(page)).to_contain_text("Gefahr")
    said = page.locator("#maxsight-status .maxsight-said")
    expect(said).to_contain_text("Warnungen gehen an Ihren Screenreader.")


def test_without_answers_the_boxes_vanish_and_the_page_says_that_it_waits(
    paint_visits: Visits,
) -> None:
    page = open_maxsight(paint_visits)
    start(page)
    page.evaluate(
        "() => { window.show = releafMaxSight.show; releafMaxSight.show = () => undefined; }"
    )
    # A machine that is busy may really have been without an answer before.
    said_before = len(heard(page))
    expect(state(page)).to_contain_text("Don't rely on it now")
    assert drawn_share(page) == 0
    expect(page.locator("#maxsight-list li")).to_have_count(0)
    page.wait_for_function("heard.some((one) => one.text.includes('No answer'))")
    assert sum("No answer" in sentence for sentence in heard(page)[said_before:]) <= 1
    page.evaluate("() => { releafMaxSight.show = window.show; }")
    wait_until_seen(page)


def test_a_photo_is_looked_at_under_the_same_boxes(paint_visits: Visits, tmp_path: Path) -> None:
    photo = tmp_path / "street.png"
    Image.fromarray(painted_frame(0)).save(photo)
    page = open_maxsight(paint_visits)
    unfold(page, "#maxsight-files")
    choose_files(page, page.locator("#maxsight-photo button.upload-container"), photo)
    expect(page.locator("#maxsight-picture img")).to_be_visible()
    expect(page.locator("#maxsight-camera")).not_to_be_visible()
    expect(page.locator("#maxsight-picture canvas.maxsight-boxes")).to_be_visible()
    expect(page.locator("#maxsight-list li").first).to_contain_text("Car")


def test_the_voice_never_overlaps_alerts_interrupt_and_the_live_region_stays_silent(
    paint_visits: Visits,
) -> None:
    page = open_maxsight(paint_visits, script=FAKE_VOICE)

    def alert(text: str, *, is_danger: bool = False, lang: str = "en-US") -> None:
        given = {"text": text, "lang": lang, "rate": 1.5, "isInterrupting": is_danger}
        page.evaluate("given => releafMaxSightVoice.alert(given)", given)

    def speaking() -> list[str]:
        texts: list[str] = page.evaluate(
            "utterances.filter((one) => !one.isOver).map((one) => one.text)"
        )
        return texts

    alert("First.")
    alert("Second.")
    alert("Third.")
    assert speaking() == ["First."]
    page.evaluate("finish('First.')")
    assert speaking() == ["Third."]
    alert("Achtung.", is_danger=True, lang="de-DE")
    assert speaking() == ["Achtung."]
    assert page.evaluate("utterances.at(-1).voice.lang") == "de-DE"
    assert page.evaluate("utterances.at(-1).rate") == 1.5
    page.evaluate("releafMaxSight.mute(true)")
    alert("Nobody hears this.")
    assert speaking() == []
    page.evaluate("releafMaxSight.mute(false)")
    page.evaluate("releafMaxSight.spokenBy('reader')")
    alert("Only the screen reader.")
    page.wait_for_function("heard.some((one) => one.text === 'Only the screen reader.')")
    assert speaking() == []
    assert set(heard(page)) <= {"Only the screen reader.", "Muted.", "Sound on."}
    alert("Sin voz.", lang="es-ES")
    page.wait_for_function("heard.some((one) => one.text === 'Sin voz.')")
    # What comes at the same moment is said together, each sentence once.
    page.evaluate("() => ['One.', 'Two.', 'Two.'].forEach((text) => releaf.announce(text))")
    page.wait_for_function("heard.at(-1).text === 'Two.'")
    assert heard(page)[-2:] == ["One.", "Two."]

    page.evaluate("releafMaxSight.spokenBy('page')")
    said = page.evaluate(
        """() => {
          utterances.length = 0;
          const voice = releafMaxSightVoice;
          voice.say("Around you: a long description.", { isPolite: true });
          const wasSpeaking = voice.isSpeaking();
          voice.alert({ text: "Warning: car.", lang: "en-US", rate: 1, isInterrupting: false });
          return [wasSpeaking, ...utterances.map((one) => [one.text, Boolean(one.isOver)])];
        }"""
    )
    assert said == [True, ["Around you: a long description.", True], ["Warning: car.", False]]
