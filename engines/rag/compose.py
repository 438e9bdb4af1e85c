"""Put an answer together from sentences that stand in the documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.rag.answers import AnswerSentence, Citation
from engines.rag.chunking import Chunk
from engines.rag.documents import Document
from engines.rag.grounding import highlight_spans
from engines.rag.places import region_in
from engines.rag.retrieve import Hit

Floats = NDArray[np.float32]

MAX_SENTENCES = 3
MAX_SAFETY = 2
SAFETY_HEADING = "Safety first"
SUMMARY_HEADING = "In short"
# A sentence is left out where it is this much further from the question than the best one, or
# this close to one that is in the answer already (cosines; chosen on the dev questions).
MAX_BEHIND = 0.25
MAX_ALIKE = 0.86
SUMMARY_BONUS = 0.08
PASSAGE_SHARE = 0.3
RULE_SLACK = 0.12
# How much further than the best passage a hazard document may be, for a question that sounds like
# a danger and for others.
HAZARD_SLACK, OTHER_SLACK = 0.3, 0.08


@dataclass(frozen=True)
class Scored:
    """One sentence of a hit with its vector and how well it fits the question."""

    text: str
    chunk: Chunk
    score: float
    vector: Floats


def score_sentences(
    query: Floats,
    hits: Sequence[Hit],
    vectors_of: Callable[[Sequence[str]], Floats],
    *,
    region: str,
    places: frozenset[str],
) -> tuple[Scored, ...]:
    """Score every sentence of the hits that may be shown for this place, best first.

    Sentences that speak of another place than the chosen one are left out, as are questions.
    """
    pairs = [
        (sentence, hit)
        for hit in hits
        for sentence in hit.chunk.sentences
        if not sentence.endswith("?") and _is_about(sentence, region, places)
    ]
    if not pairs:
        return ()
    vectors = vectors_of([sentence for sentence, _ in pairs])
    similarity = vectors @ query
    found = [
        Scored(
            sentence,
            hit.chunk,
            float(similarity[row])
            + PASSAGE_SHARE * hit.score
            + (SUMMARY_BONUS if hit.chunk.heading == SUMMARY_HEADING else 0.0),
            vectors[row],
        )
        for row, (sentence, hit) in enumerate(pairs)
    ]
    return tuple(sorted(found, key=lambda scored: -scored.score))


def choose(
    scored: Sequence[Scored], taken: Sequence[Scored] = (), *, count: int = MAX_SENTENCES
) -> list[Scored]:
    """Take the best sentences that say something new (Carbonell and Goldstein 1998, MMR).

    They come back in the order in which they stand in their documents, the best document first.
    """
    chosen: list[Scored] = []
    best = scored[0].score if scored else 0.0
    for candidate in scored:
        if len(chosen) == count or candidate.score < best - MAX_BEHIND:
            break
        if all(_alike(candidate, other) < MAX_ALIKE for other in (*taken, *chosen)):
            chosen.append(candidate)
    documents: list[str] = []
    for candidate in chosen:
        if candidate.chunk.document_id not in documents:
            documents.append(candidate.chunk.document_id)

    def place(candidate: Scored) -> tuple[int, int, int]:
        chunk = candidate.chunk
        inside = chunk.sentences.index(candidate.text)
        return documents.index(chunk.document_id), chunk.order, inside

    return sorted(chosen, key=place)


def cite(
    parts: Sequence[tuple[AnswerSentence, Sequence[Chunk]]], documents: Mapping[str, Document]
) -> tuple[tuple[AnswerSentence, ...], tuple[Citation, ...]]:
    """Number the passages in the order they are first used and mark what supports the answer."""
    numbers: dict[str, int] = {}
    chunks: dict[str, Chunk] = {}
    supported: dict[str, list[str]] = {}
    sentences = []
    for sentence, sources in parts:
        for chunk in sources:
            numbers.setdefault(chunk.id, len(numbers) + 1)
            chunks[chunk.id] = chunk
            supported.setdefault(chunk.id, []).append(sentence.text)
        used = tuple(numbers[chunk.id] for chunk in sources)
        sentences.append(
            AnswerSentence(sentence.text, used, sentence.is_quotation, sentence.is_safety)
        )
    citations = tuple(
        Citation(
            number=number,
            chunk_id=chunk_id,
            document_id=chunks[chunk_id].document_id,
            title=chunks[chunk_id].title,
            heading=chunks[chunk_id].heading,
            passage=chunks[chunk_id].text,
            highlights=tuple(highlight_spans(chunks[chunk_id].text, supported[chunk_id])),
            sources=_source_lines(documents.get(chunks[chunk_id].document_id)),
            is_upload=chunks[chunk_id].is_upload,
        )
        for chunk_id, number in numbers.items()
    )
    return tuple(sentences), citations


def quotation(scored: Scored, *, is_safety: bool = False) -> tuple[AnswerSentence, tuple[Chunk]]:
    """Make an answer's sentence of a document's sentence."""
    return AnswerSentence(scored.text, (), True, is_safety), (scored.chunk,)


def _is_about(sentence: str, region: str, places: frozenset[str]) -> bool:
    named = region_in(sentence)
    return named is None or named in (region, "generic") or named not in places


def _alike(one: Scored, other: Scored) -> float:
    return 1.0 if one.text == other.text else float(one.vector @ other.vector)


def _source_lines(document: Document | None) -> tuple[str, ...]:
    if document is None:
        return ()
    return tuple(f"{s.authority}: {s.document} ({s.year})" for s in document.sources)
