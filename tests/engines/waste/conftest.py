"""The shipped engine, loaded once, and pictures in every state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from engines.runtime.device import choose_placement
from engines.runtime.settings import Settings
from engines.waste.engine import WasteEngine


@pytest.fixture(scope="session")
def engine() -> WasteEngine:
    """Return the waste engine with the checkpoint of the project."""
    settings = Settings()
    loaded = WasteEngine(settings, choose_placement(settings))
    loaded.load()
    loaded.warmup()
    return loaded


@pytest.fixture(scope="session")
def photo() -> Image.Image:
    """Return a real colour photo, 600 × 400: a cup of coffee on a table."""
    return Image.fromarray(skimage.data.coffee())


@pytest.fixture(scope="session")
def example_paths() -> list[Path]:
    """List the pictures that the app shows as examples."""
    folder = Settings().examples_dir
    return [folder / name for name in (folder / "shown.txt").read_text().split()]


@pytest.fixture
def noise() -> Image.Image:
    """Return colour noise, 64 × 48."""
    values = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    return Image.fromarray(values)
