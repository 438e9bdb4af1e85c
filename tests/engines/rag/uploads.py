"""PDF and Word files made by hand, and what reads them, for the tests of uploads."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import docx
import pypdf
import pytest
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

from engines.rag.documents import Document
from engines.rag.uploads import read_upload
from engines.runtime.errors import InputError


class Reader:
    """Reads bytes as an upload of a given name."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "upload.tmp"

    def __call__(self, content: bytes, name: str, **limits: Any) -> Document:
        self.path.write_bytes(content)
        return read_upload(self.path, name=name, **limits)

    def refusal(self, content: bytes, name: str, **limits: Any) -> InputError:
        """Return the refusal of bytes that can't be read, which says what to do."""
        with pytest.raises(InputError) as caught:
            self(content, name, **limits)
        assert caught.value.do.endswith(".")
        return caught.value


def pdf(*pages: str, password: str | None = None, owner_password: str = "owner") -> bytes:
    """Return a PDF with one page for each text; each line of a text is drawn as a line."""
    writer = pypdf.PdfWriter()
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
            NameObject("/Encoding"): NameObject("/WinAnsiEncoding"),
        }
    )
    for text in pages:
        page = writer.add_blank_page(width=595, height=842)
        fonts = DictionaryObject({NameObject("/F1"): writer._add_object(font)})
        page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
        shown = "".join(
            "(" + line.replace("(", r"\(").replace(")", r"\)") + ") Tj T*\n"
            for line in text.split("\n")
        )
        stream = DecodedStreamObject()
        stream.set_data(f"BT /F1 11 Tf 14 TL 50 800 Td\n{shown}ET".encode("cp1252"))
        page[NameObject("/Contents")] = writer._add_object(stream)
    if password is not None:
        # RC4 opens everywhere; AES would need a library that this project does without.
        writer.encrypt(password, owner_password, algorithm="RC4-128")
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


def word(build: Any) -> bytes:
    """Return the Word file that a function fills."""
    document = docx.Document()
    build(document)
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


def repacked(content: bytes, part: str, text: str) -> bytes:
    """Return the archive with one part replaced or added."""
    target = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(target, "w", 8) as new:
        for entry in old.infolist():
            if entry.filename != part:
                new.writestr(entry.filename, old.read(entry))
        new.writestr(part, text)
    return target.getvalue()


def paragraph(document: Any) -> None:
    """Fill a Word file with one sentence."""
    document.add_paragraph("Glass jars go in the blue box.")
