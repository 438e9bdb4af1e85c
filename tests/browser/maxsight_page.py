"""What a visitor does on the MaxSight tab, and what the page then shows and says."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visits

# Everything that either live region was given, in order.
RECORD_ALERTS = """
window.heard = [];
new MutationObserver((changes) => {
  for (const change of changes) {
    const region = change.target.nodeType === 1 ? change.target : change.target.parentElement;
    if (!/^live-/.test(region?.id)) continue;
    for (const sentence of region.children) {
      heard.push({ region: region.id, text: sentence.textContent });
    }
  }
}).observe(document, { childList: true, characterData: true, subtree: true });
"""
# A device answers with the error that is named in window.deviceError, or as it would by itself.
DEVICE_ERRORS = """
window.deviceError = "";
const openDevice = window.MediaDevices?.prototype.getUserMedia;
if (openDevice) {
  MediaDevices.prototype.getUserMedia = function (wanted) {
    return deviceError
      ? Promise.reject(new DOMException("no", deviceError)) : openDevice.call(this, wanted);
  };
}
"""
NO_DEVICES = "Object.defineProperty(navigator, 'mediaDevices', { value: undefined });"
# Where no device is allowed: a page's script, the errors in turn, and what a person is told.
UNAVAILABLE = [
    pytest.param(
        DEVICE_ERRORS,
        {
            "": "did not allow the {device}. Press the symbol",
            "NotReadableError": "Close that one",
            "NotFoundError": "Connect one",
        },
        id="refused, busy, absent",
    ),
    pytest.param(NO_DEVICES, {"": "begins with https"}, id="insecure address"),
]
HIDE = """
(isHidden) => {
  Object.defineProperty(document, "hidden", { value: isHidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}
"""
# A voice for every language that speaks until it is told to end.
FAKE_VOICE = """
window.utterances = [];
window.SpeechSynthesisUtterance = class { constructor(text) { this.text = text; } };
const synth = {
  getVoices: () => ["en-US", "de-DE"].map((lang) => ({ lang, default: lang === "en-US" })),
  speak(utterance) { utterances.push(utterance); },
  cancel() {
    const now = utterances.filter((one) => !one.isOver);
    for (const one of now) { one.isOver = true; one.onerror?.({ error: "interrupted" }); }
  },
};
window.finish = (text) => {
  const one = utterances.find((each) => each.text === text && !each.isOver);
  one.isOver = true;
  one.onend();
};
Object.defineProperty(window, "speechSynthesis", { value: synth });
"""
# How much of the canvas over the picture is drawn on, and whether it lies on the picture.
OVERLAY = """
() => {
  const video = document.querySelector("#maxsight-camera video");
  const canvas = video.parentElement.querySelector("canvas.maxsight-boxes");
  if (!canvas?.width) return { drawn: 0, isOnPicture: false };
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let drawn = 0;
  for (let place = 3; place < pixels.length; place += 4) drawn += pixels[place] > 0;
  const [over, under] = [canvas, video].map((part) => part.getBoundingClientRect());
  const sides = ["left", "top", "width", "height"];
  const isOnPicture = sides.every((side) => Math.abs(over[side] - under[side]) < 1.5);
  return { drawn: drawn / (pixels.length / 4), isOnPicture };
}
"""
KEEP_TRACK = """
() => {
  const [track] = document.querySelector("#maxsight-camera video").srcObject.getTracks();
  window.kept = track;
}
"""


def open_maxsight(
    visits: Visits,
    *,
    width: int = 1280,
    height: int = 900,
    device: str = "camera",
    is_allowed: bool = True,
    script: str = "",
) -> Page:
    """Open the page, with leave to use a device or without, and go to the MaxSight tab."""
    page = visits.open(
        width=width,
        height=height,
        permissions=(device,) if is_allowed else (),
        script=RECORD_ALERTS + script,
    )
    page.get_by_role("tab", name="MaxSight").click()
    start_button(page).wait_for()
    return page


def start_button(page: Page) -> Locator:
    """Find the large button that opens the camera."""
    return page.get_by_role("button", name="Start camera")


def stop_button(page: Page) -> Locator:
    """Find the button that ends it."""
    return page.get_by_role("button", name="Stop", exact=True)


def state(page: Page) -> Locator:
    """Find the large line."""
    return page.locator("#maxsight-status .state-line")


def wait_until_seen(page: Page) -> None:
    """Wait until the painted car is told of, and keep hold of the camera's track."""
    expect(state(page)).to_contain_text("Danger")
    page.evaluate(KEEP_TRACK)


def start(page: Page) -> None:
    """Press Start and wait until the painted car is told of."""
    start_button(page).click()
    wait_until_seen(page)


def drawn_share(page: Page) -> float:
    """Measure which share of the canvas over the camera's picture is drawn on."""
    share: float = page.evaluate(OVERLAY)["drawn"]
    return share


def expect_camera_off(page: Page) -> None:
    """Assert that the camera is really off and nothing is left over its picture."""
    expect(start_button(page)).to_be_visible()
    assert page.evaluate("kept.readyState") == "ended"
    assert page.evaluate("document.querySelector('#maxsight-camera video').srcObject") is None
    assert drawn_share(page) == 0
    expect(page.locator("#maxsight-list li")).to_have_count(0)


def heard(page: Page, region: str = "") -> list[str]:
    """List what the live regions said so far, or one of them: "live-polite", "live-assertive"."""
    all_heard: list[dict[str, str]] = page.evaluate("heard")
    return [one["text"] for one in all_heard if region in ("", one["region"])]
