"""What several tests of the Upcycle tab and of MaxSight's context share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from components.upcycle_actions import UpcycleTab
from components.upcycle_visit import Visit
from engines.runtime.lane import CpuLane
from engines.runtime.settings import Settings
from engines.upcycle.knowledge import Knowledge, read_knowledge
from tests.components.maxsight_bench import Bench
from tests.components.upcycle_reading import context_for, found


@pytest.fixture(scope="session")
def knowledge() -> Knowledge:
    """Read the facts that are shipped."""
    return read_knowledge()


@pytest.fixture(scope="session")
def tab(tmp_path_factory: pytest.TempPathFactory, knowledge: Knowledge) -> Iterator[UpcycleTab]:
    """Make the Upcycle tab's handlers on the shipped engine."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("data"))
    lane = CpuLane.from_settings(settings)
    yield UpcycleTab(context_for(settings, lane), knowledge)
    lane.close()


@pytest.fixture(scope="session")
def jar_visit(tab: UpcycleTab) -> Visit:
    """Find projects for a glass jar."""
    return found(tab, "glass jar")


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Set up the MaxSight tab's handlers with eyes and ears for tests."""
    lane = CpuLane(threads=1)
    yield Bench(lane)
    lane.close()
