"""Sentences held against passages: what is in them stays, what is not is found out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.rag.chunking import split_sentences
from engines.rag.claims import claims_of
from engines.rag.documents import load_documents
from engines.rag.grounding import highlight_spans, problem
from engines.runtime.settings import Settings
from tests.engines.rag.guidance import (
    AEROSOL,
    BATTERY,
    BLACK,
    CERAMICS,
    DEPOSIT,
    EMERGENCY,
    GREASE,
    JAR,
    SAVING,
    TAKE_BACK,
    VAPE,
)


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        pytest.param(VAPE, VAPE, id="word for word"),
        pytest.param(VAPE, "Never put a dead vape in a bin.", id="first part"),
        pytest.param(VAPE, "Do not put a vape in the recycling.", id="one of several bins"),
        pytest.param(VAPE, "Don’t throw a vape in the rubbish or recycling.", id="other words"),
        pytest.param(
            VAPE,
            "A dead vape should never go in the bin, because its lithium battery can catch fire "
            "when crushed.",
            id="reordered",
        ),
        pytest.param(
            VAPE,
            "The lithium battery inside a vape can catch fire when it is crushed.",
            id="reason",
        ),
        pytest.param(BATTERY, "Tape the ends of a used battery and keep it dry.", id="two orders"),
        pytest.param(
            BATTERY,
            "Take a used battery to a collection box in a shop or a recycling centre. [1]",
            id="with a passage's number",
        ),
        pytest.param(
            SAVING, "Recycling aluminum saves about 95% of the energy.", id="percent sign"
        ),
        pytest.param(
            SAVING, "About 95 per cent of the energy is saved by recycling aluminium.", id="passive"
        ),
        pytest.param(GREASE, "Foil with grease on it goes in the trash.", id="name of a bin"),
        pytest.param(
            DEPOSIT, "In Germany, a drink can has a deposit of €0.25.", id="cents as euro"
        ),
        pytest.param(
            DEPOSIT,
            "The deposit on a single-use can is 25 cents in Germany.",
            id="place at the end",
        ),
        pytest.param(
            TAKE_BACK,
            "Every shop in Germany that sells e-cigarettes has to take old ones back for free.",
            id="date left out",
        ),
        pytest.param(
            BLACK,
            "Black plastic goes in general waste unless your local recycling list names it.",
            id="condition kept",
        ),
        pytest.param(AEROSOL, "Do not crush an aerosol can.", id="one of a denied list"),
        pytest.param(CERAMICS, "Ceramics must not go in the bottle bank.", id="must not"),
        pytest.param(
            JAR,
            "Rinse the glass jar and put it in the recycling bin without the lid.",
            id="without",
        ),
        pytest.param(
            "Keep foil out of bottles and cans.",
            "Foil should be kept out of bottles and cans.",
            id="keep out of",
        ),
        pytest.param(
            "Avoid putting batteries in the rubbish.",
            "Do not put batteries in the general waste.",
            id="avoid is not",
        ),
        pytest.param(
            "Leave the lamp for two hours before you touch it.",
            "Leave the lamp for 120 minutes before you touch it.",
            id="hours as minutes",
        ),
        pytest.param(
            "Store paint between 5 and 10 °C.",
            "Store paint at 5 to 10 degrees Celsius.",
            id="temperatures",
        ),
        pytest.param(
            "Lorries carry 1,000 kg of cork.",
            "Lorries carry 1000 kilograms of cork.",
            id="thousands",
        ),
    ],
)
def test_a_sentence_that_says_the_same_has_no_problem(source: str, sentence: str) -> None:
    assert problem(sentence, source) is None


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        pytest.param(VAPE, "Put a dead vape in the recycling.", id="denial dropped"),
        pytest.param(
            VAPE, "A dead vape can go in general waste.", id="denial dropped, other words"
        ),
        pytest.param(VAPE, "A vape goes in the bin.", id="denial dropped, any bin"),
        pytest.param(VAPE, "Never take a vape to a recycling centre.", id="denies another place"),
        pytest.param(VAPE, "The lithium battery inside cannot catch fire.", id="reason denied"),
        pytest.param(VAPE, "A dead phone should never go in a bin.", id="other thing"),
        pytest.param(BATTERY, "Never tape over the ends of a used battery.", id="order denied"),
        pytest.param(
            BATTERY,
            "Take a used battery to a recycling centre, where staff give you a voucher.",
            id="invented clause",
        ),
        pytest.param(
            BATTERY,
            "Tape the ends of a used battery and rinse it with vinegar.",
            id="invented order",
        ),
        pytest.param(
            BATTERY, "Take a used battery to the recycling.", id="bin for recycling centre"
        ),
        pytest.param(BATTERY, "Put a used battery in general waste.", id="other bin"),
        pytest.param(SAVING, "Recycling aluminium saves about 59 percent.", id="wrong number"),
        pytest.param(SAVING, "Recycling aluminium saves about 95 kilograms.", id="wrong unit"),
        pytest.param(SAVING, "Recycling steel saves about 95 percent.", id="other material"),
        pytest.param(SAVING, "Recycling aluminium always saves energy.", id="always"),
        pytest.param(GREASE, "Foil with burnt cheese on it goes in the recycling.", id="recycling"),
        pytest.param(GREASE, "Foil with grease does not go in general waste.", id="bin denied"),
        pytest.param(GREASE, "Foil with grease on it goes in the compost.", id="compost"),
        pytest.param(GREASE, "Foil with grease on it is hazardous waste.", id="hazardous"),
        pytest.param(
            DEPOSIT,
            "In France, a single-use drink can carries a deposit of 25 cents.",
            id="country",
        ),
        pytest.param(
            DEPOSIT, "A single-use drink can carries a deposit of 25 cents.", id="country left out"
        ),
        pytest.param(
            DEPOSIT, "In Germany, a glass bottle carries a deposit of 25 cents.", id="glass for can"
        ),
        pytest.param(
            TAKE_BACK, "In Germany, Lidl takes old e-cigarettes back for free.", id="invented name"
        ),
        pytest.param(
            TAKE_BACK,
            "In Germany, every shop that sells e-cigarettes has to take old ones back since 2024.",
            id="wrong year",
        ),
        pytest.param(BLACK, "Put black plastic in general waste.", id="condition left out"),
        pytest.param(AEROSOL, "Crush the aerosol can.", id="last of a denied list"),
        pytest.param(AEROSOL, "Burn an empty aerosol can.", id="middle of a denied list"),
        pytest.param(CERAMICS, "Porcelain melts with glass.", id="denial of the reason dropped"),
        pytest.param(JAR, "Put a glass jar in the recycling with its lid.", id="with for without"),
        pytest.param(
            JAR, "Rinse a plastic jar and put it in the recycling.", id="plastic for glass"
        ),
        pytest.param(
            JAR, "Rinse a glass jar with hot water and soap.", id="invented detail in an order"
        ),
        pytest.param(
            "Put clean foil in the recycling.",
            "Put dirty foil in the recycling.",
            id="opposite word",
        ),
        pytest.param(
            "Keep foil out of bottles and cans.", "Put foil in bottles and cans.", id="keep out of"
        ),
        pytest.param(
            "Avoid putting batteries in the rubbish.", "Put batteries in the rubbish.", id="avoid"
        ),
        pytest.param(
            "Foil goes in general waste, not in the recycling.",
            "Foil goes in the recycling.",
            id="the bin that is ruled out",
        ),
        pytest.param(
            "Rinse jars but do not remove the labels.", "Remove the labels.", id="second clause"
        ),
        pytest.param(
            "Rinse jars but do not remove the labels.", "Do not rinse jars.", id="first clause"
        ),
        pytest.param(
            "At least 50 percent of the bottles come back.",
            "At most 50 percent of the bottles come back.",
            id="other bound",
        ),
        pytest.param(EMERGENCY, "Call 999 in North America.", id="number of another place"),
        pytest.param(
            "Some councils collect foil.", "Councils collect foil from homes.", id="some left out"
        ),
    ],
)
def test_a_sentence_that_says_something_else_has_a_problem(source: str, sentence: str) -> None:
    reason = problem(sentence, source)
    assert reason is not None
    assert reason.endswith(".")


@pytest.fixture(scope="module")
def document_sentences() -> list[str]:
    documents = load_documents(Settings().knowledge_dir)
    sentences = [s for document in documents for s in split_sentences(document.text)]
    found = [s for s in sentences if len(s.split()) > 3 and not s.startswith("#")]
    assert len(found) > 1000
    return found


def test_every_sentence_of_the_documents_holds_what_it_says(
    document_sentences: list[str],
) -> None:
    rejected = []
    for sentence in document_sentences[::5]:
        # One small word more, and the two are not the same text.
        longer = sentence.rstrip(".") + " too."
        if len(claims_of(sentence).places) < 2 and problem(longer, sentence) is not None:
            rejected.append(sentence)
    assert rejected == []


def test_an_order_of_the_documents_does_not_support_its_opposite(
    document_sentences: list[str],
) -> None:
    flipped = []
    for sentence in document_sentences:
        order = re.match(r"(?:- |\d+\. )?(Never|Do not) (\w+)(.*)", sentence)
        if order:
            flipped.append((sentence, f"{order[2].capitalize()}{order[3]}"))
        order = re.match(r"(?:- |\d+\. )?(Put|Take|Store|Rinse|Empty|Bring|Cover) (.*)", sentence)
        if order:
            flipped.append((sentence, f"Never {order[1].lower()} {order[2]}"))
    assert len(flipped) > 200
    missed = [opposite for sentence, opposite in flipped if problem(opposite, sentence) is None]
    assert len(missed) <= 0.02 * len(flipped), missed


def test_a_changed_number_of_the_documents_is_found_out(document_sentences: list[str]) -> None:
    changed = [
        (sentence, re.sub(r"\d+", lambda m: str(int(m.group()) + 6173), sentence, count=1))
        for sentence in document_sentences
        if re.search(r"(?<![\w.,])\d+(?![\w.,])", sentence)
    ]
    assert len(changed) > 100
    missed = [other for sentence, other in changed if problem(other, sentence) is None]
    assert len(missed) <= 0.02 * len(changed), missed


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    assert claims_of(text).words >= frozenset()
    assert all(text[start:end].strip() for start, end in highlight_spans(text, [text]))
