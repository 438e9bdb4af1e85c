"""Stage A stands by itself: no other engine, no option, one path for every frame."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
import textwrap

import pytest
import torch

from engines.maxsight.backbones.fpn import FeaturePyramid
from engines.maxsight.backbones.resnet50v2 import ResNet50V2
from engines.maxsight.heads.detection import DetectionHead
from engines.maxsight.heads.frame import FrameHead
from engines.maxsight.stage_a import StageA
from engines.maxsight.stage_a_runner import StageARunner
from engines.runtime.settings import REPO_ROOT, Settings

ALLOWED = {
    "engines", "engines.maxsight", "engines.maxsight.backbones", "engines.maxsight.heads",
    "engines.maxsight.backbones.fpn", "engines.maxsight.backbones.resnet50v2",
    "engines.maxsight.heads.detection", "engines.maxsight.heads.frame",
    "engines.maxsight.boxes", "engines.maxsight.checkpoint", "engines.maxsight.classes",
    "engines.maxsight.decode",
    "engines.maxsight.frames", "engines.maxsight.geometry", "engines.maxsight.stage_a",
    "engines.maxsight.stage_a_network", "engines.maxsight.stage_a_runner",
    "engines.maxsight.tiers",
}  # fmt: skip


def test_stage_a_imports_nothing_of_stage_b_nor_of_other_engines() -> None:
    listing = (
        "import sys, engines.maxsight.stage_a_runner;"
        "print(*(m for m in sys.modules if m.split('.')[0] in ('engines', 'components')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", listing], cwd=REPO_ROOT, capture_output=True, text=True, check=True
    )
    imported = {one for one in done.stdout.split() if not one.startswith("engines.runtime")}
    assert imported == ALLOWED


def test_stage_a_has_no_option() -> None:
    assert list(inspect.signature(StageA).parameters) == ["classes"]
    assert list(inspect.signature(StageARunner).parameters) == ["settings", "placement"]
    assert not [name for name in Settings.model_fields if "stage" in name or "maxsight" in name]


@pytest.mark.parametrize(
    "part", [StageA, ResNet50V2, FeaturePyramid, DetectionHead, FrameHead],
    ids=lambda part: part.__name__,
)  # fmt: skip
def test_stage_a_has_no_conditional_path(part: type) -> None:
    for method in (part.__init__, part.forward):  # type: ignore[attr-defined, misc]
        tree = ast.parse(textwrap.dedent(inspect.getsource(method)))
        branches = (ast.If, ast.While, ast.Try, ast.Match)
        assert not [node for node in ast.walk(tree) if isinstance(node, branches)]
    tree = ast.parse(textwrap.dedent(inspect.getsource(part.forward)))  # type: ignore[attr-defined]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.IfExp)]


def test_stage_a_is_a_resnet_50_with_a_pyramid() -> None:
    model = StageA(3)
    assert isinstance(model.backbone, ResNet50V2) and isinstance(model.pyramid, FeaturePyramid)
    stages = [getattr(model.backbone, f"stage{number}") for number in (1, 2, 3, 4)]
    assert [len(stage) for stage in stages] == [3, 4, 6, 3]
    with torch.inference_mode():
        features = model.eval().backbone(torch.zeros(1, 3, 64, 64))
    assert [tuple(one.shape) for one in features] == [
        (1, 512, 8, 8), (1, 1024, 4, 4), (1, 2048, 2, 2),
    ]  # fmt: skip
