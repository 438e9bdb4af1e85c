"""Read the text of a Word file (DOCX) as Markdown, after making sure that it is no ZIP bomb."""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

import docx
from docx.oxml.ns import qn

from engines.rag.upload_text import Limits, as_text
from engines.runtime.errors import InputError

MEGABYTE = 1024 * 1024
# An ordinary DOCX unpacks to at most some 20 times its size; a bomb to hundreds of times or more.
MAX_UNPACKED_RATIO = 100
MAX_UNPACKED_BYTES = 64 * MEGABYTE
# Below this the ratio says nothing: an almost empty file packs well too.
SMALLEST_SUSPECT_BYTES = 4 * MEGABYTE
MAX_PARTS = 5_000

_LOCAL_HEADER_BYTES = 30
_OLD_OFFICE_START = b"\xd0\xcf\x11\xe0"
_HEADING_STYLE = re.compile(r"heading ([1-9])|title", re.IGNORECASE)
_OFF = ("0", "false", "off")


def read_docx(encoded: bytes, name: str, limits: Limits) -> Iterator[str]:
    """Yield the paragraphs, headings, list items and table rows of a Word file as Markdown.

    Hidden and deleted text is left out; a table row becomes one list item.

    Raises:
        InputError: if the file needs a password, is damaged, is of an older format or unpacks to
            too much.
    """
    if encoded.startswith(_OLD_OFFICE_START):
        raise InputError(
            f"{name} is protected by a password or is an old Word file.",
            "Save it as DOCX without a password, then add it.",
        )
    try:
        _refuse_bomb(encoded, name)
        document = docx.Document(io.BytesIO(encoded))
        lines = list(_lines(document.element.body, _heading_levels(document)))
    except InputError:
        raise
    # A damaged archive or part fails in the ZIP reader, the XML parser or anywhere above them.
    except Exception as error:
        raise InputError(
            f"{name} is damaged or is no Word file.", "Save it again as DOCX, then add it."
        ) from error
    yield from lines


def _refuse_bomb(encoded: bytes, name: str) -> None:
    """Judge an archive by what it declares and by what really comes out, before it is parsed."""
    allowed = max(SMALLEST_SUSPECT_BYTES, MAX_UNPACKED_RATIO * len(encoded))
    allowed = min(allowed, MAX_UNPACKED_BYTES)
    with zipfile.ZipFile(io.BytesIO(encoded)) as archive:
        parts = archive.infolist()
    if any(part.flag_bits & 1 for part in parts):
        raise InputError(
            f"{name} is protected by a password.", "Remove the password, then add it again."
        )
    is_bomb = len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > allowed
    if not is_bomb:
        unpacked = 0
        for part in parts:
            unpacked += _unpacked_bytes(encoded, part, allowed - unpacked)
            if unpacked > allowed:
                is_bomb = True
                break
    if is_bomb:
        raise InputError(
            f"{name} unpacks to far more than a document holds.",
            "Save it again as DOCX, then add it.",
        )


def _unpacked_bytes(encoded: bytes, part: zipfile.ZipInfo, limit: int) -> int:
    """Count what a part really unpacks to, whatever its header says; stop above the limit."""
    if part.compress_type == zipfile.ZIP_STORED:
        return part.compress_size
    if part.compress_type != zipfile.ZIP_DEFLATED:
        raise zipfile.BadZipFile("DOCX parts are stored or deflated")
    # The two lengths at the end of the local header; the packed bytes follow name and extra field.
    lengths = struct.unpack_from("<HH", encoded, part.header_offset + _LOCAL_HEADER_BYTES - 4)
    start = part.header_offset + _LOCAL_HEADER_BYTES + sum(lengths)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    block = inflater.decompress(encoded[start : start + part.compress_size], MEGABYTE)
    size = len(block)
    while block and size <= limit:
        block = inflater.decompress(inflater.unconsumed_tail, MEGABYTE)
        size += len(block)
    return size


def _heading_levels(document: Any) -> dict[str, int]:
    """Map ids of paragraph styles that are headings, or are based on one, to levels 1 to 6."""
    levels: dict[str, int] = {}
    for style in document.styles:
        base = style
        for _ in range(10):
            found = _HEADING_STYLE.fullmatch(base.name or "")
            if found:
                levels[style.style_id] = min(int(found[1] or 1), 6)
                break
            base = getattr(base, "base_style", None)
            if base is None:
                break
    return levels


def _lines(parent: Any, levels: dict[str, int]) -> Iterator[str]:
    for child in parent:
        if child.tag == qn("w:p"):
            yield from _paragraph(child, levels)
        elif child.tag == qn("w:tbl"):
            yield from _rows(child)
        elif child.tag not in (qn("w:sectPr"), qn("w:moveFrom")):
            # Content controls and insertions wrap whole paragraphs.
            yield from _lines(child, levels)


def _paragraph(paragraph: Any, levels: dict[str, int]) -> Iterator[str]:
    text = _visible_text(paragraph)
    if text:
        style = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        style_id = "" if style is None else style.get(qn("w:val"), "")
        if style_id in levels:
            yield f"\n{'#' * levels[style_id]} {text}\n"
        elif (
            style_id.lower().startswith("list")
            or paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}") is not None
        ):
            yield f"- {text}"
        else:
            yield f"\n{as_text(text)}\n"
    for box in paragraph.iter(qn("w:txbxContent")):
        # Word writes a text box twice, the second time for older programs.
        if not any(above.tag.endswith("}Fallback") for above in box.iterancestors()):
            yield from _lines(box, levels)


def _rows(table: Any) -> Iterator[str]:
    yield ""
    for row in table.iter(qn("w:tr")):
        if next(row.iterancestors(qn("w:tbl"))) is not table:
            continue
        cells = [
            _visible_text(cell)
            for cell in row.iter(qn("w:tc"))
            if next(cell.iterancestors(qn("w:tr"))) is row
        ]
        if any(cells):
            yield "- " + "; ".join(cell for cell in cells if cell)
    yield ""


def _visible_text(element: Any) -> str:
    """Return the text of a paragraph or cell on one line, without hidden, moved or boxed text."""
    words: list[str] = []
    for part in element.iter(qn("w:p"), qn("w:r")):
        above = list(part.iterancestors(qn("w:txbxContent"), qn("w:moveFrom")))
        if any(element in outer.iterancestors() for outer in above):
            continue
        if part.tag == qn("w:p"):
            words.append(" ")
            continue
        vanish = part.find(f"{qn('w:rPr')}/{qn('w:vanish')}")
        if vanish is not None and vanish.get(qn("w:val"), "1") not in _OFF:
            continue
        for piece in part:
            if piece.tag == qn("w:t"):
                words.append(piece.text or "")
            elif piece.tag == qn("w:noBreakHyphen"):
                words.append("-")
            elif piece.tag in (qn("w:tab"), qn("w:br"), qn("w:cr")):
                words.append(" ")
    return " ".join("".join(words).split())
