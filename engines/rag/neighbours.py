"""Passages that continue each other: told apart from others, and joined."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from engines.rag.chunking import Chunk


def is_neighbour(chunk: Chunk, other: Chunk) -> bool:
    """Whether two passages stand next to each other in the same section of a document."""
    return (
        chunk.document_id == other.document_id
        and chunk.heading == other.heading
        and abs(chunk.order - other.order) == 1
    )


def group_neighbours(
    order: Iterable[str], chunks: Mapping[str, Chunk], top: int
) -> list[list[str]]:
    """Take the best `top` passages; a neighbour of one that was taken joins it.

    Args:
        order: ids, best first.
        chunks: the passages by id.

    Returns:
        groups of ids, each with its best first, the group of the best first.
    """
    groups: list[list[str]] = []
    for name in order:
        near = [g for g in groups if any(is_neighbour(chunks[name], chunks[n]) for n in g)]
        if near:
            # A passage between two that were taken makes one of them.
            near[0] += [*(other for group in near[1:] for other in group), name]
            groups = [group for group in groups if group is near[0] or group not in near]
        elif len(groups) < top:
            groups.append([name])
        else:
            break
    return groups


def join(chunks: Sequence[Chunk]) -> Chunk:
    """Join neighbours into one passage, without repeating what they share.

    It keeps the id of the first one given, which ranks best; `token_count` is the sum.
    """
    in_order = sorted(chunks, key=lambda chunk: chunk.order)
    joined = in_order[0]
    for chunk in in_order[1:]:
        joined = _append(joined, chunk)
    return replace(joined, id=chunks[0].id, token_count=sum(chunk.token_count for chunk in chunks))


def _append(chunk: Chunk, following: Chunk) -> Chunk:
    longest = min(len(chunk.sentences), len(following.sentences))
    shared = next(
        count
        for count in range(longest, -1, -1)
        if count == 0 or chunk.sentences[-count:] == following.sentences[:count]
    )
    end = 0
    for sentence in following.sentences[:shared]:
        end = following.text.index(sentence, end) + len(sentence)
    rest = following.text[end:] if shared else "\n" + following.text
    return replace(
        chunk,
        text=chunk.text + rest,
        sentences=chunk.sentences + following.sentences[shared:],
    )
