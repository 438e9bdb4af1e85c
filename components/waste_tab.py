"""The Waste tab: a photo in, an answer card out; many photos at once; corrections."""

from __future__ import annotations

from typing import Any, cast

import gradio as gr
from gradio.context import Context
from gradio.events import Dependency
from gradio.helpers import Examples

from components.browser_memory import browser_memory
from components.context import AppContext
from components.events import LATEST, QUIET
from components.journey_actions import JourneyPage
from components.journey_page import add_page
from components.journey_thing import NOTHING, make_memory
from components.photo_input import PhotoInput
from components.shell import announce, spoken_text
from components.waste_actions import BATCH_COLUMNS, WasteTab
from components.waste_card import EMPTY
from engines.waste.taxonomy import ITEM_BY_ID, ITEMS

PLACE_KEY = "releaf.place"
FORGOTTEN = "The thing and the place are forgotten."
ITEM_CHOICES = [(ITEM_BY_ID[item].name, item) for item in ITEMS]


def build(context: AppContext) -> None:
    """Lay out the tab inside the current Gradio context."""
    tab = WasteTab(context)
    if not tab.places:
        reasons = "\n".join(f"- {problem}" for problem in tab.rules.problems)
        gr.Markdown(f"### No place has rules that can be read\n\n{reasons}")
        return
    shown = gr.State(None, time_to_live=3600)
    remembered = browser_memory(PLACE_KEY)
    memory = make_memory()
    said = spoken_text()
    with gr.Column(elem_id="waste-desk") as desk, gr.Row(equal_height=False):
        with gr.Column(scale=5, min_width=300):
            photo = PhotoInput(
                label="Photo of one thing",
                sources=["upload", "webcam", "clipboard"],
                type="filepath",
                height=360,
                webcam_options=gr.WebcamOptions(mirror=False),
                elem_id="waste-photo",
                buttons=["fullscreen"],
                placeholder="Drop a photo here\nor click to choose one",
            )
            place = gr.Dropdown(
                tab.places,
                value=tab.place_or_default(None),
                label="Place",
                info="Rules differ from place to place.",
                elem_id="waste-place",
            )
            for problem in tab.rules.problems:
                gr.Markdown(f"A place was left out. {problem}")
        with gr.Column(scale=6, min_width=300):
            candidates = gr.Radio(label="Which one is it?", visible=False, elem_id="waste-pick")
            card = gr.HTML(EMPTY, elem_id="waste-answer", padding=False)
            is_heat_shown = gr.Checkbox(
                label="Show where the model looked", value=False, elem_id="waste-heat-switch"
            )
            heat = gr.Image(
                visible=False,
                interactive=False,
                elem_id="waste-heat",
                height=340,
                buttons=["fullscreen"],
                alt_text="The photo, bright where the model looked",
            )
            box, status, corrected = _correction_box(context, tab, shown)
    with desk:
        examples = _examples(context, photo)
        _many_box(tab, place)
    page = add_page(context, tab.rules, desk=desk, shown=shown, place=place)
    # Pressed by the page's script, for the buttons on the cards and on the other tabs.
    forget = gr.Button("Forget", visible="hidden", elem_id="journey-forget")

    heating: dict[str, Any] = {**LATEST, "show_progress": "full"}

    def settle(done: Dependency) -> None:
        """Say the answer, show where the model looked, and let the browser keep the thing."""
        announced = announce(done, said)
        announced.then(tab.heat, [is_heat_shown, shown], heat, **heating)
        announced.success(tab.kept, shown, memory, queue=False, **LATEST)

    outputs = [photo, card, shown, candidates, heat, box, status, said]
    answering: dict[str, Any] = {
        "fn": tab.classify,
        "inputs": [photo, place],
        "outputs": outputs,
        "show_progress": "hidden",
        "trigger_mode": "always_last",
    }
    # "input" comes for an upload, a paste, a snapshot and a cleared photo alike.
    answered = photo.input(
        **answering,
        js="(photo, place) => [window.releaf.photoSent(photo), place]",
        api_name="classify",
    )
    settle(answered)
    if examples is not None:
        settle(examples.load_input_event.then(**answering, api_visibility="private"))
    for chosen in (candidates, corrected):
        settle(chosen.input(tab.choose, [chosen, shown, place], [card, shown, said], **LATEST))
    place.change(
        lambda visible, place_id, kept: (tab.card(visible, place_id, kept), place_id),
        [shown, place, memory],
        [card, remembered],
        **QUIET,
    )
    is_heat_shown.input(tab.heat, [is_heat_shown, shown], heat, **heating)

    def restore(place_id: str | None, kept: object) -> tuple[str, str]:
        """Show the place and the thing that the visitor's browser has kept."""
        known = tab.place_or_default(place_id)
        return known, tab.card(None, known, kept)

    def forget_all() -> tuple[Any, ...]:
        """Forget the thing and the place: on the page, and in the visitor's browser."""
        _, *emptied, _ = tab.classify(None, "")
        nowhere = tab.place_or_default(None)
        return (None, *emptied, FORGOTTEN, NOTHING, nowhere, *JourneyPage.emptied())

    _page().load(restore, [remembered, memory], [place, card], **QUIET)
    forgotten = forget.click(forget_all, None, [*outputs, memory, place, *page], **QUIET)
    announce(forgotten, said)


def _page() -> gr.Blocks:
    """Return the page that the tab is being built into."""
    return cast(gr.Blocks, Context.root_block)


def _examples(context: AppContext, photo: gr.Image) -> Examples | None:
    """Offer the pictures that the shipped model gets right."""
    folder = context.settings.examples_dir
    listed = folder / "shown.txt"
    if not listed.is_file():
        return None
    paths = [folder / name for name in listed.read_text(encoding="utf-8").split()]
    return gr.Examples(
        [[str(path)] for path in paths if path.is_file()],
        inputs=photo,
        label="Or try one of ours",
        examples_per_page=16,
        elem_id="waste-examples",
        api_visibility="private",
    )


def _correction_box(
    context: AppContext, tab: WasteTab, shown: gr.State
) -> tuple[gr.Accordion, gr.Markdown, gr.Dropdown]:
    """Lay out "this is wrong, it is ..."; returns its box, its answer, and what it is."""
    is_on = context.settings.is_feedback_saved
    with gr.Accordion("This is wrong", open=False, visible=False, elem_id="waste-wrong") as box:
        if not is_on:
            gr.Markdown("Pick what it is. Corrections are not kept on this public page.")
        said = gr.Dropdown(
            [*ITEM_CHOICES, ("Something else, not waste", "not_waste")],
            value=None,
            label="It is",
            elem_id="waste-said",
        )
        keep = gr.Checkbox(
            label="Keep my photo with it (small, without location)",
            value=False,
            visible=is_on,
        )
        send = gr.Button("Send correction", visible=is_on, elem_id="waste-send")
        status = gr.Markdown(elem_id="waste-status")
        download = gr.DownloadButton(
            "Download all corrections", visible=False, size="sm", elem_id="waste-feedback-download"
        )
    sent = send.click(
        tab.correct, [said, keep, shown], status, api_name="correct", show_progress="hidden"
    )
    announced = announce(sent, status)
    # On a public page a visitor may add corrections, but not read those of others.
    if is_on and not context.settings.is_public_space:
        announced.then(tab.feedback_file, None, download, **LATEST)
        _page().load(tab.feedback_file, None, download, api_visibility="private")
    return box, status, said


def _many_box(tab: WasteTab, place: gr.Dropdown) -> None:
    """Lay out the sorting of many photos."""
    with gr.Accordion("Sort many photos at once", open=False, elem_id="waste-many"):
        files = gr.File(
            file_count="multiple",
            label="Photos",
            elem_id="waste-files",
            height=180,
        )
        start = gr.Button("Sort them", variant="primary", elem_id="waste-sort")
        summary = gr.Markdown(elem_id="waste-summary")
        table = gr.Dataframe(
            headers=BATCH_COLUMNS,
            visible=False,
            interactive=False,
            wrap=True,
            elem_id="waste-table",
        )
        download = gr.DownloadButton("Download as CSV", visible=False, elem_id="waste-csv")

    def sort_many(
        paths: list[str] | None,
        place_id: str,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        return tab.sort_many(paths, place_id, progress)

    done = start.click(
        sort_many,
        [files, place],
        [summary, table, download],
        api_name="classify_many",
        show_progress_on=summary,
    )
    announce(done, summary)
