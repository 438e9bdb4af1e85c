"""The section "Sounds" as it is laid out, and its words."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
import yaml

import app as start
from components import shell
from components.context import AppContext
from components.maxsight_sound_message import loudness, page_sounds, page_words, sureness
from components.maxsight_sound_wording import SOUND_WORDING_FILE, read_sound_wording
from engines.maxsight.sound import PROBLEM_WORDS
from engines.maxsight.sound_classes import sounds
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> gr.Blocks:
    settings = Settings(data_dir=tmp_path_factory.mktemp("page") / "data")
    lane = CpuLane.from_settings(settings)
    pool = start._register(EnginePool(settings, lane))
    page = shell.build_app(AppContext(settings=settings, pool=pool))
    lane.close()
    return page


def parts(page: gr.Blocks) -> dict[str, dict[str, Any]]:
    found = page.get_config_file()["components"]
    return {one["props"].get("elem_id"): one for one in found if one["props"].get("elem_id")}


def events(page: gr.Blocks, elem_id: str, event: str) -> list[dict[str, Any]]:
    key = (parts(page)[elem_id]["id"], event)
    return [one for one in page.get_config_file()["dependencies"] if key in one["targets"]]


def test_the_section_stands_inside_the_tab_with_every_part(page: gr.Blocks) -> None:
    names = ("", "-panel", "-file", "-piece", "-message", "-leave")
    assert set(parts(page)) >= {f"maxsight-sound{name}" for name in names}


def test_nobody_waits_for_another_ones_sound(page: gr.Blocks) -> None:
    (hear,) = events(page, "maxsight-sound-piece", "change")
    assert page.fns[hear["id"]].concurrency_limit is None
    assert hear["trigger_mode"] == "multiple" and hear["show_progress"] == "hidden"
    assert hear["outputs"] == [parts(page)["maxsight-sound-message"]["id"]]


def test_messages_and_the_language_go_to_the_pages_script(page: gr.Blocks) -> None:
    (change,) = events(page, "maxsight-sound-message", "change")
    assert "releafMaxSightSound?.show(" in change["js"] and not change["backend_fn"]
    assert "releafMaxSightSound?.language(" in str(page.get_config_file()["dependencies"])


def test_the_page_has_the_words_of_three_languages_and_every_sound(page: gr.Blocks) -> None:
    value = str(parts(page)["maxsight-sound-panel"]["props"]["value"])
    assert "data-words" in value and "data-sounds" in value
    words = json.loads(unescape(value.split('data-words="')[1].split('"')[0]))
    assert set(words) == {"en", "es", "de"}
    assert [one["id"] for one in page_sounds()] == [one.id for one in sounds()]


def test_a_line_says_that_it_is_no_alarm_device_and_what_is_kept() -> None:
    page = page_words()["en"]["page"]
    assert "not an alarm device" in page["note"]
    assert "two seconds" in page["privacy"] and "No words are recognised" in page["privacy"]


def test_every_word_that_the_script_asks_for_is_there() -> None:
    scripts = [shell.WEB_DIR / name for name in shell.SCRIPTS if "sound" in name]
    asked: set[str] = set()
    for script in scripts:
        asked |= set(re.findall(r"\bsay\(\"(\w+)\"", script.read_text(encoding="utf-8")))
    assert len(asked) > 25
    assert asked <= set(page_words()["en"]["page"])


def test_the_english_problems_are_the_engines_own() -> None:
    words = read_sound_wording()["en"].problems
    assert words == PROBLEM_WORDS


def change(tmp_path: Path, language: str, part: str, name: str, text: str | None) -> Path:
    """Write the shipped words with one of them changed or left out."""
    words = yaml.safe_load(SOUND_WORDING_FILE.read_text("utf-8"))
    if text is None:
        del words[language][part][name]
    else:
        words[language][part][name] = text
    path = tmp_path / "words.yaml"
    path.write_text(yaml.safe_dump(words), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("part", "name", "text", "says"),
    [
        pytest.param("page", "got_it", None, "es and en differ in page.got_it", id="missing"),
        pytest.param("page", "mute", "Callar", "differ in page.mute", id="place missing"),
        pytest.param("heard", "silence", None, "heard: .*silence", id="a state is missing"),
        pytest.param("page", "got_it", "", "empty: page.got_it", id="empty"),
    ],
)
def test_words_that_do_not_fit_are_refused_by_name(
    part: str, name: str, text: str | None, says: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=says):
        read_sound_wording(change(tmp_path, "es", part, name, text))


@pytest.mark.parametrize(
    ("level_db", "expected"),
    [
        pytest.param(0.0, 100, id="full scale"),
        pytest.param(-37.5, 50, id="middle"),
        pytest.param(-75.0, 0, id="silence"),
        pytest.param(-120.0, 0, id="below silence"),
        pytest.param(float("-inf"), 0, id="digital silence"),
        pytest.param(3.0, 100, id="beyond full scale"),
    ],
)
def test_loudness_goes_from_nothing_to_a_hundred(level_db: float, expected: int) -> None:
    assert loudness(level_db) == expected


@pytest.mark.parametrize(
    ("confidence", "step"), [(0.59, "low"), (0.6, "middle"), (0.85, "high"), (1.0, "high")]
)
def test_how_sure_a_name_is_has_three_steps(confidence: float, step: str) -> None:
    assert sureness(confidence) == step


def test_the_footer_names_the_ears() -> None:
    assert shell.engine_label("maxsight-sound") == "Sounds"
    assert ("maxsight-sound", "engines.maxsight.sound_runner", "SoundRunner") in start.ENGINES
