"""Widen a question by what its first results talk about (pseudo-relevance feedback)."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from engines.rag.sparse import STOP_WORDS, TermStatistics, stem

ALPHA = 0.3
TERMS_PER_TEXT = 10
_WORD = re.compile(r"\w+")

Floats = NDArray[np.float32]


def feedback_terms(
    text: str, statistics: TermStatistics, count: int = TERMS_PER_TEXT
) -> tuple[str, ...]:
    """Return the words that set a text apart: the greatest tf * idf of their stems, best first.

    A stem is shown as the form that stands first in the text. Numbers alone are left out.
    """
    frequency: Counter[str] = Counter()
    forms: dict[str, str] = {}
    for word in _WORD.findall(text.lower()):
        if word not in STOP_WORDS and not word.isdigit():
            root = stem(word)
            frequency[root] += 1
            forms.setdefault(root, word)
    weight = {root: found * statistics.idf(root) for root, found in frequency.items()}
    # Sorting keeps the order of the text where weights are equal.
    return tuple(forms[root] for root in sorted(weight, key=lambda root: -weight[root])[:count])


def expand_query(
    query_vector: Floats,
    feedback_texts: Sequence[str],
    *,
    encode: Callable[[list[str]], Floats],
    statistics: TermStatistics,
    feedback_scores: Sequence[float] | None = None,
    alpha: float = ALPHA,
    terms_per_text: int = TERMS_PER_TEXT,
) -> Floats:
    """Move a question's vector towards the terms of the passages found first.

    q' = q + alpha * sum over d of w_d * v(terms of d), then L2-normalised, where v encodes a
    passage's TF-IDF terms as one text and the w_d add up to 1 (Rocchio 1971, on dense vectors).

    Args:
        query_vector: (width,), L2-normalised.
        feedback_texts: the passages found first.
        encode: turns texts into unit vectors (N, width).
        statistics: what says how rare terms are.
        feedback_scores: how good each passage is, from 0 up; w_d is its share. Equal if None.

    Raises:
        ValueError: if there are not as many scores as texts, or one is negative.
    """
    scores = np.ones(len(feedback_texts)) if feedback_scores is None else np.array(feedback_scores)
    if scores.shape != (len(feedback_texts),) or (scores < 0).any():
        raise ValueError("every passage of the feedback needs one score from 0 up")
    terms = [feedback_terms(text, statistics, terms_per_text) for text in feedback_texts]
    rows = [row for row, found in enumerate(terms) if found]
    total = scores[rows].sum()
    if not rows or alpha == 0 or total == 0:
        return query_vector
    vectors = encode([" ".join(terms[row]) for row in rows])
    moved = query_vector + alpha * (scores[rows] / total) @ vectors
    expanded: Floats = (moved / np.linalg.norm(moved)).astype(np.float32)
    return expanded
