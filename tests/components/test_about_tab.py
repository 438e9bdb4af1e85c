"""What the About tab says: what is kept, under which licences, and every card."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from gradio import Blocks

from components import about_tab
from components.about_licences import OWN, PRETRAINED, licences_html
from components.card_view import labelled_table
from components.context import AppContext
from components.shell import build_app
from components.system_tab import models_in_brief_html
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import REPO_ROOT, Settings

CARDS = sorted((REPO_ROOT / "checkpoints").glob("*/card.json"))


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Blocks]:
    """Build the whole page."""
    settings = Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    lane = CpuLane.from_settings(settings)
    yield build_app(AppContext(settings=settings, pool=EnginePool(settings, lane)))
    lane.close()


@pytest.fixture
def texts(page: Blocks) -> dict[str, str]:
    """Say what the parts of the page say when it opens, by their ids."""
    return {
        str(part["props"]["elem_id"]): str(part["props"].get("value"))
        for part in page.get_config_file()["components"]
        if part["props"].get("elem_id")
    }


def open_about(page: Blocks, *, is_there: bool) -> tuple[Any, bool]:
    """Do what happens when the tab is opened."""
    (tab,) = (block for block in page.blocks.values() if block.elem_id == "tab-about")
    (opened,) = (fn for fn in page.fns.values() if fn.targets == [(tab._id, "select")])
    assert opened.fn is not None
    cards, has_come = opened.fn(is_there)
    return cards, has_come


def test_every_shipped_card_is_on_the_about_tab_and_in_brief_on_the_system_tab(
    page: Blocks, texts: dict[str, str]
) -> None:
    assert len(CARDS) >= 6
    cards, has_come = open_about(page, is_there=False)
    assert has_come
    for path in CARDS:
        card = json.loads(path.read_text(encoding="utf-8"))
        title = f'<h3>{card["name"]} <span class="card-version">version {card["version"]}'
        assert title in cards
        assert title in texts["system-models"]
    assert cards.count("Show card.json") == len(CARDS)
    assert "Show card.json" not in texts["system-models"]


def test_the_cards_come_when_the_tab_is_opened_and_once(
    page: Blocks, texts: dict[str, str]
) -> None:
    assert "on the way" in texts["about-models"]
    assert "Show card.json" not in "".join(texts.values())
    assert open_about(page, is_there=True) == (gr.skip(), True)


def test_the_page_says_what_it_is_not(texts: dict[str, str]) -> None:
    for words in ("No certified sorting aid", "No mobility aid", "No alarm"):
        assert words in texts["about-text"]


def test_every_model_and_everything_used_as_it_is_has_its_licence() -> None:
    text = licences_html(REPO_ROOT / "checkpoints")
    for path in CARDS:
        assert f">{json.loads(path.read_text(encoding='utf-8'))['name']}<" in text
    for work in (*PRETRAINED, *OWN):
        assert f">{work.name}<" in text
        assert work.licence in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            {"name": "a<b", "version": "1", "licence": "MIT & more"},
            'role="rowheader">a&lt;b</th><td role="cell" data-column="Licence">MIT &amp; more</td>',
            id="stated",
        ),
        pytest.param(
            {"name": "sorter", "version": "1"},
            'role="rowheader">sorter</th><td role="cell" data-column="Licence">not stated</td>',
            id="not stated",
        ),
        pytest.param(None, "Licences of the trained models", id="no card that can be read"),
    ],
)
def test_a_cards_licence_is_told_as_it_stands_there(
    content: dict[str, str] | None, words: str, tmp_path: Path
) -> None:
    folder = tmp_path / "sorter"
    folder.mkdir()
    (folder / "card.json").write_text("{" if content is None else json.dumps(content))
    assert words in licences_html(tmp_path)


@pytest.mark.parametrize(
    ("settings", "cache_age_s", "said", "unsaid"),
    [
        pytest.param(
            {"is_feedback_saved": True},
            None,
            ["Nothing is sent to any other machine.", "until that folder is emptied",
             "until the owner of that machine deletes them"],
            ["Hugging Face"],
            id="at home",
        ),
        pytest.param(
            {"is_feedback_saved": False, "is_hub_allowed": True},
            7200,
            ["not kept on this page", "about 2 hours", "downloaded from the Hugging Face Hub"],
            ["Nothing is sent"],
            id="on a public page",
        ),
        pytest.param(
            {"qdrant_url": "http://search:6333"},
            None,
            ["a question goes as numbers to the search server"],
            ["Nothing is sent", "search:6333"],
            id="with a search server",
        ),
    ],
)  # fmt: skip
def test_what_is_kept_and_sent_follows_the_settings(
    settings: dict[str, object], cache_age_s: int | None, said: list[str], unsaid: list[str]
) -> None:
    text = about_tab.privacy_html(Settings.model_validate(settings), cache_age_s)
    for words in said:
        assert words in text
    for words in unsaid:
        assert words not in text


def test_no_trained_model_is_said_in_brief_too(tmp_path: Path) -> None:
    text = models_in_brief_html(Settings(checkpoints_dir=tmp_path / "none"))
    assert "There is no trained model" in text


def test_a_tables_cells_stand_under_their_headings() -> None:
    text = labelled_table("What <is>", ("One", "Two"), [("first", "<b>second</b>")])
    assert 'aria-label="What &lt;is&gt;"' in text
    assert re.findall('role="columnheader">(.*?)<', text) == ["One", "Two"]
    assert re.findall('role="rowheader">(.*?)<', text) == ["first"]
    assert '<td role="cell" data-column="Two"><b>second</b></td></tr>' in text
