"""The Upcycle tab: a thing in, projects worth making out, each with the path that explains it."""

from __future__ import annotations

from typing import Any, cast

import gradio as gr
from gradio.context import Context
from gradio.events import Dependency

from components.context import AppContext
from components.events import EACH, LATEST, QUIET
from components.journey_offer import add_strip
from components.shell import announce, plain_html, spoken_text
from components.upcycle_actions import UpcycleTab
from components.upcycle_compare import NOTHING_YET
from components.upcycle_form import ANY, DIFFICULTIES, PLACES, TIMES, Choices, choices_of
from components.upcycle_show import FORM, OUTPUTS, SIDES, Updates
from components.upcycle_view import EMPTY, problem_html
from components.upcycle_visit import Visit
from engines.runtime.errors import ReleafError
from engines.upcycle.knowledge import read_knowledge

VIEWS = {"Projects": "projects", "Graph": "graph", "Why not?": "why", "Compare": "compare"}

Parts = dict[str, Any]


def build(context: AppContext) -> None:
    """Lay out the tab inside the current Gradio context."""
    try:
        knowledge = read_knowledge(context.settings.graph_dir)
    except ReleafError as error:
        what = f"Upcycle can't start. {error.what}"
        plain_html(problem_html(what, error.do), elem_id="upcycle-broken")
        return
    tab, choices = UpcycleTab(context, knowledge), choices_of(knowledge)
    parts: Parts = {
        "visit": gr.State(None, time_to_live=3600),
        "view": gr.State("projects"),
        "said": spoken_text(),
    }
    explanation = gr.State(None, time_to_live=3600)
    # The page's script writes here what a button or a point of the graph asks for.
    action = gr.Textbox(visible="hidden", show_label=False, elem_id="upcycle-action")
    save = gr.Button("Save", visible="hidden", elem_id="upcycle-save")
    download = gr.DownloadButton(visible="hidden", elem_id="upcycle-download")
    with gr.Column(elem_id="upcycle"):
        add_strip("upcycle")
        _thing_box(parts, choices)
        _filter_box(parts, choices)
        parts["taken"] = _html("", "upcycle-taken", visible=False)
        correct = _correction_box(parts, choices)
        with gr.Tabs(elem_id="upcycle-views", overflow_behavior="wrap") as parts["views"]:
            with gr.Tab("Projects", id="projects"):
                parts["results"] = _html(EMPTY, "upcycle-list")
                parts["project"] = _html("", "upcycle-project", visible=False)
                parts["reason"] = _html("", "upcycle-reason", visible=False)
            with gr.Tab("Graph", id="graph"):
                parts["plot"] = gr.Plot(visible=False, show_label=False, elem_id="upcycle-plot")
                parts["words"] = _html(NOTHING_YET, "upcycle-words")
            with gr.Tab("Why not?", id="why"):
                asked, verdict = _why_box(choices)
                parts["ruled_out"] = _html(NOTHING_YET, "upcycle-ruled-out")
            with gr.Tab("Compare", id="compare"):
                parts["comparison"] = _html(NOTHING_YET, "upcycle-comparison")
    outputs = [parts[name] for name in OUTPUTS]
    sides = [parts[name] for name in SIDES]
    visit, said = parts["visit"], parts["said"]
    form = [parts[name] for name in FORM]

    def settle(done: Dependency) -> None:
        """Say what happened, then look for reasons and redraw the view that is open."""
        announce(done, said)
        done.success(None, js="() => { window.releafUpcycle.arrive(); }")
        explained = done.success(
            tab.explain, [visit, explanation], [explanation, parts["reason"]], **LATEST
        )
        drawn = explained.success(tab.side, [visit, explanation, parts["view"]], sides, **LATEST)
        drawn.success(None, js="() => { window.releafUpcycle.arriveInGraph(); }")

    acting: dict[str, Any] = {
        "outputs": outputs,
        "trigger_mode": "always_last",
        "show_progress": "minimal",
        "show_progress_on": parts["results"],
    }
    name, pick = parts["name"], parts["pick"]

    def find(text: str, current: Visit | None, *given: Any) -> Updates:
        """Find projects for what was typed, and let a thing be picked meanwhile."""
        return _leaving("pick", tab.find(text, current, *given))

    def find_picked(item: str | None, current: Visit | None, *given: Any) -> Updates:
        """Find projects for what was picked, and let another be typed meanwhile."""
        return _leaving("name", tab.pick(item, current, *given))

    # The other field is emptied at once: with the answer, what was typed meanwhile would be lost.
    # These come before the calls, since the page waits until a call is taken before its next event.
    name.submit(None, None, pick, js="() => null", **QUIET)
    pick.input(None, None, name, js="() => ''", **QUIET)
    settle(name.submit(find, [name, visit, *form], api_name="upcycle", **acting))
    acting |= {"api_visibility": "private"}
    settle(pick.input(find_picked, [pick, visit, *form], **acting))
    settle(gr.on([part.input for part in form], tab.refine, [visit, *form], **acting))
    made_of = [parts["materials"], parts["forms"]]
    settle(correct.click(tab.correct, [*made_of, visit, *form], **acting))
    settle(action.change(tab.go, [action, visit, *form], **acting))

    judging: dict[str, Any] = {"inputs": [asked, visit], "outputs": [verdict, said], **LATEST}
    announce(asked.input(tab.why_not, **judging), said)
    saved = announce(save.click(tab.save, [visit, explanation], [download, said], **QUIET), said)
    saved.success(None, js="() => { window.releafAsk.press('upcycle-download'); }")

    def open_view(event: gr.SelectData) -> str:
        return VIEWS.get(str(event.value), "projects")

    opened = parts["views"].select(open_view, None, parts["view"], **EACH)
    opened.success(tab.side, [visit, explanation, parts["view"]], sides, **LATEST)
    if isinstance(Context.block, gr.Tab):
        Context.block.select(tab.welcome, visit, parts["results"], queue=False, **LATEST)
    query = gr.Textbox(visible=False, label="Address")
    by_link = _page().load(
        tab.open_link,
        [query, *form],
        outputs,
        js="(...given) => [window.location.search, ...given.slice(1)]",
        **QUIET,
    )
    settle(by_link)


def _leaving(part: str, updates: Updates) -> Updates:
    """Take one part of the page out of the updates of `OUTPUTS`."""
    return tuple(gr.skip() if name == part else one for name, one in zip(OUTPUTS, updates))


def _page() -> gr.Blocks:
    """Return the page that the tab is being built into."""
    return cast(gr.Blocks, Context.root_block)


def _html(value: str, elem_id: str, *, visible: bool = True) -> gr.HTML:
    return gr.HTML(
        value, elem_id=elem_id, elem_classes="plain", apply_default_css=False, visible=visible
    )


def _thing_box(parts: Parts, choices: Choices) -> None:
    """Lay out the two ways to say what there is."""
    with gr.Row(equal_height=True, elem_id="upcycle-thing"):
        parts["name"] = gr.Textbox(
            label="What do you have?",
            info="Anything, in your own words.",
            placeholder="For example: old tennis racket",
            max_lines=1,
            submit_btn="Find projects",
            scale=6,
            min_width=300,
            elem_id="upcycle-name",
        )
        parts["pick"] = gr.Dropdown(
            choices.items,
            value=None,
            label="Or pick a thing",
            info="Type to search the list.",
            scale=4,
            min_width=260,
            elem_id="upcycle-pick",
        )


def _filter_box(parts: Parts, choices: Choices) -> None:
    """Lay out what narrows the projects down."""
    with gr.Accordion("Filters", open=False, elem_id="upcycle-filters") as parts["filters"]:
        with gr.Row():
            parts["tools"] = gr.Dropdown(
                choices.tools,
                value=[],
                multiselect=True,
                label="Tools I have",
                info="Empty means any tool. Type to search.",
                elem_id="upcycle-tools",
            )
            parts["more"] = gr.Dropdown(
                choices.items,
                value=[],
                multiselect=True,
                label="Other things at hand",
                info="Projects for these are shown too. Type to search.",
                elem_id="upcycle-more",
            )
        with gr.Row():
            parts["minutes"] = gr.Radio(TIMES, value=ANY, label="Time", elem_id="upcycle-time")
            parts["hardest"] = gr.Radio(
                DIFFICULTIES, value=ANY, label="Difficulty", elem_id="upcycle-difficulty"
            )
        with gr.Row():
            parts["place"] = gr.Radio(PLACES, value=ANY, label="Place", elem_id="upcycle-place")
            parts["pieces"] = gr.Number(
                value=0,
                precision=0,
                min_width=240,
                label="How many pieces do you have?",
                info="0 means as many as it takes.",
                elem_id="upcycle-pieces",
            )
            parts["for_children"] = gr.Checkbox(
                label="A child of 8 can make it", min_width=240, elem_id="upcycle-children"
            )


def _correction_box(parts: Parts, choices: Choices) -> gr.Button:
    """Lay out "it is made of ..."; returns the button that takes it."""
    with gr.Accordion(
        "Correct what it is", open=False, visible=False, elem_id="upcycle-correction"
    ) as parts["correction"]:
        with gr.Row():
            parts["materials"] = gr.Dropdown(
                choices.materials,
                value=[],
                multiselect=True,
                label="Made of",
                info="The main material first.",
                elem_id="upcycle-materials",
            )
            parts["forms"] = gr.Dropdown(
                choices.forms,
                value=[],
                multiselect=True,
                label="What it is like",
                elem_id="upcycle-forms",
            )
        return gr.Button("Use this", elem_id="upcycle-correct")


def _why_box(choices: Choices) -> tuple[gr.Dropdown, gr.HTML]:
    """Lay out the question "why not?" and its answer."""
    asked = gr.Dropdown(
        choices.projects,
        value=None,
        label="Why is this project not on the list?",
        info="Pick a project, or type one and press Enter.",
        allow_custom_value=True,
        elem_id="upcycle-why",
    )
    return asked, _html("", "upcycle-verdict")
