"""What several of MaxSight's tests share."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from engines.maxsight.ocr import TextReader
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
