"""How well the passages found can answer a question: refuse, or answer with some confidence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.rag.answers import Confidence
from engines.rag.kind import QuestionKind
from engines.rag.places import places_elsewhere
from engines.rag.retrieve import Hit
from engines.rag.sparse import tokenize
from engines.rag.wording import Wording
from engines.runtime.errors import WeightsCorruptError
from engines.runtime.settings import Settings
from engines.runtime.weights import find_weights, load_card, load_tensors

CHECKPOINT = "answerable"
# From the reference design: (s1 - s2) / s1 above 0.3 is a clear winner, below 0.1 a close race.
CLEAR_GAP, CLOSE_GAP = 0.3, 0.1
DANGER_SHARE = 0.3
SURE_PROBABILITY, DOUBTFUL_PROBABILITY = 0.9, 0.7


@dataclass(frozen=True)
class Evidence:
    """What is known about question and passages before anything is answered.

    Attributes:
        passage: cosine of question and best passage.
        sentence: cosine of question and best single sentence of the passages.
        mean_passage: mean cosine of the best five passages.
        coverage: share of the question's words, weighted by IDF, that the passages hold.
        missing: highest IDF of a word that no passage holds, divided by the largest IDF there is.
        elsewhere: 1 where the question names a place without rules here of which no passage
            speaks, otherwise 0.
        kind: how clearly questions of this kind, with this sentence, are answerable (see kind.py).
        wording: log-odds of that from its words alone.
        known: cosine of the nearest known question that the documents answer.
        unknown: cosine of the nearest known question that they don't answer.
    """

    passage: float
    sentence: float
    mean_passage: float
    coverage: float
    missing: float
    elsewhere: float
    kind: float
    wording: float
    known: float
    unknown: float

    def vector(self) -> NDArray[np.float64]:
        """All numbers in order, (10,)."""
        return np.array(astuple(self), dtype=np.float64)


def inverse_document_frequency(texts: Sequence[str]) -> dict[str, float]:
    """Compute ln((N - n + 0.5) / (n + 0.5) + 1) of every stemmed word."""
    counts: dict[str, int] = {}
    for text in texts:
        for word in set(tokenize(text)):
            counts[word] = counts.get(word, 0) + 1
    total = len(texts)
    return {word: math.log((total - n + 0.5) / (n + 0.5) + 1) for word, n in counts.items()}


def gather(
    question: str,
    hits: Sequence[Hit],
    *,
    sentence: float,
    kind: float,
    wording: float,
    known: float,
    unknown: float,
    idf: Mapping[str, float],
) -> Evidence:
    """Measure what the hits hold of a question, put in the documents' words for things.

    Words that no document has weigh most.
    """
    words = set(tokenize(question))
    largest = max(idf.values(), default=1.0)
    weights = {word: idf.get(word, largest) for word in words}
    held = {word for hit in hits for word in tokenize(hit.chunk.search_text)}
    total = sum(weights.values())
    missing = [weight for word, weight in weights.items() if word not in held]
    elsewhere = places_elsewhere(question)
    if elsewhere:
        elsewhere -= places_elsewhere(" ".join(hit.chunk.search_text for hit in hits))
    similarities = [hit.score for hit in hits]
    return Evidence(
        passage=max(similarities, default=0.0),
        sentence=sentence,
        mean_passage=float(np.mean(similarities)) if similarities else 0.0,
        coverage=1.0 - sum(missing) / total if total else 0.0,
        missing=max(missing, default=0.0) / largest,
        elsewhere=float(bool(elsewhere)),
        kind=kind,
        wording=wording,
        known=known,
        unknown=unknown,
    )


@dataclass(frozen=True)
class AnswerableModel:
    """Say how likely it is that the documents hold an answer.

    A logistic regression on Evidence, of which two parts are models themselves: what kind of
    question it is by its meaning and by its words. Fitted by
    `python -m engines.rag.fit.calibrate`; the card says how well they do.

    Attributes:
        weight: (10,), for Evidence.
        unanswerable: embeddings of questions that the documents don't answer, (N, width).
        threshold: below this probability a question is refused.
    """

    weight: NDArray[np.float64]
    bias: float
    kind: QuestionKind
    wording: Wording
    unanswerable: NDArray[np.float32]
    threshold: float

    @classmethod
    def open(cls, width: int) -> AnswerableModel:
        """Return a model that refuses nothing, for measuring before one is fitted."""
        features = len(Evidence.__dataclass_fields__)
        return cls(
            weight=np.zeros(features),
            bias=0.0,
            kind=QuestionKind.open(width),
            wording=Wording({}, 0.0),
            unanswerable=np.zeros((0, width), np.float32),
            threshold=0.0,
        )

    @classmethod
    def load(cls, settings: Settings) -> AnswerableModel:
        """Read the checkpoint.

        Raises:
            WeightsMissingError, WeightsCorruptError: if it is not there or does not fit.
        """
        source = find_weights(CHECKPOINT, settings=settings)
        tensors = load_tensors(source.path)
        card = load_card(Path(source.path).parent)
        expected = len(Evidence.__dataclass_fields__)
        try:
            weight = tensors["weight"].double().numpy()
            bias = float(tensors["bias"])
            kind = QuestionKind(
                vectors=tensors["kind_vectors"].float().numpy(),
                weights=tensors["kind_weights"].double().numpy(),
                bias=float(tensors["kind_bias"]),
                gamma=float(tensors["kind_gamma"]),
            )
            unanswerable = tensors["unanswerable"].float().numpy()
            wording = Wording.load(Path(source.path).parent)
            threshold = float((card.raw if card else {})["inference"]["threshold"])
            if weight.shape != (expected,) or kind.vectors.shape != (
                len(kind.weights),
                2 * unanswerable.shape[1],
            ):
                raise ValueError("other features")
        except (OSError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise WeightsCorruptError(
                "The checkpoint that tells answerable questions does not fit this version.",
                "Restore checkpoints/answerable with git, or fit it again.",
            ) from error
        return cls(weight, bias, kind, wording, unanswerable, threshold)

    def unknown(self, vector: NDArray[np.float32]) -> float:
        """Cosine of the nearest question that the documents don't answer; 0 without any."""
        return float((self.unanswerable @ vector).max()) if len(self.unanswerable) else 0.0

    def bar(self, *, is_danger_known: bool) -> float:
        """Return the probability from which a question is answered.

        Where a danger is asked about and a warning is at hand, one answer too many is better than
        one refusal too many.
        """
        return self.threshold * (DANGER_SHARE if is_danger_known else 1.0)

    def probability(self, evidence: Evidence) -> float:
        """Probability that the documents answer the question, in [0, 1]."""
        odds = float(evidence.vector() @ self.weight + self.bias)
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, odds))))


def confidence_of(hits: Sequence[Hit], probability: float) -> Confidence:
    """Grade an answer by how well the passages fit and how clearly the best one leads.

    s1 is the best passage's score; s2 that of the best passage on another subject, since several
    documents on one thing support each other instead of competing.
    """
    if not hits:
        return Confidence("low", "No passage was found.", 0.0, 0.0)
    best = hits[0]
    rivals = [hit.score for hit in hits[1:] if not _same_subject(hit, best)]
    gap = (best.score - max(rivals)) / best.score if rivals and best.score > 0 else 1.0
    gap = max(0.0, gap)
    others = len({hit.chunk.document_id for hit in hits if _same_subject(hit, best)})
    agreement = f"{others} documents on the same subject" if others > 1 else "one document"
    if probability < DOUBTFUL_PROBABILITY:
        return Confidence("low", "The passages fit the question only in part.", best.score, gap)
    if probability >= SURE_PROBABILITY and (gap > CLOSE_GAP or not rivals):
        reason = f"The best passage fits well, and {agreement} lead clearly over other subjects."
        if gap <= CLEAR_GAP:
            reason = f"The best passage fits well, and {agreement} lead over other subjects."
        if others == 1:
            reason = reason.replace("one document lead", "one document leads")
        return Confidence("high", reason, best.score, gap)
    if gap < CLOSE_GAP and rivals:
        return Confidence(
            "medium", "Passages on different subjects fit about equally well.", best.score, gap
        )
    return Confidence(
        "medium",
        "The best passage fits, but not every word of the question is in it.",
        best.score,
        gap,
    )


def _same_subject(one: Hit, other: Hit) -> bool:
    a, b = one.chunk, other.chunk
    return a.document_id == b.document_id or bool(set(a.items) & set(b.items))
