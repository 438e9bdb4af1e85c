"""The shipped upcycling engine, loaded once for all tests of this folder."""

from __future__ import annotations

import pytest

from engines.runtime.device import choose_placement
from engines.runtime.settings import Settings
from engines.runtime.text_encoder import DenseEncoder, open_encoder
from engines.upcycle.blend import ENCODER
from engines.upcycle.engine import UpcycleEngine
from engines.upcycle.knowledge import Knowledge
from engines.upcycle.loading import Loaded, read_everything
from engines.upcycle.tensors import GraphData


@pytest.fixture(scope="session")
def loaded() -> Loaded:
    """Return the facts and networks as the engine reads them."""
    settings = Settings()
    return read_everything(settings, choose_placement(settings))


@pytest.fixture(scope="session")
def engine(loaded: Loaded) -> UpcycleEngine:
    """Return the engine with the checkpoint of the project."""
    settings = Settings()
    engine = UpcycleEngine(settings, choose_placement(settings))
    engine.use(loaded)
    return engine


@pytest.fixture(scope="session")
def knowledge(loaded: Loaded) -> Knowledge:
    """Return the facts."""
    return loaded.knowledge


@pytest.fixture(scope="session")
def data(loaded: Loaded) -> GraphData:
    """Return the graph as numbers."""
    return loaded.data


@pytest.fixture(scope="session")
def encoder() -> DenseEncoder:
    """Return the text model behind the features."""
    settings = Settings()
    return open_encoder(ENCODER, settings, choose_placement(settings))
