"""The table of this folder names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import tests.faults
from tests.load.server import ROOT

HERE = Path(__file__).parent


def test_every_file_in_the_table_exists_and_every_test_here_is_in_it() -> None:
    named = re.findall(r"`([\w/]+\.py)`", tests.faults.__doc__ or "")
    folders = (ROOT, HERE, ROOT / "tests" / "engines" / "maxsight")
    assert len(named) > 15
    assert [name for name in named if not any((path / name).is_file() for path in folders)] == []
    own = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    assert own <= set(named)
