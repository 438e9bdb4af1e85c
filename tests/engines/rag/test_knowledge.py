"""The shipped documents: each keeps to the form, and together they cover every item."""

from __future__ import annotations

import datetime
import re
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from engines.rag.documents import DOC_TYPES, Document, load_documents
from engines.rag.sentences import split_sentences
from engines.waste.taxonomy import ITEMS

ASSETS = Path(__file__).parents[3] / "assets"
DOCUMENTS = load_documents(ASSETS / "knowledge")
PLACES = {path.stem for path in (ASSETS / "rules").glob("*.yaml")}

WITH_A_DANGER = (
    *("battery", "mobile_phone", "small_electronics", "appliance", "detergent_bottle"),
    *("glass_bottle", "glass_jar", "food_can", "aluminum_can", "wood"),
)

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.id)


def headings(document: Document) -> list[str]:
    return re.findall(r"^## (.+)$", document.text, re.MULTILINE)


def section(document: Document, heading: str) -> str:
    return document.text.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]


def test_at_least_180_documents_are_shipped_and_every_kind_is_there() -> None:
    assert len(DOCUMENTS) >= 180
    assert {document.doc_type for document in DOCUMENTS} == set(DOC_TYPES)


def test_no_two_documents_have_the_same_title() -> None:
    titles = Counter(document.title.lower() for document in DOCUMENTS)
    assert [title for title, count in titles.items() if count > 1] == []


@every_document
def test_a_document_lies_in_the_folder_of_its_kind(document: Document) -> None:
    assert document.id.split("/")[0] == document.doc_type


@every_document
def test_items_and_regions_are_known_ids(document: Document) -> None:
    assert set(document.items) <= set(ITEMS)
    assert document.regions == ("all",) or set(document.regions) <= PLACES


@every_document
def test_sources_are_one_to_three_and_no_younger_than_the_review(document: Document) -> None:
    reviewed = datetime.date.fromisoformat(document.reviewed)
    assert 1 <= len(document.sources) <= 3
    assert all(source.year <= reviewed.year for source in document.sources)


@every_document
def test_a_document_has_150_to_600_words(document: Document) -> None:
    assert 150 <= len(document.text.split()) <= 600


@every_document
def test_in_short_comes_first_with_at_least_two_more_sections(document: Document) -> None:
    found = headings(document)
    assert document.text.startswith("## In short\n")
    assert len(found) >= 3
    assert len(set(found)) == len(found)


@every_document
def test_every_section_has_text(document: Document) -> None:
    for heading in headings(document):
        assert split_sentences(section(document, heading)), heading


@every_document
def test_every_sentence_can_be_quoted_alone(document: Document) -> None:
    for sentence in split_sentences(re.sub(r"^#.*$", "", document.text, flags=re.MULTILINE)):
        assert sentence[-1] in '.?”"’)', sentence
        assert sentence[0].isupper() or sentence[0].isdigit() or sentence[0] in "“\"‘'", sentence
        assert 4 <= len(sentence.split()) <= 40, sentence
        assert not re.search(r"<[a-zA-Z/!]|[*_`]|\]\(|https?://", sentence), sentence


@pytest.mark.parametrize(
    "document",
    [document for document in DOCUMENTS if document.doc_type == "hazard"],
    ids=lambda document: document.id,
)
def test_a_hazard_says_what_is_safe_right_after_the_summary(document: Document) -> None:
    assert headings(document)[1] == "Safety first"
    assert 2 <= len(split_sentences(section(document, "Safety first"))) <= 7


def test_safety_first_is_always_the_second_section() -> None:
    found = {document.id: headings(document) for document in DOCUMENTS}
    with_safety = {name: heads for name, heads in found.items() if "Safety first" in heads}
    assert {name for name, heads in with_safety.items() if heads[1] != "Safety first"} == set()


@pytest.mark.parametrize("item", ITEMS)
def test_an_item_is_covered_by_every_kind_that_applies(item: str) -> None:
    kinds: defaultdict[str, set[str]] = defaultdict(set)
    for document in DOCUMENTS:
        for covered in document.items:
            kinds[covered].add(document.doc_type)
    wanted = set(DOC_TYPES) - (set() if item in WITH_A_DANGER else {"hazard"})
    assert wanted - kinds[item] == set()


@pytest.mark.parametrize("place", sorted(PLACES - {"generic"}))
def test_a_place_is_named_in_the_documents(place: str) -> None:
    names = {
        "us_single_stream": "United States",
        "us_california": "California",
        "canada_bc": "British Columbia",
        "uk_england": "England",
        "australia_nsw": "New South Wales",
        "japan_tokyo": "Tokyo",
    }
    name = names.get(place, place.title())
    assert sum(name in document.text for document in DOCUMENTS) >= 10
