"""Read the visible text of a web page as Markdown."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any

from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning
from bs4.dammit import EncodingDetector
from bs4.element import NavigableString, PreformattedString, Tag

from engines.rag.upload_text import Limits, as_text, decode
from engines.runtime.errors import InputError

LEFT_OUT_TAGS = frozenset(
    [
        *("script", "style", "template", "noscript", "head", "nav"),
        *("svg", "math", "iframe", "object", "embed", "canvas", "audio", "video"),
        *("button", "select", "input", "textarea"),
    ]
)
BLOCK_TAGS = frozenset(
    [
        *("body", "main", "article", "section", "div", "header", "footer", "aside", "form"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "p", "pre", "blockquote", "address", "br", "hr"),
        *("ul", "ol", "li", "dl", "dt", "dd", "table", "caption", "tr", "fieldset"),
        *("figure", "figcaption", "details", "summary"),
    ]
)
CELL_BREAK = "; "
# Real pages stay below about 100; deeper, an end tag without a start tag becomes expensive.
MAX_DEPTH = 500
# Every tag costs time, whether or not there is text in it.
MAX_TAGS = 300_000
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s<>/]{0,50})[^<>]*?(/?)>")
_NEVER_DEEP = frozenset(
    [
        *("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source"),
        *("track", "wbr", "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot"),
        *("option", "optgroup", "colgroup", "html", "head", "body"),
        *("script", "style", "title", "textarea"),
    ]
)

_HIDING_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden"
    r"|opacity\s*:\s*[0.]+\s*(?:;|!|$)"
    r"|font-size\s*:\s*[0.]+\s*(?:px|pt|r?em|%)?\s*(?:;|!|$)"
    r"|(?:left|top|text-indent)\s*:\s*-\d{3,}",
    re.IGNORECASE,
)


def read_html(encoded: bytes, name: str, limits: Limits) -> Iterator[str]:
    """Yield the headings, paragraphs, list items and table rows that a reader would see.

    Scripts, styles, comments, forms, navigation and parts that the page itself hides (`hidden`,
    `aria-hidden`, inline styles) are left out. A table row becomes one list item.

    Raises:
        InputError: if it is not text, or has more tags or deeper ones than real pages.
    """
    declared = EncodingDetector.find_declared_encoding(encoded, is_html=True)
    markup = decode(encoded, name, declared)
    _refuse_hostile(markup, name)
    with warnings.catch_warnings():
        # XHTML and text without any tag are read well enough as HTML.
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        # Python's own parser needs quadratic time on unclosed tags and comments, lxml doesn't.
        page = BeautifulSoup(markup, "lxml")
    yield from _lines(page)


def _refuse_hostile(markup: str, name: str) -> None:
    depth = 0
    is_open: Counter[str] = Counter()
    for number, found in enumerate(_TAG.finditer(markup)):
        if number == MAX_TAGS:
            raise InputError(
                f"{name} has more than {MAX_TAGS:,} tags.",
                "Save the page as text or PDF and add that.",
            )
        tag = found[2].lower()
        if tag in _NEVER_DEEP or found[3]:
            continue
        if not found[1]:
            is_open[tag] += 1
            depth += 1
        elif is_open[tag]:
            is_open[tag] -= 1
            depth -= 1
        if depth > MAX_DEPTH:
            raise InputError(
                f"{name} is damaged: its parts are nested too deeply.",
                "Save the page as text or PDF and add that.",
            )


def _lines(page: Tag) -> Iterator[str]:
    """Walk the page without recursion, so that deep nesting can't exhaust the stack."""
    words: list[str] = []
    marks = [""]
    stack: list[tuple[Tag, Iterator[Any]]] = [(page, iter(page.contents))]
    while stack:
        tag, children = stack[-1]
        child = next(children, None)
        if child is None:
            stack.pop()
            if tag.name in BLOCK_TAGS and (tag.name != "br" or not marks[-1]):
                yield from _finished(words, marks.pop())
        elif isinstance(child, Tag):
            if _is_hidden(child):
                continue
            if child.name == "br" and marks[-1]:
                words.append(" ")
            elif child.name in BLOCK_TAGS:
                yield from _finished(words, marks[-1])
                marks.append(_mark(child.name, marks[-1]))
            elif child.name in ("td", "th"):
                _begin_cell(words)
            stack.append((child, iter(child.contents)))
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            # Comments and declarations are preformatted strings.
            words.append(str(child))
    yield from _finished(words, marks[0])


def _begin_cell(words: list[str]) -> None:
    while words and not words[-1].strip():
        words.pop()
    if words and words[-1] != CELL_BREAK:
        words[-1] = words[-1].rstrip()
        words.append(CELL_BREAK)


def _finished(words: list[str], mark: str) -> Iterator[str]:
    line = " ".join("".join(words).split()).removesuffix(CELL_BREAK.rstrip())
    words.clear()
    if line:
        yield f"{mark}{line}" if mark == "- " else f"\n{mark}{line if mark else as_text(line)}\n"


def _mark(name: str, outer: str) -> str:
    if re.fullmatch("h[1-6]", name):
        return "#" * int(name[1]) + " "
    if name in ("li", "dd", "tr"):
        return "- "
    return outer if name in ("p", "div") else ""


def _is_hidden(tag: Tag) -> bool:
    return (
        tag.name in LEFT_OUT_TAGS
        or tag.has_attr("hidden")
        or str(tag.get("aria-hidden", "")).lower() == "true"
        or _HIDING_STYLE.search(str(tag.get("style", ""))) is not None
    )
