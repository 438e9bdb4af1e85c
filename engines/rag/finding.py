"""Understand a question, search for it, and judge whether what was found answers it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from engines.rag import compose
from engines.rag.answers import Confidence, Trace
from engines.rag.danger import is_dangerous
from engines.rag.evidence import Evidence, confidence_of, gather
from engines.rag.follow_up import rewrite_follow_up
from engines.rag.library import Library
from engines.rag.places import region_in
from engines.rag.question import clean_question, looks_foreign
from engines.rag.retrieve import Hit, StepTime
from engines.rag.session import ChatSession
from engines.rag.store import Filter
from engines.runtime.errors import InputError

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """All that is known about a question before it is answered.

    Attributes:
        question: cleaned and spelt out; `query` is the same made independent of earlier turns.
        vector: of what was searched for, (width,).
        scored: sentences that may be shown, best first.
        safety: safety sentences of the hazard document in question, best first.
        rule: what the rules of the chosen place say about the item, in order.
        probability: how likely the documents hold an answer, in [0, 1].
    """

    question: str
    query: str
    vector: Floats
    region: str
    intent: str
    hits: tuple[Hit, ...]
    scored: tuple[compose.Scored, ...]
    safety: tuple[compose.Scored, ...]
    rule: tuple[compose.Scored, ...]
    evidence: Evidence
    probability: float
    is_answerable: bool
    is_danger: bool
    confidence: Confidence
    trace: Trace
    started_s: float


def find(library: Library, question: str, session: ChatSession, *, region: str) -> Found:
    """Understand a question and find what the documents hold about it.

    Args:
        question: as the person wrote it.
        session: their chat so far and their own documents.
        region: id of the chosen place; a place named in the question goes before it.

    Raises:
        InputError: if the question is empty, too long or in a language that is not read.
    """
    clock = _Clock()
    with clock.step("understand"):
        cleaned = clean_question(question)
        language = looks_foreign(cleaned)
        if language is not None:
            raise InputError(
                f"This looks like {language}; the documents are in English.",
                "Please ask in English.",
            )
        spelt, corrections = library.speller.correct(cleaned)
        rewrite = rewrite_follow_up(spelt, session.turns)
        place = region_in(rewrite.text) or region
        searched = library.synonyms.widen(rewrite.text)
    with clock.step("encode"):
        query = library.encoder.encode_queries([searched])[0]
        guess = library.intents.predict(query, rewrite.text)
        nearness = library.known.nearness(query)
    regions = ("all",) if place == "generic" else ("all", place)
    where = Filter(regions=regions)
    retrieved = library.retriever.search(
        searched,
        where=where,
        extra=session.store,
        vector=query,
        preference=library.preference(guess, nearness),
    )
    hits = retrieved.hits
    is_danger = is_dangerous(searched, guess, nearness)
    with clock.step("sentences"):
        scored = compose.score_sentences(
            query,
            [*hits, *library.summaries_of(hits)],
            library.vectors,
            region=place,
            places=library.places,
        )
        best_sentence = max((float(s.vector @ query) for s in scored), default=0.0)
        evidence = gather(
            library.synonyms.replace(rewrite.text),
            hits,
            sentence=best_sentence,
            kind=library.answerable.kind.odds(query, scored[0].vector if scored else None),
            wording=library.answerable.wording.odds(rewrite.text),
            known=max(nearness.values(), default=0.0),
            unknown=library.answerable.unknown(query),
            idf=library.idf,
        )
        probability = library.answerable.probability(evidence)
        safety = library.safety_of(query, retrieved, is_danger)
        rule = library.rule_of(query, searched, hits, place, guess.intent)
    bar = library.answerable.bar(is_danger_known=is_danger and bool(safety))
    is_answerable = bool(scored) and probability >= bar
    return Found(
        question=spelt,
        query=rewrite.text,
        vector=query,
        region=place,
        intent=guess.intent,
        hits=hits,
        scored=scored,
        safety=safety,
        rule=rule,
        evidence=evidence,
        probability=probability,
        is_answerable=is_answerable,
        is_danger=is_danger,
        confidence=confidence_of(hits, probability),
        trace=Trace(
            question=question,
            rewritten=searched,
            corrections=tuple(corrections),
            intent=guess.intent,
            intent_confidence=guess.confidence,
            region=place,
            candidates=retrieved.candidates,
            timings=(*clock.times, *retrieved.timings),
        ),
        started_s=clock.started_s,
    )


class _Clock:
    """Note how long each step takes."""

    def __init__(self) -> None:
        self.started_s = perf_counter()
        self.times: list[StepTime] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        start_s = perf_counter()
        yield
        self.times.append(StepTime(name, (perf_counter() - start_s) * 1000))
