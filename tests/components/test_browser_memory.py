"""What the browser remembers stands where Gradio reads it before any tab is opened."""

from __future__ import annotations

import gradio as gr

from components.browser_memory import browser_memory
from components.context import AppContext
from components.shell import build_app
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings


def test_a_memory_made_within_a_tab_stands_outside_and_what_follows_stays_within() -> None:
    with gr.Blocks() as page, gr.Tab("One") as tab:
        memory = browser_memory("test.memory")
        after = gr.HTML()
    assert memory.parent is page and memory in page.children
    assert after.parent is tab


def test_all_memories_of_the_page_stand_outside_of_its_tabs() -> None:
    settings = Settings()
    lane = CpuLane.from_settings(settings)
    page = build_app(AppContext(settings=settings, pool=EnginePool(settings, lane)))
    lane.close()
    memories = [block for block in page.blocks.values() if isinstance(block, gr.BrowserState)]
    assert len(memories) >= 4
    assert all(memory.parent is page for memory in memories)
