"""Split Markdown into blocks and plain sentences."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Never the end of a sentence.
_INSIDE = _words(
    "e.g i.e eg ie dr mr mrs ms prof rev hon mt vs cf viz approx ca incl excl esp resp"
)
# Not the end of a sentence before a number: "No. 5", "Art. 12", but "No. Take it back."
_BEFORE_NUMBER = _words(
    "no nos nr art sec fig figs vol p pp ch reg max min para tab eq ref ed c jan feb mar apr jun "
    "jul aug sep sept oct nov dec"
)
# The end of a sentence only before a word that often begins one: "in the U.S. The ..."
_OFTEN_INSIDE = _words("st ste ave rd inc ltd co corp jr sr dept gov univ assn")
_STARTERS = _words(
    "The A An In On At If When Where While For From To As By With Without And But Or So It Its "
    "This That These Those There They Their He She We You Your Our I Do Don't Never Always Not "
    "No Yes Only Most Many Some All Any Each Every Both After Before Since Because Although "
    "However Also Then Take Put Use Keep Rinse Ask Check Hand Call Bring Remove Recycle Place "
    "Leave Wash What Which Who How Why"
)
# Words before a name's initial; after others a single letter ends the sentence ("vitamin C.").
_BEFORE_NAMES = _words("by and or of with from see author")

_SENTENCE_END = re.compile(
    r"(?<![.!?…])(?P<mark>[.!?…]+)(?P<closers>[\"'”’»)\]]*)\s+"
    r"|(?P<wide>[。！？]+[」』”）]*)\s*"
)
_OPENERS = "\"'“‘«([„¿¡"
_INITIALISM = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]")

_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_LIST_ITEM = re.compile(r"[ \t]*(?:[-*+•‣◦▪]|(\d{1,3})[.)])[ \t]+(.*)$")
_FENCE = re.compile(r" {0,3}(```|~~~)")
_REFERENCE = re.compile(r" {0,3}\[(\^?)[^\[\]]{1,200}\]:[ \t]+(.*)$")

_BLOCK_TAGS = "blockquote|br|center|dd|details|div|dl|dt|h[1-6]|hr|li|ol|p|pre|summary|t[dhr]|ul"
_INLINE_TAGS = (
    "a|abbr|b|big|code|del|em|font|i|img|ins|kbd|mark|q|s|samp|script|small|span|strike|strong"
    "|style|sub|sup|table|tbody|thead|u|var"
)
_EMPHASIS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<![\w*\\])(\*{1,3})(?![\s*])([^*]{1,1000})(?<![\s\\])\1(?![\w*])"), r"\2"),
    (re.compile(r"(?<![\w\\])(_{1,3})(?![\s_])([^_]{1,1000})(?<![\s\\])\1(?!\w)"), r"\2"),
    (re.compile(r"~~(?!\s)([^~]{1,1000})(?<!\s)~~"), r"\1"),
)
# Every repetition has an end, so that no text can make a pattern run for long.
_INLINE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(`{1,3})(?!`)([^`]{1,1000})\1(?!`)"), r"\2"),
    (re.compile(r"!?\[([^\[\]]{0,1000})\]\((?:[^()]|\([^()]{0,500}\)){0,2000}\)"), r"\1"),
    (re.compile(r"\[\^[^\[\]]{1,100}\]"), ""),
    (re.compile(r"\[([^\[\]]{1,1000})\]\[[^\[\]]{0,200}\]"), r"\1"),
    (re.compile(r"<(https?://[^<>\s]{1,1000}|[^<>\s@]{1,200}@[^<>\s@]{1,200})>"), r"\1"),
    (re.compile(rf"</?(?:{_BLOCK_TAGS})(?:\s[^<>]{{0,1000}})?/?>", re.IGNORECASE), " "),
    (re.compile(rf"</?(?:{_INLINE_TAGS})(?:\s[^<>]{{0,1000}})?/?>", re.IGNORECASE), ""),
    # Twice: emphasis may stand inside emphasis.
    *_EMPHASIS,
    *_EMPHASIS,
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!|<>~])"), r"\1"),
)


@dataclass(frozen=True)
class Block:
    """One heading, paragraph, list item or table row.

    Attributes:
        text: plain, on one line, without Markdown marks.
        marker: what a list item begins with, "- " or "1. "; else "".
        level: 1 to 6 for a heading, else 0.
    """

    kind: Literal["heading", "paragraph", "item"]
    text: str
    marker: str = ""
    level: int = 0


def split_sentences(text: str) -> tuple[str, ...]:
    """Split Markdown or plain text into sentences without Markdown marks, in order.

    A heading, a list item and a table row each end a sentence, whether or not they have a full
    stop. Abbreviations, decimals, initials and enumerations end none.
    """
    return tuple(sentence for block in blocks(text) for sentence in split_plain(block.text))


def split_plain(text: str) -> list[str]:
    """Split one paragraph of plain text, on one line, into sentences."""
    sentences: list[str] = []
    start = 0
    for found in _SENTENCE_END.finditer(text):
        if found["wide"] or _ends_sentence(text, start, found):
            sentences.append(text[start : found.end()].strip())
            start = found.end()
    sentences.append(text[start:].strip())
    return [sentence for sentence in sentences if sentence]


def _ends_sentence(text: str, start: int, found: re.Match[str]) -> bool:
    following = text[found.end() : found.end() + 40].lstrip(_OPENERS)
    if not following:
        return True
    mark, closers = found["mark"], found["closers"]
    asks = "?" in mark or "!" in mark
    # "eBay", "pH" and "iPhone" may begin a sentence, other lower-case words hardly.
    if following[0].islower() and not following[1:2].isupper():
        return asks and not closers
    if asks or closers or len(mark) > 1 or mark == "…":
        return True
    before = text[max(start, found.start() - 60) : found.start()].split()
    if not before or text[found.start() - 1].isspace():
        return True
    return not _is_abbreviation(before, following, is_first=found.start() - start <= 3)


def _is_abbreviation(before: list[str], following: str, *, is_first: bool) -> bool:
    word = before[-1].lstrip(_OPENERS)
    lower = word.lower()
    starts_number = following[0].isdigit()
    if lower in _INSIDE:
        return True
    if lower in _BEFORE_NUMBER:
        return starts_number
    if word.isdigit() and len(word) <= 3:
        # "1. Empty the jar", at the start or after a colon, is an enumeration.
        return is_first or (len(before) > 1 and before[-2][-1] in ":;")
    next_word = re.split(r"[\s,.;:]", following, maxsplit=1)[0]
    if lower in _OFTEN_INSIDE or _INITIALISM.fullmatch(word):
        return next_word not in _STARTERS
    if len(word) == 1 and word.isupper():
        is_initial = len(before) == 1 or before[-2][0].isupper() or before[-2] in _BEFORE_NAMES
        return is_initial and next_word not in _STARTERS
    return False


def blocks(text: str) -> Iterator[Block]:
    """Yield the headings, paragraphs, list items and table rows of Markdown, in order.

    Marks of emphasis, links, images, code and tags are dropped and their text is kept; rules,
    table frames and link definitions are dropped.
    """
    lines: list[str] = []
    marker = ""
    fence = ""

    def finished() -> Iterator[Block]:
        plain = plain_text(" ".join(lines))
        lines.clear()
        if plain:
            yield Block("item" if marker else "paragraph", plain, marker)

    for line in text.splitlines():
        opened = _FENCE.match(line)
        if fence or opened:
            if not fence and opened:
                yield from finished()
                fence, marker = opened[1], ""
            elif opened and opened[1] == fence:
                yield from finished()
                fence = ""
            else:
                lines.append(line)
            continue
        line = re.sub(r"^(?: {0,3}> ?)+", "", line)
        heading, item = _HEADING.match(line), _LIST_ITEM.match(line)
        if item and item[1] not in (None, "1") and lines and not marker:
            # "20. ..." at the start of a wrapped line belongs to the paragraph (CommonMark 5.3).
            item = None
        if heading:
            yield from finished()
            yield from _heading(heading[2] or "", len(heading[1]))
            marker = ""
        elif _is_underline(line) and len(lines) == 1 and not marker:
            title = lines.pop()
            yield from _heading(title, 1 if "=" in line else 2)
        elif not line.strip() or _is_rule(line):
            yield from finished()
            marker = ""
        elif line.lstrip().startswith("|"):
            yield from finished()
            yield from _row(line)
            marker = ""
        elif reference := _REFERENCE.match(line):
            # A footnote's text is kept, a link's address is not.
            yield from finished()
            marker = ""
            if reference[1]:
                lines.append(reference[2])
        elif item:
            yield from finished()
            marker = f"{item[1]}. " if item[1] else "- "
            lines.append(item[2])
        else:
            lines.append(line)
    yield from finished()


def plain_text(text: str) -> str:
    """Return inline Markdown as plain text on one line."""
    if any(mark in text for mark in "`[<*_~\\"):
        for pattern, plain in _INLINE:
            text = pattern.sub(plain, text)
    return " ".join(html.unescape(text).split())


def _heading(text: str, level: int) -> Iterator[Block]:
    text = text.strip()
    bare = text.rstrip("#")
    if not bare or bare[-1].isspace():
        text = bare
    plain = plain_text(text)
    if plain:
        yield Block("heading", plain, level=level)


def _row(line: str) -> Iterator[Block]:
    if not line.strip("|-: \t"):
        return
    cells = [plain_text(cell) for cell in line.strip().strip("|").split("|")]
    row = "; ".join(cell for cell in cells if cell)
    if row:
        yield Block("item", row, "- ")


def _is_underline(line: str) -> bool:
    bare = line.strip()
    return len(bare) >= 3 and set(bare) in ({"="}, {"-"})


def _is_rule(line: str) -> bool:
    bare = "".join(line.split())
    return len(bare) >= 3 and set(bare) in ({"-"}, {"*"}, {"_"}, {"="})
