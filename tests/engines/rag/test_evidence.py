from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engines.rag.chunking import Chunk
from engines.rag.evidence import (
    AnswerableModel,
    Evidence,
    confidence_of,
    gather,
    inverse_document_frequency,
)
from engines.rag.retrieve import Hit


def hit(text: str, score: float, document: str = "guide/glass_jar", item: str = "glass_jar") -> Hit:
    chunk = Chunk(
        id=f"{document}#0", document_id=document, title="Glass", heading="", text=text,
        sentences=(text,), doc_type="guide", regions=("all",), items=(item,), topics=(), order=0,
        token_count=5, is_upload=False,
    )  # fmt: skip
    return Hit(chunk, score, score, None)


def measure(question: str, *hits: Hit) -> Evidence:
    idf = inverse_document_frequency([h.chunk.search_text for h in hits])
    return gather(
        question, hits, sentence=0.5, kind=0.0, wording=0.0, known=0.5, unknown=0.1, idf=idf
    )


def test_idf_is_the_formula_of_the_specification() -> None:
    idf = inverse_document_frequency(["jars", "jar lid", "can"])
    assert idf["jar"] == pytest.approx(math.log((3 - 2 + 0.5) / (2 + 0.5) + 1))


def test_words_that_no_passage_holds_lower_the_coverage() -> None:
    jars = hit("Rinse a glass jar.", 0.6)
    assert measure("rinse glass jar", jars).coverage == 1.0
    partly = measure("rinse glass zeppelin", jars)
    assert 0.0 < partly.coverage < 1.0
    assert partly.missing == 1.0
    assert measure("zeppelin", jars).coverage == 0.0


def test_without_hits_there_is_no_evidence() -> None:
    evidence = gather(
        "jar", (), sentence=0.0, kind=0.0, wording=0.0, known=0.0, unknown=0.0, idf={}
    )
    assert (evidence.passage, evidence.mean_passage, evidence.coverage) == (0.0, 0.0, 0.0)
    assert confidence_of((), 0.99).level == "low"


def test_an_open_model_refuses_nothing() -> None:
    model = AnswerableModel.open(4)
    assert model.probability(measure("zeppelin", hit("Rinse.", 0.1))) >= model.threshold


@pytest.mark.parametrize(
    ("question", "passage", "elsewhere"),
    [
        pytest.param("bin for jars in Oslo?", "Jars go in the glass bin.", 1.0, id="unheld place"),
        pytest.param("bin for jars in Oslo?", "In Oslo jars go there.", 0.0, id="held place"),
        pytest.param("bin for jars in Berlin?", "Jars go there.", 0.0, id="place with rules"),
        pytest.param("bin for jars?", "Jars go in the glass bin.", 0.0, id="no place"),
    ],
)
def test_a_place_of_which_no_passage_speaks_is_noticed(
    question: str, passage: str, elsewhere: float
) -> None:
    assert measure(question, hit(passage, 0.5)).elsewhere == elsewhere


def test_the_nearest_unanswerable_question_counts() -> None:
    model = replace(
        AnswerableModel.open(2), unanswerable=np.array([[1, 0], [0.6, 0.8]], np.float32)
    )
    assert model.unknown(np.array([0, 1], np.float32)) == pytest.approx(0.8)
    assert AnswerableModel.open(2).unknown(np.array([0, 1], np.float32)) == 0.0


@pytest.mark.parametrize(
    ("probability", "rival", "level"),
    [
        pytest.param(0.99, 0.30, "high", id="clear lead"),
        pytest.param(0.99, 0.59, "medium", id="another subject as near"),
        pytest.param(0.80, 0.30, "medium", id="fits less well"),
        pytest.param(0.60, 0.30, "low", id="fits in part"),
    ],
)
def test_confidence_follows_fit_and_lead(probability: float, rival: float, level: str) -> None:
    hits = (hit("Jars.", 0.6), hit("Tyres.", rival, "guide/tyres", "tyre"))
    found = confidence_of(hits, probability)
    assert found.level == level
    assert found.gap == pytest.approx((0.6 - rival) / 0.6)
    assert found.reason.endswith(".")


def test_documents_on_the_same_thing_support_each_other() -> None:
    hits = (hit("Jars.", 0.6), hit("More jars.", 0.59, "faq/faq_glass_jar"))
    assert confidence_of(hits, 0.99).level == "high"
