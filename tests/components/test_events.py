"""No event of the page is left out because another of its kind is still answered."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from gradio.block_function import BlockFunction

from components import shell
from components.context import AppContext
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings

# What is asked for once and runs to its end: a press on a button, the page's start and clock.
MAY_BE_LEFT_OUT = {
    ("Button", "click"), ("Chatbot", "clear"), ("Chatbot", "undo"), ("Timer", "tick"),
    ("page", "load"), ("page", "unload"),
    # Gradio's own; what follows it is ours.
    ("Dataset", "click"),
}  # fmt: skip


def test_choices_and_what_follows_an_answer_are_never_left_out(tmp_path: Path) -> None:
    settings, lane = Settings(data_dir=tmp_path / "data"), CpuLane(threads=1)
    page = shell.build_app(AppContext(settings, EnginePool(settings, lane)))
    lane.close()
    events = [one for one in page.fns.values() if one.fn is not None]
    assert len(events) > 100
    left_out = [
        f"{one.name}: {kinds}"
        for one in events
        if one.trigger_mode == "once" and (kinds := _kinds(page, one)) - MAY_BE_LEFT_OUT
    ]
    assert left_out == []


def _kinds(page: gr.Blocks, event: BlockFunction) -> set[tuple[str, str]]:
    """List what sets an event off, as pairs of a component's class and its event."""
    kinds = set()
    for target, name in event.targets:
        is_page = target in (None, page._id)
        kinds.add(("page" if is_page else type(page.blocks[target]).__name__, name))
    return kinds
