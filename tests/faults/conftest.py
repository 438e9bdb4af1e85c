"""A pool with the app's engines, each loaded when a test first needs it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.runtime.lane import CpuLane
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.faults.engines import SUBJECTS

FEWER_FILES = ("furniture.yaml", "household.yaml", "play.yaml", "textiles.yaml")


@pytest.fixture(scope="session")
def few_facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the upcycling facts with the projects of the garden alone, which load sooner."""
    target = tmp_path_factory.mktemp("facts") / "graph"
    ignored = shutil.ignore_patterns(*FEWER_FILES)
    return Path(shutil.copytree(Settings().graph_dir, target, ignore=ignored))


@pytest.fixture(scope="session")
def engines(few_facts: Path) -> Iterator[EnginePool]:
    """Return the pool; a test leaves every engine in it able to answer."""
    settings = Settings(graph_dir=few_facts)
    pool = EnginePool(settings, CpuLane.from_settings(settings))
    for subject in SUBJECTS:
        subject.register(pool)
    yield pool
    pool.lane.close()
