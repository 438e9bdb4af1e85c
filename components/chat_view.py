"""Answers of the chat: Markdown for the conversation, HTML for the passages behind it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from engines.rag.answers import Answer, AnswerDelta, AnswerSentence, Citation
from engines.rag.documents import Document
from engines.rag.follow_up import Turn

STARTERS = (
    "Can I put a dead vape in the bin?",
    "Where does a greasy pizza box go?",
    "What can I make out of glass jars?",
    "What do the numbers on plastics mean?",
)
WAITING: dict[str, Any] = {"role": "assistant", "content": "*Looking in the documents …*"}
NO_SOURCES = "The passages behind an answer appear here, each with its number."
MAX_TOPICS = 3

# What stands before a refusal, in place of a confidence.
_REFUSAL_WORDS = {
    "about_app": "About this chat.",
    "small_talk": "About this chat.",
    "out_of_scope": "Outside of this chat.",
}
# Signs that Markdown acts on, and what would make a bare address a link.
_ACTIVE = re.compile(r"(?im)[\\`*_\[\]<>#~|&@=]|(?<=:)/(?=/)|(?<=\bwww)\.|^[-+]")
_ESCAPED = re.compile(r"\\([\\`*_\[\]<>#~|&@=/.+-])")


@dataclass(frozen=True)
class Exchange:
    """One question and what came of it.

    Attributes:
        turns_before: what the chat remembered when the question was asked.
        answer: None if there was none; `problem` then says why, in a sentence.
    """

    question: str
    turns_before: tuple[Turn, ...]
    answer: Answer | None
    problem: str = ""


def escape_markdown(text: str) -> str:
    """Write text so that Markdown shows it as it is: no link, picture, tag or style comes of it."""
    return _ACTIVE.sub(lambda sign: "\\" + sign[0], text)


def unescape_markdown(text: str) -> str:
    """Undo `escape_markdown`, for a message that a person has edited."""
    return _ESCAPED.sub(r"\1", text)


def messages(exchanges: Sequence[Exchange]) -> list[dict[str, Any]]:
    """Write the conversation for gr.Chatbot: two messages for each exchange."""
    written: list[dict[str, Any]] = []
    for turn, exchange in enumerate(exchanges, start=1):
        written.append(user_message(exchange.question))
        written.append(_reply(exchange, turn, is_last=turn == len(exchanges)))
    return written


def user_message(question: str) -> dict[str, Any]:
    """Write a question as it was typed, inert."""
    return {"role": "user", "content": escape_markdown(question)}


def progress_message(delta: AnswerDelta) -> dict[str, Any]:
    """Write an answer on its way: what is checked, then the draft, marked as such."""
    draft = _one_line(delta.draft)
    parts = [_sentences(delta.sentences, turn=0, is_written=True)]
    if draft:
        parts.append(f"*{draft}* (being checked)")
    text = "\n\n".join(part for part in parts if part)
    return {"role": "assistant", "content": text} if text else WAITING


def answer_markdown(answer: Answer, turn: int) -> str:
    """Write a finished answer: danger first, every sentence with its numbers, then how sure it is.

    Args:
        turn: which exchange it is, counted from 1; it tells apart the passages of two answers.
    """
    if answer.is_refusal:
        label = _REFUSAL_WORDS.get(answer.intent, "No answer in the documents.")
        return f"**{label}** {_sentences(answer.sentences, turn, is_written=False)}"
    parts = [_sentences(answer.sentences, turn, is_written=answer.mode == "written")]
    if not answer.sentences:
        parts = ["Stopped before the first sentence was checked."]
    elif answer.notice:
        parts.append(f"*{_one_line(answer.notice)}*")
    if answer.sentences:
        level, reason = answer.confidence.level, answer.confidence.reason
        parts.append(f"**Confidence: {level}.** {_one_line(reason)}")
    return "\n\n".join(parts)


def spoken(exchange: Exchange) -> str:
    """Say an answer in one go, without numbers, for the live region."""
    answer = exchange.answer
    if answer is None:
        return exchange.problem
    said = [
        f"Safety: {sentence.text}" if sentence.is_safety else sentence.text
        for sentence in answer.sentences
    ]
    if not answer.is_refusal and answer.sentences:
        said += [answer.notice, f"Confidence: {answer.confidence.level}."]
    elif not answer.sentences:
        said = ["Stopped before the first sentence was checked."]
    return " ".join(part for part in said if part)


def next_questions(answer: Answer) -> tuple[str, ...]:
    """Choose what to offer as buttons: next questions, or after a refusal the nearest topics."""
    if not answer.is_refusal:
        return answer.suggestions
    if answer.intent in _REFUSAL_WORDS:
        return STARTERS[:MAX_TOPICS]
    titles = dict.fromkeys(candidate.title for candidate in answer.trace.candidates)
    return tuple(titles)[:MAX_TOPICS]


def sources_html(exchanges: Sequence[Exchange], *, is_answering: bool = False) -> str:
    """Write the passages of the last answer, and folded those of the answers before it.

    Args:
        is_answering: whether the next answer is on its way, so that all of these are earlier ones.
    """
    groups = [
        (turn, exchange.question, exchange.answer.citations)
        for turn, exchange in enumerate(exchanges, start=1)
        if exchange.answer is not None and exchange.answer.citations
    ]
    is_current = bool(groups) and groups[-1][0] == len(exchanges) and not is_answering
    current = groups.pop() if is_current else None
    body = f'<p class="quiet">{NO_SOURCES}</p>'
    if current is not None:
        body = "".join(_source(current[0], citation) for citation in current[2])
    elif exchanges and not is_answering:
        body = '<p class="quiet">This answer rests on no passage.</p>'
    if groups:
        earlier = "".join(
            f"<h4>{escape(question)}</h4>" + "".join(_source(turn, c) for c in citations)
            for turn, question, citations in reversed(groups)
        )
        body += (
            '<details class="ask-earlier"><summary>Sources of earlier answers</summary>'
            f"{earlier}</details>"
        )
    return f'<section class="panel ask-sources"><h3>Sources of this answer</h3>{body}</section>'


def documents_html(documents: Sequence[Document]) -> str:
    """List a person's own documents."""
    if not documents:
        return '<p class="quiet">None yet.</p>'
    rows = "".join(f"<li>{escape(document.title)}</li>" for document in documents)
    return f'<ul class="ask-documents">{rows}</ul>'


def export_markdown(exchanges: Sequence[Exchange]) -> str:
    """Write the conversation with its numbered passages as a Markdown file."""
    parts = ["# Conversation\n"]
    for turn, exchange in enumerate(exchanges, start=1):
        parts.append(f"## {turn}. {_one_line(exchange.question)}\n")
        answer = exchange.answer
        if answer is None:
            parts.append(f"{_one_line(exchange.problem)}\n")
            continue
        text = re.sub(r"\[\\\[(\d+)\\\]\]\(#source-\d+-\d+\)", r"[\1]", answer_markdown(answer, 1))
        parts.append(f"{text}\n")
        parts += [_exported(citation) for citation in answer.citations]
    return "\n".join(parts)


def _reply(exchange: Exchange, turn: int, *, is_last: bool) -> dict[str, Any]:
    if exchange.answer is None:
        return {"role": "assistant", "content": f"**No answer.** {_one_line(exchange.problem)}"}
    message = {"role": "assistant", "content": answer_markdown(exchange.answer, turn)}
    if not is_last:
        return message
    options = [{"value": text, "label": text} for text in next_questions(exchange.answer)]
    return {**message, "options": options}


def _sentences(sentences: Sequence[AnswerSentence], turn: int, *, is_written: bool) -> str:
    """Write safety sentences set off and first, then the others as one paragraph."""
    warnings = [
        f"> ⚠ **Safety: {_one_line(sentence.text)}**{_numbers(sentence, turn)}"
        for sentence in sentences
        if sentence.is_safety
    ]
    others = " ".join(
        _quoted(sentence, is_written) + _numbers(sentence, turn)
        for sentence in sentences
        if not sentence.is_safety
    )
    return "\n\n".join(part for part in ("\n>\n".join(warnings), others) if part)


def _quoted(sentence: AnswerSentence, is_written: bool) -> str:
    text = _one_line(sentence.text)
    # Where the model writes, quotation marks tell the documents' words from its own.
    return f"“{text}”" if is_written and sentence.is_quotation else text


def _numbers(sentence: AnswerSentence, turn: int) -> str:
    if not turn:
        # On its way: the passages are listed when the answer is whole.
        return ""
    return "".join(f" [\\[{n}\\]](#source-{turn}-{n})" for n in sentence.citations)


def _source(turn: int, citation: Citation) -> str:
    heading = f'<span class="quiet"> {escape(citation.heading)}</span>' if citation.heading else ""
    origin = "".join(f"<li>{escape(line)}</li>" for line in citation.sources)
    if citation.is_upload:
        origin = "<li>Your own document</li>"
    return (
        f'<details class="source" id="source-{turn}-{citation.number}"><summary>'
        f'<span><span class="source-number">[{citation.number}]</span> '
        f"{escape(citation.title)}{heading}</span></summary>"
        f'<p class="source-passage">{marked_passage(citation)}</p>'
        f"<ul>{origin}</ul>"
        '<button type="button" class="source-back">Back to the answer</button></details>'
    )


def marked_passage(citation: Citation) -> str:
    """Write a passage as HTML with <mark> around what supports the answer."""
    passage, pieces, end = citation.passage, [], 0
    for start, stop in sorted(citation.highlights):
        start, stop = max(start, end), min(stop, len(passage))
        if start >= stop:
            continue
        pieces.append(escape(passage[end:start]))
        pieces.append(f"<mark>{escape(passage[start:stop])}</mark>")
        end = stop
    return "".join([*pieces, escape(passage[end:])])


def _exported(citation: Citation) -> str:
    where = " > ".join(part for part in (citation.title, citation.heading) if part)
    quote = "\n".join(f"> {escape_markdown(line)}" for line in citation.passage.splitlines())
    origin = "; ".join(citation.sources) or "your own document"
    return f"[{citation.number}] {_one_line(where)}\n\n{quote}\n\n({_one_line(origin)})\n"


def _one_line(text: str) -> str:
    return escape_markdown(" ".join(text.split()))
