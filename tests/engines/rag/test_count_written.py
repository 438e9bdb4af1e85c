"""What is counted of answers in “Written”."""

from __future__ import annotations

import pytest

from engines.rag.answers import Answer, AnswerSentence, Confidence, Trace
from engines.rag.fit.count_written import Counts, counts_of

OWN = AnswerSentence("Rinse it.", (1,), is_quotation=False)
QUOTED = AnswerSentence("Rinse the jar.", (1,), is_quotation=True)


def answer(
    *sentences: AnswerSentence, changed: int = 0, first_ms: float = 0.0, is_refusal: bool = False
) -> Answer:
    return Answer(
        sentences=sentences,
        citations=(),
        confidence=Confidence("high", "", 0.8, 0.2),
        intent="disposal",
        mode="written",
        is_refusal=is_refusal,
        suggestions=(),
        trace=Trace("", "", (), "disposal", 1.0, "generic", (), ()),
        changed_sentences=changed,
        first_text_ms=first_ms,
    )


def test_sentences_of_answers_are_counted_and_refusals_only_as_questions() -> None:
    found = counts_of(
        [
            answer(OWN, QUOTED, changed=1, first_ms=300.0),
            answer(OWN, first_ms=100.0),
            answer(QUOTED, first_ms=5.0, is_refusal=True),
        ]
    )
    assert found == Counts(questions=3, answered=2, changed=1, shown=3, own=2, first_text_ms=200.0)


def test_refusals_alone_leave_nothing_to_count() -> None:
    with pytest.raises(ValueError, match="no question was answered"):
        counts_of([answer(QUOTED, is_refusal=True)])
