"""The Ask tab: a question in, an answer from documents out, with the passages it rests on."""

from __future__ import annotations

from typing import Any, cast

import gradio as gr
from gradio.components import Component
from gradio.context import Context
from gradio.events import Dependency

from components.browser_memory import browser_memory
from components.charts import trace_html
from components.chat_actions import OUTPUTS, AskTab
from components.chat_view import STARTERS, documents_html, sources_html
from components.chat_visit import AskState
from components.context import AppContext
from components.events import EACH, LATEST, QUIET
from components.journey_offer import add_strip
from components.shell import announce, plain_html, spoken_text
from components.waste_tab import PLACE_KEY

DOCUMENT_TYPES = [".pdf", ".docx", ".html", ".htm", ".md", ".txt"]
MAX_CHARS = 2000
MODES = [("Quoted", "quoted"), ("Written", "written")]


def build(context: AppContext) -> None:
    """Lay out the tab inside the current Gradio context."""
    tab = AskTab(context)
    parts: dict[str, Component] = {
        "state": gr.State(None, time_to_live=3600),
        "unsent": gr.Textbox(visible=False, label="Question without an answer"),
        "said": spoken_text(),
    }
    # The page's script writes here which thing a button asks about.
    action = gr.Textbox(visible="hidden", show_label=False, elem_id="ask-action")
    with gr.Column(elem_id="ask"):
        add_strip("ask")
        with gr.Row(equal_height=False):
            with gr.Column(scale=7, min_width=300):
                chat = _conversation()
                box = gr.Textbox(
                    label="Your question",
                    placeholder="For example: can I put a dead vape in the bin?",
                    info="Enter sends, Shift and Enter starts a new line.",
                    lines=1,
                    max_lines=8,
                    max_length=MAX_CHARS,
                    elem_id="ask-box",
                )
                with gr.Row():
                    send = gr.Button("Send", variant="primary", min_width=90, elem_id="ask-send")
                    stop = gr.Button("Stop", min_width=90, elem_id="ask-stop")
                    export = gr.Button("Export", min_width=90, elem_id="ask-export")
                    download = gr.DownloadButton(visible="hidden", elem_id="ask-download")
                note = gr.Markdown(elem_id="ask-note")
            with gr.Column(scale=4, min_width=280):
                place = gr.Dropdown(
                    tab.places,
                    value=tab.place_or_default(None),
                    label="Place",
                    info="Rules differ from place to place.",
                    elem_id="ask-place",
                )
                mode = gr.Radio(
                    MODES,
                    value="quoted",
                    label="Answers",
                    info="Quoted: only sentences of the documents. Written: a small language model "
                    "writes, and each sentence is checked against the documents.",
                    elem_id="ask-mode",
                )
                sources = plain_html(sources_html(()), elem_id="ask-sources")
                _documents_box(context, tab, parts["state"])
        with gr.Accordion("How this answer was found", open=False, elem_id="ask-how") as how:
            plot = gr.Plot(visible=False, show_label=False, elem_id="ask-plot")
            details = plain_html(trace_html(None, {}), elem_id="ask-details")
    parts |= {"chat": chat, "sources": sources, "how": details, "box": box, "note": note}
    outputs = [parts[name] for name in OUTPUTS]
    state, said = parts["state"], parts["said"]

    def settle(answered: Dependency) -> None:
        announce(answered, said)
        put_back = "(question) => { window.releafAsk.putBack(question); }"
        answered.success(None, inputs=parts["unsent"], js=put_back)
        answered.success(tab.chart, state, plot, **LATEST)

    settle(
        gr.on(
            [box.submit, send.click],
            tab.ask,
            inputs=[box, place, mode, state],
            outputs=outputs,
            api_name="ask",
            show_progress="hidden",
            # A question while another is answered ends that one; see AskState.begin.
            trigger_mode="multiple",
        )
    )
    again: dict[str, Any] = {
        "inputs": [place, mode, state],
        "outputs": outputs,
        **EACH,
    }
    settle(chat.example_select(tab.ask_offered, **again))
    settle(chat.option_select(tab.ask_offered, **again))
    asked = action.change(tab.ask_about, **{**again, "inputs": [action, *again["inputs"]]})
    settle(asked)
    asked.success(None, js="() => { window.releafJourney.answered(); }")
    settle(chat.retry(tab.retry, **again))
    settle(chat.edit(tab.edit, **again))
    settle(chat.undo(tab.undo, state, outputs, **QUIET))
    settle(chat.clear(tab.clear, state, outputs, **QUIET))
    announce(stop.click(tab.stop, state, note, queue=False, **QUIET), note)
    exported = announce(export.click(tab.export, state, [download, note], **QUIET), note)
    exported.success(None, js="() => { window.releafAsk.press('ask-download'); }")
    how.expand(lambda current: tab.open_how(current, True), state, [state, plot], **LATEST)
    how.collapse(lambda current: tab.open_how(current, False), state, [state, plot], **LATEST)
    _share_place(tab, place)
    # Made with the page, so that two first questions at once find the same one.
    _page().load(lambda current: current or AskState(), state, state, **QUIET)


def _page() -> gr.Blocks:
    """Return the page that the tab is being built into."""
    return cast(gr.Blocks, Context.root_block)


def _conversation() -> gr.Chatbot:
    """Lay out the conversation; what a person or a document writes in it stays inert."""
    return gr.Chatbot(
        show_label=False,
        elem_id="ask-chat",
        height="54vh",
        min_height=320,
        # The page keeps the question in sight instead; see ask.js.
        autoscroll=False,
        editable="user",
        buttons=[],
        sanitize_html=True,
        allow_tags=False,
        latex_delimiters=[],
        feedback_options=None,
        layout="bubble",
        placeholder="**Ask about waste, recycling and reuse.** Each answer shows its sources.",
        examples=[{"text": question} for question in STARTERS],
    )


def _documents_box(context: AppContext, tab: AskTab, state: Component) -> None:
    """Lay out the adding and removing of a person's own documents."""
    limit_mb = context.settings.max_upload_mb
    with gr.Accordion("Your documents", open=True, elem_id="ask-documents"):
        files = gr.File(
            label="Add documents",
            file_count="multiple",
            file_types=DOCUMENT_TYPES,
            height=180,
            elem_id="ask-files",
        )
        gr.Markdown(
            f"PDF, Word (DOCX), HTML, Markdown or text, up to {limit_mb:g} MB each. They stay in "
            "this visit only: nobody else sees them, and they are gone after it."
        )
        listed = plain_html(documents_html(()), elem_id="ask-document-list")
        choice = gr.Dropdown(
            [], label="Remove a document", visible=False, elem_id="ask-document-choice"
        )
        remove = gr.Button("Remove", size="sm", visible=False, elem_id="ask-document-remove")
        note = gr.Markdown(elem_id="ask-document-note")
    said = spoken_text()

    def add(
        paths: list[str] | None,
        current: AskState | None,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[Any, ...]:
        return tab.add_documents(paths, current, progress)

    outputs = [state, files, listed, choice, remove, note, said]
    added = files.upload(
        add, [files, state], outputs, **{**EACH, "show_progress": "full", "show_progress_on": note}
    )
    announce(added, said)
    announce(remove.click(tab.remove_document, [choice, state], outputs, **QUIET), said)


def _share_place(tab: AskTab, place: gr.Dropdown) -> None:
    """Keep the place the same here, on the Waste tab and on the next visit."""
    remembered = browser_memory(PLACE_KEY)
    _page().load(tab.place_or_default, remembered, place, **QUIET)
    place.input(lambda place_id: place_id, place, remembered, **LATEST)
    other = next(
        (b for b in _page().blocks.values() if getattr(b, "elem_id", None) == "waste-place"), None
    )
    if isinstance(other, gr.Dropdown):
        place.input(lambda place_id: place_id, place, other, **LATEST)
        other.change(tab.place_or_default, other, place, **QUIET)
