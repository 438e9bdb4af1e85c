"""Tell from a question's words alone whether it is one that documents answer."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

FILE_NAME = "wording.json"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Wording:
    """Score a question by its words and pairs of words: “how much”, “open on”, “error”.

    A logistic regression on which of them are there, as a vector of length 1. It complements the
    embedding, which takes “what does a fridge cost” and “where does a fridge go” for alike.

    Attributes:
        weights: of words and of pairs with a space between; others don't count.
    """

    weights: Mapping[str, float]
    bias: float

    def odds(self, question: str) -> float:
        """Log-odds that questions worded like this one are answerable."""
        known = [self.weights[gram] for gram in grams(question) if gram in self.weights]
        return sum(known) / math.sqrt(len(known)) + self.bias if known else self.bias

    def save(self, folder: Path) -> None:
        """Write wording.json."""
        content = {
            "bias": round(self.bias, 4),
            "weights": {gram: round(self.weights[gram], 4) for gram in sorted(self.weights)},
        }
        text = json.dumps(content, ensure_ascii=False, indent=0)
        (folder / FILE_NAME).write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Wording:
        """Read wording.json.

        Raises:
            OSError: if it is not there.
            KeyError, TypeError, ValueError: if it is damaged.
        """
        content = json.loads((folder / FILE_NAME).read_text(encoding="utf-8"))
        weights = {str(gram): float(weight) for gram, weight in content["weights"].items()}
        return cls(weights, float(content["bias"]))


def grams(question: str) -> list[str]:
    """Return the different words of a question and pairs of neighbours, in small letters."""
    words = _WORD.findall(question.lower())
    pairs = [f"{one} {other}" for one, other in pairwise(words)]
    return sorted({*words, *pairs})
