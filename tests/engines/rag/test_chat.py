from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from engines.rag.answers import Answer, AnswerDelta
from engines.rag.ask import build_pool
from engines.rag.chat import (
    NO_MODEL,
    STOPPED,
    Chat,
    Parts,
    _is_statement,
    _sentences_so_far,
    _without_lead_in,
)
from engines.rag.engine import RagEngine
from engines.rag.session import ChatSession
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings

QUESTION = "what happens to glass after the bin"


def finish(deltas: list[AnswerDelta]) -> Answer:
    answer = deltas[-1].answer
    assert answer is not None
    return answer


def test_a_written_answer_streams_and_every_sentence_shown_is_supported(chat: Chat) -> None:
    deltas = list(chat.answer(QUESTION, ChatSession(), mode="written"))
    assert any(delta.draft for delta in deltas)
    answer = finish(deltas)
    assert answer.mode == "written"
    assert answer.sentences
    assert all(sentence.citations for sentence in answer.sentences)
    for sentence in answer.sentences:
        if sentence.is_quotation:
            cited = [c.passage for c in answer.citations if c.number in sentence.citations]
            assert any(sentence.text in passage for passage in cited)


def test_a_written_answer_to_a_danger_opens_with_the_documents_own_words(chat: Chat) -> None:
    deltas = list(chat.answer("my battery is swollen, help", ChatSession(), mode="written"))
    assert deltas[0].sentences[0].is_safety
    assert deltas[0].sentences[0].is_quotation
    assert finish(deltas).sentences[0] == finish(deltas).sentences[0]
    assert finish(deltas).sentences[0].text == deltas[0].sentences[0].text


def test_a_stopped_answer_keeps_what_was_checked(chat: Chat) -> None:
    stopped = threading.Event()
    deltas = []
    for delta in chat.answer(QUESTION, ChatSession(), mode="written", is_stopped=stopped.is_set):
        deltas.append(delta)
        if delta.draft:
            stopped.set()
    answer = finish(deltas)
    assert answer.notice == STOPPED
    assert all(sentence.citations for sentence in answer.sentences)


def test_an_answer_that_is_dropped_midway_leaves_the_chat_usable(chat: Chat) -> None:
    for delta in chat.answer(QUESTION, ChatSession(), mode="written"):
        if delta.draft:
            break
    assert finish(list(chat.answer(QUESTION, ChatSession()))).sentences


def test_without_the_language_model_the_answer_quotes_and_says_so(tmp_path: Path) -> None:
    pool = build_pool(Settings(llm_model="no_such_model"))
    try:
        answer = finish(list(Chat(pool).answer(QUESTION, ChatSession(), mode="written")))
    finally:
        pool.lane.close()
    assert answer.notice == NO_MODEL
    assert answer.sentences
    assert all(sentence.is_quotation for sentence in answer.sentences)


def test_without_the_embedding_model_the_error_says_what_to_do() -> None:
    pool = build_pool(Settings(embedding_model="no_such_model"))
    try:
        with pytest.raises(EngineUnavailableError, match="no_such_model"):
            list(Chat(pool).answer(QUESTION, ChatSession()))
    finally:
        pool.lane.close()


def test_other_work_gets_its_turn_while_an_answer_is_written(chat: Chat, pool: EnginePool) -> None:
    waits_s: list[float] = []
    is_over = threading.Event()

    def knock() -> None:
        while not is_over.wait(0.05):
            start_s = time.perf_counter()
            pool.lane.run(lambda: None)
            waits_s.append(time.perf_counter() - start_s)

    list(chat.answer(QUESTION, ChatSession(), mode="written"))  # loaded and warm
    thread = threading.Thread(target=knock)
    thread.start()
    start_s = time.perf_counter()
    list(chat.answer(QUESTION, ChatSession(), mode="written"))
    written_s = time.perf_counter() - start_s
    is_over.set()
    thread.join()
    assert len(waits_s) >= 3
    # One job of a word or a piece of the prompt, never the whole answer.
    assert max(waits_s) < written_s / 2


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param(
            'The answer is: "Never mix pesticides with each other."',
            "Never mix pesticides with each other.",
            id="announced and quoted",
        ),
        pytest.param(
            "The answer to the question is: no, rinse it first.",
            "No, rinse it first.",
            id="announced at length",
        ),
        pytest.param("[1] A: A phone can be sold.", "A phone can be sold.", id="two lead-ins"),
        pytest.param("Answer: “Rinse the jar”.", "Rinse the jar.", id="typographic marks"),
        pytest.param('"Rinse the jar. ', "Rinse the jar. ", id="only the opening mark"),
        pytest.param('Rinse the jar."', "Rinse the jar.", id="only the closing mark"),
        pytest.param("The answer is:", "", id="nothing announced"),
        pytest.param("Rinse the jar.", "Rinse the jar.", id="plain"),
        pytest.param("pH paper is waste.", "pH paper is waste.", id="small first letter"),
        pytest.param('"Biodegradable" is no promise.', '"Biodegradable" is no promise.', id="word"),
        pytest.param('It says "recycled".', 'It says "recycled".', id="last word"),
        pytest.param('Cut a pipe of 2".', 'Cut a pipe of 2".', id="inches"),
        pytest.param(
            "The answer is to rinse the jar.", "The answer is to rinse the jar.", id="a sentence"
        ),
    ],
)
def test_what_only_announces_a_sentence_is_taken_off(written: str, kept: str) -> None:
    assert _without_lead_in(written) == kept


def test_an_announced_quotation_is_shown_as_the_documents_own_sentence(
    chat: Chat, engine: RagEngine
) -> None:
    found = engine.find(QUESTION, ChatSession())
    own = found.scored[0].text
    parts: Parts = []
    assert chat._keep(found, f'The answer is: "{own}"', parts) == 0
    assert [(part[0].text, part[0].is_quotation) for part in parts] == [(own, True)]


@pytest.mark.parametrize(
    ("sentence", "is_statement"),
    [
        ("Take a swollen power bank to a recycling centre.", True),
        ("The passage is about the plastic after the bin.", False),
        ("Question about batteries: the white crust is caustic.", False),
        ("Greasy pizza boxes:", False),
        ("Yes.", False),
    ],
)
def test_what_a_small_model_says_about_its_passages_is_dropped(
    sentence: str, is_statement: bool
) -> None:
    assert _is_statement(sentence) == is_statement


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", [""]),
        ("Rinse the jar", ["Rinse the jar"]),
        ("Rinse the jar. Take the l", ["Rinse the jar.", "Take the l"]),
        ("Rinse the jar. ", ["Rinse the jar.", ""]),
    ],
)
def test_a_draft_is_split_into_whole_sentences_and_the_rest(text: str, parts: list[str]) -> None:
    assert _sentences_so_far(text) == parts
