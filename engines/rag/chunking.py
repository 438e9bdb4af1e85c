"""Cut documents into passages along their structure, sentences whole, and drop repeated ones."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from engines.rag.documents import EVERYWHERE, Document
from engines.rag.sentences import blocks, split_plain, split_sentences

__all__ = ["Chunk", "chunk_document", "deduplicate", "split_sentences"]

# A section shorter than this says too little to be found alone.
MIN_SECTION_TOKENS = 40
# Never joined with other sections: its sentences are shown as warnings by this heading.
KEPT_APART = "Safety first"

SHINGLE_WORDS = 5
NEAR_DUPLICATE = 0.9
_NEGATIONS = frozenset(["no", "not", "never", "without", "nor", "neither", "cannot"])

CountTokens = Callable[[str], int]


@dataclass(frozen=True)
class Chunk:
    """One passage of a document.

    Attributes:
        id: the document's id, "#" and `order`.
        heading: headings above the passage, below the title, joined with " > "; "" for none.
        text: the sentences as they are shown; each stands in it word for word.
        sentences: in order, without list markers.
        order: position in the document, from 0.
        token_count: tokens of `text`.
    """

    id: str
    document_id: str
    title: str
    heading: str
    text: str
    sentences: tuple[str, ...]
    doc_type: str
    regions: tuple[str, ...]
    items: tuple[str, ...]
    topics: tuple[str, ...]
    order: int
    token_count: int
    is_upload: bool

    @property
    def search_text(self) -> str:
        """What is searched: title, heading, text and topics, in lines."""
        parts = (self.title, self.heading, self.text, ", ".join(self.topics))
        return "\n".join(part for part in parts if part)


@dataclass(frozen=True)
class _Unit:
    """One sentence, or a piece of an enormous one, and how it is shown.

    `begins` is whether it is the first of its paragraph or list item; `marker` is "" unless it
    begins a list item; `tokens` counts both.
    """

    text: str
    marker: str
    begins: bool
    tokens: int


@dataclass
class _Section:
    path: tuple[str, ...]
    units: list[_Unit]
    tokens: int


def chunk_document(
    document: Document,
    *,
    count_tokens: CountTokens,
    target_tokens: int = 200,
    overlap_tokens: int = 40,
) -> tuple[Chunk, ...]:
    """Cut a document into passages: one for each section that fits, several for a longer one.

    A section shorter than 40 tokens is joined with a neighbour, under the first one's heading,
    where both fit one passage; "Safety first" always stands alone. A longer section is cut
    between sentences into passages of about the same length, each beginning with the last
    sentences of the one before. Only a sentence longer than a whole passage is cut, at a clause
    or else between words.

    Args:
        count_tokens: number of tokens of a text.
        target_tokens: most tokens of a passage's text.
        overlap_tokens: about how many tokens the next passage repeats; at most half the target.

    Raises:
        ValueError: if the target is not positive or the overlap not in [0, target / 2].
    """
    if target_tokens < 1 or not 0 <= overlap_tokens <= target_tokens / 2:
        raise ValueError("target_tokens must be positive and overlap_tokens at most half of it")
    # Some tokenizers add marks around every text; they count once for each passage.
    around = count_tokens("")
    room = max(1, target_tokens - around)
    sections = _joined(
        _sections(document.text, lambda text: count_tokens(text) - around, room), room
    )
    chunks: list[Chunk] = []
    for section in sections:
        for start, end in _windows([u.tokens for u in section.units], room, overlap_tokens):
            units = section.units[start:end]
            text = _shown(units)
            chunks.append(
                Chunk(
                    id=f"{document.id}#{len(chunks)}",
                    document_id=document.id,
                    title=document.title,
                    heading=" > ".join(section.path),
                    text=text,
                    sentences=tuple(unit.text for unit in units),
                    doc_type=document.doc_type,
                    regions=document.regions,
                    items=document.items,
                    topics=document.topics,
                    order=len(chunks),
                    token_count=count_tokens(text),
                    is_upload=document.is_upload,
                )
            )
    return tuple(chunks)


def deduplicate(chunks: Sequence[Chunk]) -> tuple[Chunk, ...]:
    """Drop passages that repeat an earlier one, word for word or nearly so.

    Nearly: Jaccard similarity of the sets of 5-word shingles above 0.9 (Broder 1997), with the
    same numbers and negations, since "3 days" and "5 days" are no repetition. A repetition stays
    where it is about a place that the earlier passage is not about. Candidates come from prefix
    filtering (Chaudhuri et al. 2006), which misses none.

    Returns:
        the passages kept, in the order given.
    """
    kept: list[tuple[Chunk, frozenset[str], tuple[str, ...]]] = []
    with_shingle: defaultdict[str, list[int]] = defaultdict(list)
    for chunk in chunks:
        words = re.findall(r"\w+(?:['’]\w+)*", chunk.text.casefold())
        shingles = frozenset(
            " ".join(words[i : i + SHINGLE_WORDS])
            for i in range(max(1, len(words) - SHINGLE_WORDS + 1))
        )
        facts = tuple(word for word in words if word in _NEGATIONS or not word.isalpha())
        prefix = sorted(shingles)[: len(shingles) - math.ceil(NEAR_DUPLICATE * len(shingles)) + 1]
        candidates = sorted({number for shingle in prefix for number in with_shingle[shingle]})
        if any(
            _is_about_all_places_of(kept[number][0], chunk)
            and kept[number][2] == facts
            and _jaccard(kept[number][1], shingles) > NEAR_DUPLICATE
            for number in candidates
        ):
            continue
        for shingle in prefix:
            with_shingle[shingle].append(len(kept))
        kept.append((chunk, shingles, facts))
    return tuple(chunk for chunk, _, _ in kept)


def _is_about_all_places_of(earlier: Chunk, later: Chunk) -> bool:
    return EVERYWHERE in earlier.regions or set(later.regions) <= set(earlier.regions)


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / len(one | other)


def _sections(text: str, count: CountTokens, room: int) -> Iterator[_Section]:
    """Yield the sections that have sentences, each below its headings."""
    headings: list[tuple[int, str]] = []
    section = _Section((), [], 0)
    for block in blocks(text):
        if block.kind == "heading":
            if section.units:
                yield section
            headings = [entry for entry in headings if entry[0] < block.level]
            headings.append((block.level, block.text))
            section = _Section(tuple(heading for _, heading in headings), [], 0)
            continue
        marker, begins = block.marker, True
        for sentence in split_plain(block.text):
            for piece in _pieces(sentence, room - count(block.marker), count):
                unit = _Unit(piece, marker, begins, count(marker + piece))
                section.units.append(unit)
                section.tokens += unit.tokens
                marker, begins = "", False
    if section.units:
        yield section


def _joined(sections: Iterable[_Section], room: int) -> list[_Section]:
    joined: list[_Section] = []
    for section in sections:
        if joined and _may_join(joined[-1], section, room):
            joined[-1].units += section.units
            joined[-1].tokens += section.tokens
        else:
            joined.append(section)
    return joined


def _may_join(first: _Section, second: _Section, room: int) -> bool:
    return (
        min(first.tokens, second.tokens) < MIN_SECTION_TOKENS
        and first.tokens + second.tokens <= room
        and KEPT_APART not in (*first.path[-1:], *second.path[-1:])
    )


def _windows(sizes: list[int], room: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of overlapping windows of at most `room`, of about the same size."""
    total = sum(sizes)
    count = max(1, math.ceil((total - overlap) / max(1, room - overlap)))
    aim = (total + (count - 1) * overlap) / count if total > room else room
    start = fresh = 0
    while fresh < len(sizes):
        end, size = fresh + 1, sum(sizes[start : fresh + 1])
        while end < len(sizes) and size < aim and size + sizes[end] <= room:
            size += sizes[end]
            end += 1
        yield start, end
        if end == len(sizes):
            return
        first, start, fresh, repeated = start, end, end, 0
        # A sentence that would go over is repeated if that comes nearer to the overlap wanted.
        while (
            start - 1 > first
            and repeated + sizes[start - 1] / 2 <= overlap
            and repeated + sizes[start - 1] + sizes[end] <= room
            and overlap > 0
        ):
            start -= 1
            repeated += sizes[start]


def _shown(units: Sequence[_Unit]) -> str:
    parts: list[str] = []
    was_item = False
    for unit in units:
        if unit.begins:
            is_item = bool(unit.marker)
            if parts:
                parts.append("\n" if is_item and was_item else "\n\n")
            was_item = is_item
        elif parts:
            parts.append(" ")
        parts.append(unit.marker + unit.text)
    return "".join(parts)


def _pieces(sentence: str, room: int, count: CountTokens) -> list[str]:
    """Cut a sentence that fits no passage at clauses, else between words, else inside a word."""
    if count(sentence) <= room or len(sentence) < 2:
        return [sentence]
    clauses = re.split(r"(?<=[,;:–—])\s", sentence)
    parts = clauses if len(clauses) > 1 else sentence.split(" ")
    if len(parts) == 1:
        middle = len(sentence) // 2
        return _pieces(sentence[:middle], room, count) + _pieces(sentence[middle:], room, count)
    packed: list[str] = []
    group: list[str] = []
    size = 0
    for part in parts:
        tokens = count(part)
        if group and size + tokens > room:
            packed.append(" ".join(group))
            group, size = [], 0
        if tokens > room:
            packed += _pieces(part, room, count)
        else:
            group.append(part)
            size += tokens
    return [*packed, *([" ".join(group)] if group else [])]
