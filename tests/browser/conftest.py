"""The app, started once as a person would start it, and a real browser that visits it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from engines.runtime.device import choose_placement
from engines.runtime.settings import load_settings
from engines.waste.engine import WasteEngine
from engines.waste.images import open_picture
from tests.browser.chromium import launched, seeing, write_film
from tests.browser.paint import write_paint_film

ROOT = Path(__file__).absolute().parents[2]
START_LIMIT_S = 90.0
PAGE_LIMIT_MS = 30_000
# These tests tell whether something comes, not how fast: on a busy machine 5 s were too short for
# the first chart, for which the app and the page each load a library.
expect.set_options(timeout=PAGE_LIMIT_MS)
# When the camera source is opened, Gradio asks for the progress of an upload without a name, is
# told 404 and prints the answer. Nothing on the page depends on it.
GRADIO_NOISE = ("upload_progress?upload_id= ", "upload_progress?upload_id=)", "Response (")
# A page left while it waits for an answer cuts its own event stream, and Gradio says so.
CUT_BY_LEAVING = ("AbortError", "Connection errored out")
# Every sentence that the polite region was given, in order; the region is emptied in between.
RECORD_SPEECH = """
window.spoken = [];
new MutationObserver((changes) => {
  for (const change of changes) {
    const region = change.target.nodeType === 1 ? change.target : change.target.parentElement;
    if (region?.id !== "live-polite") continue;
    spoken.push(...[...region.children].map((sentence) => sentence.textContent));
  }
}).observe(document, { childList: true, characterData: true, subtree: true });
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder as a browser test."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.browser)


@dataclass(frozen=True)
class RunningApp:
    """The app under test.

    Attributes:
        url: where it listens.
        data_dir: its own data folder, empty at the start.
        started_in_s: seconds from the start of the process to the first page.
    """

    url: str
    data_dir: Path
    started_in_s: float


@dataclass
class Seen:
    """What went wrong behind a page: its console errors, and requests to other machines."""

    console_errors: list[str] = field(default_factory=list)
    outside_requests: list[str] = field(default_factory=list)
    is_leaving: bool = False

    def watch(self, context: BrowserContext) -> None:
        """Listen to every page of a context."""
        context.on("request", lambda request: self._judge(request.url))
        context.on("weberror", lambda error: self.console_errors.append(str(error.error)))
        context.on("console", self._hear)

    def _hear(self, message: ConsoleMessage) -> None:
        address = str(message.location.get("url"))
        line = f"{message.text} ({address})"
        noises = GRADIO_NOISE + (CUT_BY_LEAVING if self.is_leaving else ())
        if message.type == "error" and not any(noise in line for noise in noises):
            self.console_errors.append(line)

    def _judge(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and parts.hostname != "127.0.0.1":
            self.outside_requests.append(url)


@pytest.fixture(scope="session")
def example_paths() -> list[Path]:
    """List the pictures that the shipped model gets right, those of the app's examples."""
    listed = load_settings().examples_dir / "shown.txt"
    if not listed.is_file():
        pytest.fail(f"{listed} is missing: it lists the example pictures, one file name a line.")
    paths = [listed.parent / name for name in listed.read_text(encoding="utf-8").split()]
    missing = [path.name for path in paths if not path.is_file()]
    if missing or len(paths) < 2:
        pytest.fail(f"{listed} must name two or more pictures that exist; missing: {missing}")
    return [path for path in paths if not path.name.startswith("not_waste")]


@pytest.fixture(scope="session")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """Start app.py on a free port with empty folders; end it as a service manager would."""
    with started([sys.executable, "app.py"], tmp_path_factory.mktemp("app")) as running:
        yield running


@pytest.fixture(scope="session")
def paint_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """Start the app with MaxSight alone, which sees painted rectangles and hears."""
    command = [sys.executable, "-m", "tests.browser.maxsight_app"]
    with started(command, tmp_path_factory.mktemp("paint")) as running:
        yield running


@contextmanager
def started(command: list[str], home: Path) -> Iterator[RunningApp]:
    """Start an app on a free port with its folders in `home`, and end it with SIGTERM."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {
        "RELEAF_PORT": str(port),
        "RELEAF_HOST": "127.0.0.1",
        "RELEAF_DATA_DIR": str(home / "data"),
    }
    log = home / "app.log"
    began = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for_page(url, process, log)
        yield RunningApp(url, home / "data", time.monotonic() - began)
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=20)
        assert status == 0, f"The app ended with {status}:\n{log.read_text()}"
        assert "Traceback" not in log.read_text(), log.read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _wait_for_page(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            pytest.fail(f"The app ended at its start:\n{log.read_text()}")
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(f"The app gave no page within {START_LIMIT_S:.0f} s:\n{log.read_text()}")


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    """Start Playwright's driver."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="session")
def browser(
    playwright: Playwright, example_paths: list[Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Launch Chromium with an empty profile and a camera that films the first example."""
    film = tmp_path_factory.mktemp("camera") / "film.y4m"
    write_film(film, example_paths[0])
    with launched(playwright, seeing(film)) as chromium:
        yield chromium


@pytest.fixture(scope="session")
def paint_browser(
    playwright: Playwright, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Browser]:
    """Launch Chromium with a camera that films painted rectangles."""
    film = tmp_path_factory.mktemp("paint_camera") / "paint.y4m"
    write_paint_film(film)
    with launched(playwright, seeing(film)) as chromium:
        yield chromium


@pytest.fixture
def visits(browser: Browser, app: RunningApp) -> Iterator[Visits]:
    """Open pages as separate visitors; afterwards nothing may have gone wrong behind them."""
    with watched(Visits(browser, app)) as opened:
        yield opened


@pytest.fixture
def paint_visits(paint_browser: Browser, paint_app: RunningApp) -> Iterator[Visits]:
    """Open pages of the app that sees paint, before a camera that films paint."""
    with watched(Visits(paint_browser, paint_app, ready="MaxSight: ready")) as opened:
        yield opened


@contextmanager
def watched(visits: Visits) -> Iterator[Visits]:
    """Close the pages at the end; then nothing may have gone wrong behind them."""
    yield visits
    visits.close()
    assert visits.seen.outside_requests == []
    assert visits.seen.console_errors == []


@pytest.fixture
def page(visits: Visits) -> Page:
    """Open the page as one visitor at a desk, once the waste engine is ready."""
    return visits.open()


class Visits:
    """Open the page as visitors who share nothing, each in a browser context of its own."""

    def __init__(self, browser: Browser, app: RunningApp, *, ready: str = "Waste: ready") -> None:
        self.browser = browser
        self.app = app
        self.ready = ready
        self.seen = Seen()
        self._contexts: list[BrowserContext] = []

    def open(
        self,
        *,
        width: int = 1280,
        height: int = 900,
        permissions: tuple[str, ...] = (),
        query: str = "",
        script: str = "",
    ) -> Page:
        """Open the page in a new context and wait until its engine is ready.

        `script` runs in every page of the context before anything else of the page does.
        """
        context = self.browser.new_context(
            viewport={"width": width, "height": height},
            permissions=list(permissions),
            color_scheme="light",
            accept_downloads=True,
        )
        self._contexts.append(context)
        context.set_default_timeout(PAGE_LIMIT_MS)
        context.add_init_script(RECORD_SPEECH)
        if script:
            context.add_init_script(script)
        self.seen.watch(context)
        page = context.new_page()
        page.goto(f"{self.app.url}/{query}")
        page.get_by_text(self.ready).wait_for()
        return page

    def reload(self, page: Page) -> None:
        """Load a page anew, as a person may at any moment."""
        self.seen.is_leaving = True
        page.reload()
        self.seen.is_leaving = False

    def close(self) -> None:
        """Close every context that was opened."""
        for context in self._contexts:
            context.close()


@pytest.fixture(scope="session")
def unsure_photo(example_paths: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Mix two examples into a photo of waste about which the shipped model is not sure."""
    settings = load_settings()
    engine = WasteEngine(settings, choose_placement(settings))
    engine.load()
    target = tmp_path_factory.mktemp("unsure") / "unsure.png"
    for one, other in combinations(example_paths, 2):
        pair = [
            open_picture(path, max_pixels=settings.max_image_pixels).resize((480, 480))
            for path in (one, other)
        ]
        mixed = Image.blend(pair[0], pair[1], 0.5)
        found = engine.classify(mixed)
        if found.is_waste and not found.is_sure:
            mixed.save(target)
            return target
    pytest.fail("The model is sure about every mix of two examples.")
