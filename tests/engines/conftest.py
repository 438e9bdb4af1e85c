"""All engines of the app in one pool, each loaded once, when a test first needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings

MakePool = Callable[..., EnginePool]


class Loaded:
    """An engine that another pool has loaded: everything is its own, but it loads no more."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def load(self) -> None:
        """Be loaded already."""

    def warmup(self) -> None:
        """Be warm already."""

    def unload(self) -> None:
        """Stay for the other pool."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


@pytest.fixture(scope="session")
def all_engines() -> Iterator[EnginePool]:
    """Return a pool with the engines of the app and the shipped checkpoints."""
    import app

    settings = Settings()
    pool = app._register(EnginePool(settings, CpuLane.from_settings(settings)))
    yield pool
    pool.lane.close()


@pytest.fixture(scope="session")
def make_pool(all_engines: EnginePool) -> Iterator[MakePool]:
    """Return what makes a pool with settings of its own on engines that are loaded."""
    lanes: list[CpuLane] = []

    def make(*names: str, **settings: Any) -> EnginePool:
        own = Settings(**settings)
        lanes.append(CpuLane.from_settings(own))
        pool = EnginePool(own, lanes[-1])
        for name in names:
            pool.register(name, lambda name=name: Loaded(all_engines.get(name)))
        return pool

    yield make
    for lane in lanes:
        lane.close()
