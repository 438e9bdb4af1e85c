"""What every engine offers to the pool, and how it says how it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

EngineState = Literal["not_loaded", "loading", "loaded", "failed"]


@dataclass(frozen=True)
class EngineHealth:
    """Say how an engine is, in its own words.

    Attributes:
        is_ready: whether it can answer now.
        detail: one sentence for a person, such as which checkpoint it runs.
    """

    is_ready: bool
    detail: str = ""


class Engine(Protocol):
    """Describe what every engine offers to the pool."""

    @property
    def name(self) -> str:
        """A short name for people."""

    def load(self) -> None:
        """Read the weights into memory."""

    def warmup(self) -> None:
        """Compute once on made-up input, so that the first person does not wait."""

    def health(self) -> EngineHealth:
        """Say quickly how it is; called from any thread, also while it computes."""

    def unload(self) -> None:
        """Give the memory back."""


@dataclass(frozen=True)
class EngineStatus:
    """Report on one engine, for the System tab.

    Attributes:
        name: the name it is registered under.
        state: not_loaded, loading, loaded or failed.
        reason: why it failed, or an empty string.
        load_ms: what loading and warming up took, None before the first load.
        p50_ms, p95_ms: latency of recent calls without waiting, None before the first call.
        calls: calls so far.
        errors: how many of them broke off; refused input is no error of the engine.
        failed_at: when loading last failed, UTC.
        detail: the loaded engine's own words.
    """

    name: str
    state: EngineState
    reason: str
    load_ms: float | None
    p50_ms: float | None
    p95_ms: float | None
    calls: int
    errors: int
    failed_at: datetime | None = None
    detail: str = ""
