"""BM25: tokens, how rare each is, and the score of every text."""

from __future__ import annotations

import re
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache

import numpy as np
import snowballstemmer
from numpy.typing import NDArray
from rank_bm25 import BM25Okapi

K1 = 1.5
B = 0.75

Tokenizer = Callable[[str], list[str]]

# NLTK's English list without its forms with an apostrophe, which split at it, and without three
# words: "no" and "not" turn an answer round, and a "can" is also a thing to throw away.
_STOP_LIST = """
i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she
her hers herself it its itself they them their theirs themselves what which who whom this that
these those am is are was were be been being have has had having do does did doing a an the and
but if or because as until while of at by for with about against between into through during
before after above below to from up down in out on off over under again further then once here
there when where why how all any both each few more most other some such nor only own same so
than too very s t will just don should now d ll m o re ve y ain aren couldn didn doesn hadn hasn
haven isn ma mightn mustn needn shan shouldn wasn weren won wouldn
"""
STOP_WORDS = frozenset(_STOP_LIST.split())
_WORD = re.compile(r"\w+")
_stemmer = snowballstemmer.stemmer("english")
# The stemmer keeps the word it works on in itself, so two threads would mix theirs up.
_stemmer_lock = threading.Lock()


@lru_cache(maxsize=100_000)
def stem(word: str) -> str:
    """Return the Snowball English stem (Porter 2) of a lower-case word."""
    with _stemmer_lock:
        return str(_stemmer.stemWord(word))


def tokenize(text: str, *, is_stemmed: bool = True) -> list[str]:
    """Split a text into lower-case words without stop words, stemmed unless told otherwise."""
    words = [word for word in _WORD.findall(text.lower()) if word not in STOP_WORDS]
    return [stem(word) for word in words] if is_stemmed else words


class _OkapiWeights(BM25Okapi):
    """rank_bm25's inverse document frequencies, from counts instead of texts."""

    def __init__(self, document_frequency: Mapping[str, int], texts: int) -> None:
        # What BM25Okapi.__init__ sets before it computes the same.
        self.corpus_size = texts
        self.epsilon = 0.25
        self.idf: dict[str, float] = {}
        self._calc_idf(document_frequency)


class TermStatistics:
    """Say how rare terms are in a collection and how long its texts: what BM25 weighs by.

    idf(t) = ln((N - n + 0.5) / (n + 0.5)), and a quarter of the mean idf where that is negative, as
    rank_bm25's BM25Okapi computes it. In a collection of a few texts that mean may itself not be
    positive, and matching would count against a text; there, and for terms that occur nowhere,
    idf(t) = ln(1 + (N - n + 0.5) / (n + 0.5)) as in Lucene.

    Args:
        document_frequency: in how many texts each term occurs.
        texts: number of texts N.
        total_length: tokens of all texts.
    """

    def __init__(
        self, document_frequency: Mapping[str, int], texts: int, total_length: int
    ) -> None:
        self.texts = texts
        self.mean_length = total_length / texts if texts else 0.0
        self._idf: dict[str, float] = {}
        if document_frequency:
            okapi = _OkapiWeights(document_frequency, texts)
            self._idf = okapi.idf
            if okapi.average_idf <= 0:
                self._idf = {t: self._positive_idf(n) for t, n in document_frequency.items()}

    @classmethod
    def of(cls, tokens: Iterable[Sequence[str]]) -> TermStatistics:
        """Count the terms of tokenised texts."""
        frequency: Counter[str] = Counter()
        texts = total_length = 0
        for text in tokens:
            frequency.update(set(text))
            texts += 1
            total_length += len(text)
        return cls(frequency, texts, total_length)

    def idf(self, term: str) -> float:
        """Return the term's weight; a term that occurs nowhere is the rarest of all."""
        return self._idf.get(term, self._positive_idf(0))

    def _positive_idf(self, frequency: int) -> float:
        return float(np.log1p((self.texts - frequency + 0.5) / (frequency + 0.5)))


def term_weights(
    frequency: NDArray[np.float64], length: NDArray[np.float64], mean_length: float
) -> NDArray[np.float64]:
    """Weigh how often terms occur in texts: f (k1 + 1) / (f + k1 (1 - b + b |D| / mean |D|)).

    Source: Robertson and Zaragoza 2009, The Probabilistic Relevance Framework.

    Args:
        frequency: how often the term occurs in each text, (N,).
        length: tokens of each text, (N,) or one number.
        mean_length: of the collection, tokens.
    """
    relative = length / mean_length if mean_length else np.zeros_like(length)
    weights: NDArray[np.float64] = frequency * (K1 + 1) / (frequency + K1 * (1 - B + B * relative))
    return weights


class SparseIndex:
    """Score texts by BM25 (k1 1.5, b 0.75). Equal to rank_bm25's BM25Okapi, only faster: what is
    looked at are the texts that hold a word of the question, not all.

    Args:
        texts: the collection, in the order of the rows.
        tokenizer: turns a text or a question into terms.
    """

    def __init__(self, texts: Sequence[str], *, tokenizer: Tokenizer = tokenize) -> None:
        self._tokenizer = tokenizer
        tokens = [tokenizer(text) for text in texts]
        self.statistics = TermStatistics.of(tokens)
        self._lengths = np.array([len(text) for text in tokens], np.float64)
        rows: dict[str, array[int]] = {}
        frequencies: dict[str, array[int]] = {}
        for row, text in enumerate(tokens):
            for term, count in Counter(text).items():
                rows.setdefault(term, array("q")).append(row)
                frequencies.setdefault(term, array("q")).append(count)
        self._rows = {term: np.array(found, np.int64) for term, found in rows.items()}
        self._frequencies = {t: np.array(found, np.float64) for t, found in frequencies.items()}

    def __len__(self) -> int:
        return len(self._lengths)

    def scores(
        self, query: str, *, statistics: TermStatistics | None = None
    ) -> NDArray[np.float64]:
        """Score every text for a question: (N,), 0 where no word matches.

        Args:
            statistics: of another collection, which makes scores comparable with that one's.
        """
        statistics = statistics or self.statistics
        scores = np.zeros(len(self))
        for term, count in Counter(self._tokenizer(query)).items():
            rows = self._rows.get(term)
            if rows is not None:
                weights = term_weights(
                    self._frequencies[term], self._lengths[rows], statistics.mean_length
                )
                scores[rows] += count * statistics.idf(term) * weights
        return scores

    def search(
        self,
        query: str,
        k: int,
        *,
        is_allowed: NDArray[np.bool_] | None = None,
        statistics: TermStatistics | None = None,
    ) -> list[tuple[int, float]]:
        """Return (row, score) of the k best texts that hold a word of the question, best first.

        Equal scores keep the order of the rows.

        Args:
            is_allowed: (N,), which rows may be found; None for all.
            statistics: see `scores`.
        """
        scores = self.scores(query, statistics=statistics)
        found = scores > 0
        if is_allowed is not None:
            found &= is_allowed
        rows = np.flatnonzero(found)
        best = rows[np.argsort(-scores[rows], kind="stable")][: max(k, 0)]
        return [(int(row), float(scores[row])) for row in best]
