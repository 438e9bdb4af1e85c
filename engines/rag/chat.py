"""Answer a question step by step: find, write or quote, check, cite.

Every step that computes is one short job on the CPU lane, so other engines get their turn between
two words of an answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

from engines.llm.citing import unmarked
from engines.rag.answers import Answer, AnswerDelta, AnswerSentence, Mode
from engines.rag.chunking import Chunk, split_sentences
from engines.rag.follow_up import Turn
from engines.rag.session import ChatSession
from engines.runtime.errors import BusyError, EngineUnavailableError, InputError, ReleafError
from engines.runtime.lane import Priority
from engines.runtime.pool import EnginePool

if TYPE_CHECKING:
    from engines.llm.model import LanguageModel
    from engines.rag.documents import Document
    from engines.rag.engine import RagEngine
    from engines.rag.finding import Found

Parts = list[tuple[AnswerSentence, Sequence[Chunk]]]

NO_MODEL = "The language model is not available, so the answer quotes the documents."
BUSY = "Many people are asking right now, so the answer quotes the documents."
STOPPED = "Stopped. What is shown was checked."
# Below this a passage sentence is no replacement for what the model wrote (cosine).
MIN_REPLACEMENT = 0.55
# The language model reads the best passages only: reading is what the first word waits for.
PASSAGES_READ, TOKENS_READ = 3, 600
# An answer has at least this many sentences behind its opening, quoted where the model wrote less.
MIN_SENTENCES = 2
MIN_WORDS = 4
# What a small model says before it says something: "[1]", "A:", "The answer to the question is:".
_LEAD_IN = re.compile(
    r"^(?:(?:\[\d+\]|\d+[.)]|A:|(?:the )?answer(?: to (?:the|your) question)?(?: is)?:)\s*)+",
    re.IGNORECASE,
)
# Marks at the ends of a sentence, not those around a word in it or for inches.
_QUOTED = re.compile(r'["“]?([^"“”]+)(?:(?<!\d)["”])?([.!?]?)')
# A small model likes to talk of what it was given: "The passage is about ...".
_ABOUT_PASSAGES = re.compile(r"\bpassages?\b|^(?:questions?|answers?)\b", re.IGNORECASE)


class Chat:
    """Answer questions with the engines "rag" and, where it is there, "llm" of a pool."""

    def __init__(self, pool: EnginePool) -> None:
        self._pool = pool

    def answer(
        self,
        question: str,
        session: ChatSession,
        *,
        region: str = "generic",
        mode: Mode = "quoted",
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> Iterator[AnswerDelta]:
        """Answer one question; the last delta holds the whole answer, which the session remembers.

        Raises:
            InputError: if the question can't be used.
            ReleafError: if the engine is not there or too many are waiting.
        """
        start_s = perf_counter()
        found: Found = self._rag(lambda rag: rag.find(question, session, region=region))
        first_ms: float | None = None
        answer: Answer | None = None
        if mode == "written" and found.is_answerable:
            for delta in self._write(found, is_stopped):
                if first_ms is None and (delta.sentences or delta.draft):
                    first_ms = (perf_counter() - start_s) * 1000
                if delta.answer is None:
                    yield delta
                answer = delta.answer
        else:
            answer = self._rag(lambda rag: rag.quote(found))
        if answer is None:
            raise EngineUnavailableError("The answer broke off.", "Please ask again.")
        now_ms = (perf_counter() - start_s) * 1000
        answer = replace(answer, first_text_ms=first_ms or now_ms, latency_ms=now_ms)
        if not answer.is_refusal:
            titles = tuple(dict.fromkeys(hit.chunk.title for hit in found.hits))
            session.remember(Turn(found.query, titles, found.intent))
        yield AnswerDelta(answer.sentences, "", answer)

    def add_document(self, session: ChatSession, path: Path, name: str) -> Document:
        """Read a person's document into their session. Raises InputError if it can't be used."""
        document: Document = self._rag(lambda rag: rag.add_document(session, path, name))
        return document

    def remove_document(self, session: ChatSession, document_id: str) -> None:
        """Forget one of a person's documents."""
        self._rag(lambda rag: rag.remove_document(session, document_id))

    def _rag(self, job: Callable[[RagEngine], Any]) -> Any:
        return self._pool.run("rag", job)

    def _write(self, found: Found, is_stopped: Callable[[], bool]) -> Iterator[AnswerDelta]:
        parts: Parts = self._rag(lambda rag: rag.opening(found))
        opening = tuple(part[0] for part in parts)
        yield AnswerDelta(opening)
        changed, notice, draft = 0, "", ""
        try:
            for piece in unmarked(self._stream(found, is_stopped)):
                draft += piece
                *complete, draft = _sentences_so_far(draft)
                for sentence in complete:
                    changed += self._keep(found, sentence, parts)
                yield AnswerDelta(tuple(part[0] for part in parts), draft)
            if is_stopped():
                notice = STOPPED
            elif draft.strip():
                changed += self._keep(found, draft.strip(), parts)
        except InputError:
            raise
        except BusyError:
            notice = BUSY
        except ReleafError:
            notice = NO_MODEL
        missing = MIN_SENTENCES - (len(parts) - len(opening))
        if missing > 0 and not is_stopped():
            parts += self._rag(lambda rag: rag.more(found, parts, missing))
        answer: Answer = self._rag(
            lambda rag: rag.assemble(found, parts, mode="written", changed=changed, notice=notice)
        )
        yield AnswerDelta(answer.sentences, "", answer)

    def _stream(self, found: Found, is_stopped: Callable[[], bool]) -> Iterator[str]:
        # Here, not above: the page answers before the language model's libraries are read.
        from engines.llm.generate import stream
        from engines.llm.prompt import Passage, build_messages

        passages = [
            Passage(number, hit.chunk.title, hit.chunk.text)
            for number, hit in enumerate(found.hits[:PASSAGES_READ], start=1)
        ]
        settings = self._pool.settings
        messages = self._pool.run(
            "llm",
            lambda llm: build_messages(
                found.query, passages, tokenizer=llm.tokenizer, token_budget=TOKENS_READ
            ),
        )

        def run(step: Callable[[], Any]) -> Any:
            # Behind people who wait for a photo or a question: an answer is read as it is written.
            return self._pool.run("llm", lambda _: step(), priority=Priority.BATCH)

        model = cast("LanguageModel", self._pool.get("llm"))
        yield from stream(
            model,
            messages,
            run=run,
            max_new_tokens=settings.llm_max_new_tokens,
            temperature=settings.llm_temperature,
            is_stopped=is_stopped,
        )

    def _keep(self, found: Found, sentence: str, parts: Parts) -> int:
        """Add a sentence if the passages support it, else a quotation; return 1 if it changed."""
        sentence = _without_lead_in(sentence)
        if not _is_statement(sentence):
            return 1
        ((support, chunk),) = self._rag(lambda rag: rag.support(found, [sentence]))
        said = {part[0].text for part in parts}
        if support.is_supported and chunk is not None:
            if sentence not in said:
                is_quotation = sentence in chunk.sentences
                parts.append((AnswerSentence(sentence, (), is_quotation), (chunk,)))
            return 0
        shown = {scored.text for scored in found.scored}
        if chunk is not None and support.similarity >= MIN_REPLACEMENT:
            best = support.best_sentence
            if best in shown and best not in said:
                parts.append((AnswerSentence(best, (), True), (chunk,)))
        return 1


def _without_lead_in(sentence: str) -> str:
    """Take off what only announces a sentence, and quotation marks around it or left over."""
    text = _LEAD_IN.sub("", sentence)
    quoted = _QUOTED.fullmatch(text)
    if quoted:
        text = quoted[1] + quoted[2]
    return text if text == sentence else text[:1].upper() + text[1:]


def _is_statement(sentence: str) -> bool:
    """Say whether a sentence says something, other than about the passages themselves."""
    is_whole = len(sentence.split()) >= MIN_WORDS and sentence[-1] not in ":,;"
    return is_whole and not _ABOUT_PASSAGES.search(sentence)


def _sentences_so_far(text: str) -> list[str]:
    """Split a text that is still being written; the last part is the unfinished one."""
    if not text.strip():
        return [text]
    ends_whole = text[-1].isspace()
    sentences = list(split_sentences(text))
    if not sentences:
        return [text]
    if ends_whole and sentences[-1][-1:] in ".!?”":
        return [*sentences, ""]
    last = sentences[-1]
    position = text.rfind(last[:20])
    return [*sentences[:-1], text[position:] if position >= 0 else last]
