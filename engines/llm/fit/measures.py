"""How near an answer is to the one wanted, and how sure that is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engines.llm.citing import without_marks

_ARTICLES = re.compile(r"\b(a|an|the)\b")
RESAMPLES = 1000


@dataclass(frozen=True)
class Interval:
    """A mean with its bootstrap interval of 95 %, over `count` values."""

    mean: float
    low: float
    high: float
    count: int


def interval_of(values: Sequence[float], *, seed: int = 0) -> Interval | None:
    """Return mean and percentile bootstrap interval (Efron 1979); None without values."""
    if not values:
        return None
    array = np.asarray(values, dtype=np.float64)
    rng = np.random.default_rng(seed)
    means = array[rng.integers(0, len(array), (RESAMPLES, len(array)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Interval(float(array.mean()), float(low), float(high), len(array))


def normalised(text: str) -> str:
    """Lower-case, without marks, punctuation and articles (Rajpurkar et al. 2016, SQuAD)."""
    text = re.sub(r"[^\w\s]", " ", without_marks(text).lower())
    return " ".join(_ARTICLES.sub(" ", text).split())


def is_exact(answer: str, wanted: str) -> bool:
    """Say whether two answers are the same but for case, marks, punctuation and articles."""
    return normalised(answer) == normalised(wanted)


def token_f1(answer: str, wanted: str) -> float:
    """Return the harmonic mean of precision and recall of words, in [0, 1] (SQuAD)."""
    one, other = normalised(answer).split(), normalised(wanted).split()
    if not one or not other:
        return float(one == other)
    shared = sum((Counter(one) & Counter(other)).values())
    return 2 * shared / (len(one) + len(other))


def rouge_l() -> Callable[[str, str], float]:
    """Return ROUGE-L F1 of (answer, wanted), in [0, 1] (Lin 2004), as rouge-score computes it."""
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=True)

    def score(answer: str, wanted: str) -> float:
        found = scorer.score(without_marks(wanted), without_marks(answer))["rougeL"]
        return float(found.fmeasure)

    return score


def bleu(answers: Sequence[str], wanted: Sequence[str]) -> float:
    """Return BLEU of all answers together, in [0, 100] (Papineni et al. 2002), by sacrebleu."""
    from sacrebleu import corpus_bleu

    plain = [without_marks(text) for text in answers]
    return float(corpus_bleu(plain, [[without_marks(text) for text in wanted]]).score)
