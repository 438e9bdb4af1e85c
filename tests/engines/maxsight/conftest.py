"""What several of MaxSight's tests share."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.maxsight.ocr import TextReader
from engines.runtime.device import Placement
from engines.runtime.lane import CpuLane
from engines.runtime.settings import Settings
from tests.engines.maxsight.random_checkpoint import write_checkpoint
from tests.engines.maxsight.stages import PATIENCE_S


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


@pytest.fixture
def own_copy(random_settings: Settings, tmp_path: Path) -> Settings:
    """Return settings with a random checkpoint of which a test may replace files.

    Its large files are links: unlink one before writing another in its place.
    """
    shutil.copytree(
        random_settings.checkpoints_dir, tmp_path / "checkpoints", copy_function=os.link
    )
    return Settings(checkpoints_dir=tmp_path / "checkpoints", cpu_threads=1)


@pytest.fixture
def lane() -> Iterator[CpuLane]:
    """Return a lane of the test's own."""
    lane = CpuLane(timeout_s=PATIENCE_S)
    yield lane
    lane.close()


@pytest.fixture(scope="session")
def reader() -> TextReader:
    """Return the reader of the app, loaded without the network."""
    one = TextReader()
    with pytest.MonkeyPatch.context() as patch:
        # Loading must never ask the Internet for a file.
        def refuse(*_: Any) -> None:
            raise AssertionError("the network was used")

        patch.setattr(socket.socket, "connect", refuse)
        one.load()
    return one
