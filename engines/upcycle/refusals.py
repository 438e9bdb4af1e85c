"""Turn away politely what is not about a thing: people, animals, weapons, drugs, good food."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import InputError
from engines.runtime.kept_vectors import PassageEncoder
from engines.upcycle.schema import RefusalRecord
from engines.upcycle.words import content, holds, stems

# Chosen on the texts of tests/engines/upcycle/data/texts.jsonl marked "dev".
REFUSAL_LIKENESS = 0.62


class Refusals:
    """Know what is not about a thing.

    Args:
        records: phrases and answers. encoder: embeds the phrases at once.
    """

    def __init__(self, records: Sequence[RefusalRecord], encoder: PassageEncoder) -> None:
        pairs = [(record, phrase) for record in records for phrase in record.phrases]
        self._records = [record for record, _ in pairs]
        self._phrases = [content(phrase) for _, phrase in pairs]
        self._vectors = encoder.encode_passages([phrase for _, phrase in pairs])

    def check_words(self, text: str) -> None:
        """Turn a text away that is a refused phrase, or holds one of several words.

        Raises:
            InputError: the answer for such a text.
        """
        words = content(text)
        for record, phrase in zip(self._records, self._phrases, strict=True):
            is_meant = words == phrase or (len(phrase) > 1 and holds(words, phrase))
            if phrase and is_meant and not _is_a_thing(text, record):
                raise InputError(record.answer, "")

    def check_meaning(self, text: str, vector: NDArray[np.float32], to_items: float) -> None:
        """Turn a text away that ends in a refused word, or is liker to one than to any item.

        Args:
            vector: embedding of the text, (E,). to_items: its greatest likeness to an item.

        Raises:
            InputError: the answer for such a text.
        """
        words = content(text)
        likeness = self._vectors @ vector
        best = int(likeness.argmax())
        meant = [
            record
            for record, phrase in zip(self._records, self._phrases, strict=True)
            if phrase and words[-len(phrase) :] == phrase
        ]
        if likeness[best] > max(REFUSAL_LIKENESS, to_items):
            meant.append(self._records[best])
        for record in meant:
            if not _is_a_thing(text, record):
                raise InputError(record.answer, "")


def _is_a_thing(text: str, record: RefusalRecord) -> bool:
    """Say whether a word makes a thing of what else is refused: a "toy sword"."""
    return bool({stem for word in record.unless for stem in stems(word)} & set(stems(text)))
