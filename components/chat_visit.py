"""What belongs to one visitor of the Ask tab."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from components.chat_view import Exchange
from engines.rag.answers import Answer
from engines.rag.session import ChatSession

# Longest wait for the answer before: it ends with the next word once it is told to stop.
HALT_S = 60.0


class Run:
    """One answer on its way: `stop` asks it to end, `done` says that it has."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.done = threading.Event()


@dataclass
class AskState:
    """What belongs to one visitor: the conversation, the documents and the answer on its way."""

    session: ChatSession = field(default_factory=ChatSession)
    exchanges: list[Exchange] = field(default_factory=list)
    run: Run | None = None
    is_how_open: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def last_answer(self) -> Answer | None:
        """The answer shown last, None where there is none."""
        return self.exchanges[-1].answer if self.exchanges else None

    def begin(self) -> Run:
        """Stop the answer before and start the next; what was checked of it stays."""
        with self.lock:
            before, self.run = self.run, Run()
            run = self.run
        halt(before)
        return run

    def forget_from(self, kept: int) -> None:
        """Drop every exchange after the first `kept`, also from what follow-ups refer to."""
        if kept < len(self.exchanges):
            self.session.turns[:] = self.exchanges[kept].turns_before
            del self.exchanges[kept:]


def halt(run: Run | None) -> None:
    """Stop an answer, if there is one on its way, and wait until it has ended."""
    if run is not None:
        run.stop.set()
        run.done.wait(HALT_S)
