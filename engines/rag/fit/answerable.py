"""Fit the models that tell answerable questions from others, and choose their threshold."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import SVC

from engines.rag.evidence import AnswerableModel
from engines.rag.finding import Found
from engines.rag.kind import QuestionKind, pair
from engines.rag.wording import Wording, grams

FALSE_REFUSALS = 0.04  # on dev; a little less than what is allowed
KIND_C, KIND_GAMMA, WORDING_C = 3.0, 1.0, 5.0
LEAST_QUESTIONS = 2  # in which a word or pair of words has to be to count
FOLDS = 5


@dataclass(frozen=True)
class Asked:
    """A labelled question and what was found for it.

    Attributes:
        found: None where it was refused as input.
        probability: that the documents answer it, by the model that judges it.
    """

    entry: dict[str, Any]
    found: Found | None
    probability: float = 0.0

    @property
    def is_answerable(self) -> bool:
        """Whether the documents should answer it."""
        return bool(self.entry.get("documents") or self.entry.get("document"))


def fold_of(entry: dict[str, Any]) -> int:
    """Return the fold of a training question, the same in every run."""
    key = f"{entry['document']}#{entry['heading']}" if "document" in entry else entry["question"]
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") % FOLDS


def fit(asked: Sequence[Asked]) -> AnswerableModel:
    """Fit the class-balanced models; the threshold is 0.

    The last one sees what the others say of questions that they were not fitted on (stacking with
    five folds), and how near each question's nearest unanswerable neighbour of another fold is,
    as it will be with new questions.
    """
    usable = [(a.found, a.is_answerable) for a in asked if a.found is not None]
    y = np.array([label for _, label in usable], dtype=int)
    folds = np.array([fold_of(a.entry) for a in asked if a.found is not None])
    embedded = np.stack([found.vector for found, _ in usable])
    words = CountVectorizer(analyzer=grams, min_df=LEAST_QUESTIONS, binary=True)
    worded = normalize(words.fit_transform([found.query for found, _ in usable]))
    paired = np.stack([pair(found.vector, best_sentence(found)) for found, _ in usable])
    kind = SVC(C=KIND_C, gamma=KIND_GAMMA, class_weight="balanced")
    wording = LogisticRegression(C=WORDING_C, class_weight="balanced", max_iter=3000)
    split = PredefinedSplit(folds)
    kinds = cross_val_predict(kind, paired, y, cv=split, method="decision_function")
    wordings = cross_val_predict(wording, worded, y, cv=split, method="decision_function")
    kind.fit(paired, y)
    wording.fit(worded, y)
    unanswerable = embedded[y == 0]
    cosines = embedded @ unanswerable.T
    cosines[folds[:, None] == folds[y == 0]] = -1.0
    x = np.stack(
        [
            replace(found.evidence, kind=k, wording=w, unknown=u).vector()
            for (found, _), k, w, u in zip(
                usable, kinds, wordings, cosines.max(axis=1).tolist(), strict=True
            )
        ]
    )
    scaler = StandardScaler().fit(x)
    model = LogisticRegression(C=1.0, class_weight="balanced").fit(scaler.transform(x), y)
    weight = model.coef_[0] / scaler.scale_
    return AnswerableModel(
        weight=weight,
        bias=float(model.intercept_[0] - weight @ scaler.mean_),
        kind=QuestionKind(
            vectors=kind.support_vectors_.astype(np.float32),
            weights=kind.dual_coef_[0],
            bias=float(kind.intercept_[0]),
            gamma=KIND_GAMMA,
        ),
        wording=Wording(
            dict(zip(words.get_feature_names_out(), wording.coef_[0].tolist(), strict=True)),
            float(wording.intercept_[0]),
        ),
        unanswerable=unanswerable,
        threshold=0.0,
    )


def best_sentence(found: Found) -> NDArray[np.float32] | None:
    """Return the vector of the best sentence that was found, if one was."""
    return found.scored[0].vector if found.scored else None


def cross_judged(dev: Sequence[Asked], training: Sequence[Asked]) -> list[Asked]:
    """Judge each dev question by a model that was fitted without its fold."""
    everything = [*training, *dev]
    models = [fit([a for a in everything if fold_of(a.entry) != fold]) for fold in range(FOLDS)]
    return [judged(a, models[fold_of(a.entry)]) for a in dev]


def judged(asked: Asked, model: AnswerableModel) -> Asked:
    """Fill in what the fitted model says of a question."""
    found = asked.found
    if found is None:
        return asked
    evidence = replace(
        found.evidence,
        kind=model.kind.odds(found.vector, best_sentence(found)),
        wording=model.wording.odds(found.query),
        unknown=model.unknown(found.vector),
    )
    return Asked(asked.entry, replace(found, evidence=evidence), model.probability(evidence))


def is_refused(asked: Asked, model: AnswerableModel) -> bool:
    """Say whether a question would be refused, as the engine decides it."""
    if asked.found is None:
        return True
    bar = model.bar(is_danger_known=asked.found.is_danger and bool(asked.found.safety))
    return asked.probability < bar


def choose_threshold(asked: Sequence[Asked], model: AnswerableModel) -> float:
    """Take the highest threshold that refuses at most FALSE_REFUSALS of the answerable."""
    answerable = [a for a in asked if a.is_answerable]
    for threshold in sorted((a.probability for a in asked), reverse=True):
        tried = replace(model, threshold=float(threshold))
        if np.mean([is_refused(a, tried) for a in answerable]) <= FALSE_REFUSALS:
            return float(threshold)
    return 0.0
