"""A person at the MaxSight tab who looks at a car close by."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from components.maxsight_actions import MaxSightTab
from engines.runtime.lane import CpuLane
from tests.components.maxsight_eyes import Clock, Eyes, near_car, tab_of


@pytest.fixture
def lane() -> Iterator[CpuLane]:
    lane = CpuLane(threads=1)
    yield lane
    lane.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tab(lane: CpuLane, clock: Clock) -> MaxSightTab:
    return tab_of(Eyes(near_car), lane, clock)
