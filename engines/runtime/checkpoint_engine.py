"""What engines have in common that run one trained checkpoint."""

from __future__ import annotations

from typing import Generic, Protocol, TypeVar

from engines.runtime.device import Placement
from engines.runtime.errors import EngineUnavailableError
from engines.runtime.health import EngineHealth
from engines.runtime.settings import Settings


class Loaded(Protocol):
    """Describe what is kept of a checkpoint: a network with all that was fitted for it."""

    @property
    def detail(self) -> str:
        """Which checkpoint it is and how it runs, one sentence for a person."""


L = TypeVar("L", bound=Loaded)


class CheckpointEngine(Generic[L]):
    """Hold one loaded checkpoint.

    `load`, of the subclass, sets `_loaded`. It is replaced as a whole and never changed, so that
    who reads it once has parts that belong together, and no lock is needed.

    Args:
        settings: where checkpoints lie.
        placement: the device and the precision to compute in.
    """

    title: str
    """What is not loaded, as a person is told: "The waste engine"."""

    def __init__(self, settings: Settings, placement: Placement) -> None:
        self.settings, self.placement = settings, placement
        self._loaded: L | None = None

    def health(self) -> EngineHealth:
        """Say which checkpoint it runs."""
        loaded = self._loaded
        if loaded is None:
            return EngineHealth(is_ready=False, detail="No checkpoint is loaded.")
        return EngineHealth(is_ready=True, detail=loaded.detail)

    def unload(self) -> None:
        """Give the memory back."""
        self._loaded = None

    def _ready(self) -> L:
        """Return what is loaded; raises EngineUnavailableError if nothing is."""
        loaded = self._loaded
        if loaded is None:
            raise EngineUnavailableError(
                f"{self.title} is not loaded.", "Try again in a few seconds."
            )
        return loaded
