"""Passages: cut along the structure, sentences whole and in order."""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.rag.chunking import MIN_SECTION_TOKENS, Chunk, chunk_document
from engines.rag.documents import Document


def count_words(text: str) -> int:
    return len(text.split())


def document(text: str, regions: tuple[str, ...] = ("all",)) -> Document:
    return Document(
        id="guide/jars",
        title="Glass jars",
        doc_type="guide",
        topics=("jar", "jam jar"),
        items=("glass_jar",),
        regions=regions,
        sources=(),
        reviewed="2026-11-21",
        text=text,
        content_hash="0" * 64,
        is_upload=False,
    )


def cut(text: str, target: int = 100, overlap: int = 20) -> tuple[Chunk, ...]:
    return chunk_document(
        document(text), count_tokens=count_words, target_tokens=target, overlap_tokens=overlap
    )


def sentence(number: int, words: int = 10) -> str:
    return f"S{number} " + " ".join(["word"] * (words - 2)) + " end."


def prose(first: int, count: int, words: int = 10) -> str:
    return " ".join(sentence(number, words) for number in range(first, first + count))


def test_a_section_that_fits_is_one_passage_with_everything_said_of_it() -> None:
    text = f"## In short\n\n{prose(0, 5)}\n\n## How to\n\n- {sentence(5, 30)}\n- {sentence(6, 30)}"
    first, second = cut(text)
    assert (first.id, second.id) == ("guide/jars#0", "guide/jars#1")
    assert (first.heading, second.heading) == ("In short", "How to")
    assert (first.order, second.order) == (0, 1)
    assert (first.document_id, first.title, first.doc_type) == ("guide/jars", "Glass jars", "guide")
    assert (first.regions, first.items, first.topics) == (
        ("all",),
        ("glass_jar",),
        ("jar", "jam jar"),
    )
    assert first.sentences == tuple(sentence(number) for number in range(5))
    assert first.text == prose(0, 5)
    assert second.text == f"- {sentence(5, 30)}\n- {sentence(6, 30)}"
    assert second.sentences == (sentence(5, 30), sentence(6, 30))
    assert (first.token_count, second.token_count) == (50, 62)
    assert not first.is_upload


def test_the_search_text_has_title_heading_text_and_topics_in_lines() -> None:
    (only,) = cut("## In short\n\nRinse a jar. Dry a jar.")
    assert only.search_text == "Glass jars\nIn short\nRinse a jar. Dry a jar.\njar, jam jar"
    (bare,) = cut("Rinse a jar.")
    assert (bare.heading, bare.search_text) == ("", "Glass jars\nRinse a jar.\njar, jam jar")


def test_headings_below_headings_become_a_path() -> None:
    text = f"# Rules\n{prose(0, 5)}\n## Glass\n### Lids\n{prose(5, 5)}\n## Paper\n{prose(10, 5)}"
    assert [chunk.heading for chunk in cut(text)] == [
        "Rules",
        "Rules > Glass > Lids",
        "Rules > Paper",
    ]


def test_paragraphs_and_lists_keep_their_form() -> None:
    text = "One. Two.\nThree.\n\nFour.\n\n- Five. Six.\n- Seven.\n\n1. Eight.\n2. Nine.\n\nTen."
    (only,) = cut(text)
    assert only.text == (
        "One. Two. Three.\n\nFour.\n\n- Five. Six.\n- Seven.\n1. Eight.\n2. Nine.\n\nTen."
    )
    assert " ".join(only.sentences) == (
        "One. Two. Three. Four. Five. Six. Seven. Eight. Nine. Ten."
    )


def test_a_long_section_is_cut_between_sentences_with_an_overlap() -> None:
    chunks = cut(f"## Long\n\n{prose(0, 30)}")
    assert {chunk.heading for chunk in chunks} == {"Long"}
    assert [chunk.order for chunk in chunks] == list(range(len(chunks)))
    for one, following in itertools.pairwise(chunks):
        assert following.sentences[:2] == one.sentences[-2:]
        assert following.sentences[2] not in one.sentences
    assert all(chunk.token_count <= 100 for chunk in chunks)


def test_the_parts_of_a_long_section_are_about_equally_long() -> None:
    sizes = [chunk.token_count for chunk in cut(f"## Long\n\n{prose(0, 11)}")]
    assert len(sizes) == 2
    assert max(sizes) - min(sizes) <= 10


def test_without_overlap_nothing_is_repeated() -> None:
    chunks = cut(prose(0, 30), overlap=0)
    assert [s for chunk in chunks for s in chunk.sentences] == [sentence(n) for n in range(30)]


def test_a_tiny_section_is_joined_to_its_neighbour_under_the_first_heading() -> None:
    text = f"## Tiny\n\n{prose(0, 1)}\n\n## Next\n\n{prose(1, 5)}\n\n## Small\n\n{prose(6, 2)}"
    (only,) = cut(text)
    assert only.heading == "Tiny"
    assert only.sentences == tuple(sentence(number) for number in range(8))
    assert only.text.count("\n\n") == 2


def test_sections_that_are_not_tiny_are_never_joined() -> None:
    text = f"## One\n\n{prose(0, 4)}\n\n## Two\n\n{prose(4, 4)}"
    assert [chunk.heading for chunk in cut(text)] == ["One", "Two"]


def test_a_tiny_section_between_full_ones_stays_alone() -> None:
    text = f"## A\n\n{prose(0, 9)}\n\n## Tiny\n\n{prose(9, 2)}\n\n## B\n\n{prose(11, 9)}"
    assert [chunk.heading for chunk in cut(text)] == ["A", "Tiny", "B"]


def test_safety_sentences_are_never_joined_with_others() -> None:
    headings = ["In short", "Safety first", "How"]
    text = "\n\n".join(f"## {heading}\n\n{prose(i, 1)}" for i, heading in enumerate(headings))
    chunks = cut(text)
    assert [chunk.heading for chunk in chunks] == headings
    assert chunks[1].sentences == (sentence(1),)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        pytest.param(
            "aa bb, cc dd; ee ff: gg hh ii", ["aa bb, cc dd;", "ee ff: gg hh", "ii"], id="mixed"
        ),
        pytest.param(" ".join("abcdefghij"), ["a b c d", "e f g h", "i j"], id="no clause"),
    ],
)
def test_an_enormous_sentence_is_cut_at_clauses_or_words(text: str, pieces: list[str]) -> None:
    chunks = cut(text, target=4, overlap=0)
    assert " ".join(s for chunk in chunks for s in chunk.sentences) == text
    assert all(chunk.token_count <= 4 for chunk in chunks)
    if "," not in text:
        assert [chunk.text for chunk in chunks] == pieces
    else:
        assert chunks[0].text == pieces[0]


def test_a_word_without_end_is_cut_too() -> None:
    chunks = chunk_document(
        document("燃" * 1000), count_tokens=len, target_tokens=100, overlap_tokens=0
    )
    assert "".join(chunk.text for chunk in chunks).replace(" ", "") == "燃" * 1000
    assert all(chunk.token_count <= 100 for chunk in chunks)


def test_marks_that_a_tokenizer_adds_are_counted_once_for_a_passage() -> None:
    def with_marks(text: str) -> int:
        return count_words(text) + 2

    chunks = chunk_document(
        document(prose(0, 30)), count_tokens=with_marks, target_tokens=102, overlap_tokens=20
    )
    assert [chunk.sentences for chunk in chunks] == [c.sentences for c in cut(prose(0, 30))]
    assert all(chunk.token_count == count_words(chunk.text) + 2 for chunk in chunks)


@pytest.mark.parametrize("text", ["", "## Only a heading", "***", "![](a.png)"])
def test_a_document_without_sentences_has_no_passages(text: str) -> None:
    assert cut(text) == ()


@pytest.mark.parametrize(("target", "overlap"), [(0, 0), (100, -1), (100, 51)])
def test_sizes_that_make_no_sense_are_refused(target: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="target_tokens"):
        cut("Rinse a jar.", target, overlap)


@st.composite
def structured_texts(draw: st.DrawFn, longest: int = 30) -> tuple[str, list[str]]:
    """Draw Markdown of headings, paragraphs and lists, and its numbered sentences in order."""
    lines: list[str] = []
    sentences: list[str] = []
    for _ in range(draw(st.integers(1, 8))):
        kind = draw(st.sampled_from(["## Heading", "### Deeper", "## Safety first", ""]))
        lines += [kind, ""]
        for _ in range(draw(st.integers(0, 3))):
            is_list = draw(st.booleans())
            here: list[str] = []
            for _ in range(draw(st.integers(1, 8))):
                here.append(sentence(len(sentences), draw(st.integers(3, longest))))
                sentences.append(here[-1])
            lines += [*(f"- {s}" for s in here), ""] if is_list else [" ".join(here), ""]
    return "\n".join(lines), sentences


@given(structured_texts(), st.integers(40, 200), st.floats(0, 0.5))
def test_no_sentence_is_lost_and_the_order_is_kept(
    drawn: tuple[str, list[str]], target: int, share: float
) -> None:
    text, sentences = drawn
    shown: list[str] = []
    for chunk in cut(text, target, int(target * share)):
        numbers = [sentences.index(s) for s in chunk.sentences]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        new = [s for s in chunk.sentences if s not in shown]
        assert new, "every passage says something new"
        shown += new
    assert shown == sentences


@given(structured_texts(longest=300), st.integers(20, 200))
def test_no_passage_is_longer_than_asked_for(drawn: tuple[str, list[str]], target: int) -> None:
    text, sentences = drawn
    chunks = cut(text, target, target // 5)
    assert all(chunk.token_count <= target for chunk in chunks)
    whole = {s for chunk in chunks for s in chunk.sentences}
    # With "- " before it, a sentence one word shorter than the target still fits whole.
    assert all(s in whole for s in sentences if count_words(s) < target)


@given(structured_texts(), st.integers(40, 200))
def test_an_overlap_is_about_as_long_as_asked_for(
    drawn: tuple[str, list[str]], target: int
) -> None:
    overlap = target // 5
    for one, following in itertools.pairwise(cut(drawn[0], target, overlap)):
        repeated = [s for s in following.sentences if s in one.sentences]
        size = sum(count_words(s) for s in repeated)
        assert size <= overlap + max((count_words(s) for s in repeated), default=0) / 2 + 1


@given(structured_texts())
def test_every_sentence_stands_in_its_passage_word_for_word(drawn: tuple[str, list[str]]) -> None:
    for chunk in cut(drawn[0]):
        position = 0
        for part in chunk.sentences:
            position = chunk.text.index(part, position) + len(part)
        assert re.sub(r"^- ", "", chunk.text, flags=re.MULTILINE).split() == [
            word for part in chunk.sentences for word in part.split()
        ]


@given(structured_texts(longest=12))
def test_a_passage_is_tiny_only_where_it_fits_no_neighbour(drawn: tuple[str, list[str]]) -> None:
    # A long section is cut into passages of about the same length, below one heading; how those
    # meet their neighbours is not the matter here.
    passages = cut(drawn[0], 300)
    for number, (one, following) in enumerate(itertools.pairwise(passages)):
        before, after = passages[:number][-1:], passages[number + 2 :][:1]
        if any(p.heading == one.heading for p in before):
            continue
        if any(p.heading == following.heading for p in after):
            continue
        if min(one.token_count, following.token_count) < MIN_SECTION_TOKENS:
            is_safety = "Safety first" in (one.heading + following.heading)
            assert is_safety or one.token_count + following.token_count > 300
