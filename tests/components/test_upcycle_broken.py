"""The Upcycle tab when its facts or its networks are broken, missing or newer than the other."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import pytest

from components import shell
from components.upcycle_actions import UpcycleTab
from engines.runtime.errors import ReleafError
from engines.runtime.lane import CpuLane
from engines.runtime.settings import Settings
from engines.upcycle.knowledge import read_knowledge
from tests.components.upcycle_reading import NOTHING, changes, context_for, html_of, words


@pytest.fixture
def lane(tmp_path: Path) -> Iterator[CpuLane]:
    lane = CpuLane.from_settings(Settings(data_dir=tmp_path))
    yield lane
    lane.close()


def html_parts(app: gr.Blocks) -> dict[str, str]:
    return {
        component["props"].get("elem_id"): str(component["props"].get("value", ""))
        for component in app.get_config_file()["components"]
        if component["type"] == "html"
    }


def test_a_broken_file_of_facts_is_named_with_its_line_and_the_app_starts(
    tmp_path: Path, lane: CpuLane
) -> None:
    folder = Path(shutil.copytree(Settings().graph_dir, tmp_path / "graph"))
    broken = folder / "tools.yaml"
    broken.write_text(broken.read_text() + "- {id: [unclosed\n")
    settings = Settings(data_dir=tmp_path / "data", graph_dir=folder)
    parts = html_parts(shell.build_app(context_for(settings, lane)))
    text = words(parts["upcycle-broken"])
    assert "Upcycle can't start." in text
    assert "tools.yaml, line" in text
    assert "upcycle-list" not in parts


def test_without_a_checkpoint_the_tab_says_what_is_missing(tmp_path: Path, lane: CpuLane) -> None:
    settings = Settings(data_dir=tmp_path / "data", checkpoints_dir=tmp_path / "none")
    context = context_for(settings, lane)
    assert "upcycle-list" in html_parts(shell.build_app(context))
    tab = UpcycleTab(context, read_knowledge(settings.graph_dir))
    assert tab.welcome(None) == gr.skip()
    shown = changes(tab.find("glass jar", None, *NOTHING))
    assert "could not load" in html_of(shown["results"])
    with pytest.raises(ReleafError):
        context.pool.get("upcycle")
    assert "Upcycle does not work now." in words(tab.welcome(None))


def test_a_project_added_without_training_anew_is_recommended_and_explained(
    tmp_path: Path, lane: CpuLane
) -> None:
    folder = Path(shutil.copytree(Settings().graph_dir, tmp_path / "graph"))
    added = folder / "projects" / "added.yaml"
    text = (folder / "projects" / "garden.yaml").read_text(encoding="utf-8")
    first = re.split(r"(?m)^(?=- )", text)[1]
    added.write_text(re.sub(r"id: \w+", "id: freshly_added", first, count=1), encoding="utf-8")
    settings = Settings(data_dir=tmp_path / "data", graph_dir=folder)
    knowledge = read_knowledge(folder)
    tab = UpcycleTab(context_for(settings, lane), knowledge)
    item = knowledge.projects["freshly_added"].items[0]
    visit = changes(tab.pick(item, None, *NOTHING))["visit"]
    assert visit.found.best
    opened = changes(tab.go("1 project:freshly_added", visit, *NOTHING))
    assert knowledge.projects["freshly_added"].name in html_of(opened["project"])
