"""Join the network's score with what plain rules say: shared properties and likeness of words."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]

# The text model behind the features; networks and projection are fitted to it.
ENCODER = "all_minilm_l6_v2"


@dataclass(frozen=True)
class Blend:
    """Logistic regression on three numbers of a pair.

    Attributes:
        weights: of network logit, property overlap, text cosine. bias: added.
    """

    weights: tuple[float, ...]
    bias: float

    def logits(self, parts: Scores) -> Scores:
        """Return the logit for parts, (..., 3)."""
        result: Scores = parts @ np.array(self.weights) + self.bias
        return result

    def probability(self, parts: Scores) -> Scores:
        """Return the score in [0, 1] for parts, (..., 3)."""
        # The logistic function, in the form that does not overflow.
        result: Scores = (1.0 + np.tanh(self.logits(parts) / 2)) / 2
        return result


def parts_of(network: Scores, overlap: Scores, cosine: Scores) -> Scores:
    """Stack the three numbers of each pair, (...) each, to (..., 3).

    The network's logit is squashed, since it runs to large numbers where it is sure.
    """
    return np.stack([np.tanh(np.asarray(network) / 8.0), overlap, cosine], axis=-1)
