"""The page of a whole journey, in the place of the Waste tab's photo while it is open."""

from __future__ import annotations

from typing import Any

import gradio as gr
from gradio.components import Component

from components.context import AppContext
from components.events import EACH, QUIET
from components.journey_actions import AWAY, OUTPUTS, JourneyPage
from components.shell import announce, spoken_text
from engines.waste.rules import RuleBook

BACK = "Back to the photo"


def add_page(
    context: AppContext, places: RuleBook, *, desk: gr.Column, shown: gr.State, place: gr.Dropdown
) -> list[Component]:
    """Lay out the page beside the desk that it stands in for.

    Args:
        desk: what is hidden while the page is open.
        shown: the visitor's photo with what it shows.

    Returns:
        The components of `OUTPUTS`, in that order.
    """
    handlers = JourneyPage(context, places)
    # The page's script writes here what a button asks for.
    action = gr.Textbox(visible="hidden", show_label=False, elem_id="journey-action")
    parts: dict[str, Any] = {"desk": desk, "said": spoken_text()}
    with gr.Column(elem_id="journey", elem_classes=AWAY) as parts["page"]:
        back = gr.Button(f"← {BACK}", min_width=90, scale=0, elem_id="journey-back")
        for name in ("title", "classify", "ask", "recommend", "times"):
            parts[name] = gr.HTML(
                elem_id=f"journey-{name}", elem_classes="plain", apply_default_css=False
            )
    outputs = [parts[name] for name in OUTPUTS]
    ran = action.change(handlers.run, [action, shown, place], outputs, **EACH)
    announce(ran, parts["said"])
    closed = back.click(handlers.close, None, outputs, queue=False, **QUIET)
    closed.success(None, js="() => { window.releafJourney.returned(); }")
    return outputs
