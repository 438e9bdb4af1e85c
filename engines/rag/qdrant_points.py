"""How passages, terms and filters are written for Qdrant, and read back."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import asdict
from typing import Any

from qdrant_client import models

from engines.rag.chunking import Chunk
from engines.rag.store import ANYWHERE, Filter

# Fields of a passage that a search may be limited by.
FILTERED = ("regions", "doc_type", "document_id")


def point_id(chunk_id: str) -> str:
    """Qdrant's ids are numbers or UUIDs, so a passage's id is turned into one."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, chunk_id))


def term_index(term: str) -> int:
    """Place a term among the 2^32 dimensions of a sparse vector, the same in every process."""
    return int.from_bytes(hashlib.blake2b(term.encode(), digest_size=4).digest(), "big")


def payload_of(chunk: Chunk) -> dict[str, Any]:
    """Write a passage as JSON values."""
    fields = asdict(chunk)
    return {n: list(value) if isinstance(value, tuple) else value for n, value in fields.items()}


def chunk_of(payload: Any) -> Chunk:
    """Read what `payload_of` wrote; KeyError if a field is missing."""
    fields: dict[str, Any] = {}
    for name in Chunk.__dataclass_fields__:
        value = payload[name]
        fields[name] = tuple(value) if isinstance(value, list) else value
    return Chunk(**fields)


def qdrant_filter(where: Filter) -> models.Filter:
    """Write a filter for Qdrant; passages for anywhere are always among those of a region."""
    regions = (*where.regions, ANYWHERE) if where.regions else ()
    wanted = zip(FILTERED, (regions, where.doc_types, where.document_ids))
    return models.Filter(
        must=[
            models.FieldCondition(key=field, match=models.MatchAny(any=list(values)))
            for field, values in wanted
            if values
        ]
    )
