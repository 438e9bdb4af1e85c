"""Uploads that are too large, unpack to too much or take too long are refused."""

from __future__ import annotations

import io
import struct
import time
import warnings
import zipfile
import zlib
from typing import Any

import pytest

from engines.rag.upload_pdf import read_pdf
from engines.rag.upload_text import Limits
from engines.runtime.errors import InputError
from tests.engines.rag.uploads import Reader, paragraph, pdf, repacked, word


def test_a_file_larger_than_allowed_is_refused(read: Reader) -> None:
    content = b"Glass jars. " * 1000
    assert read(content, "a.txt", max_mb=0.012)
    assert "a.txt is larger than 0.01 MB" in read.refusal(content, "a.txt", max_mb=0.01).what


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html", "a.docx", "a.pdf"])
def test_a_file_with_more_text_than_allowed_is_refused(read: Reader, name: str) -> None:
    lines = ["Glass jars go in the blue box."] * 4

    def build(document: Any) -> None:
        for line in lines:
            document.add_paragraph(line)

    content = {
        "a.docx": lambda: word(build),
        "a.pdf": lambda: pdf("\n".join(lines)),
        "a.html": lambda: "".join(f"<p>{line}</p>" for line in lines).encode(),
    }.get(name, lambda: "\n\n".join(lines).encode())()
    assert read(content, name, max_chars=200)
    assert "holds more than 100 characters" in read.refusal(content, name, max_chars=100).what


# PDF


def test_a_pdf_of_too_many_pages_is_refused(read: Reader) -> None:
    content = pdf(*["Glass jars go in the blue box."] * 6)
    assert read(content, "a.pdf", max_pages=6).text.count("## Page") == 6
    error = read.refusal(content, "a.pdf", max_pages=5)
    assert error.what == "a.pdf has 6 pages; at most 5 can be read."


def test_a_pdf_page_that_unpacks_to_too_much_is_refused(read: Reader) -> None:
    content = pdf("Glass jars.")
    start = content.index(b"BT /F1")
    packed = zlib.compress(b" " * (30 * 1024 * 1024), 9)
    header = content.rindex(b"<<", 0, start)
    bomb = (
        content[:header]
        + b"<< /Filter /FlateDecode /Length %d >>\nstream\n" % len(packed)
        + packed
        + content[content.index(b"\nendstream", start) :]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        error = read.refusal(bomb, "bomb.pdf")
    assert len(bomb) < 100_000
    assert "unpacks to far more" in error.what


def test_a_pdf_that_takes_too_long_is_given_up_on() -> None:
    with pytest.raises(InputError, match="takes too long"):
        list(read_pdf(pdf("Glass."), "slow.pdf", Limits(max_seconds=0.0)))


# Word


def test_a_word_file_that_declares_to_unpack_to_too_much_is_refused(read: Reader) -> None:
    bomb = repacked(word(paragraph), "word/bomb.xml", "a" * (20 * 1024 * 1024))
    assert len(bomb) < 100_000
    assert "unpacks to far more" in read.refusal(bomb, "bomb.docx").what


def test_a_word_file_that_lies_about_what_it_unpacks_to_is_refused(read: Reader) -> None:
    size = 20 * 1024 * 1024
    bomb = repacked(word(paragraph), "word/bomb.xml", "a" * size)
    true, lie = struct.pack("<I", size), struct.pack("<I", 100)
    assert bomb.count(true) == 2
    bomb = bomb.replace(true, lie)
    with zipfile.ZipFile(io.BytesIO(bomb)) as archive:
        assert archive.getinfo("word/bomb.xml").file_size == 100
    assert "unpacks to far more" in read.refusal(bomb, "bomb.docx").what


def test_a_word_file_of_very_many_parts_is_refused(read: Reader) -> None:
    target = io.BytesIO(word(paragraph))
    with zipfile.ZipFile(target, "a") as archive:
        for number in range(5001):
            archive.writestr(f"word/{number}", "")
    assert "unpacks to far more" in read.refusal(target.getvalue(), "parts.docx").what


def test_an_ordinary_word_file_with_much_text_is_no_bomb(read: Reader) -> None:
    def build(document: Any) -> None:
        for number in range(2000):
            document.add_paragraph(f"Glass jar number {number} goes in the blue box of the house.")

    assert read(word(build), "long.docx").text.count("\n\n") == 1999


# Web pages


def test_a_deeply_nested_page_is_read(read: Reader) -> None:
    page = b"<div>" * 400 + b"Glass jars." + b"</div>" * 400 + b"<p>Lids.</p>"
    assert read(page, "page.html").text == "Glass jars.\n\nLids."


@pytest.mark.parametrize("unit", ["<div>", "<b>x</i>", "<x-y><p>"])
def test_a_page_nested_as_no_real_one_is_refused(read: Reader, unit: str) -> None:
    assert "nested too deeply" in read.refusal(unit.encode() * 50_000, "page.html").what


def test_a_page_with_very_many_tags_is_refused(read: Reader) -> None:
    assert "more than 300,000 tags" in read.refusal(b"<br>" * 300_001, "page.html").what


@pytest.mark.parametrize(
    "unit",
    [
        *("<a ", "<!--", "<script>", "<?", "<!x", "&", "</", '<a b="', "<![CDATA[", "</i>"),
        *("<p>x</i>", "<li>x", "<td>x", "<img><br>", "<path/>", "<option>"),
    ],
)
def test_no_page_takes_long_to_read(read: Reader, unit: str) -> None:
    before = time.process_time()
    page = "<p>Glass jars.</p>" + unit * 20_000
    assert read(page.encode(), "page.html", max_chars=10**7).text.startswith("Glass jars.")
    assert time.process_time() - before < 10
