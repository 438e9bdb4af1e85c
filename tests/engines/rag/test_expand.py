"""Expansion: the formula written out, and what it does to a real question."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.rag.expand import expand_query, feedback_terms
from engines.rag.fit.evaluate import read_beir
from engines.rag.sparse import TermStatistics, tokenize
from tests.engines.rag.passages import BEIR_SMALL, WIDTH, real_encoder, unit_vectors

TEXTS = list(read_beir(BEIR_SMALL).corpus.values())
STATISTICS = TermStatistics.of(tokenize(text) for text in TEXTS)
QUERY = unit_vectors(1, seed=3)[0]


def directions(texts: list[str]) -> NDArray[np.float32]:
    """Give every text a direction that follows from its letters."""
    return np.concatenate([unit_vectors(1, seed=sum(map(ord, text))) for text in texts])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("the of and", (), id="stop words only"),
        pytest.param("", (), id="nothing"),
        pytest.param("Batteries and a battery, old", ("batteries", "old"), id="one form a stem"),
        pytest.param("2024 2024 foil", ("foil",), id="no bare numbers"),
        pytest.param("glass zorbel", ("zorbel", "glass"), id="the rarer first"),
        pytest.param("zorbel glass glass glass glass glass", ("glass", "zorbel"), id="or oftener"),
    ],
)
def test_terms_are_the_words_that_set_a_text_apart(text: str, expected: tuple[str, ...]) -> None:
    assert feedback_terms(text, STATISTICS) == expected


def test_no_more_terms_than_wanted_come_and_the_best_of_them() -> None:
    everything = feedback_terms(TEXTS[0], STATISTICS, 100)
    assert feedback_terms(TEXTS[0], STATISTICS, 3) == everything[:3]
    found = tokenize(TEXTS[0])
    weights = [found.count(term) * STATISTICS.idf(term) for term in tokenize(" ".join(everything))]
    assert weights == sorted(weights, reverse=True)


def test_the_vector_moves_as_the_formula_says() -> None:
    scores = [3.0, 1.0]
    expected = QUERY.astype(np.float64)
    for text, weight in zip(TEXTS[:2], (0.75, 0.25)):
        terms = " ".join(feedback_terms(text, STATISTICS))
        expected = expected + 0.3 * weight * directions([terms])[0]
    expected /= np.linalg.norm(expected)
    found = expand_query(
        QUERY, TEXTS[:2], encode=directions, statistics=STATISTICS, feedback_scores=scores
    )
    assert found.dtype == np.float32
    assert found == pytest.approx(expected, abs=1e-6)


def test_without_scores_all_passages_count_alike() -> None:
    found = expand_query(QUERY, TEXTS[:3], encode=directions, statistics=STATISTICS)
    same = expand_query(
        QUERY, TEXTS[:3], encode=directions, statistics=STATISTICS, feedback_scores=[2, 2, 2]
    )
    assert found == pytest.approx(same, abs=1e-6)
    assert np.abs(found - QUERY).max() > 1e-3


@pytest.mark.parametrize(
    ("texts", "scores", "alpha"),
    [
        pytest.param([], None, 0.3, id="nothing was found"),
        pytest.param(["the of and"], None, 0.3, id="no terms"),
        pytest.param(TEXTS[:2], [0.0, 0.0], 0.3, id="worthless passages"),
        pytest.param(TEXTS[:2], None, 0.0, id="no step"),
    ],
)
def test_a_question_stays_where_there_is_nothing_to_learn_from(
    texts: list[str], scores: list[float] | None, alpha: float
) -> None:
    found = expand_query(
        QUERY,
        texts,
        encode=directions,
        statistics=STATISTICS,
        feedback_scores=scores,
        alpha=alpha,
    )
    assert (found == QUERY).all()


@pytest.mark.parametrize("scores", [[1.0], [1.0, -0.5]])
def test_scores_that_do_not_fit_are_refused(scores: list[float]) -> None:
    with pytest.raises(ValueError, match="one score"):
        expand_query(
            QUERY, TEXTS[:2], encode=directions, statistics=STATISTICS, feedback_scores=scores
        )


def test_a_real_question_moves_towards_its_first_results() -> None:
    encoder = real_encoder()
    passages = encoder.encode_passages(TEXTS)
    question = encoder.encode_queries(["a puffed up cell in my phone"])[0]
    best = np.argsort(-(passages @ question))[:3]
    wider = expand_query(
        question,
        [TEXTS[row] for row in best],
        encode=encoder.encode_passages,
        statistics=STATISTICS,
    )
    assert WIDTH != encoder.width == len(wider)
    assert np.linalg.norm(wider) == pytest.approx(1.0, abs=1e-5)
    assert (passages[best] @ wider).mean() > (passages[best] @ question).mean()
