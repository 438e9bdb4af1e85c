"""What other eyes show on the MaxSight tab, and that every part of its context is on the page."""

from __future__ import annotations

import base64
from typing import Any

import cv2
import gradio as gr
import numpy as np
import pytest

from components import shell
from components.context import AppContext
from engines.maxsight.conditions import CONDITIONS, NOT_THE_EXPERIENCE
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.components.maxsight_bench import ONE, OTHER, Bench
from tests.components.maxsight_eyes import read
from tests.engines.maxsight.scenes import FRAME_SIZE

IDS = (
    "maxsight-read", "maxsight-context", "maxsight-context-message", "maxsight-context-eyes",
    "maxsight-context-again", "maxsight-context-describe", "maxsight-context-follow",
    "maxsight-context-panel", "maxsight-find", "maxsight-find-end", "maxsight-find-thing",
    "maxsight-describe", "maxsight-fuller", "maxsight-context-fuller-again",
    "maxsight-eyes", "maxsight-eyes-take", "maxsight-eyes-follow",
    "maxsight-eyes-condition", "maxsight-eyes-severity", "maxsight-eyes-way",
    "maxsight-eyes-panel",
)  # fmt: skip


def picture_of(address: str) -> np.ndarray:
    data = np.frombuffer(base64.b64decode(address.split(",")[1]), np.uint8)
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


@pytest.mark.parametrize("way", ["simulate", "enhance"])
def test_other_eyes_show_the_picture_beside_the_changed_one(bench: Bench, way: str) -> None:
    bench.film()
    message = read(bench.context.take_picture(ONE, "cataract", 1.0, way))
    original, changed = (picture_of(message[name]) for name in ("original", "changed"))
    assert original.shape == changed.shape == (*FRAME_SIZE, 3)
    assert np.abs(original.astype(int) - changed).mean() > 5
    cataract = next(one for one in CONDITIONS if one.id == "cataract")
    assert message["what"] == (cataract.help if way == "enhance" else cataract.what)
    assert message["note"] == NOT_THE_EXPERIENCE and message["name"] == "Cataract"


@pytest.mark.parametrize(
    ("condition", "severity", "way", "words"),
    [
        pytest.param("unknown", 0.5, "simulate", "no condition called", id="condition"),
        pytest.param("myopia", 1.5, "simulate", "from 0", id="too severe"),
        pytest.param("myopia", None, "simulate", "from 0", id="no severity"),
        pytest.param("myopia", 0.5, "cure", "can't be shown", id="way"),
    ],
)
def test_what_other_eyes_cannot_show_is_said(
    bench: Bench, condition: str, severity: Any, way: str, words: str
) -> None:
    bench.film()
    message = read(bench.context.take_picture(ONE, condition, severity, way))
    assert words in message["error"] and message["kind"] == "eyes"


def test_the_picture_taken_is_kept_for_that_person_and_followed_only_when_new(
    bench: Bench,
) -> None:
    assert (
        "No picture was taken"
        in read(bench.context.change_eyes(ONE, "myopia", 1, "simulate"))["error"]
    )
    bench.film()
    first = read(bench.context.follow_eyes(ONE, "myopia", 1, "simulate"))
    assert bench.context.follow_eyes(ONE, "myopia", 1, "simulate") == gr.skip()
    bench.film()
    second = read(bench.context.follow_eyes(ONE, "myopia", 1, "simulate"))
    assert second["frame"] > first["frame"]
    bench.tab.stop(ONE)
    kept = read(bench.context.change_eyes(ONE, "myopia", 0, "simulate"))
    assert kept["original"] == kept["changed"] == second["original"]
    assert "error" in read(bench.context.change_eyes(OTHER, "myopia", 0, "simulate"))


# The page


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> gr.Blocks:
    settings = Settings(data_dir=tmp_path_factory.mktemp("page") / "data")
    lane = CpuLane.from_settings(settings)
    page = shell.build_app(AppContext(settings, EnginePool(settings, lane)))
    lane.close()
    return page


def test_every_part_is_on_the_page_and_answers_go_to_its_script(page: gr.Blocks) -> None:
    found = page.get_config_file()
    ids = {one["props"].get("elem_id"): one["id"] for one in found["components"]}
    assert set(ids) >= set(IDS)
    events = {target: one for one in found["dependencies"] for target in map(tuple, one["targets"])}
    for elem_id in ("maxsight-read", "maxsight-find", "maxsight-find-end"):
        event = events[ids[elem_id], "click"]
        assert event["outputs"] == [ids["maxsight-context-message"]]
        assert event["show_progress"] == "hidden"
    for elem_id in ("maxsight-context-message", "maxsight-context-eyes"):
        assert "releafMaxSightContext?.show(" in events[ids[elem_id], "change"]["js"]


def test_the_page_says_that_a_simulation_is_not_the_experience(page: gr.Blocks) -> None:
    values = [str(one["props"].get("value")) for one in page.get_config_file()["components"]]
    assert any(NOT_THE_EXPERIENCE in value for value in values)
