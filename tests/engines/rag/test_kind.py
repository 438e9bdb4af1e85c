"""What a question means, with the sentence found for it, tells what kind of question it is."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.svm import SVC

from engines.rag.kind import QuestionKind, pair


def test_distances_equal_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    queries, sentences = rng.standard_normal((2, 60, 8)).astype(np.float32) / 3
    pairs = np.stack([pair(q, s) for q, s in zip(queries, sentences, strict=True)])
    labels = np.asarray(pairs[:, 0] + pairs[:, 9] > 0, int)
    svm = SVC(C=3.0, gamma=0.7).fit(pairs, labels)
    kind = QuestionKind(
        svm.support_vectors_.astype(np.float32), svm.dual_coef_[0], float(svm.intercept_[0]), 0.7
    )
    found = [kind.odds(q, s) for q, s in zip(queries, sentences, strict=True)]
    assert found == pytest.approx(svm.decision_function(pairs).tolist(), abs=1e-5)


def test_an_open_one_takes_all_questions_for_alike() -> None:
    assert QuestionKind.open(4).odds(np.ones(4, np.float32), None) == 0.0


def test_a_question_without_a_sentence_keeps_its_width() -> None:
    joined = pair(np.ones(3, np.float32), None)
    assert joined.tolist() == [1, 1, 1, 0, 0, 0]
    assert joined.dtype == np.float32
