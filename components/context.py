"""What all tabs share."""

from __future__ import annotations

from dataclasses import dataclass

from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings


@dataclass(frozen=True)
class AppContext:
    """Hand the settings and the engines to every tab.

    Attributes:
        settings: the settings in force.
        pool: all engines, loaded when they are first needed.
    """

    settings: Settings
    pool: EnginePool
