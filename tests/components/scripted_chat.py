"""A chat that answers by a script, for the tests of the Ask tab, and what is then shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import gradio as gr

from components.chat_actions import OUTPUTS, AskTab
from components.chat_visit import AskState
from engines.rag.answers import AnswerDelta, AnswerSentence, Mode
from engines.rag.chat import STOPPED, Chat
from engines.rag.documents import Document
from engines.rag.follow_up import Turn
from engines.rag.session import ChatSession
from engines.rag.uploads import read_upload
from engines.runtime.errors import ReleafError
from tests.components.test_chat_view import answer

PLACE = "generic"


class ScriptedChat(Chat):
    """Answer every question with the same three sentences, at a pace that a test sets."""

    def __init__(self) -> None:
        self.failure: ReleafError | None = None
        self.asked: list[tuple[str, str, Mode, tuple[Turn, ...]]] = []
        self.on_sentence: Callable[[int], None] = lambda number: None

    def answer(
        self,
        question: str,
        session: ChatSession,
        *,
        region: str = PLACE,
        mode: Mode = "quoted",
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[AnswerDelta]:
        self.asked.append((question, region, mode, tuple(session.turns)))
        if self.failure is not None:
            raise self.failure
        said: tuple[AnswerSentence, ...] = ()
        for number in range(1, 4):
            if is_stopped():
                break
            said = (*said, AnswerSentence(f"Sentence {number}.", (1,), False))
            yield AnswerDelta(said, "And then")
            self.on_sentence(number)
        session.remember(Turn(question, ("Dead vapes",), "disposal"))
        notice = STOPPED if is_stopped() else ""
        whole = answer(sentences=said, mode=mode, notice=notice)
        yield AnswerDelta(said, "", whole)

    def add_document(self, session: ChatSession, path: Path, name: str) -> Document:
        document = read_upload(path, name=name)
        session.documents.append(document)
        return document

    def remove_document(self, session: ChatSession, document_id: str) -> None:
        session.documents[:] = [d for d in session.documents if d.id != document_id]


def is_left(value: Any) -> bool:
    return isinstance(value, dict) and value.get("__type__") == "update" and len(value) == 1


def changes(updates: tuple[Any, ...]) -> dict[str, Any]:
    assert len(updates) == len(OUTPUTS)
    return {name: value for name, value in zip(OUTPUTS, updates) if not is_left(value)}


def run(steps: Iterator[tuple[Any, ...]]) -> dict[str, Any]:
    """Take every update; returns what each output shows at the end."""
    shown: dict[str, Any] = {}
    for step in steps:
        shown |= changes(step)
    return shown


def ask(tab: AskTab, state: AskState, *questions: str) -> dict[str, Any]:
    shown: dict[str, Any] = {}
    for question in questions:
        shown = run(tab.ask(question, PLACE, "quoted", state))
    return shown


def texts(shown: dict[str, Any]) -> list[str]:
    return [message["content"] for message in shown["chat"]]


def edited(index: int, value: Any) -> gr.EditData:
    return gr.EditData(None, {"index": index, "value": value, "previous_value": ""})
