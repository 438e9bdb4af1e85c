"""Questions that people ask, each with the document that answers it."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import InputError

FILE_NAME = "questions.jsonl"

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class KnownQuestions:
    """Say which documents answer questions like a new one.

    A document is also found by the questions that it answers, which are put in people's words and
    not in its own (Nogueira et al. 2019, Document Expansion by Query Prediction). Here people
    wrote the questions, and they are compared by their embeddings.

    Attributes:
        documents: id of the document that answers each question.
        vectors: unit vectors of the questions, (N, width).
    """

    documents: tuple[str, ...]
    vectors: Floats

    @classmethod
    def of(
        cls,
        entries: Sequence[Mapping[str, Any]],
        there: Collection[str],
        vectors_of: Callable[[Sequence[str]], Floats],
    ) -> KnownQuestions:
        """Take the questions of `entries` whose document is among those that are `there`."""
        kept = [entry for entry in entries if entry["document"] in there]
        return cls(
            documents=tuple(str(entry["document"]) for entry in kept),
            vectors=vectors_of([str(entry["question"]) for entry in kept]),
        )

    def nearness(self, query: Floats) -> dict[str, float]:
        """Return the cosine of the nearest question of each document that has one."""
        nearest: dict[str, float] = {}
        for name, cosine in zip(self.documents, (self.vectors @ query).tolist()):
            nearest[name] = max(cosine, nearest.get(name, -1.0))
        return nearest


def read_known_questions(folder: Path) -> tuple[dict[str, Any], ...]:
    """Read questions.jsonl of the documents' folder; without the file there are none.

    Returns:
        objects with question, document (its id) and heading (the section that answers).

    Raises:
        InputError: if a line is no such object; it names the line.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        return ()
    entries = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            entry = json.loads(line)
            is_whole = all(isinstance(entry[k], str) for k in ("question", "document", "heading"))
        except (ValueError, KeyError, TypeError):
            is_whole = False
        if not is_whole:
            raise InputError(
                f"Line {number} of {path} is no question with its document and heading.",
                "Correct the line.",
            )
        entries.append(entry)
    return tuple(entries)
