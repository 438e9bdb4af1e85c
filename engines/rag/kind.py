"""Tell from what a question means whether it is of a kind that documents answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

SENTENCE_SHARE = 0.7  # weight of the best sentence beside the question; chosen in cross-validation


@dataclass(frozen=True)
class QuestionKind:
    """A support vector machine on a question together with the sentence found for it.

    Source: Cortes and Vapnik 1995, Support-Vector Networks, with the Gaussian kernel
    exp(-gamma * |x - y|^2). A price of today or opening hours lie on the other side than where a
    thing goes, though the same sentence is nearest to all three.

    Attributes:
        vectors: pairs that lie at the border, as `pair` makes them, (N, 2 * width).
        weights: of each, (N,); positive where it is answerable.
    """

    vectors: Floats
    weights: NDArray[np.float64]
    bias: float
    gamma: float

    @classmethod
    def open(cls, width: int) -> QuestionKind:
        """Return one that takes all questions for alike."""
        return cls(np.zeros((0, 2 * width), np.float32), np.zeros(0), 0.0, 1.0)

    def odds(self, query: Floats, sentence: Floats | None) -> float:
        """Signed distance from the border, above 0 where such questions are answerable.

        Args:
            query: unit vector of the question, (width,).
            sentence: of the best sentence found, (width,); None where there is none.
        """
        if not len(self.vectors):
            return self.bias
        # The difference as it is: for equal vectors the expanded square may fall below 0.
        distances = np.square(self.vectors - pair(query, sentence)).sum(axis=1)
        return float(np.exp(-self.gamma * distances) @ self.weights + self.bias)


def pair(query: Floats, sentence: Floats | None) -> Floats:
    """Join a question's vector and its best sentence's, (2 * width,)."""
    other = np.zeros_like(query) if sentence is None else sentence
    return np.concatenate([query, SENTENCE_SHARE * other]).astype(np.float32)
