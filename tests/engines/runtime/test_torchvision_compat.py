from __future__ import annotations

import json
import subprocess
import sys

import pytest

from engines.runtime.settings import REPO_ROOT

# This interpreter may have imported torchvision already; the question is about one that has not.
PROGRAM = """
import json
import threading

from engines.runtime.torchvision_compat import ensure_torchvision

threads = [threading.Thread(target=ensure_torchvision) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

import timm
import torch
import torchvision.ops
from torchvision.transforms import v2

ensure_torchvision()
try:
    boxes = torch.tensor([[0.0, 0.0, 1.0, 1.0]])
    nms = str(torchvision.ops.nms(boxes, torch.ones(1), 0.5).tolist())
except RuntimeError as error:
    nms = str(error)
model = timm.create_model("resnet18", num_classes=2).eval()
print(
    json.dumps(
        {
            "transformed": list(v2.Resize((4, 4))(torch.zeros(3, 8, 8)).shape),
            "computed": list(model(torch.zeros(1, 3, 32, 32)).shape),
            "nms": nms,
        }
    )
)
"""


@pytest.fixture(scope="module")
def outcome() -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=REPO_ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    result: dict[str, object] = json.loads(done.stdout)
    return result


def test_transforms_and_timm_work_beside_any_build_of_torch(outcome: dict[str, object]) -> None:
    assert outcome["transformed"] == [3, 4, 4]
    assert outcome["computed"] == [1, 2]


def test_nms_computes_or_says_that_it_cannot(outcome: dict[str, object]) -> None:
    nms = str(outcome["nms"])
    assert nms == "[0]" or "Couldn't load custom C++ ops" in nms
