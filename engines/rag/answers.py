"""What the chat engine answers with: sentences, where each comes from, and how it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engines.rag.retrieve import Candidate, StepTime

Mode = Literal["quoted", "written"]
ConfidenceLevel = Literal["high", "medium", "low"]


@dataclass(frozen=True)
class Citation:
    """One passage that an answer rests on.

    Attributes:
        number: what stands behind a sentence, counted from 1.
        passage: the passage's text.
        highlights: (start, end) character spans of `passage` that support the answer.
        sources: the document's own sources, "Authority: document (year)".
        is_upload: whether the person added the document.
    """

    number: int
    chunk_id: str
    document_id: str
    title: str
    heading: str
    passage: str
    highlights: tuple[tuple[int, int], ...]
    sources: tuple[str, ...]
    is_upload: bool


@dataclass(frozen=True)
class AnswerSentence:
    """One sentence of an answer.

    Attributes:
        citations: numbers of the passages that support it; empty only in a refusal.
        is_quotation: whether it stands in the documents word for word.
        is_safety: whether it is one of a hazard document's own safety sentences.
    """

    text: str
    citations: tuple[int, ...]
    is_quotation: bool
    is_safety: bool = False


@dataclass(frozen=True)
class Confidence:
    """How sure an answer is and why, in words for a person.

    Attributes:
        relevance: cosine of the best passage, [-1, 1].
        gap: (s1 - s2) / s1 of the two best documents, 0 where there is no second.
    """

    level: ConfidenceLevel
    reason: str
    relevance: float
    gap: float


@dataclass(frozen=True)
class Trace:
    """How an answer was found.

    Attributes:
        question: as it was asked. rewritten: as it was searched for.
        corrections: (written, read as) pairs of misspelt words.
        candidates: passages with their ranks in every stage, best first.
        timings: time of each step.
    """

    question: str
    rewritten: str
    corrections: tuple[tuple[str, str], ...]
    intent: str
    intent_confidence: float
    region: str
    candidates: tuple[Candidate, ...]
    timings: tuple[StepTime, ...]


@dataclass(frozen=True)
class Answer:
    """A finished answer.

    Attributes:
        sentences: in order; `text` joins them without the numbers.
        is_refusal: whether it says that the documents don't hold an answer.
        suggestions: questions to ask next.
        changed_sentences: how many sentences of the language model were replaced or dropped.
        notice: something the person should know, such as a missing language model; else "".
    """

    sentences: tuple[AnswerSentence, ...]
    citations: tuple[Citation, ...]
    confidence: Confidence
    intent: str
    mode: Mode
    is_refusal: bool
    suggestions: tuple[str, ...]
    trace: Trace
    changed_sentences: int = 0
    notice: str = ""
    first_text_ms: float = 0.0
    latency_ms: float = 0.0

    @property
    def text(self) -> str:
        """The sentences joined, without the numbers of their passages."""
        return " ".join(sentence.text for sentence in self.sentences)


@dataclass(frozen=True)
class AnswerDelta:
    """An answer on its way.

    Attributes:
        sentences: those that are checked and stay.
        draft: what the language model is writing now, not checked yet.
        answer: the whole answer; only the last delta has it.
    """

    sentences: tuple[AnswerSentence, ...] = ()
    draft: str = ""
    answer: Answer | None = None
