"""The chat engine: a question in, passages and an answer with citations out."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from engines.rag import compose
from engines.rag.answers import Answer, AnswerSentence, Mode
from engines.rag.chunking import Chunk, chunk_document, deduplicate
from engines.rag.documents import Document
from engines.rag.evidence import AnswerableModel
from engines.rag.finding import Found, find
from engines.rag.grounding import Support
from engines.rag.library import (
    OVERLAP_TOKENS,
    TARGET_TOKENS,
    Library,
    read_library,
)
from engines.rag.session import ChatSession
from engines.rag.store_faiss import FaissStore
from engines.rag.uploads import read_upload
from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError, InputError
from engines.runtime.health import EngineHealth
from engines.runtime.settings import Settings

OFF_TOPIC_INTENTS = ("out_of_scope", "small_talk")
ABOUT = (
    "This chat answers questions on waste, recycling, reuse and sustainability at home from its "
    "documents and shows where each sentence comes from."
)
GREETING = "Ask where a thing goes, what is dangerous about it, or what can be made of it."


class RagEngine:
    """Find passages for a question, judge whether they answer it, and quote or check by them."""

    name = "rag"

    def __init__(
        self,
        settings: Settings,
        placement: Placement,
        *,
        answerable: AnswerableModel | None = None,
        known: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:
        self.settings, self.placement = settings, placement
        self._answerable, self._known = answerable, known
        self._library: Library | None = None
        self._lock = threading.Lock()

    def load(self) -> None:
        """Read documents and models; encode what is new since the last start.

        Raises:
            WeightsMissingError, WeightsCorruptError: if a model is not there or damaged.
            InputError: if a document can't be read; it names the file.
        """
        library = read_library(self.settings, self.placement, self._answerable, self._known)
        with self._lock:
            self._library = library

    def warmup(self) -> None:
        """Answer a question, so that the first person doesn't wait."""
        self.quote(self.find("Where does a glass jar go?", ChatSession()))

    def find(self, question: str, session: ChatSession, *, region: str = "generic") -> Found:
        """Understand a question and find what the documents hold about it.

        Args:
            question: as the person wrote it.
            session: their chat so far and their own documents.
            region: id of the chosen place; a place named in the question goes before it.

        Raises:
            InputError: if the question is empty, too long or in a language that is not read.
        """
        return find(self._ready(), question, session, region=region)

    def opening(self, found: Found) -> list[tuple[AnswerSentence, Sequence[Chunk]]]:
        """Quote what comes first in any answer: the danger, then the rule of the place."""
        parts: list[tuple[AnswerSentence, Sequence[Chunk]]] = [
            compose.quotation(scored, is_safety=True) for scored in found.safety
        ]
        return parts + [compose.quotation(scored) for scored in found.rule]

    def more(
        self, found: Found, parts: Sequence[tuple[AnswerSentence, Sequence[Chunk]]], count: int
    ) -> list[tuple[AnswerSentence, Sequence[Chunk]]]:
        """Quote up to `count` further sentences that the answer does not say yet."""
        said = [sentence.text for sentence, _ in parts]
        vectors = self._ready().vectors(said)
        taken = [
            compose.Scored(text, chunks[0], 0.0, vector)
            for text, (_, chunks), vector in zip(said, parts, vectors, strict=True)
        ]
        chosen = compose.choose(found.scored, taken, count=count)
        return [compose.quotation(scored) for scored in chosen]

    def quote(self, found: Found) -> Answer:
        """Answer with sentences of the documents alone."""
        if not found.is_answerable:
            return self.refuse(found)
        taken = [*found.safety, *found.rule]
        count = max(1, compose.MAX_SENTENCES - max(0, len(taken) - 1))
        parts = self.opening(found) + [
            compose.quotation(scored) for scored in compose.choose(found.scored, taken, count=count)
        ]
        return self.assemble(found, parts, mode="quoted")

    def refuse(self, found: Found) -> Answer:
        """Say what this chat is for, or that the documents don't hold an answer."""
        if found.intent in ("about_app", *OFF_TOPIC_INTENTS):
            texts = [ABOUT, GREETING]
        else:
            titles = list(dict.fromkeys(hit.chunk.title for hit in found.hits))[:3]
            texts = ["The documents don't hold an answer to this question."]
            if titles:
                texts.append(f"The nearest topics are: {'; '.join(titles)}.")
        return self._answer(
            found,
            tuple(AnswerSentence(text, (), False) for text in texts),
            (),
            mode="quoted",
            is_refusal=True,
        )

    def assemble(
        self,
        found: Found,
        parts: Sequence[tuple[AnswerSentence, Sequence[Chunk]]],
        *,
        mode: Mode,
        changed: int = 0,
        notice: str = "",
    ) -> Answer:
        """Number the passages of an answer's sentences and finish it."""
        documents = self._ready().documents
        sentences, citations = compose.cite(parts, documents)
        return self._answer(
            found, sentences, citations, mode=mode, is_refusal=False, changed=changed, notice=notice
        )

    def support(self, found: Found, sentences: Sequence[str]) -> list[tuple[Support, Chunk | None]]:
        """Check sentences of a language model against the passages found.

        Returns:
            For each sentence how it is supported and the passage that does it, if one does.
        """
        chunks = [hit.chunk for hit in found.hits]
        owners = [chunk for chunk in chunks for _ in chunk.sentences]
        held = [sentence for chunk in chunks for sentence in chunk.sentences]
        if not held:
            return [(Support(False, -1, 0.0, "no passage"), None) for _ in sentences]
        checker = self._ready().checker
        checked = checker.check_all(sentences, held)
        return [(s, owners[s.best_index] if s.best_index >= 0 else None) for s in checked]

    def add_document(self, session: ChatSession, path: Path, name: str) -> Document:
        """Read a person's document into their session.

        Raises:
            InputError: if it can't be read, is too large or is one too many.
        """
        library = self._ready()
        if len(session.documents) >= self.settings.max_documents:
            raise InputError(
                f"There are {len(session.documents)} documents already.",
                "Remove one before adding another.",
            )
        document = read_upload(
            path,
            name=name,
            max_mb=self.settings.max_upload_mb,
            max_pages=self.settings.max_document_pages,
        )
        if any(known.id == document.id for known in session.documents):
            raise InputError(f"{document.title} is there already.", "Add another document.")
        chunks = deduplicate(
            chunk_document(
                document,
                count_tokens=library.encoder.count_tokens,
                target_tokens=TARGET_TOKENS,
                overlap_tokens=OVERLAP_TOKENS,
            )
        )
        if session.store is None:
            session.store = FaissStore(library.encoder.width)
        session.store.add(
            chunks, library.encoder.encode_passages([chunk.search_text for chunk in chunks])
        )
        session.documents.append(document)
        return document

    def remove_document(self, session: ChatSession, document_id: str) -> None:
        """Forget one of a person's documents."""
        if session.store is not None:
            session.store.remove(document_id)
        session.documents[:] = [d for d in session.documents if d.id != document_id]

    def health(self) -> EngineHealth:
        """Say how much it searches."""
        library = self._library
        if library is None:
            return EngineHealth(is_ready=False, detail="No documents are loaded.")
        written = sum(not name.startswith("rules/") for name in library.documents)
        reranker = "with" if library.retriever.reranker is not None else "without"
        return EngineHealth(
            is_ready=True,
            detail=f"{written} documents and the rules of {len(library.places)} places in "
            f"{len(library.retriever.store)} passages, {reranker} reranking",
        )

    def unload(self) -> None:
        """Give the memory back."""
        with self._lock:
            self._library = None

    def _ready(self) -> Library:
        library = self._library
        if library is None:
            raise EngineUnavailableError(
                "The chat engine is not loaded.", "Try again in a few seconds."
            )
        return library

    def _answer(
        self,
        found: Found,
        sentences: tuple[AnswerSentence, ...],
        citations: tuple[compose.Citation, ...],
        *,
        mode: Mode,
        is_refusal: bool,
        changed: int = 0,
        notice: str = "",
    ) -> Answer:
        return Answer(
            sentences=sentences,
            citations=citations,
            confidence=found.confidence,
            intent=found.intent,
            mode=mode,
            is_refusal=is_refusal,
            suggestions=self._ready().suggestions(found.query, found.hits),
            trace=found.trace,
            changed_sentences=changed,
            notice=notice,
            latency_ms=(perf_counter() - found.started_s) * 1000,
        )
