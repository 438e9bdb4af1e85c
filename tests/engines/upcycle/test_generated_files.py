"""Nothing that torch_geometric generates stays in the temporary folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[3]
BUILD = """
import sys
import torch
from engines.upcycle import model
if sys.argv[1] == "leave":
    model.remove_generated_files = lambda: 0
messages = model.Messages(torch.tensor([[0, 1, 2], [1, 2, 0]]), torch.tensor([0, 0, 1]))
for network in model.NETWORKS.values():
    built = network().eval()
    again = network().eval()
    for one in (built, again):
        print(tuple(one.encode(torch.randn(3, 128), messages).shape))
"""


@pytest.mark.parametrize(("how", "is_left"), [("leave", True), ("remove", False)])
def test_the_networks_compute_and_leave_no_file_behind(
    how: str, is_left: bool, tmp_path: Path
) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(
        [sys.executable, "-c", BUILD, how],
        cwd=REPO, env=environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split("\n")[:-1] == ["(3, 128)"] * 6
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any("torch_geometric" in path.name for path in left) == is_left
    if not is_left:
        assert left == []
