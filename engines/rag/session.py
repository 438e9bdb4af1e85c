"""What belongs to one person in the chat: the turns so far and their own documents."""

from __future__ import annotations

from dataclasses import dataclass, field

from engines.rag.documents import Document
from engines.rag.follow_up import Turn
from engines.rag.store import VectorStore

MAX_TURNS = 6


@dataclass
class ChatSession:
    """Hold one person's chat. The caller keeps it; engines keep nothing of it.

    Attributes:
        turns: the last questions with what answered them, oldest first.
        store: the person's own documents, None until one is added.
        documents: the same documents, in the order they came.
    """

    turns: list[Turn] = field(default_factory=list)
    store: VectorStore | None = None
    documents: list[Document] = field(default_factory=list)

    def remember(self, turn: Turn) -> None:
        """Keep a turn for the next follow-up question; the oldest is forgotten."""
        self.turns.append(turn)
        del self.turns[:-MAX_TURNS]
