"""Answers as Markdown and HTML: what a person reads, and that nothing in them acts."""

from __future__ import annotations

import html
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from components import chat_view
from components.chat_view import Exchange
from engines.rag.answers import (
    Answer,
    AnswerDelta,
    AnswerSentence,
    Citation,
    Confidence,
    Trace,
)
from engines.rag.documents import Document
from engines.rag.retrieve import Candidate, StepTime

MARKDOWN = MarkdownIt("commonmark", {"html": True, "breaks": True})
INJECTION = '<script>alert(1)</script> <img src=x onerror="alert(1)"> [x](http://evil.example)'


def candidate(number: int, title: str = "Glass jars") -> Candidate:
    return Candidate(
        chunk_id=f"guide/{number}#0",
        title=title,
        heading="In short",
        dense_rank=number,
        bm25_rank=None if number == 2 else number + 1,
        fused_rank=number,
        rerank_rank=None,
        dense_score=0.8,
    )


def citation(number: int, **changes: object) -> Citation:
    made = Citation(
        number=number,
        chunk_id=f"hazard/vapes#{number}",
        document_id="hazard/vapes",
        title="Dead vapes",
        heading="Safety first",
        passage="Never break it open. Take it back to a shop.",
        highlights=((0, 20),),
        sources=("US EPA: How to Safely Dispose of E-Cigarettes (2023)",),
        is_upload=False,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def answer(**changes: object) -> Answer:
    made = Answer(
        sentences=(
            AnswerSentence("Never break it open.", (1,), True, is_safety=True),
            AnswerSentence("Take it back to a shop.", (1, 2), True),
        ),
        citations=(citation(1), citation(2, passage="Shops take vapes back.", highlights=())),
        confidence=Confidence("high", "The best passage fits well.", 0.8, 0.4),
        intent="hazard",
        mode="quoted",
        is_refusal=False,
        suggestions=("Where does a battery go?",),
        trace=Trace(
            question="ded vape",
            rewritten="dead vape",
            corrections=(("ded", "dead"),),
            intent="hazard",
            intent_confidence=0.91,
            region="germany",
            candidates=(candidate(1), candidate(2, "Batteries"), candidate(3)),
            timings=(StepTime("dense", 12.4), StepTime("bm25", 1.2)),
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def exchange(question: str = "Where does a dead vape go?", **changes: object) -> Exchange:
    return Exchange(question, (), answer(**changes))


def refusal(intent: str, *texts: str) -> Answer:
    sentences = tuple(AnswerSentence(text, (), False) for text in texts)
    return answer(sentences=sentences, citations=(), intent=intent, is_refusal=True)


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page)).split())


def test_danger_comes_first_with_a_sign_and_a_word_and_is_bold() -> None:
    text = chat_view.answer_markdown(answer(), turn=1)
    assert text.startswith("> ⚠ **Safety: Never break it open.**")
    assert text.index("Never break") < text.index("Take it back")
    page = MARKDOWN.render(text)
    assert "<strong>Safety: Never break it open.</strong>" in page
    assert page.index("</blockquote>") < page.index("Take it back")


def test_every_sentence_carries_links_to_its_own_passages() -> None:
    page = MARKDOWN.render(chat_view.answer_markdown(answer(), turn=3))
    assert re.findall(r'href="(#source-[^"]+)">([^<]+)<', page) == [
        ("#source-3-1", "[1]"),
        ("#source-3-1", "[1]"),
        ("#source-3-2", "[2]"),
    ]


def test_the_links_of_an_answer_and_the_passages_beside_it_have_the_same_names() -> None:
    exchanges = [exchange(), exchange("And a battery?")]
    links = {
        link
        for message in chat_view.messages(exchanges)
        for link in re.findall(r"\(#(source-\d+-\d+)\)", message["content"])
    }
    passages = re.findall(
        r'<details class="source" id="([^"]+)"', chat_view.sources_html(exchanges)
    )
    assert sorted(passages) == sorted(links)
    assert len(passages) == 4


def test_the_passages_of_the_last_answer_stand_open_to_view_and_the_others_are_folded() -> None:
    page = chat_view.sources_html([exchange(), exchange("And a battery?")])
    folded = page.index("Sources of earlier answers")
    assert page.index('id="source-2-1"') < folded < page.index('id="source-1-1"')
    assert "Where does a dead vape go?" in page[folded:]


def test_a_refusal_shows_no_passage_but_keeps_the_earlier_ones_within_reach() -> None:
    refused = Exchange("What is the capital of Peru?", (), refusal("out_of_scope", "No."))
    page = chat_view.sources_html([exchange(), refused])
    assert "rests on no passage" in page
    assert page.index("Sources of earlier answers") < page.index('id="source-1-1"')


def test_the_confidence_is_said_in_words_with_its_reason() -> None:
    text = chat_view.answer_markdown(answer(), turn=1)
    assert text.endswith("**Confidence: high.** The best passage fits well.")


@pytest.mark.parametrize(
    ("intent", "label"),
    [
        pytest.param("out_of_scope", "Outside of this chat.", id="off topic"),
        pytest.param("small_talk", "About this chat.", id="small talk"),
        pytest.param("about_app", "About this chat.", id="about the app"),
        pytest.param("knowledge", "No answer in the documents.", id="not in the documents"),
    ],
)
def test_a_refusal_says_what_it_is_and_has_no_confidence(intent: str, label: str) -> None:
    text = chat_view.answer_markdown(refusal(intent, "The documents hold no answer."), turn=1)
    assert text.startswith(f"**{label}** The documents hold no answer.")
    assert "Confidence" not in text


@pytest.mark.parametrize(
    ("given_answer", "offered"),
    [
        pytest.param(answer(), ("Where does a battery go?",), id="answer: next questions"),
        pytest.param(
            refusal("knowledge", "No."), ("Glass jars", "Batteries"), id="refusal: nearest topics"
        ),
        pytest.param(
            refusal("out_of_scope", "No."), chat_view.STARTERS[:3], id="off topic: starters"
        ),
    ],
)
def test_the_last_answer_offers_where_to_go_on(given_answer: Answer, offered: tuple[str]) -> None:
    exchanges = [exchange(), Exchange("And now?", (), given_answer)]
    shown = chat_view.messages(exchanges)
    assert [option["value"] for option in shown[3]["options"]] == list(offered)
    assert "options" not in shown[1]


def test_a_draft_is_set_apart_from_what_is_checked() -> None:
    delta = AnswerDelta((AnswerSentence("Take it back.", (), False),), " Shops will ")
    content = chat_view.progress_message(delta)["content"]
    assert content == "Take it back.\n\n*Shops will* (being checked)"


def test_while_an_answer_is_on_its_way_no_passage_is_called_its_source() -> None:
    page = chat_view.sources_html([exchange()], is_answering=True)
    assert page.index(chat_view.NO_SOURCES) < page.index("Sources of earlier answers")
    assert "#source" not in chat_view.progress_message(AnswerDelta(answer().sentences))["content"]


def test_a_delta_without_a_word_still_says_that_something_happens() -> None:
    assert chat_view.progress_message(AnswerDelta()) == chat_view.WAITING


def test_quotation_marks_tell_the_documents_words_from_the_models() -> None:
    sentences = (AnswerSentence("One.", (1,), True), AnswerSentence("Two.", (1,), False))
    written = chat_view.answer_markdown(answer(sentences=sentences, mode="written"), turn=1)
    assert "“One.” [" in written
    assert "“Two.”" not in written
    assert "“" not in chat_view.answer_markdown(answer(sentences=sentences), turn=1)


def test_a_notice_and_an_answer_stopped_at_once_are_said_in_words() -> None:
    noticed = chat_view.answer_markdown(answer(notice="The model is not available."), turn=1)
    assert "*The model is not available.*" in noticed
    stopped = answer(sentences=(), citations=(), notice="Stopped.")
    assert chat_view.answer_markdown(stopped, turn=1).startswith("Stopped before")
    assert chat_view.spoken(Exchange("?", (), stopped)).startswith("Stopped before")


def test_what_is_spoken_has_the_danger_first_and_no_numbers() -> None:
    assert chat_view.spoken(exchange()) == (
        "Safety: Never break it open. Take it back to a shop. Confidence: high."
    )
    assert chat_view.spoken(Exchange("?", (), None, "Too many wait.")) == "Too many wait."
    refused = refusal("knowledge", "The documents hold no answer.")
    assert chat_view.spoken(Exchange("?", (), refused)) == "The documents hold no answer."


def test_a_failed_question_gets_one_sentence_in_place_of_an_answer() -> None:
    shown = chat_view.messages([Exchange("Why?", (), None, "Too many wait. Try again.")])
    assert [message["role"] for message in shown] == ["user", "assistant"]
    assert shown[1]["content"] == "**No answer.** Too many wait. Try again."


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(INJECTION, id="script, picture and link"),
        pytest.param("![x](http://evil.example/a.png)", id="picture"),
        pytest.param("<http://evil.example>", id="address in brackets"),
        pytest.param("[a]: http://evil.example\n[a]", id="link by reference"),
        pytest.param("# Title\n\n> quote\n\n- item\n* item\n+ item", id="blocks"),
        pytest.param("Title\n===\n\nTitle\n---", id="underlined titles"),
        pytest.param("a | b\n--|--\n1 | 2", id="table"),
        pytest.param("`code` **bold** _it_ ~~gone~~ &lt;b&gt; \\* C:\\new", id="inline"),
    ],
)
def test_markdown_in_a_question_is_shown_and_does_nothing(text: str) -> None:
    page = MARKDOWN.render(chat_view.user_message(text)["content"])
    assert set(re.findall(r"<(\w+)", page)) <= {"p", "br"}
    assert words(page) == " ".join(text.split())


@pytest.mark.parametrize(
    "address", ["https://a.example", "www.a.example", "WWW.a.example", "a@b.c"]
)
def test_a_bare_address_is_broken_up_for_readers_that_make_links_of_it(address: str) -> None:
    written = chat_view.escape_markdown(address)
    assert not re.search(r"https?://|(?i:www)\.|(?<!\\)@", written)
    assert words(MARKDOWN.render(written)) == address


@given(st.text(st.characters(codec="ascii", min_codepoint=33), min_size=1))
def test_escaped_text_reads_as_it_was_and_can_be_taken_back(text: str) -> None:
    escaped = chat_view.escape_markdown(text)
    assert chat_view.unescape_markdown(escaped) == text
    assert (
        re.search(r"<(a|img|script|em|strong|code|h\d|blockquote)\b", MARKDOWN.render(escaped))
        is None
    )


def test_sentences_titles_and_passages_of_a_document_stay_inert() -> None:
    hostile = answer(
        sentences=(AnswerSentence(INJECTION, (1,), True), AnswerSentence("x", (1,), True, True)),
        citations=(
            citation(
                1, title=INJECTION, heading="<b>", passage=INJECTION, highlights=((0, 8), (4, 12))
            ),
        ),
    )
    exchanges = [Exchange(INJECTION, (), hostile), Exchange(INJECTION, (), answer())]
    for message in chat_view.messages(exchanges):
        page = MARKDOWN.render(message["content"])
        assert not re.search(r"<(script|img)", page)
        assert all(link.startswith("#source-") for link in re.findall(r'href="([^"]*)"', page))
    page = chat_view.sources_html(exchanges)
    assert not re.search(r"<(script|img|b)\b", page)
    assert "&lt;script&gt;" in page


@pytest.mark.parametrize(
    ("highlights", "expected"),
    [
        pytest.param((), "a &lt; b. Yes.", id="none"),
        pytest.param(((0, 6),), "<mark>a &lt; b.</mark> Yes.", id="one"),
        pytest.param(((7, 11), (0, 6)), "<mark>a &lt; b.</mark> <mark>Yes.</mark>", id="unsorted"),
        pytest.param(
            ((0, 6), (2, 9)), "<mark>a &lt; b.</mark><mark> Ye</mark>s.", id="overlapping"
        ),
        pytest.param(((7, 99),), "a &lt; b. <mark>Yes.</mark>", id="past the end"),
    ],
)
def test_what_supports_the_answer_is_marked(
    highlights: tuple[tuple[int, int], ...], expected: str
) -> None:
    marked = citation(1, passage="a < b. Yes.", highlights=highlights)
    assert chat_view.marked_passage(marked) == expected


def test_a_passage_says_where_it_is_from() -> None:
    page = chat_view.sources_html([exchange()])
    assert "US EPA: How to Safely Dispose of E-Cigarettes (2023)" in words(page)
    own = chat_view.sources_html([exchange(citations=(citation(1, is_upload=True, sources=()),))])
    assert "Your own document" in words(own)


def test_documents_are_listed_by_name() -> None:
    rest: dict[str, Any] = dict.fromkeys(("topics", "items", "regions", "sources"), ())
    document = Document(
        "upload/a-1",
        "a <b>.pdf",
        "upload",
        **rest,
        reviewed="",
        text="x",
        content_hash="1",
        is_upload=True,
    )
    assert "<li>a &lt;b&gt;.pdf</li>" in chat_view.documents_html([document])
    assert "None yet" in chat_view.documents_html([])


def test_the_export_holds_questions_answers_and_numbered_passages() -> None:
    failed = Exchange("And now?", (), None, "Too many wait.")
    written = chat_view.export_markdown([exchange(), failed])
    assert "## 1. Where does a dead vape go?" in written
    assert "Take it back to a shop. [1] [2]" in written
    assert "#source" not in written
    assert "[2] Dead vapes \\> Safety first\n\n> Shops take vapes back." in written
    assert written.rstrip().endswith("Too many wait.")
