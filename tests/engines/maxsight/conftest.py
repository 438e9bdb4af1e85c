"""What several of MaxSight's tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engines.runtime.device import Placement
from engines.runtime.settings import Settings
from tests.engines.maxsight.random_checkpoint import write_checkpoint


@pytest.fixture(scope="session")
def placement() -> Placement:
    """Return the CPU in full precision, in which graphs and PyTorch can be compared."""
    return Placement(torch.device("cpu"), torch.float32, "for tests")


@pytest.fixture(scope="session")
def random_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings whose checkpoints folder holds a random Stage A with its graph."""
    checkpoints_dir: Path = tmp_path_factory.mktemp("checkpoints")
    write_checkpoint(checkpoints_dir)
    return Settings(checkpoints_dir=checkpoints_dir, cpu_threads=1)
