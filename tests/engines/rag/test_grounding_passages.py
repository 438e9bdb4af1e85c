"""What supports a sentence among several passages, its quotation and its highlights."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engines.rag.claims import stem
from engines.rag.grounding import GroundingChecker, highlight_spans
from engines.runtime.settings import Settings
from engines.runtime.text_encoder import DenseEncoder
from engines.runtime.weights import find_weights
from tests.engines.rag.guidance import AEROSOL, DEPOSIT, PASSAGES, SAVING, VAPE


class WordCounts:
    """Encode sentences as counts of their stemmed words, and note what was encoded."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.seen.extend(texts)
        vectors = np.zeros((len(texts), 4096), np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.lower()):
                vectors[row, sum(map(ord, stem(word))) * 31 % 4096] += 1
        return vectors


def test_a_sentence_may_rest_on_two_passage_sentences() -> None:
    checker = GroundingChecker(WordCounts(), threshold=0.3)
    passages = ["Rinse a glass jar.", "Take the lid off a glass jar.", "Worms like peel."]
    both = checker.check("Rinse a glass jar and take the lid off.", passages)
    assert both.is_supported
    assert both.best_index in (0, 1)
    assert both.best_sentence == passages[both.best_index]


def test_bins_of_two_things_are_not_mixed() -> None:
    checker = GroundingChecker(WordCounts(), threshold=0.1)
    passages = ["Put black plastic in general waste.", "Take batteries to a collection box."]
    mixed = "Take batteries to a collection box and put them in general waste."
    assert not checker.check(mixed, passages).is_supported


def test_a_pronoun_leans_on_the_sentence_before_it() -> None:
    checker = GroundingChecker(WordCounts(), threshold=0.3)
    passages = ["A swollen battery is dangerous.", "Keep it outdoors in dry sand."]
    assert checker.check("Keep a swollen battery outdoors in dry sand.", passages).is_supported


def test_an_unsupported_sentence_comes_with_the_best_quotation() -> None:
    checker = GroundingChecker(WordCounts(), threshold=0.3)
    found = checker.check("Put a dead vape in the recycling.", PASSAGES)
    assert not found.is_supported
    assert found.best_sentence == VAPE
    quotation = checker.quote_for("Put a dead vape in the recycling.", PASSAGES)
    assert quotation is not None
    assert (quotation.index, quotation.text) == (0, VAPE)
    assert quotation.similarity == pytest.approx(found.similarity)


def test_a_quotation_is_word_for_word() -> None:
    source = "Rinse a “½ litre” jar of 3 m² — twice."
    quotation = GroundingChecker(WordCounts()).quote_for("Rinse a jar.", [VAPE, source])
    assert quotation is not None
    assert quotation.text == source
    found = GroundingChecker(WordCounts()).check(source, [VAPE, source])
    assert found.is_supported
    assert found.best_sentence == source


@pytest.mark.parametrize(
    "sentence", ["", "   ", "…", "It is so.", "Is a vape dangerous?", "🔋🔋", "[1]"]
)
def test_what_claims_nothing_is_not_supported(sentence: str) -> None:
    checker = GroundingChecker(WordCounts(), threshold=0.0)
    assert not checker.check(sentence, PASSAGES).is_supported


def test_without_passages_nothing_is_supported() -> None:
    checker = GroundingChecker(WordCounts())
    assert not checker.check(VAPE, []).is_supported
    assert checker.check(VAPE, []).best_index == -1
    assert checker.quote_for(VAPE, []) is None


def test_each_passage_sentence_is_encoded_once() -> None:
    encode = WordCounts()
    found = GroundingChecker(encode).check_all([VAPE, SAVING, "Unrelated."], [*PASSAGES, VAPE])
    assert [support.is_supported for support in found] == [True, True, False]
    assert all(encode.seen[: len(PASSAGES)].count(text) == 1 for text in PASSAGES)
    assert len(encode.seen) == len(PASSAGES) + 3


def test_checking_no_sentences_gives_nothing() -> None:
    assert GroundingChecker(WordCounts()).check_all([], PASSAGES) == ()


@pytest.mark.parametrize(
    ("passage", "sentences", "expected"),
    [
        pytest.param("Rinse it. Dry it.", ["Dry it."], ["Dry it."], id="one sentence"),
        pytest.param("- Rinse\n  it.\n- Dry it.", ["Rinse it."], ["Rinse\n  it."], id="wrapped"),
        pytest.param("- Rinse it.\n- Dry it.", ["- Dry it."], ["Dry it."], id="list mark"),
        pytest.param("A b. C d.", ["C d.", "A b."], ["A b.", "C d."], id="in order"),
        pytest.param("A b c.", ["A b", "b c."], ["A b c."], id="overlap"),
        pytest.param("A (b) c?", ["A (b) c?"], ["A (b) c?"], id="signs of patterns"),
        pytest.param("A b.", ["C d."], [], id="not there"),
        pytest.param("A b.", ["", "  "], [], id="empty"),
    ],
)
def test_highlights_are_the_sentences_in_the_passage(
    passage: str, sentences: list[str], expected: list[str]
) -> None:
    assert [passage[start:end] for start, end in highlight_spans(passage, sentences)] == expected


@pytest.fixture(scope="module")
def checker() -> GroundingChecker:
    weights = find_weights("all_minilm_l6_v2", settings=Settings())
    encoder = DenseEncoder(weights.path.parent, device=torch.device("cpu"))
    return GroundingChecker(encoder.encode_passages)


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("Do not put a dead vape in the recycling or general waste.", VAPE),
        ("Recycling aluminum saves about 95% of the energy needed to make it from ore.", SAVING),
        ("In Germany, a single-use drink can has a deposit of €0.25.", DEPOSIT),
        ("You should never crush or burn an aerosol can.", AEROSOL),
    ],
)
def test_the_real_encoder_finds_what_supports_a_sentence(
    checker: GroundingChecker, sentence: str, source: str
) -> None:
    found = checker.check(sentence, PASSAGES)
    assert found.is_supported, (found.reason, found.similarity)
    assert found.best_sentence == source


@pytest.mark.parametrize(
    "sentence",
    [
        "Put a dead vape in the recycling.",
        "Recycling aluminium saves about 50 percent of the energy needed to make it from ore.",
        "In France, a single-use drink can carries a deposit of 25 cents.",
        "Lima is the capital of Peru.",
        "Vapes are sold in many flavours and colours.",
        "I hope this helps, have a nice day.",
    ],
)
def test_the_real_encoder_supports_nothing_else(checker: GroundingChecker, sentence: str) -> None:
    found = checker.check(sentence, PASSAGES)
    assert not found.is_supported
    assert found.best_sentence in PASSAGES
