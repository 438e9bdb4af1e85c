"""What the Ask tab does when a person acts: one method per event, no visitor's state inside."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import gradio as gr

from components import chat_view
from components.charts import retrieval_chart, trace_html
from components.chat_view import Exchange
from components.chat_visit import AskState, halt
from components.context import AppContext
from components.journey_thing import Thing, action_of
from engines.journey_question import disposal_question
from engines.rag.answers import Mode
from engines.rag.chat import Chat
from engines.runtime.errors import ReleafError
from engines.waste.rules import load_places

# What a question changes on the page, in this order.
OUTPUTS = ("state", "chat", "sources", "how", "box", "unsent", "note", "said")
NO_PLACE = "generic"
EMPTY_QUESTION = "Write a question first."
NO_THING = "This thing is not known any more. Show it again on the Waste tab."


class AskTab:
    """The handlers of the tab; one object for all visitors, without any visitor's state."""

    def __init__(self, context: AppContext, chat: Chat | None = None) -> None:
        self.context = context
        self.chat = chat or Chat(context.pool)
        places = load_places(context.settings.rules_dir).places.values()
        self.place_names = {place.id: place.name for place in places} or {NO_PLACE: "Any place"}

    @property
    def places(self) -> list[tuple[str, str]]:
        """(name, id) of every place, in the order to show them."""
        return [(name, place_id) for place_id, name in self.place_names.items()]

    def place_or_default(self, place_id: str | None) -> str:
        """Return the place if it exists, else the first one."""
        if place_id is not None and place_id in self.place_names:
            return place_id
        return next(iter(self.place_names))

    def ask(
        self, question: str, place_id: str, mode: Mode, state: AskState | None
    ) -> Iterator[tuple[Any, ...]]:
        """Answer what stands in the box; a question that can't be answered goes back into it.

        Yields:
            Updates of `OUTPUTS`.
        """
        state = state or AskState()
        if not question.strip():
            yield _changed(state=state, note=EMPTY_QUESTION, said=EMPTY_QUESTION)
            return
        yield from self._answer(question.strip(), place_id, mode, state, is_typed=True)

    def ask_offered(
        self, place_id: str, mode: Mode, state: AskState | None, offered: gr.SelectData
    ) -> Iterator[tuple[Any, ...]]:
        """Answer a starter or a suggested question."""
        value = offered.value
        question = value["text"] if isinstance(value, dict) else value
        yield from self._answer(str(question), place_id, mode, state or AskState())

    def ask_about(
        self, numbered: str, place_id: str, mode: Mode, state: AskState | None
    ) -> Iterator[tuple[Any, ...]]:
        """Ask how to dispose of a thing, as a button asks: "3 ask:glass_jar/glass"."""
        thing = Thing.from_address(action_of(numbered)[1])
        if thing is None:
            yield _changed(note=NO_THING, said=NO_THING)
            return
        place = self.place_or_default(place_id)
        name = None if place == NO_PLACE else self.place_names[place]
        question = disposal_question(thing.item, thing.material, name)
        yield from self._answer(question, place, mode, state or AskState())

    def retry(self, place_id: str, mode: Mode, state: AskState | None) -> Iterator[tuple[Any, ...]]:
        """Answer the last question again, for the place and in the way chosen now."""
        state = state or AskState()
        halt(state.run)
        if not state.exchanges:
            yield self._emptied(state, "This conversation is gone. Ask again.")
            return
        question = state.exchanges[-1].question
        yield from self._answer(question, place_id, mode, state, kept=len(state.exchanges) - 1)

    def edit(
        self, place_id: str, mode: Mode, state: AskState | None, edited: gr.EditData
    ) -> Iterator[tuple[Any, ...]]:
        """Ask an edited question; what came after it is dropped."""
        state = state or AskState()
        halt(state.run)
        # Every exchange is two messages, so the message's place says which one it is.
        index = edited.index[0] if isinstance(edited.index, (list, tuple)) else edited.index
        question = chat_view.unescape_markdown(_text_of(edited.value)).strip()
        if not question:
            shown = chat_view.messages(state.exchanges)
            yield _changed(state=state, chat=shown, note=EMPTY_QUESTION, said=EMPTY_QUESTION)
            return
        yield from self._answer(question, place_id, mode, state, kept=int(index) // 2)

    def undo(self, state: AskState | None) -> tuple[Any, ...]:
        """Take the last question back into the box."""
        state = state or AskState()
        halt(state.run)
        if not state.exchanges:
            return self._emptied(state, "This conversation is gone.")
        question = state.exchanges[-1].question
        state.forget_from(len(state.exchanges) - 1)
        note = "The last question is back in the box."
        return _changed(state=state, box=question, note=note, said=note, **self._shown(state))

    def clear(self, state: AskState | None) -> tuple[Any, ...]:
        """Empty the conversation; the person's documents stay."""
        state = state or AskState()
        halt(state.run)
        state.forget_from(0)
        state.session.turns.clear()
        kept = " Your documents stay until you remove them." if state.session.documents else ""
        return self._emptied(state, f"The conversation is empty.{kept}")

    def stop(self, state: AskState | None) -> str:
        """End the answer on its way with the next word; returns what to tell the person."""
        run = state.run if state is not None else None
        if run is None or run.done.is_set():
            return "Nothing is being written."
        run.stop.set()
        return "Stopping. What was checked stays."

    def export(self, state: AskState | None) -> tuple[Any, str]:
        """Write the conversation to a file; returns updates of the download and the note."""
        if state is None or not state.exchanges:
            return gr.update(value=None), "There is nothing to export yet."
        folder = Path(tempfile.mkdtemp(prefix="releaf-"))
        path = folder / f"conversation-{datetime.now():%Y%m%d-%H%M%S}.md"
        path.write_text(chat_view.export_markdown(state.exchanges), encoding="utf-8")
        return gr.update(value=str(path)), "The conversation is being downloaded."

    def add_documents(
        self, paths: list[str] | None, state: AskState | None, progress: Callable[..., Any]
    ) -> tuple[Any, ...]:
        """Read files into the person's session.

        Returns:
            Updates of state, files, list, choice, remove button, note and announcement.
        """
        state = state or AskState()
        files, problems = [Path(path) for path in paths or []], []
        for number, path in enumerate(files):
            progress((number, len(files)), desc=f"Reading {path.name}", unit="documents")
            try:
                self.chat.add_document(state.session, path, path.name)
            except ReleafError as error:
                problems.append(str(error))
            finally:
                # The words are in the session now; the file itself is kept nowhere.
                path.unlink(missing_ok=True)
        added = f"Added {len(files) - len(problems)} of {len(files)} documents."
        note = " ".join([added, *problems])
        return (state, None, *self.documents(state), chat_view.escape_markdown(note), note)

    def remove_document(self, document_id: str | None, state: AskState | None) -> tuple[Any, ...]:
        """Forget one of the person's documents; returns the updates of `add_documents`."""
        state = state or AskState()
        titles = {document.id: document.title for document in state.session.documents}
        note = "Choose a document to remove."
        if document_id in titles:
            try:
                self.chat.remove_document(state.session, str(document_id))
                note = f"Removed {titles[document_id]}. Answers that cite it stay until you clear."
            except ReleafError as error:
                note = str(error)
        return (state, gr.skip(), *self.documents(state), chat_view.escape_markdown(note), note)

    def documents(self, state: AskState) -> tuple[Any, Any, Any]:
        """Show the person's documents; updates of list, choice and remove button."""
        listed = state.session.documents
        is_shown = bool(listed)
        choices = [(document.title, document.id) for document in listed]
        last = listed[-1].id if listed else None
        choice = gr.update(choices=choices, value=last, visible=is_shown)
        return chat_view.documents_html(listed), choice, gr.update(visible=is_shown)

    def open_how(self, state: AskState | None, is_open: bool) -> tuple[Any, Any]:
        """Note whether the details are open; returns updates of state and chart."""
        state = state or AskState()
        state.is_how_open = is_open
        return state, self.chart(state)

    def chart(self, state: AskState | None) -> Any:
        """Draw the chart of the search, but only into open details: a hidden one has no size."""
        if state is None or not state.is_how_open:
            return gr.skip()
        answer = state.last_answer
        figure = retrieval_chart(answer.trace.candidates) if answer is not None else None
        return gr.update(value=figure, visible=figure is not None)

    def _answer(
        self,
        question: str,
        place_id: str,
        mode: Mode,
        state: AskState,
        *,
        kept: int | None = None,
        is_typed: bool = False,
    ) -> Iterator[tuple[Any, ...]]:
        """Answer a question after the first `kept` exchanges, all of them by default."""
        run = state.begin()
        try:
            if kept is not None:
                state.forget_from(kept)
            asked = [*chat_view.messages(state.exchanges), chat_view.user_message(question)]
            box = "" if is_typed else gr.skip()
            waiting = [*asked, chat_view.WAITING]
            sources = chat_view.sources_html(state.exchanges, is_answering=True)
            yield _changed(state=state, chat=waiting, sources=sources, box=box, unsent="", note="")
            before = tuple(state.session.turns)
            answer, problem = None, ""
            try:
                place, stop = self.place_or_default(place_id), run.stop.is_set
                for delta in self.chat.answer(
                    question, state.session, region=place, mode=mode, is_stopped=stop
                ):
                    answer = delta.answer
                    if answer is None:
                        yield _changed(chat=[*asked, chat_view.progress_message(delta)])
            except ReleafError as error:
                answer, problem = None, str(error)
            exchange = Exchange(question, before, answer, problem)
            state.exchanges.append(exchange)
            unsent = question if problem and is_typed else ""
            said = chat_view.spoken(exchange)
            yield _changed(state=state, unsent=unsent, note="", said=said, **self._shown(state))
        finally:
            run.done.set()

    def _shown(self, state: AskState) -> dict[str, Any]:
        return {
            "chat": chat_view.messages(state.exchanges),
            "sources": chat_view.sources_html(state.exchanges),
            "how": trace_html(state.last_answer, self.place_names),
        }

    def _emptied(self, state: AskState, note: str) -> tuple[Any, ...]:
        return _changed(state=state, note=note, said=note, **self._shown(state))


def _changed(**values: Any) -> tuple[Any, ...]:
    """Update the named outputs and leave the others as they are."""
    return tuple(values.get(name, gr.skip()) for name in OUTPUTS)


def _text_of(value: Any) -> str:
    """Read the text of a message, which Gradio hands over bare or in parts."""
    if isinstance(value, list):
        return " ".join(_text_of(part) for part in value)
    return str(value.get("text", "")) if isinstance(value, dict) else str(value)
