"""The page around the tabs, and the app as a process."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from components import shell
from components.context import AppContext
from components.theme import BIN_STYLES, contrast_ratio
from engines.runtime.health import EngineState, EngineStatus
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import REPO_ROOT, Settings
from engines.waste.taxonomy import BINS

START_S = 120.0
STOP_S = 10.0


@pytest.fixture
def context(tmp_path: Path) -> Iterator[AppContext]:
    settings = Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    lane = CpuLane.from_settings(settings)
    yield AppContext(settings=settings, pool=EnginePool(settings, lane))
    lane.close()


def components_of(app: gr.Blocks) -> list[dict[str, Any]]:
    return list(app.get_config_file()["components"])


def html_of(app: gr.Blocks, elem_id: str) -> str:
    found = [c for c in components_of(app) if c["props"].get("elem_id") == elem_id]
    assert len(found) == 1
    return str(found[0]["props"]["value"])


def status(state: EngineState, name: str = "waste") -> EngineStatus:
    return EngineStatus(name, state, "", None, None, None, 0, 0)


def test_the_page_has_one_polite_and_one_assertive_live_region(context: AppContext) -> None:
    regions = html_of(shell.build_app(context), "live-regions")
    assert regions.count('id="live-polite"') == 1
    assert regions.count('aria-live="polite"') == 1
    assert regions.count('id="live-assertive"') == 1
    assert regions.count('aria-live="assertive"') == 1


def test_the_header_offers_a_skip_link_and_three_appearances(context: AppContext) -> None:
    header = html_of(shell.build_app(context), "site-header")
    assert header.index('class="skip-link"') < header.index("<header")
    assert re.findall(r'data-appearance-choice="(\w+)" aria-pressed', header) == [
        "light",
        "dark",
        "contrast",
    ]


def test_every_tab_on_the_page_has_its_module(context: AppContext) -> None:
    app = shell.build_app(context)
    # A tab may hold tabs of its own; those of the page carry an id of the shell.
    labels = [
        c["props"]["label"]
        for c in components_of(app)
        if c["type"] == "tabitem" and str(c["props"].get("elem_id")).startswith("tab-")
    ]
    assert labels == [
        spec.label
        for spec in shell.TABS
        if (REPO_ROOT / spec.module.replace(".", "/")).with_suffix(".py").is_file()
    ]
    assert "System" in labels


def test_every_script_of_the_page_is_on_the_page_itself() -> None:
    head = shell.page_head()
    assert "window.releaf = {" in head
    # The name of SVG's namespace looks like an address, but nothing is fetched from it.
    addresses = set(re.findall(r"https?://[^\s\"')]+", head))
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_the_system_tabs_clock_rests_until_it_is_opened(context: AppContext) -> None:
    timers = {
        c["props"]["value"]: c["props"]["active"]
        for c in components_of(shell.build_app(context))
        if c["type"] == "timer"
    }
    assert timers == {5.0: False, shell.FOOTER_BUSY_S: True}


def test_text_for_screen_readers_is_spoken_after_the_event_succeeded() -> None:
    with gr.Blocks() as app:
        said = shell.spoken_text()
        shell.announce(gr.Button().click(lambda: "done", outputs=said), said, is_urgent=True)
    dependency = app.get_config_file()["dependencies"][-1]
    assert dependency["inputs"] == [said._id]
    assert dependency["trigger_only_on_success"] is True
    assert "releaf.announce(text, true)" in dependency["js"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        pytest.param("loaded", "Waste: ready", id="loaded"),
        pytest.param("loading", "Waste: loading", id="loading"),
        pytest.param("not_loaded", "Waste: not loaded", id="not loaded"),
        pytest.param("failed", "Waste: not available", id="failed"),
    ],
)
def test_the_footer_says_how_an_engine_is(state: EngineState, words: str) -> None:
    footer = shell.footer_html((status(state),))
    assert words in footer
    assert shell.DISCLAIMER in footer


def test_the_footer_asks_less_often_once_every_engine_is_settled() -> None:
    assert shell.is_settled((status("loaded"), status("failed", "chat")))
    assert not shell.is_settled((status("loaded"), status("loading", "chat")))


def test_names_are_escaped_in_the_footer() -> None:
    assert "<b>" not in shell.footer_html((status("loaded", "<b>x</b>"),))


@pytest.mark.parametrize("appearance", ["light", "dark", "contrast"])
@pytest.mark.parametrize("name", BINS)
def test_the_word_on_a_bins_colour_can_be_read(name: str, appearance: Any) -> None:
    paint = BIN_STYLES[name].paints[appearance]
    assert contrast_ratio(paint.ground, paint.text) >= 4.5


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param("#000000", "#ffffff", 21.0, id="black on white"),
        pytest.param("#777777", "#ffffff", 4.48, id="just too light a grey"),
        pytest.param("#1d6f43", "#1d6f43", 1.0, id="itself"),
    ],
)
def test_contrast_equals_the_published_values(first: str, second: str, expected: float) -> None:
    assert contrast_ratio(first, second) == pytest.approx(expected, abs=0.01)
    assert contrast_ratio(second, first) == pytest.approx(expected, abs=0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def start_app(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `python app.py` on a port; it is ended when the test ends."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int | str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=REPO_ROOT,
            env={
                **os.environ,
                "RELEAF_PORT": str(port),
                "RELEAF_DATA_DIR": str(tmp_path / "data"),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_page(process: subprocess.Popen[str], port: int) -> str:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, process.communicate()[1]
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    raise AssertionError(f"the page did not answer within {START_S:.0f} s")


def test_a_port_in_use_is_named(start_app: Callable[..., subprocess.Popen[str]]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start_app(port)
        _, errors = process.communicate(timeout=START_S)
    assert process.returncode == 1
    assert f"Port {port} is in use" in errors


def test_a_setting_that_does_not_fit_is_named_without_a_traceback(
    start_app: Callable[..., subprocess.Popen[str]],
) -> None:
    process = start_app("many")
    _, errors = process.communicate(timeout=START_S)
    assert process.returncode == 2
    assert "RELEAF_PORT" in errors
    assert "Traceback" not in errors
