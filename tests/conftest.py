"""What every test needs before its module is imported, and what it leaves behind for the next."""

import gc
import sys
from collections.abc import Iterator

import pytest

from engines.runtime.torchvision_compat import ensure_torchvision

# Some test modules import peft or transformers first, and these import torchvision.
ensure_torchvision()


# Folders and files of tests that last longer than others, such as trainings.
LONG = ("fit", "llm", "runtime", "upcycle", "test_space.py", "test_sound_features.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let what lasts long come first, so that no worker is left with it alone at the end."""
    items.sort(key=lambda item: not set(LONG).intersection(item.path.parts))


def pytest_collection_finish() -> None:
    """Spare the garbage collector what was imported: millions of objects that stay."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _precision_is_chosen_anew() -> Iterator[None]:
    """Let each test train in a precision of its own: Accelerate keeps the first of a process."""
    yield
    if "accelerate" in sys.modules:
        from accelerate.state import AcceleratorState

        AcceleratorState._reset_state(reset_partial_state=True)
