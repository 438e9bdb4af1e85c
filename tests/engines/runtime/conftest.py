"""A lane and a pool of the test's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.engines.runtime.doubling import PATIENCE_S


@pytest.fixture
def lane() -> Iterator[CpuLane]:
    """Return a lane that nothing else uses."""
    lane = CpuLane(timeout_s=PATIENCE_S)
    yield lane
    lane.close()


@pytest.fixture
def pool(lane: CpuLane) -> EnginePool:
    """Return a pool without engines."""
    return EnginePool(Settings(device="cpu"), lane)
