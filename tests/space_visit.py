"""Start an assembled Space and do one thing on each of its tabs, in a real browser."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Error, Locator, Page, expect, sync_playwright

from components.shell import TABS, engine_label
from tests.browser.chat_page import ask, box, citations
from tests.browser.chromium import launched, seeing, write_film
from tests.browser.conftest import RECORD_SPEECH
from tests.browser.upcycle_page import CARDS, find
from tests.browser.waste_page import CARD, choose_files, unfold
from tests.space import START_LIMIT_S, space_environment

# On a Space the first visitor waits until every engine is loaded or has failed.
ENGINES_LIMIT_MS = 600_000
PHOTO = "assets/examples/glass_bottle_wine.jpg"
# Gradio begins this in a thread of its own wherever it thinks to be on a Space.
_HOT_RELOAD = re.compile(
    r"Exception in thread [^\n]*\nTraceback (?:(?!Traceback).)*?"
    r"RuntimeError: `spaces` package is required[^\n]*\n",
    re.DOTALL,
)
# Which engines a tab is of no use without.
NEEDS = {
    "waste": ("waste",),
    "ask": ("rag",),
    "upcycle": ("upcycle",),
    "maxsight": ("maxsight", "maxsight-sound"),
}


def visit(folder: Path, python: Path, home: Path, shots: Path | None) -> int:
    """Start app.py of a folder and look at every tab; return 0 if each did what it should.

    Args:
        folder: the assembled Space.
        python: of the environment to start it with.
        home: its home folder; its log is written there.
        shots: folder for a screenshot of each tab, None for none.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "app.log"
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            [str(python), "app.py"],
            cwd=folder, env=space_environment(home, port), stdout=output, stderr=output,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}/"
    try:
        if not _answers(url, process):
            print(f"The app gave no page:\n{log.read_text()}")
            return 1
        print(f"The page answered after {time.monotonic() - began:.1f} s", flush=True)
        results = _look(url, folder / PHOTO, home, shots)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
    for line in results.values():
        print(line)
    text, foreign = _HOT_RELOAD.subn("", log.read_text())
    if foreign:
        print("Gradio's hot reload did not start: it needs the package spaces, which a Space has")
    is_clean = "Traceback" not in text
    if not is_clean:
        print(f"The log has a traceback:\n{text}")
    is_fine = all(": failed" not in line for line in results.values())
    return 0 if is_clean and is_fine and process.returncode == 0 else 1


def _answers(url: str, process: subprocess.Popen[bytes]) -> bool:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return True
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
    return False


def _look(url: str, photo: Path, home: Path, shots: Path | None) -> dict[str, str]:
    checks: dict[str, Callable[[Page, Path], str]] = {
        "waste": _waste,
        "ask": _ask,
        "upcycle": _upcycle,
        "maxsight": _maxsight,
        "system": _system,
    }
    film = home / "film.y4m"
    write_film(film, photo)
    results = {}
    with sync_playwright() as driver, launched(driver, seeing(film)) as browser:
        page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        page.add_init_script(RECORD_SPEECH)
        page.goto(url)
        states = _engine_states(page)
        for tab in TABS:
            page.get_by_role("tab", name=tab.label, exact=True).click()
            missing = [name for name in NEEDS.get(tab.id, ()) if states[name] != "ready"]
            try:
                expect(_panel(page, tab.id)).to_be_visible()
                if missing:
                    named = ", ".join(engine_label(name) for name in missing)
                    results[tab.id] = f"{tab.label}: shown, without {named}"
                else:
                    said = checks.get(tab.id, _shown)(page, photo)
                    results[tab.id] = f"{tab.label}: {said}"
            except (AssertionError, Error) as error:
                results[tab.id] = f"{tab.label}: failed: {str(error).splitlines()[0]}"
            if shots is not None:
                shots.mkdir(parents=True, exist_ok=True)
                page.screenshot(path=shots / f"space-{tab.id}.png")
    return results


def _engine_states(page: Page) -> dict[str, str]:
    """Wait until every engine is ready or not available; return which is which."""
    names = sorted({name for needed in NEEDS.values() for name in needed})
    states = {}
    for name in names:
        line = page.locator("#site-footer li", has_text=f"{engine_label(name)}: ")
        settled = re.compile(rf"^{re.escape(engine_label(name))}: (ready|not available)$")
        expect(line.first).to_have_text(settled, timeout=ENGINES_LIMIT_MS)
        states[name] = line.first.inner_text().partition(": ")[2]
    return states


def _panel(page: Page, tab_id: str) -> Locator:
    return page.locator(f"#tab-{tab_id}")


def _waste(page: Page, photo: Path) -> str:
    page.locator("#waste-examples button").first.click()
    card = page.locator(f"{CARD} h2").first
    expect(card).to_be_visible(timeout=60_000)
    return f"answers “{card.inner_text()}”"


def _ask(page: Page, photo: Path) -> str:
    expect(box(page)).to_be_visible()
    answer = ask(page, "Where does a glass jar go?")
    count = citations(answer).count()
    assert count, "an answer without sources"
    return f"answers with {count} sources"


def _upcycle(page: Page, photo: Path) -> str:
    find(page, "glass jar")
    expect(page.locator(CARDS)).to_have_count(10)
    return "finds 10 projects"


def _maxsight(page: Page, photo: Path) -> str:
    unfold(page, "#maxsight-files")
    choose_files(page, page.locator("#maxsight-photo button.upload-container"), photo)
    expect(page.locator("#maxsight-picture img")).to_be_visible(timeout=60_000)
    line = page.locator("#maxsight-status .state-line")
    expect(line).not_to_be_empty(timeout=60_000)
    return f"says “{' '.join(line.inner_text().split())}”"


def _system(page: Page, photo: Path) -> str:
    expect(page.locator("#system-machine")).to_contain_text("Device")
    count = page.locator("#system-models article").count()
    assert count, "no card of a model"
    return f"shows the machine and {count} cards"


def _shown(page: Page, photo: Path) -> str:
    return "is shown"
