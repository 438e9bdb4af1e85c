"""The journey's handlers: what a press does on each tab, and what stays of a person's thing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from PIL import Image

from components import shell
from components.chat_actions import NO_THING, AskTab
from components.chat_visit import AskState
from components.context import AppContext
from components.journey_actions import AWAY, HERE, OUTPUTS, JourneyPage
from components.journey_thing import NOTHING, THING_KEY
from components.upcycle_tab import _leaving
from components.waste_actions import Shown, WasteTab
from components.waste_card import EMPTY
from engines.journey import Journey
from engines.runtime.errors import InputError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from engines.waste.engine import Candidate, Classification
from tests.components.test_chat_tab import ScriptedChat, run, texts
from tests.components.upcycle_reading import words


@pytest.fixture
def context(tmp_path: Path) -> Iterator[AppContext]:
    """Have no engine at all, so that every step says that it is missing."""
    settings = Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    lane = CpuLane.from_settings(settings)
    yield AppContext(settings=settings, pool=EnginePool(settings, lane))
    lane.close()


@pytest.fixture
def waste(context: AppContext) -> WasteTab:
    return WasteTab(context)


def shown(item: str = "glass_jar", material: str = "glass", *, is_waste: bool = True) -> Shown:
    """Show a photo in which the engine has seen an item."""
    seen, kind = Candidate(item, 0.9), Candidate(material, 0.9)
    found = Classification(
        item=seen, material=kind, bin=Candidate("recycle", 0.9), top_items=(seen,),
        top_materials=(kind,), top_bins=(), waste_probability=0.9, is_waste=is_waste,
        is_sure=True, latency_ms=1.0,
    )  # fmt: skip
    return Shown(Image.new("RGB", (64, 64), "green"), found)


def is_left(value: Any) -> bool:
    return isinstance(value, dict) and value == gr.skip()


def taken(page: JourneyPage, action: str, photo: Shown | None) -> list[dict[str, Any]]:
    """Press a button; returns what each yield changes."""
    updates = list(page.run(f"1 {action}", photo, "germany"))
    return [
        {name: value for name, value in zip(OUTPUTS, update) if not is_left(value)}
        for update in updates
    ]


def test_the_page_opens_at_once_and_each_part_follows_when_its_step_has_ended(
    context: AppContext, waste: WasteTab
) -> None:
    page = JourneyPage(context, waste.rules)
    opened, *steps = taken(page, "all:glass_jar/glass", shown())
    assert (opened["desk"]["elem_classes"], opened["page"]["elem_classes"]) == (AWAY, HERE)
    assert "Glass jar" in words(opened["title"])
    assert [sorted(set(step) & {"classify", "ask", "recommend"}) for step in steps] == [
        ["classify"],
        ["ask"],
        ["recommend"],
    ]
    assert [bool(step.get("said")) for step in steps] == [False, False, True]


def test_where_the_browser_only_remembers_the_thing_the_photo_is_left_out(
    context: AppContext, waste: WasteTab
) -> None:
    *_, last = taken(JourneyPage(context, waste.rules), "all:glass_jar/glass", None)
    assert "Look at the photo Left out There is no photo." in words(last["times"])


@pytest.mark.parametrize("action", ["forget:", "all:unicorn/glass", "all:", ""])
def test_anything_but_a_known_thing_opens_no_page(
    context: AppContext, waste: WasteTab, action: str
) -> None:
    assert taken(JourneyPage(context, waste.rules), action, shown()) == [{}]


def test_what_is_forgotten_leaves_nothing_on_the_page() -> None:
    left = dict(zip(OUTPUTS, JourneyPage.emptied()))
    assert left["page"]["elem_classes"] == AWAY
    assert [left[name] for name in ("title", "classify", "ask", "recommend", "times")] == [""] * 5


@pytest.mark.parametrize(
    ("visible", "kept"),
    [
        pytest.param(shown(), {"item": "glass_jar", "material": "glass"}, id="seen"),
        pytest.param(shown(is_waste=False), NOTHING, id="no waste"),
        pytest.param(None, NOTHING, id="photo taken away"),
    ],
)
def test_the_browser_keeps_what_is_shown(
    waste: WasteTab, visible: Shown | None, kept: dict[str, str]
) -> None:
    assert waste.kept(visible) == kept


def test_a_person_who_corrects_the_item_takes_that_one_along(waste: WasteTab) -> None:
    card, chosen, _ = waste.choose("shoes", shown(), "germany")
    assert waste.kept(chosen) == {"item": "shoes", "material": "textile"}
    assert 'data-journey="all:shoes/textile"' in card


def test_what_is_no_item_changes_nothing(waste: WasteTab) -> None:
    card, same, said = waste.choose("not_waste", shown(), "germany")
    assert is_left(card) and is_left(said)
    assert same.chosen is None


def test_after_a_reload_the_card_is_that_of_the_remembered_thing_and_place(
    waste: WasteTab,
) -> None:
    kept = {"item": "glass_jar", "material": "glass"}
    card = waste.card(None, "germany", kept)
    rule = waste.rules.places["germany"].rule_for("glass_jar", "glass")
    assert "You showed this before." in words(card)
    assert rule.bin_name in words(card)
    assert waste.card(None, "germany", NOTHING) == EMPTY


@pytest.mark.parametrize(
    ("place", "question"),
    [
        ("germany", "How do I dispose of a plastic bottle made of HDPE plastic in Germany?"),
        ("generic", "How do I dispose of a plastic bottle made of HDPE plastic?"),
    ],
)
def test_the_chat_is_asked_with_item_material_and_place(
    context: AppContext, place: str, question: str
) -> None:
    chat = ScriptedChat()
    tab = AskTab(context, chat)
    state = AskState()
    said = run(tab.ask_about("1 ask:plastic_bottle/HDPE", place, "quoted", state))
    assert chat.asked[0][:2] == (question, place)
    assert texts(said)[0] == question
    assert "box" not in said


def test_a_thing_that_is_not_known_is_not_asked_about(context: AppContext) -> None:
    chat = ScriptedChat()
    said = run(AskTab(context, chat).ask_about("1 ask:unicorn/glass", "germany", "quoted", None))
    assert said["note"] == NO_THING
    assert not chat.asked


def test_a_found_thing_leaves_the_other_field_as_it_is() -> None:
    from components.upcycle_show import OUTPUTS as UPCYCLE_OUTPUTS

    updates = dict(zip(UPCYCLE_OUTPUTS, _leaving("name", tuple(UPCYCLE_OUTPUTS))))
    assert is_left(updates.pop("name"))
    assert all(value == name for name, value in updates.items())


def test_the_thing_is_kept_in_the_browser_by_one_memory_and_the_rest_by_nobody(
    context: AppContext,
) -> None:
    page = shell.build_app(context)
    memories = [
        block
        for block in page.blocks.values()
        if isinstance(block, gr.BrowserState) and block.storage_key == THING_KEY
    ]
    assert len(memories) == 1


def test_a_journey_without_a_photo_needs_an_item_of_that_material(context: AppContext) -> None:
    journey = Journey(context.pool)
    with pytest.raises(InputError, match="neither a photo nor an item"):
        journey.steps(None)
    with pytest.raises(InputError, match="not made of"):
        journey.steps(None, item="glass_jar", material="PET")
    report = journey.run(None, item="plastic_bottle", material="HDPE")
    assert [step.outcome for step in report.steps] == ["skipped", "failed", "failed"]
    assert report.subject is not None and report.subject.material == "HDPE"
    assert report.question == "How do I dispose of a plastic bottle made of HDPE plastic?"
