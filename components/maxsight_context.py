"""What the MaxSight tab offers of the surroundings: find a thing, read, look through other eyes."""

from __future__ import annotations

from typing import Any

import gradio as gr

from components.context import AppContext
from components.events import LATEST, QUIET
from components.maxsight_actions import MaxSightTab
from components.maxsight_context_actions import ContextTab
from components.maxsight_context_reword import LIMIT_S
from components.shell import plain_html
from engines.maxsight.classes import vocabulary
from engines.maxsight.conditions import CONDITIONS, NOT_THE_EXPERIENCE

WAYS = [("As it may look", "simulate"), ("What may help", "enhance")]
START_SEVERITY = 0.6
NOTHING_TO_FIND = (
    '<p class="problem">Nothing can be looked for: the network of MaxSight is not there. Restore '
    "the folder checkpoints/maxsight-a.</p>"
)

FULLER_INFO = (
    "A small language model on this machine words descriptions anew, in English only and within "
    f"{LIMIT_S:g} seconds. It is weak: where it gets anything wrong or leaves anything out, or is "
    "late, you get the short sentences."
)

Parts = dict[str, Any]


def build(context: AppContext, tab: MaxSightTab, read: gr.Button) -> None:
    """Lay out and wire the section inside the current Gradio context.

    Args:
        context: the settings and the engines.
        tab: of the MaxSight tab; its viewers hold the frames.
        read: the button "Read text".
    """
    actions = ContextTab(tab)
    parts: Parts = {"read": read}
    with gr.Column(elem_id="maxsight-context"):
        for name in ("message", "eyes"):
            parts[name] = gr.Textbox(
                visible="hidden",
                show_label=False,
                max_lines=1,
                elem_id=f"maxsight-context-{name}",
            )
        for name in ("again", "describe", "follow", "fuller-again"):
            parts[name] = gr.Button(visible="hidden", elem_id=f"maxsight-context-{name}")
        _search(parts, actions)
        parts["describing"] = gr.Checkbox(
            label="Describe every few seconds what is around, while the camera runs",
            elem_id="maxsight-describe",
        )
        parts["fuller"] = gr.Checkbox(
            label="In fuller sentences (slower)",
            info=FULLER_INFO,
            elem_id="maxsight-fuller",
        )
        # The page's script draws into these, and shows those that hold something.
        plain_html(
            '<div data-part="find"></div><div data-part="read"></div>'
            '<div data-part="context"></div>',
            elem_id="maxsight-context-panel",
        )
        _eyes(parts)
    _wire(parts, actions)


def _search(parts: Parts, actions: ContextTab) -> None:
    names = {one.id: one.names["en"] for one in vocabulary().trained}
    things = sorted((names[one].capitalize(), one) for one in actions.findable)
    if not things:
        plain_html(NOTHING_TO_FIND, elem_id="maxsight-find-problem")
    with gr.Row(elem_id="maxsight-find-row", visible=bool(things), equal_height=False):
        parts["thing"] = gr.Dropdown(
            things,
            value="chair" if "chair" in actions.findable else None,
            label="Find my",
            info="A voice leads you there. A tone is higher towards the middle, and faster when "
            "closer.",
            elem_id="maxsight-find-thing",
        )
        parts["find"] = gr.Button("Find", size="lg", min_width=110, elem_id="maxsight-find")
        parts["end"] = gr.Button(
            "End search", size="lg", min_width=110, elem_id="maxsight-find-end"
        )


def _eyes(parts: Parts) -> None:
    with gr.Accordion("Look through other eyes", open=False, elem_id="maxsight-eyes"):
        plain_html(f'<p class="quiet">{NOT_THE_EXPERIENCE}</p>', elem_id="maxsight-eyes-note")
        with gr.Row(equal_height=False):
            parts["condition"] = gr.Dropdown(
                [(one.name, one.id) for one in CONDITIONS],
                value=CONDITIONS[0].id,
                label="Condition",
                elem_id="maxsight-eyes-condition",
            )
            parts["severity"] = gr.Slider(
                0,
                1,
                value=START_SEVERITY,
                step=0.05,
                label="How strong, 0 to 1",
                elem_id="maxsight-eyes-severity",
            )
            parts["way"] = gr.Radio(
                WAYS, value="simulate", label="Show", elem_id="maxsight-eyes-way"
            )
        with gr.Row(equal_height=False):
            parts["take"] = gr.Button("Take this picture", elem_id="maxsight-eyes-take")
            parts["following"] = gr.Checkbox(
                value=True,
                label="Take the newest picture each second, while this is open",
                elem_id="maxsight-eyes-follow",
            )
        plain_html('<div data-part="eyes"></div>', elem_id="maxsight-eyes-panel")


def _wire(parts: Parts, actions: ContextTab) -> None:
    message, eyes = parts["message"], parts["eyes"]
    unqueued: dict[str, Any] = {"concurrency_limit": None, **QUIET}
    parts["read"].click(actions.read, None, message, **unqueued)
    parts["describe"].click(actions.describe, None, message, **unqueued)
    # Also when the camera is started: a session ends when it is left alone, the page doesn't.
    gr.on(
        [parts["fuller"].input, parts["fuller-again"].click],
        actions.fuller,
        parts["fuller"],
        None,
        **{**unqueued, **LATEST},
    )
    parts["again"].click(actions.context, None, message, **unqueued)
    parts["find"].click(actions.seek, parts["thing"], message, **unqueued)
    parts["end"].click(actions.end_search, None, message, **unqueued)

    given = [parts["condition"], parts["severity"], parts["way"]]
    # Pictures are computed two at a time at most, so that frames are not held up.
    drawn: dict[str, Any] = {
        "concurrency_limit": 2, "concurrency_id": "maxsight-eyes", **QUIET,
    }  # fmt: skip
    parts["take"].click(actions.take_picture, given, eyes, **drawn)
    parts["follow"].click(actions.follow_eyes, given, eyes, **drawn)
    gr.on(
        [parts["condition"].input, parts["severity"].input, parts["way"].input],
        actions.change_eyes,
        given,
        eyes,
        **{**drawn, **LATEST},
    )
    for box in (message, eyes):
        box.change(None, box, js="(m) => { window.releafMaxSightContext?.show(m); }", **QUIET)
    parts["describing"].change(
        None,
        parts["describing"],
        js="(on) => { window.releafMaxSightContext?.describing(on); }",
        **QUIET,
    )
    parts["following"].change(
        None,
        parts["following"],
        js="(on) => { window.releafMaxSightContext?.following(on); }",
        **QUIET,
    )
