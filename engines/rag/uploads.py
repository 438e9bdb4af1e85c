"""Read one file that a person adds to a conversation; each kind of file has a reader of its own."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

from engines.rag.documents import EVERYWHERE, Document
from engines.rag.upload_docx import read_docx
from engines.rag.upload_html import read_html
from engines.rag.upload_pdf import read_pdf
from engines.rag.upload_text import READABLE, Limits, read_markdown, read_text, tidy
from engines.runtime.errors import InputError

UPLOAD = "upload"

MEGABYTE = 1024 * 1024
MAX_NAME_LENGTH = 80

_READERS: dict[str, Callable[[bytes, str, Limits], Iterator[str]]] = {
    ".pdf": read_pdf,
    ".docx": read_docx,
    ".html": read_html,
    ".htm": read_html,
    ".md": read_markdown,
    ".markdown": read_markdown,
    ".txt": read_text,
}


def read_upload(
    path: Path,
    *,
    name: str,
    max_mb: float = 20,
    max_pages: int = 200,
    max_chars: int = 1_000_000,
) -> Document:
    """Read one added file as a document with Markdown headings.

    Headings of DOCX and HTML keep their level, pages of a PDF become "## Page N". What a reader
    would not see (scripts, hidden parts, comments, control characters) is left out.

    Args:
        path: where the file lies now.
        name: what the person calls it; only its last part is used, and only plain characters.
        max_mb: largest file, in units of 1024 x 1024 bytes.
        max_pages: most pages of a PDF.
        max_chars: most characters of text.

    Raises:
        InputError: if the file is of another kind, empty, too large, too long, protected, damaged
            or holds no text.
    """
    safe = safe_name(name)
    suffix = Path(safe).suffix.lower()
    read = _READERS.get(suffix)
    if read is None:
        raise InputError(f"{safe} is of a kind that can't be read.", _instead_of(suffix))
    encoded = _read_bytes(path, safe, max_mb)
    text = tidy("\n".join(_at_most(max_chars, read(encoded, safe, Limits(max_pages)), safe)))
    if not any(character.isalnum() for character in text):
        if suffix == ".pdf":
            raise InputError(
                f"No text was found in {safe}; it is probably a scan.",
                "Run text recognition (OCR) on it first, then add it again.",
            )
        raise InputError(f"{safe} holds no text.", "Add a file with text in it.")
    content_hash = hashlib.sha256(encoded).hexdigest()
    slug = re.sub(r"[^\w.-]", "_", safe)
    return Document(
        id=f"{UPLOAD}/{slug}-{content_hash[:8]}",
        title=safe,
        doc_type=UPLOAD,
        topics=(),
        items=(),
        regions=(EVERYWHERE,),
        sources=(),
        reviewed="",
        text=text,
        content_hash=content_hash,
        is_upload=True,
    )


def safe_name(name: str) -> str:
    """Return the last part of a file name without anything that a path or a page would act on.

    Returns:
        letters, digits, spaces and `._-()`; at most 80 characters; "file" if nothing is left.
    """
    base = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    visible = "".join(c for c in base if unicodedata.category(c)[0] != "C")
    plain = re.sub(r"\s+", " ", re.sub(r"[^\w .()-]", "_", visible)).strip(". ")
    stem, dot, suffix = plain.rpartition(".")
    if not dot:
        return plain[:MAX_NAME_LENGTH].rstrip(". ") or "file"
    suffix = suffix[:10]
    return f"{stem[: MAX_NAME_LENGTH - len(suffix) - 1].rstrip('. ') or 'file'}.{suffix}"


def _instead_of(suffix: str) -> str:
    if suffix in (".doc", ".odt", ".rtf"):
        return "Save it as DOCX or PDF and add that."
    return f"Add one of these instead: {READABLE}."


def _read_bytes(path: Path, name: str, max_mb: float) -> bytes:
    limit = int(max_mb * MEGABYTE)
    try:
        with path.open("rb") as file:
            encoded = file.read(limit + 1)
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise InputError(f"{name} can't be opened ({reason}).", "Add it again.") from error
    if not encoded:
        raise InputError(f"{name} is empty.", "Add a file with text in it.")
    if len(encoded) > limit:
        raise InputError(
            f"{name} is larger than {max_mb:g} MB.", "Split it, or add only the part you need."
        )
    return encoded


def _at_most(max_chars: int, parts: Iterator[str], name: str) -> Iterator[str]:
    characters = 0
    for part in parts:
        characters += len(part)
        if characters > max_chars:
            raise InputError(
                f"{name} holds more than {max_chars:,} characters of text.",
                "Split it, or add only the part you need.",
            )
        yield part
