"""The MaxSight tab as it is laid out, and its engine in the app."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

import app as start
from components import shell
from components.context import AppContext
from components.maxsight_form import FORM
from components.maxsight_tab import FRAME_EVERY_S
from components.system_tab import engines_html
from engines.maxsight.pipeline import MaxSightPipeline
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings

# What maxsight.js and the style sheet look for.
IDS = {
    "maxsight", "maxsight-start", "maxsight-stop", "maxsight-repeat", "maxsight-mute",
    "maxsight-around", "maxsight-camera", "maxsight-message", "maxsight-summary", "maxsight-sent",
    "maxsight-status", "maxsight-list", "maxsight-strip", "maxsight-load", "maxsight-mode",
    "maxsight-settings", "maxsight-note", "maxsight-photo", "maxsight-video", "maxsight-steps",
    "maxsight-timeline", "maxsight-download", "maxsight-log", "maxsight-keys", "maxsight-voice",
    "maxsight-picture",
}  # fmt: skip


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppContext]:
    """Make the app's own engines, without any checkpoint."""
    folder = tmp_path_factory.mktemp("app")
    settings = Settings(data_dir=folder / "data", checkpoints_dir=folder / "none")
    lane = CpuLane.from_settings(settings)
    yield AppContext(settings=settings, pool=start._register(EnginePool(settings, lane)))
    lane.close()


@pytest.fixture(scope="module")
def page(context: AppContext) -> gr.Blocks:
    return shell.build_app(context)


def parts(page: gr.Blocks) -> dict[str, dict[str, Any]]:
    """Return the components that have an id, by that id."""
    found = page.get_config_file()["components"]
    return {one["props"].get("elem_id"): one for one in found if one["props"].get("elem_id")}


def events(page: gr.Blocks, elem_id: str, event: str) -> list[dict[str, Any]]:
    """Return what happens when a component has an event."""
    key = (parts(page)[elem_id]["id"], event)
    return [one for one in page.get_config_file()["dependencies"] if key in one["targets"]]


def test_the_tab_stands_before_the_systems_and_every_part_has_its_id(page: gr.Blocks) -> None:
    ids = [spec.id for spec in shell.TABS]
    assert ids == ["waste", "ask", "upcycle", "maxsight", "system", "about"]
    assert set(parts(page)) >= IDS


def test_the_camera_is_streamed_unmirrored_and_without_an_end(page: gr.Blocks) -> None:
    camera = page.blocks[parts(page)["maxsight-camera"]["id"]]
    assert isinstance(camera, gr.Image)
    assert camera.streaming and not camera.webcam_options.mirror
    constraints = camera.webcam_options.constraints
    assert constraints and constraints["video"]["facingMode"] == {"ideal": "environment"}
    (stream,) = events(page, "maxsight-camera", "stream")
    assert stream["stream_every"] == FRAME_EVERY_S and stream["time_limit"] is None
    assert stream["inputs"] == [
        parts(page)[f"maxsight-{name}"]["id"] for name in ("camera", "sent")
    ]
    assert stream["outputs"] == [parts(page)["maxsight-message"]["id"]]
    assert stream["show_progress"] == "hidden"


def test_nobody_waits_for_another_ones_frames(page: gr.Blocks) -> None:
    (stream,) = events(page, "maxsight-camera", "stream")
    assert page.fns[stream["id"]].concurrency_limit is None


def test_messages_go_to_the_pages_script_and_not_to_the_server(page: gr.Blocks) -> None:
    for elem_id, call in (("maxsight-message", ".show("), ("maxsight-summary", ".summary(")):
        (change,) = events(page, elem_id, "change")
        assert call in change["js"] and not change["backend_fn"]


def test_a_line_says_that_this_is_no_mobility_aid(page: gr.Blocks) -> None:
    note = parts(page)["maxsight-note"]["props"]
    assert "A demonstration, not a mobility aid." in note["value"]
    assert note["visible"] is True


def test_every_field_of_the_form_is_taken_in_its_order(page: gr.Blocks) -> None:
    (prefer,) = events(page, "maxsight-mode", "input")
    assert len(prefer["inputs"]) == len(FORM)
    assert prefer["inputs"][0] == parts(page)["maxsight-mode"]["id"]
    assert prefer["inputs"][2] == parts(page)["maxsight-max_distance_m"]["id"]
    assert len([target for target in prefer["targets"] if target[1] == "input"]) == len(FORM)


def test_settings_and_load_are_told_again_when_the_camera_is_started(page: gr.Blocks) -> None:
    told = {tuple(one["inputs"]) for one in events(page, "maxsight-start", "click")}
    (prefer,) = events(page, "maxsight-mode", "input")
    assert told >= {tuple(prefer["inputs"]), (parts(page)["maxsight-load"]["id"],)}


def test_closing_the_page_ends_the_session(page: gr.Blocks) -> None:
    found = page.get_config_file()["dependencies"]
    assert any(event == "unload" for one in found for _, event in one["targets"])


def test_the_pages_scripts_and_styles_are_loaded() -> None:
    head = shell.page_head()
    assert "window.releafMaxSight =" in head
    assert "#maxsight" in shell.page_css()


def test_without_a_checkpoint_the_engine_fails_and_the_system_tab_says_why(
    context: AppContext,
) -> None:
    with pytest.raises(EngineUnavailableError, match="cannot see"):
        context.pool.get("maxsight")
    (status,) = (one for one in context.pool.health() if one.name == "maxsight")
    assert status.state == "failed"
    html = engines_html((status,))
    assert "MaxSight" in html and "checkpoints/maxsight-a" in html


def test_the_app_builds_the_pipeline_on_the_pools_own_lane(context: AppContext) -> None:
    engine = start._build(context.pool, "engines.maxsight.pipeline", "MaxSightPipeline")
    assert isinstance(engine, MaxSightPipeline)
    assert engine._lane is context.pool.lane


def test_the_footer_names_it_as_the_tab_does() -> None:
    assert shell.engine_label("maxsight") == "MaxSight"


def test_every_file_of_the_page_is_there() -> None:
    for name in (*shell.SCRIPTS, *shell.SHEETS):
        assert (Path(shell.WEB_DIR) / name).stat().st_size > 100
