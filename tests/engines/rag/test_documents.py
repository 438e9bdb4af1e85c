"""Knowledge documents: a right one is read whole, a wrong one is named with its field."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engines.rag.documents import (
    DOC_TYPES,
    Source,
    load_document,
    load_documents,
    split_front_matter,
)
from engines.runtime.errors import InputError

RIGHT = """---
title: Dead vapes
doc_type: hazard
topics: [vape, lithium battery]
items: [battery]
regions: [all]
sources:
  - {authority: US EPA, document: "Batteries: used ones", year: 2024}
reviewed: 2026-11-21
---

# Dead vapes

## In short

Never put a dead vape in a bin.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hazard").mkdir()
    return tmp_path


def write(folder: Path, content: str, name: str = "hazard/vapes.md") -> Path:
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content.encode("utf-8"))
    return path


def test_a_document_is_read_with_every_field(folder: Path) -> None:
    document = load_document(write(folder, RIGHT), folder)
    assert document.id == "hazard/vapes"
    assert (document.title, document.doc_type) == ("Dead vapes", "hazard")
    assert document.topics == ("vape", "lithium battery")
    assert (document.items, document.regions) == (("battery",), ("all",))
    assert document.sources == (Source("US EPA", "Batteries: used ones", 2024),)
    assert document.reviewed == "2026-11-21"
    assert document.text == "## In short\n\nNever put a dead vape in a bin."
    assert document.content_hash == hashlib.sha256(RIGHT.encode()).hexdigest()
    assert not document.is_upload


def test_a_source_is_cited_as_authority_document_and_year() -> None:
    assert Source("US EPA", "Used batteries", 2024).line() == "US EPA: Used batteries (2024)"


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda text: text.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(lambda text: "\ufeff" + text, id="byte order mark"),
        pytest.param(lambda text: text.replace("bin.\n", "bin.   \n\n\n"), id="spare blanks"),
    ],
)
def test_how_an_editor_saves_a_file_does_not_change_its_text(
    folder: Path, change: Callable[[str], str]
) -> None:
    document = load_document(write(folder, change(RIGHT)), folder)
    assert document.text == "## In short\n\nNever put a dead vape in a bin."


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        pytest.param("title: Dead vapes\n", "", "title: is missing", id="no title"),
        pytest.param("title: Dead vapes\n", "title: ' '\n", "title: ", id="blank title"),
        pytest.param("doc_type: hazard", "doc_type: danger", "doc_type: .*guide", id="doc_type"),
        pytest.param("topics: [vape, lithium battery]", "topics: []", "topics: ", id="no topics"),
        pytest.param("lithium battery]", "vape]", "topics: 'vape' is there twice", id="twice"),
        pytest.param("items: [battery]", "items: [A battery]", "items.0: ", id="item no id"),
        pytest.param("items: [battery]", "items: battery", "items: ", id="items no list"),
        pytest.param("regions: [all]", "regions: []", "regions: ", id="no regions"),
        pytest.param("[all]", "[all, france]", "regions: 'all' can't", id="all and another"),
        pytest.param("year: 2024", "year: last year", "sources.0.year: ", id="year in words"),
        pytest.param("year: 2024", "year: 1492", "sources.0.year: ", id="year long ago"),
        pytest.param(", year: 2024", "", "sources.0.year: is missing", id="no year"),
        pytest.param("2026-11-21", "soon", "reviewed: ", id="reviewed no date"),
        pytest.param("2026-11-21", "2026-13-41", "front matter can't be read", id="no such day"),
        pytest.param("regions:", "region:", "region: is not a known field", id="misspelt field"),
        pytest.param("items: [b", "title: x\nitems: [b", "'title' is written twice", id="repeated"),
        pytest.param("items: [battery]", "items: [battery", "not valid YAML at line", id="YAML"),
        pytest.param("# Dead vapes\n", "# Vapes\n", "first line is '# Vapes'", id="other title"),
        pytest.param("# Dead vapes\n", "", "must begin with the line '# Dead", id="no title line"),
        pytest.param(RIGHT[RIGHT.index("## In") :], "", "no text below the title", id="no text"),
        pytest.param("---\ntitle", "title", "no front matter", id="no front matter"),
        pytest.param(RIGHT, "", "no front matter", id="empty file"),
        pytest.param(
            RIGHT[4 : RIGHT.index("\n---\n\n")], "- a", "must hold fields", id="a list instead"
        ),
    ],
)
def test_a_wrong_document_is_named_with_the_field(
    folder: Path, old: str, new: str, words: str
) -> None:
    assert old in RIGHT
    path = write(folder, RIGHT.replace(old, new, 1))
    with pytest.raises(InputError, match=rf"Document hazard/vapes: .*{words}") as caught:
        load_document(path, folder)
    assert caught.value.do == "Correct the file."


def test_a_document_that_is_not_utf_8_is_named(folder: Path) -> None:
    path = folder / "hazard" / "vapes.md"
    path.write_bytes(RIGHT.replace("Dead", "Tot für").encode("cp1252"))
    with pytest.raises(InputError, match="hazard/vapes: is not UTF-8"):
        load_document(path, folder)


def test_a_missing_document_is_named(folder: Path) -> None:
    with pytest.raises(InputError, match="hazard/gone: can't be read"):
        load_document(folder / "hazard" / "gone.md", folder)


def test_documents_come_sorted_by_id_and_a_readme_is_none(folder: Path) -> None:
    for name in ("hazard/b.md", "hazard/a.md", "faq/z.md"):
        write(folder, RIGHT, name)
    write(folder, "How to write documents.", "README.md")
    assert [document.id for document in load_documents(folder)] == ["faq/z", "hazard/a", "hazard/b"]


def test_every_wrong_document_of_a_folder_is_named_at_once(folder: Path) -> None:
    write(folder, RIGHT, "hazard/right.md")
    write(folder, RIGHT.replace("reviewed: 2026-11-21\n", ""), "hazard/one.md")
    write(folder, RIGHT.replace("hazard", "danger", 1), "hazard/two.md")
    with pytest.raises(InputError, match=r"hazard/one: reviewed.*hazard/two: doc_type"):
        load_documents(folder)


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_without_documents_says_so(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"There (is|are) no documents"):
        load_documents(tmp_path / name)


def test_the_seven_kinds_of_documents_are_known() -> None:
    assert DOC_TYPES == ("guide", "hazard", "material", "policy", "reuse", "climate", "faq")


@given(st.text(alphabet="ab:-# \n"), st.text(alphabet="ab:-# \n"))
def test_front_matter_and_body_are_split_at_the_second_line_of_dashes(
    front: str, body: str
) -> None:
    inner = "".join(line for line in front.splitlines(keepends=True) if line.rstrip() != "---")
    inner = inner if not inner or inner.endswith("\n") else inner + "\n"
    assert split_front_matter(f"---\n{inner}---\n{body}") == (inner, body)
    assert split_front_matter(inner) is None
