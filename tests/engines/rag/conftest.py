"""The shipped chat engine, loaded once for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.rag.ask import build_pool
from engines.rag.chat import Chat
from engines.rag.engine import RagEngine
from engines.runtime.pool import EnginePool
from engines.runtime.settings import Settings
from tests.engines.rag.uploads import Reader


@pytest.fixture(scope="session")
def pool() -> Iterator[EnginePool]:
    """Return a pool with the real chat engine and language model, loaded when first used."""
    pool = build_pool(Settings())
    yield pool
    pool.lane.close()


@pytest.fixture(scope="session")
def engine(pool: EnginePool) -> RagEngine:
    """Return the loaded chat engine."""
    engine = pool.get("rag")
    assert isinstance(engine, RagEngine)
    return engine


@pytest.fixture
def chat(pool: EnginePool) -> Chat:
    """Return what answers questions."""
    return Chat(pool)


@pytest.fixture
def note(tmp_path: Path) -> Path:
    """Return a small document of a visitor with a fact that no other document holds."""
    path = tmp_path / "club.md"
    path.write_text(
        "# Zorbel club rules\n\n## Waste\n\nBroken zorbel balls go into the orange crate behind "
        "the boathouse of the club.\n\nThe orange crate is emptied on the first Monday of a month."
    )
    return path


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Return what reads bytes as an upload of a given name."""
    return Reader(tmp_path)
