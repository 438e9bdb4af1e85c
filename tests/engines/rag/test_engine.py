from __future__ import annotations

from pathlib import Path

import pytest

from engines.rag.answers import Answer
from engines.rag.ask import answer_one
from engines.rag.chat import Chat
from engines.rag.engine import RagEngine
from engines.rag.session import ChatSession
from engines.runtime.errors import InputError


def ask(engine: RagEngine, question: str, region: str = "generic") -> Answer:
    return engine.quote(engine.find(question, ChatSession(), region=region))


@pytest.mark.parametrize(
    ("question", "document"),
    [
        pytest.param(
            "can i put a dead vape in the bin", "hazard/vapes_and_e_cigarettes", id="vape"
        ),
        pytest.param("wat do i do w a swolen batery", "hazard/swollen_batteries", id="typos"),
        pytest.param("is a greasy pizza box recyclable?", "guide/greasy_pizza_boxes", id="pizza"),
        pytest.param("old mattress??", "guide/mattresses", id="fragment"),
    ],
)
def test_a_question_is_answered_from_the_right_document(
    engine: RagEngine, question: str, document: str
) -> None:
    answer = ask(engine, question)
    assert not answer.is_refusal
    assert document in {citation.document_id for citation in answer.citations}


def test_every_sentence_of_a_quoted_answer_stands_in_the_passage_it_cites(
    engine: RagEngine,
) -> None:
    answer = ask(engine, "Where does a jam jar with its lid go?")
    passages = {citation.number: citation for citation in answer.citations}
    assert answer.sentences
    for sentence in answer.sentences:
        assert sentence.citations
        cited = [passages[number] for number in sentence.citations]
        assert any(sentence.text in citation.passage for citation in cited)
        marked = [c.passage[start:end] for c in cited for start, end in c.highlights]
        assert any(text in sentence.text or sentence.text in text for text in marked)


def test_the_danger_comes_first(engine: RagEngine) -> None:
    answer = ask(engine, "can i throw a leaking lithium battery in the trash")
    assert answer.sentences[0].is_safety
    assert answer.citations[0].document_id.startswith("hazard/")


@pytest.mark.parametrize(
    ("question", "document"),
    [
        pytest.param("empty hairspray tin, do i pierce it", "hazard/aerosol_cans", id="spray"),
        pytest.param("half used tins of emulsion in the shed", "hazard/paint", id="paint"),
        pytest.param(
            "where do altbatterien go in germany", "alkaline_and_household", id="local word"
        ),
        pytest.param("my phone's back is bulging", "batter", id="guide ranks first"),
        pytest.param(
            "small camping stove canister can it be recycled as metal",
            "hazard/propane_and_camping_gas",
            id="not the nearest word",
        ),
    ],
)
def test_the_warning_is_that_of_the_thing_in_question(
    engine: RagEngine, question: str, document: str
) -> None:
    answer = ask(engine, question)
    assert answer.sentences[0].is_safety
    assert document in answer.citations[0].document_id


def test_the_answer_follows_the_chosen_place(engine: RagEngine) -> None:
    german = ask(engine, "where does a glass jar go", "germany").text
    english = ask(engine, "where does a glass jar go", "uk_england").text
    assert "Germany" in german
    assert "Germany" not in english
    assert "England" in english


def test_a_place_in_the_question_goes_before_the_chosen_one(engine: RagEngine) -> None:
    found = engine.find("where does a glass jar go in Tokyo?", ChatSession(), region="germany")
    assert found.region == "japan_tokyo"


@pytest.mark.parametrize(
    "question",
    ["what is the capital of Peru", "write me a poem about love", "who won the football yesterday"],
)
def test_other_subjects_are_refused_with_what_the_chat_is_for(
    engine: RagEngine, question: str
) -> None:
    answer = ask(engine, question)
    assert answer.is_refusal
    assert "waste" in answer.text
    assert not answer.citations


def test_what_the_documents_do_not_hold_is_said_with_the_nearest_topics(engine: RagEngine) -> None:
    answer = ask(engine, "what are the opening hours of the recycling centre in Leeds")
    assert answer.is_refusal
    assert "nearest topics" in answer.text


def test_a_follow_up_is_understood_from_the_turn_before(chat: Chat) -> None:
    session = ChatSession()
    list(chat.answer("where do plastic bottles go?", session))
    last = list(chat.answer("and the glass ones?", session))[-1].answer
    assert last is not None
    assert "glass" in last.trace.rewritten
    assert any("glass" in citation.document_id for citation in last.citations)


def test_a_visitors_document_is_cited_in_their_session_only(chat: Chat, note: Path) -> None:
    mine, other = ChatSession(), ChatSession()
    question = "where do broken zorbel balls go?"
    document = chat.add_document(mine, note, "club.md")
    answer = list(chat.answer(question, mine))[-1].answer
    assert answer is not None
    assert "orange crate" in answer.text
    assert answer.citations[0].is_upload
    theirs = list(chat.answer(question, other))[-1].answer
    assert theirs is not None
    assert "orange crate" not in theirs.text
    chat.remove_document(mine, document.id)
    again = list(chat.answer(question, mine))[-1].answer
    assert again is not None
    assert "orange crate" not in again.text


def test_the_same_document_twice_is_refused_and_the_first_stays(chat: Chat, note: Path) -> None:
    session = ChatSession()
    chat.add_document(session, note, "club.md")
    with pytest.raises(InputError, match="already"):
        chat.add_document(session, note, "club.md")
    assert len(session.documents) == 1


@pytest.mark.parametrize(
    "question",
    [
        pytest.param("", id="empty"),
        pytest.param("   \n\t", id="blank"),
        pytest.param("x" * 10_000, id="ten thousand characters"),
        pytest.param("🗑️♻️", id="emoji only"),
        pytest.param("¿Dónde tiro una botella de plástico vacía?", id="Spanish"),
    ],
)
def test_a_question_that_cannot_be_used_is_refused_in_a_sentence(
    engine: RagEngine, question: str
) -> None:
    with pytest.raises(InputError) as caught:
        engine.find(question, ChatSession())
    assert caught.value.what.endswith(".")
    assert caught.value.do


def test_control_characters_do_no_harm(engine: RagEngine) -> None:
    assert not ask(engine, "where do\x00 glass\x07 jars go?").is_refusal


def test_the_trace_shows_ranks_and_times_of_every_step(chat: Chat) -> None:
    trace = answer_one(chat, "can i recycle reciepts", region="generic", mode="quoted").trace
    assert ("reciepts", "receipts") in trace.corrections
    assert trace.candidates
    assert any(c.dense_rank for c in trace.candidates)
    assert any(c.bm25_rank for c in trace.candidates)
    assert {t.name for t in trace.timings} >= {"understand", "encode", "sentences"}
    assert all(t.latency_ms >= 0 for t in trace.timings)


def test_suggestions_are_other_questions_on_the_same_thing(engine: RagEngine) -> None:
    answer = ask(engine, "Where do I put an empty drink can?")
    assert answer.suggestions
    assert all(question.endswith("?") for question in answer.suggestions)
