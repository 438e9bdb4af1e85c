"""The Ask tab's handlers: what a person is shown and told, and what happens at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from components import chat_tab
from components.chat_actions import EMPTY_QUESTION, AskTab
from components.chat_view import WAITING, escape_markdown
from components.chat_visit import AskState
from components.context import AppContext
from components.waste_tab import PLACE_KEY
from engines.rag.chat import STOPPED
from engines.runtime.errors import BusyError
from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.components.scripted_chat import (
    PLACE,
    ScriptedChat,
    ask,
    changes,
    edited,
    is_left,
    run,
    texts,
)

PATIENCE_S = 5.0


@pytest.fixture
def context(tmp_path: Path) -> Iterator[AppContext]:
    settings = Settings(data_dir=tmp_path / "data", cache_dir=tmp_path / "cache")
    lane = CpuLane.from_settings(settings)
    yield AppContext(settings=settings, pool=EnginePool(settings, lane))
    lane.close()


@pytest.fixture
def chat() -> ScriptedChat:
    return ScriptedChat()


@pytest.fixture
def tab(context: AppContext, chat: ScriptedChat) -> AskTab:
    return AskTab(context, chat)


@pytest.fixture
def state() -> AskState:
    return AskState()


def test_a_question_is_answered_in_the_conversation_with_its_passages_beside_it(
    tab: AskTab, state: AskState, chat: ScriptedChat
) -> None:
    shown = run(tab.ask(" Where does a vape go? ", "germany", "written", state))
    assert chat.asked == [("Where does a vape go?", "germany", "written", ())]
    assert [message["role"] for message in shown["chat"]] == ["user", "assistant"]
    assert "Sentence 3. [\\[1\\]](#source-1-1)" in texts(shown)[1]
    assert 'id="source-1-1"' in shown["sources"]
    assert "dead vape" in shown["how"]
    assert shown["box"] == ""
    assert shown["state"] is state


def test_the_first_thing_shown_is_the_question_and_the_last_a_sentence_to_speak(
    tab: AskTab, state: AskState
) -> None:
    steps = [changes(step) for step in tab.ask("Why?", PLACE, "written", state)]
    assert steps[0]["chat"] == [{"role": "user", "content": "Why?"}, WAITING]
    assert [step for step in steps if step.get("said")] == [steps[-1]]
    assert steps[-1]["said"].startswith("Sentence 1. Sentence 2. Sentence 3.")
    assert "*And then* (being checked)" in steps[1]["chat"][1]["content"]
    assert "being checked" not in texts(steps[-1])[1]


def test_an_empty_question_is_asked_for_and_changes_nothing_else(
    tab: AskTab, state: AskState, chat: ScriptedChat
) -> None:
    shown = run(tab.ask(" \n ", PLACE, "quoted", state))
    assert shown == {"state": state, "note": EMPTY_QUESTION, "said": EMPTY_QUESTION}
    assert chat.asked == []


def test_a_failure_is_one_sentence_in_the_conversation_and_the_question_comes_back(
    tab: AskTab, state: AskState, chat: ScriptedChat
) -> None:
    ask(tab, state, "First?")
    chat.failure = BusyError("Too many questions wait.", "Try again in 20 s.")
    shown = ask(tab, state, "Second?")
    assert texts(shown)[-1] == "**No answer.** Too many questions wait. Try again in 20 s."
    assert shown["said"] == "Too many questions wait. Try again in 20 s."
    assert shown["unsent"] == "Second?"
    chat.failure = None
    shown = ask(tab, state, "Second?")
    assert shown["unsent"] == ""
    assert len(texts(shown)) == 6


def test_an_unknown_place_from_an_old_browser_falls_back_to_the_first(
    tab: AskTab, state: AskState, chat: ScriptedChat
) -> None:
    run(tab.ask("Why?", "atlantis", "quoted", state))
    assert chat.asked[0][1] == tab.places[0][1] == tab.place_or_default(None)


def test_stop_ends_the_answer_and_what_was_checked_stays(
    tab: AskTab, state: AskState, chat: ScriptedChat
) -> None:
    chat.on_sentence = lambda number: None if number < 2 else stopped.append(tab.stop(state))
    stopped: list[str] = []
    shown = run(tab.ask("Why?", PLACE, "written", state))
    assert stopped == ["Stopping. What was checked stays."]
    assert "Sentence 2." in texts(shown)[1]
    assert "Sentence 3." not in texts(shown)[1]
    assert STOPPED in shown["said"]
    assert tab.stop(state) == "Nothing is being written."
    assert tab.stop(None) == "Nothing is being written."


def test_a_second_question_stops_the_first_waits_for_it_and_is_answered_whole(
    tab: AskTab, state: AskState, chat: ScriptedChat
) -> None:
    is_under_way, may_go_on = threading.Event(), threading.Event()

    def pause(number: int) -> None:
        if chat.asked[-1][0] == "First?" and number == 1:
            is_under_way.set()
            assert may_go_on.wait(PATIENCE_S)

    chat.on_sentence = pause
    first = threading.Thread(target=run, args=(tab.ask("First?", PLACE, "written", state),))
    first.start()
    assert is_under_way.wait(PATIENCE_S)
    threading.Timer(0.1, may_go_on.set).start()
    shown = run(tab.ask("Second?", PLACE, "written", state))
    first.join(PATIENCE_S)
    assert [exchange.question for exchange in state.exchanges] == ["First?", "Second?"]
    assert "Sentence 2." not in texts(shown)[1]
    assert "Sentence 3." in texts(shown)[3]


def test_an_abandoned_answer_does_not_hold_up_the_next(tab: AskTab, state: AskState) -> None:
    steps = tab.ask("First?", PLACE, "written", state)
    next(steps)
    steps.close()  # type: ignore[attr-defined]
    assert state.run is not None
    assert state.run.done.is_set()
    assert len(texts(ask(tab, state, "Second?"))) == 2


def test_retry_asks_the_last_question_again_as_if_for_the_first_time(
    tab: AskTab, state: AskState, chat: ScriptedChat
) -> None:
    ask(tab, state, "First?", "Second?")
    shown = run(tab.retry("france", "written", state))
    assert chat.asked[2] == ("Second?", "france", "written", chat.asked[1][3])
    assert [turn.question for turn in state.session.turns] == ["First?", "Second?"]
    assert len(texts(shown)) == 4
    assert "box" not in shown or is_left(shown["box"])


@pytest.mark.parametrize("index", [2, [2, 0]], ids=["number", "pair"])
def test_an_edited_question_is_asked_anew_and_what_followed_is_dropped(
    index: Any, tab: AskTab, state: AskState, chat: ScriptedChat
) -> None:
    ask(tab, state, "First?", "Second?", "Third?")
    shown = run(tab.edit(PLACE, "quoted", state, edited(index, escape_markdown("[New] one?"))))
    assert chat.asked[-1][0] == "[New] one?"
    assert [turn.question for turn in chat.asked[-1][3]] == ["First?"]
    assert [turn.question for turn in state.session.turns] == ["First?", "[New] one?"]
    assert texts(shown)[::2] == ["First?", escape_markdown("[New] one?")]


def test_a_question_edited_to_nothing_is_put_back(tab: AskTab, state: AskState) -> None:
    ask(tab, state, "First?")
    shown = run(tab.edit(PLACE, "quoted", state, edited(0, [{"type": "text", "text": " "}])))
    assert texts(shown)[0] == "First?"
    assert shown["note"] == EMPTY_QUESTION


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"text": "And glass?", "files": None}, id="starter"),
        pytest.param("And glass?", id="next question"),
    ],
)
def test_an_offered_question_is_asked_and_the_box_is_left_alone(
    value: Any, tab: AskTab, state: AskState, chat: ScriptedChat
) -> None:
    offered = gr.SelectData(None, {"index": 0, "value": value})
    shown = run(tab.ask_offered(PLACE, "quoted", state, offered))
    assert chat.asked[0][0] == "And glass?"
    assert "box" not in shown


def test_undo_takes_the_last_question_back_into_the_box(tab: AskTab, state: AskState) -> None:
    ask(tab, state, "First?", "Second?")
    shown = changes(tab.undo(state))
    assert shown["box"] == "Second?"
    assert texts(shown)[::2] == ["First?"]
    assert [turn.question for turn in state.session.turns] == ["First?"]


def test_clear_empties_conversation_and_memory_but_keeps_documents(
    tab: AskTab, state: AskState, tmp_path: Path
) -> None:
    ask(tab, state, "First?")
    assert changes(tab.clear(state))["note"] == "The conversation is empty."
    add(tab, state, write(tmp_path, "mine.txt", "Our bin is purple."))
    ask(tab, state, "First?")
    shown = changes(tab.clear(state))
    assert (shown["chat"], state.exchanges, state.session.turns) == ([], [], [])
    assert "Your documents stay" in shown["said"]
    assert len(state.session.documents) == 1


def test_without_a_state_every_handler_still_answers(tab: AskTab) -> None:
    assert run(tab.retry(PLACE, "quoted", None))["chat"] == []
    assert changes(tab.undo(None))["chat"] == []
    assert changes(tab.clear(None))["chat"] == []
    assert len(run(tab.ask("Why?", PLACE, "quoted", None))["chat"]) == 2


def test_the_conversation_is_exported_with_its_passages(tab: AskTab, state: AskState) -> None:
    update, note = tab.export(state)
    assert update["value"] is None
    assert "nothing to export" in note
    ask(tab, state, "First?")
    update, _ = tab.export(state)
    written = Path(update["value"]).read_text(encoding="utf-8")
    assert "## 1. First?" in written
    assert "Take it back to a shop." in written


def write(folder: Path, name: str, text: str) -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def add(tab: AskTab, state: AskState, *paths: str) -> tuple[Any, ...]:
    return tab.add_documents(list(paths), state, lambda *_, **__: None)


def test_documents_are_added_listed_and_kept_on_no_disk(
    tab: AskTab, state: AskState, tmp_path: Path
) -> None:
    good = write(tmp_path, "my_bin.txt", "Our bin is purple.")
    empty = write(tmp_path, "empty.txt", "")
    _, files, listed, choice, remove, note, said = add(tab, state, good, empty)
    assert files is None
    assert "my_bin.txt" in listed
    assert [name for name, _ in choice["choices"]] == ["my_bin.txt"]
    assert choice["visible"] and remove["visible"]
    assert said.startswith("Added 1 of 2 documents. empty.txt is empty.")
    assert note == escape_markdown(said)
    assert list(tmp_path.glob("*.txt")) == []


def test_a_removed_document_is_off_the_list(tab: AskTab, state: AskState, tmp_path: Path) -> None:
    add(tab, state, write(tmp_path, "mine.txt", "Our bin is purple."))
    assert tab.remove_document(None, state)[-1] == "Choose a document to remove."
    name = state.session.documents[0].id
    _, _, listed, choice, remove, _, said = tab.remove_document(name, state)
    assert "None yet" in listed
    assert not choice["visible"] and not remove["visible"]
    assert said.startswith("Removed mine.txt.")


def test_the_chart_is_drawn_only_into_open_details(tab: AskTab, state: AskState) -> None:
    ask(tab, state, "First?")
    assert is_left(tab.chart(state))
    _, update = tab.open_how(state, True)
    assert update["visible"]
    assert len(update["value"].data) == 3
    assert is_left(tab.open_how(state, False)[1])
    assert not tab.open_how(AskState(), True)[1]["visible"]


def test_the_page_offers_one_public_call_and_keeps_the_conversation_inert(
    context: AppContext,
) -> None:
    with gr.Blocks() as app:
        chat_tab.build(context)
    config = app.get_config_file()
    public = [d["api_name"] for d in config["dependencies"] if d["api_visibility"] == "public"]
    assert public == ["ask"]
    (chatbot,) = [c["props"] for c in config["components"] if c["type"] == "chatbot"]
    assert chatbot["sanitize_html"] is True
    assert chatbot["allow_tags"] is False
    assert chatbot["latex_delimiters"] == []
    assert chatbot["editable"] == "user"
    stored = [c["props"] for c in config["components"] if c["type"] == "browserstate"]
    assert [props["storage_key"] for props in stored] == [PLACE_KEY]
