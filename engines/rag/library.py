"""What the chat engine knows: documents, index and models, read once and never changed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.rag import compose
from engines.rag.chunking import Chunk
from engines.rag.documents import Document, load_documents
from engines.rag.evidence import AnswerableModel, inverse_document_frequency
from engines.rag.grounding import GroundingChecker
from engines.rag.index import build_or_load, update
from engines.rag.intent import IntentClassifier, IntentGuess
from engines.rag.known_questions import KnownQuestions, read_known_questions
from engines.rag.local_rules import documents_from_rules, guides_of_rule
from engines.rag.rerank import Reranker
from engines.rag.retrieve import Hit, RetrievalConfig, Retrieved, Retriever
from engines.rag.sparse import tokenize
from engines.rag.spelling import Speller
from engines.rag.store import VectorStore
from engines.rag.synonyms import Synonyms
from engines.rag.vectors import SentenceVectors
from engines.runtime.device import Placement
from engines.runtime.errors import WeightsMissingError
from engines.runtime.settings import Settings
from engines.runtime.text_encoder import DenseEncoder, open_encoder
from engines.runtime.weights import find_weights

Floats = NDArray[np.float32]

# Sizes of a passage: see checkpoints/answerable/card.json for what was tried.
TARGET_TOKENS, OVERLAP_TOKENS = 200, 40
DISPOSAL_INTENTS = ("disposal", "hazard")
DISPOSAL_WORDS = frozenset(
    tokenize("bin trash rubbish garbage dispose throw chuck dump recycle recycling put go goes rid")
)
# Which kinds of documents answer which intent best, and how much that counts beside the fused score
# (0 to 1); chosen on the dev questions.
KINDS_OF_INTENT = {
    "disposal": {"guide": 1.0, "faq": 0.7, "policy": 0.5},
    "hazard": {"hazard": 1.0},
    "reuse": {"reuse": 1.0},
    "knowledge": {"material": 1.0, "climate": 1.0, "policy": 1.0, "faq": 1.0},
}
INTENT_WEIGHT = 0.2
# How much it counts beside the fused score that a document answers questions like this one.
KNOWN_WEIGHT = 0.8
SAME_QUESTION = 0.85  # cosine from which a suggestion only repeats what was asked
_WORD = re.compile(r"[a-z]+")


@dataclass(frozen=True)
class Library:
    """Hold everything that was read or fitted.

    Attributes:
        documents: by id. places: ids of the places with rules.
        idf: of every stemmed word of the passages.
        known: questions that the documents answer.
        faq: headings that are questions, with the passage below.
        summaries: the passage "In short" of each document, by the document's id.
        passages: all passages of each document, by the document's id.
    """

    encoder: DenseEncoder
    retriever: Retriever
    documents: Mapping[str, Document]
    places: frozenset[str]
    intents: IntentClassifier
    answerable: AnswerableModel
    speller: Speller
    synonyms: Synonyms
    idf: Mapping[str, float]
    known: KnownQuestions
    vectors: SentenceVectors
    checker: GroundingChecker
    faq: tuple[tuple[str, Chunk], ...]
    summaries: Mapping[str, Chunk]
    passages: Mapping[str, tuple[Chunk, ...]]

    def preference(
        self, guess: IntentGuess, nearness: Mapping[str, float]
    ) -> Callable[[Chunk], float]:
        """Say what speaks for a passage's document: its kind and the questions that it answers.

        Args:
            nearness: how near the nearest known question of each document is.
        """
        weights: dict[str, float] = {}
        for intent, kinds in KINDS_OF_INTENT.items():
            for kind, weight in kinds.items():
                share = guess.probabilities.get(intent, 0.0) * weight
                weights[kind] = weights.get(kind, 0.0) + share
        # A person's own document is of every kind, and nobody has asked about it before.
        weights["upload"] = max(weights.values())
        nearest = max(nearness.values(), default=0.0)

        def weigh(chunk: Chunk) -> float:
            names = (chunk.document_id, *guides_of_rule(chunk.document_id))
            near = max((nearness.get(name, 0.0) for name in names), default=0.0)
            return INTENT_WEIGHT * weights.get(chunk.doc_type, 0.0) + KNOWN_WEIGHT * (
                nearest if chunk.is_upload else near
            )

        return weigh

    def summaries_of(self, hits: Sequence[Hit]) -> list[Hit]:
        """Add the summary of each document that a hit stands in: it answers most directly."""
        there = {hit.chunk.id for hit in hits}
        best: dict[str, float] = {}
        for hit in hits:
            best[hit.chunk.document_id] = max(best.get(hit.chunk.document_id, 0.0), hit.score)
        return [
            Hit(self.summaries[name], score, 0.0, None)
            for name, score in best.items()
            if name in self.summaries and self.summaries[name].id not in there
        ]

    def safety_of(
        self, query: Floats, retrieved: Retrieved, is_danger: bool
    ) -> tuple[compose.Scored, ...]:
        """Find the safety sentences of the hazard document that the question is about.

        It is the hazard document that ranks best, unless its passages are much further from the
        question than the nearest of all; a question that sounds like a danger allows for more.
        Where there is none, guides have warnings too, such as on broken jars, unless a person's own
        document answers best.
        """
        best = max((hit.score for hit in retrieved.hits), default=0.0)
        slack = compose.HAZARD_SLACK if is_danger else compose.OTHER_SLACK
        scores: dict[str, float] = {}
        for candidate in retrieved.candidates:
            name = candidate.chunk_id.split("#")[0]
            scores[name] = max(candidate.dense_score or 0.0, scores.get(name, 0.0))
        names = [name for name in scores if name.startswith("hazard/")][:1]
        names = [name for name in names if scores[name] >= best - slack]
        is_own = bool(retrieved.hits) and retrieved.hits[0].chunk.is_upload
        if is_danger and not is_own:
            names += list(dict.fromkeys(hit.chunk.document_id for hit in retrieved.hits))
        for name in names:
            sections = [
                Hit(chunk, scores.get(name, 0.0), 0.0, None)
                for chunk in self.passages.get(name, ())
                if compose.SAFETY_HEADING in chunk.heading
            ]
            scored = compose.score_sentences(
                query, sections, self.vectors, region="generic", places=frozenset()
            )
            if scored:
                return tuple(compose.choose(scored, count=compose.MAX_SAFETY))
        return ()

    def rule_of(
        self,
        query: Floats,
        text: str,
        hits: Sequence[Hit],
        place: str,
        intent: str,
    ) -> tuple[compose.Scored, ...]:
        """Find what the rules of the chosen place say about the thing in question."""
        if intent not in DISPOSAL_INTENTS or not hits:
            return ()
        asked = set(tokenize(text))
        if intent == "hazard" and not asked & DISPOSAL_WORDS:
            return ()  # someone who swallowed a battery does not ask for the bin
        ours = [hit for hit in hits if not hit.chunk.is_upload]
        subjects = [hit.chunk.items for hit in ours if len(hit.chunk.items) == 1]
        if not subjects:
            return ()
        item = subjects[0][0]
        chunks = self.passages.get(f"rules/{place}/{item}", ())
        if not chunks or not asked & set(tokenize(" ".join(chunks[0].topics))):
            return ()
        first = [Hit(chunk, 0.0, 0.0, None) for chunk in chunks]
        scored = compose.score_sentences(
            query, first, self.vectors, region=place, places=self.places
        )
        wanted = chunks[0].sentences[:1]
        return tuple(s for s in scored if s.text in wanted)

    def suggestions(self, question: str, hits: Sequence[Hit], count: int = 3) -> tuple[str, ...]:
        """Offer questions that documents on the same things answer, nearest first."""
        items = {item for hit in hits[:2] for item in hit.chunk.items}
        asked = set(tokenize(question))
        offered = [
            heading
            for heading, chunk in self.faq
            if (not items or items & set(chunk.items)) and set(tokenize(heading)) - asked
        ]
        offered = list(dict.fromkeys(offered))
        if not offered:
            return ()
        nearness = self.vectors(offered) @ self.vectors([question])[0]
        ranked = [offered[i] for i in np.argsort(-nearness) if nearness[i] < SAME_QUESTION]
        return tuple(ranked[:count])


def read_library(
    settings: Settings,
    placement: Placement,
    answerable: AnswerableModel | None = None,
    known: Sequence[Mapping[str, Any]] | None = None,
) -> Library:
    """Read documents and models; encode what is new since the last start.

    Args:
        answerable: used instead of the checkpoint where one is being fitted.
        known: questions used instead of those beside the documents, likewise.

    Raises:
        WeightsMissingError, WeightsCorruptError: if a model is not there or damaged.
        InputError: if a document can't be read; it names the file.
    """
    encoder = open_encoder(settings.embedding_model, settings, placement)
    documents = load_documents(settings.knowledge_dir) + documents_from_rules(settings.rules_dir)
    store = open_store(settings, documents, encoder)
    chunks = store.chunks
    passages: dict[str, list[Chunk]] = {}
    for chunk in chunks:
        passages.setdefault(chunk.document_id, []).append(chunk)
    vectors = SentenceVectors(encoder, settings.cache_dir, settings.vectors_dir / "rag")
    questions = [(chunk.heading, chunk) for chunk in chunks if chunk.heading.endswith("?")]
    asked = read_known_questions(settings.knowledge_dir)
    vectors.prepare(
        [s for chunk in chunks for s in chunk.sentences]
        + [q for q, _ in questions]
        + [entry["question"] for entry in asked]
    )
    words = Counter(word for chunk in chunks for word in _WORD.findall(chunk.search_text.lower()))
    synonyms = Synonyms.load(settings.knowledge_dir)
    return Library(
        encoder=encoder,
        retriever=Retriever(store, encoder, open_reranker(settings, placement), RetrievalConfig()),
        documents={document.id: document for document in documents},
        places=frozenset(r for d in documents for r in d.regions if r != "all"),
        intents=IntentClassifier.load(settings),
        answerable=answerable or AnswerableModel.load(settings),
        speller=Speller(words, known=encoder.words | synonyms.words),
        synonyms=synonyms,
        idf=inverse_document_frequency([chunk.search_text for chunk in chunks]),
        known=KnownQuestions.of(asked if known is None else known, passages, vectors),
        vectors=vectors,
        checker=GroundingChecker(lambda texts: vectors(texts)),
        faq=tuple(questions),
        summaries={
            chunk.document_id: chunk for chunk in chunks if chunk.heading == compose.SUMMARY_HEADING
        },
        passages={name: tuple(own) for name, own in passages.items()},
    )


def open_store(
    settings: Settings, documents: Sequence[Document], encoder: DenseEncoder
) -> VectorStore:
    """Put the documents into the store that the settings name: in memory, or a Qdrant server.

    Raises:
        EngineUnavailableError: if the server does not answer.
    """
    sizes: dict[str, Any] = {"target_tokens": TARGET_TOKENS, "overlap_tokens": OVERLAP_TOKENS}
    if not settings.qdrant_url:
        return build_or_load(
            documents,
            encoder,
            cache_dir=settings.cache_dir,
            shipped_dir=settings.vectors_dir / "rag",
            **sizes,
        )
    from engines.rag.store_qdrant import QdrantStore  # its client takes a second to import

    # Vectors of different models must not meet, so each model has a collection of its own.
    server = QdrantStore(
        encoder.width,
        location=settings.qdrant_url,
        collection=f"releaf-{encoder.name}",
        api_key=settings.qdrant_api_key.get_secret_value() or None,
    )
    update(server, documents, encoder, **sizes)
    return server


def open_reranker(settings: Settings, placement: Placement) -> Reranker | None:
    """Open the cross-encoder that the settings name; None where it is not there.

    One is shipped only if it beats fusion alone; without it the order of the fusion stands.
    """
    name = settings.reranker_model
    try:
        folder: Path | str = name
        if "/" not in name:
            folder = find_weights(name, settings=settings).path.parent
        return Reranker(folder, device=placement.device)
    except WeightsMissingError:
        return None
