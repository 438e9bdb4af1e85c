"""Read Markdown and plain text in the usual encodings; what the readers of other files share."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from engines.rag.documents import split_front_matter
from engines.runtime.errors import InputError

READABLE = "PDF, DOCX, HTML, Markdown (.md) or text (.txt)"

# Share of control characters above which a file is not text.
BINARY_SHARE = 0.1
# A line shorter than this share of the page's width ends its paragraph.
SHORT_LINE_SHARE = 0.6

_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
# Characters that hide or reorder text; joiners stay, because some scripts need them.
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\U000e0000-\U000e007f]"
)
_LINE_BREAK = re.compile("\r\n|[\r\v\f\x85\u2028\u2029]")
_LIST_LINE = re.compile(r"[-*+•][ \t]|\d{1,3}[.)][ \t]")
_FOREIGN_STARTS = (
    *(b"%PDF-", b"PK\x03\x04", b"\xd0\xcf\x11\xe0"),
    *(b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x7fELF"),
)
_HIDDEN_MARKUP = re.compile(
    r"<!--|-->|<(?P<open>script|style)\b[^<>]{0,1000}>|</(?P<close>script|style)\s{0,9}>",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Limits:
    """How much of one file is read.

    Attributes:
        max_pages: most pages of a PDF.
        max_seconds: a PDF that takes longer is given up on.
    """

    max_pages: int = 200
    max_seconds: float = 60.0


def read_markdown(encoded: bytes, name: str, limits: Limits) -> Iterator[str]:
    """Yield the text of a Markdown file without front matter, comments, scripts and styles.

    Raises:
        InputError: if it is not text.
    """
    text = decode(encoded, name)
    parts = split_front_matter(text)
    yield _without_hidden_markup(text if parts is None else parts[1])


def read_text(encoded: bytes, name: str, limits: Limits) -> Iterator[str]:
    """Yield the text of a plain text file, paragraphs apart.

    Raises:
        InputError: if it is not text.
    """
    yield reflow(decode(encoded, name))


def decode(encoded: bytes, name: str, declared: str | None = None) -> str:
    """Decode text: by its byte order mark, as declared, as UTF-8, as UTF-16, and last as cp1252.

    Raises:
        InputError: if it is not text.
    """
    if not encoded.startswith(_FOREIGN_STARTS):
        for encoding in _encodings(encoded, declared):
            try:
                text = encoded.decode(encoding)
            except (UnicodeError, LookupError):
                continue
            controls = len(text) - len(_CONTROL.sub("", text))
            if "\0" not in text and controls <= BINARY_SHARE * len(text):
                return text
    raise InputError(
        f"{name} holds something other than text.", f"Add one of these instead: {READABLE}."
    )


def tidy(text: str) -> str:
    """Remove what can't be seen and bring line breaks and blank lines into one form."""
    text = _LINE_BREAK.sub("\n", text)
    text = unicodedata.normalize("NFC", _INVISIBLE.sub("", _CONTROL.sub("", text)))
    text = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n")


def as_text(line: str) -> str:
    """Keep text that merely looks like a Markdown heading or fence from becoming one."""
    return re.sub(r"^(\s*)(?=#{1,6}(?:\s|$)|```|~~~)", r"\1\\", line)


def reflow(text: str) -> str:
    """Put a blank line after each line that ends well before the edge, as the last of a paragraph.

    Without it a heading would run into the sentence below it.
    """
    lines = [line.strip() for line in text.splitlines()]
    lengths = sorted(len(line) for line in lines if line)
    if not lengths:
        return ""
    width = lengths[int(0.9 * (len(lengths) - 1))]
    reflowed: list[str] = []
    for line, following in zip(lines, [*lines[1:], ""]):
        reflowed.append(line)
        is_within_list = _LIST_LINE.match(line) and _LIST_LINE.match(following)
        if (
            0 < len(line) < SHORT_LINE_SHARE * width
            and following
            and not following[0].islower()
            and not is_within_list
        ):
            reflowed.append("")
    return "\n".join(reflowed)


def _encodings(encoded: bytes, declared: str | None) -> Iterator[str]:
    if encoded.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        yield "utf-32"
    elif encoded.startswith((b"\xff\xfe", b"\xfe\xff")):
        yield "utf-16"
    else:
        # A page that can be read far enough to find this in it is not in UTF-16, and pages that
        # declare Latin-1 mean cp1252 (WHATWG Encoding Standard).
        if declared and not re.match(r"utf-?(16|32)|iso-8859-1$|latin|.*ascii", declared.lower()):
            yield declared
        yield "utf-8-sig"
        start = encoded[:1000]
        # Without a mark, UTF-16 of Latin letters shows by a zero in every second byte.
        if start.count(0) * 4 > len(start):
            yield "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
        yield "cp1252"


def _without_hidden_markup(text: str) -> str:
    """Cut comments, scripts and styles; one that never closes is left as text."""
    kept: list[str] = []
    position, hidden_from, hidden = 0, 0, ""
    for found in _HIDDEN_MARKUP.finditer(text):
        opens = bool(found["open"]) or found[0] == "<!--"
        kind = (found["open"] or found["close"] or "comment").lower()
        if not hidden and opens:
            hidden, hidden_from = kind, found.start()
        elif hidden == kind and not opens:
            kept.append(text[position:hidden_from])
            position, hidden = found.end(), ""
    return "".join([*kept, text[position:]])
