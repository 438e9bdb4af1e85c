"""The network: shapes, one path for every frame, reference implementations, loaded weights."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections import OrderedDict

import numpy as np
import pytest
import torch
from timm.models.resnetv2 import resnetv2_50
from torch import nn
from torchvision.ops import FeaturePyramidNetwork

from engines.maxsight.backbones.fpn import FeaturePyramid, PyramidFeatures
from engines.maxsight.backbones.resnet50v2 import (
    BackboneFeatures,
    ResNet50V2,
    gluon_name,
    load_gluon,
)
from engines.maxsight.heads.detection import DetectionHead
from engines.maxsight.stage_a import PIXEL_MEAN, PIXEL_STD, StageA
from tests.engines.maxsight.gluon_names import gluon_names
from tests.engines.maxsight.random_checkpoint import random_stage_a

CLASSES = 28


@pytest.fixture(scope="module")
def stage_a() -> StageA:
    """Return a random network whose answers vary from place to place."""
    return random_stage_a()


# The whole


@pytest.mark.parametrize(("side", "cells"), [(256, 1344), (320, 2100)])
def test_each_cell_and_the_frame_get_their_answers(stage_a: StageA, side: int, cells: int) -> None:
    with torch.inference_mode():
        output = stage_a(torch.rand(1, 3, side, side) * 255)
    assert cells == sum((side // stride) ** 2 for stride in (8, 16, 32))
    assert {name: tuple(part.shape) for name, part in output._asdict().items()} == {
        "class_logits": (1, cells, CLASSES),
        "objectness_logits": (1, cells),
        "sides": (1, cells, 4),
        "zone_logits": (1, cells, 3),
        "urgency_logits": (1, 4),
        "uncertainty_logits": (1, 1),
    }
    assert all(part.dtype == torch.float32 and part.isfinite().all() for part in output)


def test_a_picture_is_judged_alike_alone_and_in_a_batch(stage_a: StageA) -> None:
    pictures = torch.rand(3, 3, 64, 96) * 255
    with torch.inference_mode():
        together, alone = stage_a(pictures), stage_a(pictures[1:2])
    for name, many, one in zip(alone._fields, together, alone, strict=True):
        torch.testing.assert_close(many[1:2], one, rtol=1e-3, atol=1e-3, msg=name)


def test_pixels_are_normalised_as_for_imagenet(stage_a: StageA) -> None:
    seen: list[torch.Tensor] = []
    hook = stage_a.backbone.register_forward_pre_hook(lambda _, inputs: seen.extend(inputs))
    mean, std = (torch.tensor(one).view(1, 3, 1, 1) for one in (PIXEL_MEAN, PIXEL_STD))
    with torch.inference_mode():
        stage_a((mean + 2 * std).expand(1, 3, 32, 32))
    hook.remove()
    torch.testing.assert_close(seen[0], torch.full((1, 3, 32, 32), 2.0))


def test_normalisation_is_no_weight_of_the_checkpoint(stage_a: StageA) -> None:
    assert not [name for name in stage_a.state_dict() if "pixel" in name]


def test_the_network_takes_the_number_of_classes_and_nothing_else() -> None:
    for part in (StageA, DetectionHead):
        assert list(inspect.signature(part).parameters) == ["classes"]
    assert list(inspect.signature(StageA.forward).parameters) == ["self", "pixels"]
    for whole in (ResNet50V2, FeaturePyramid):
        assert not inspect.signature(whole).parameters


def test_no_part_of_the_network_chooses_its_path(stage_a: StageA) -> None:
    kinds = {type(part) for part in stage_a.modules()}
    own = [kind for kind in kinds if kind.__module__.startswith("engines.")]
    assert len(own) == 7
    for kind in own:
        tree = ast.parse(textwrap.dedent(inspect.getsource(kind.forward)))
        branches = (ast.If, ast.While, ast.Try, ast.Match)
        assert not [node for node in ast.walk(tree) if isinstance(node, branches)], kind
        # A block has a shortcut of its own or none, from the day it is built.
        for choice in (node for node in ast.walk(tree) if isinstance(node, ast.IfExp)):
            assert ast.unparse(choice.test) == "self.downsample is None"


def test_every_weight_has_its_part_in_every_frame(stage_a: StageA) -> None:
    output = stage_a(torch.rand(1, 3, 64, 64) * 255)
    sum(part.pow(2).sum() for part in output).backward()
    idle = [
        name
        for name, weight in stage_a.named_parameters()
        if weight.grad is None or not weight.grad.any()
    ]
    stage_a.zero_grad()
    assert idle == []


def test_doubt_reads_the_features_and_does_not_shape_them(stage_a: StageA) -> None:
    stage_a(torch.rand(1, 3, 64, 64) * 255).uncertainty_logits.sum().backward()
    touched = {n for n, weight in stage_a.named_parameters() if weight.grad is not None}
    stage_a.zero_grad()
    assert touched == {
        f"frame.uncertainty_{layer}.{kind}"
        for layer in ("hidden", "out")
        for kind in ("weight", "bias")
    }


# The parts


def test_the_backbone_equals_timm_s() -> None:
    torch.manual_seed(0)
    ours = random_stage_a(1).backbone
    theirs = resnetv2_50(pretrained=False).eval()
    kinds = (nn.Conv2d, nn.BatchNorm2d)
    for number in (1, 2, 3, 4):
        for block, other in zip(
            getattr(ours, f"stage{number}"), theirs.stages[number - 1].blocks, strict=True
        ):
            for name in ("conv1", "conv2", "conv3", "bn1", "bn2", "bn3"):
                part = getattr(block, name)
                assert isinstance(part, kinds)
                other.get_submodule(name.replace("bn", "norm")).load_state_dict(part.state_dict())
            if block.downsample is not None:
                other.downsample.conv.load_state_dict(block.downsample.state_dict())
    theirs.norm.load_state_dict(ours.last_bn.state_dict())
    stem = nn.Sequential(ours.input_bn, ours.stem_conv, ours.stem_bn, nn.ReLU(), ours.pool)
    pixels = torch.randn(1, 3, 64, 96)
    with torch.inference_mode():
        x, expected = stem(pixels), []
        for stage in theirs.stages:
            x = stage(x)
            expected.append(x)
        expected[-1] = theirs.norm(x)  # with its activation
        found = ours(pixels)
    for one, other in zip(found, expected[1:], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


def test_the_pyramid_equals_torchvision_s() -> None:
    torch.manual_seed(0)
    ours, theirs = FeaturePyramid(), FeaturePyramidNetwork([512, 1024, 2048], 256)
    for index in range(3):
        theirs.inner_blocks[index][0].load_state_dict(ours.lateral[index].state_dict())
        theirs.layer_blocks[index][0].load_state_dict(ours.smooth[index].state_dict())
    features = BackboneFeatures(
        torch.randn(1, 512, 8, 12), torch.randn(1, 1024, 4, 6), torch.randn(1, 2048, 2, 3)
    )
    with torch.inference_mode():
        found = ours(features)
        expected = theirs(OrderedDict(features._asdict()))
    for one, other in zip(found, expected.values(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("scale", [0, 1, 2], ids=["P3", "P4", "P5"])
def test_each_scale_answers_for_its_own_cells(stage_a: StageA, scale: int) -> None:
    torch.manual_seed(0)
    pyramid = PyramidFeatures(*(torch.rand(1, 256, 8 >> level, 8 >> level) for level in range(3)))
    changed = list(pyramid)
    changed[scale] = changed[scale] + 1
    with torch.inference_mode():
        before = stage_a.detection(pyramid)
        after = stage_a.detection(PyramidFeatures(*changed))
    rows = np.split(np.arange(64 + 16 + 4), [64, 80])
    for one, other in zip(before, after, strict=True):
        moved = (one != other).reshape(84, -1).any(dim=1)
        assert np.flatnonzero(moved).tolist() == rows[scale].tolist()


def test_training_starts_with_one_cell_in_a_hundred_and_boxes_of_four_strides() -> None:
    head = DetectionHead(CLASSES)
    blank = [torch.zeros(1, 256, side, side) for side in (4, 2, 1)]
    with torch.inference_mode():
        fresh = head.eval()(PyramidFeatures(*blank))
    torch.testing.assert_close(fresh.class_logits.sigmoid(), torch.full((1, 21, CLASSES), 0.01))
    torch.testing.assert_close(fresh.objectness_logits.sigmoid(), torch.full((1, 21), 0.01))
    torch.testing.assert_close(fresh.sides.exp(), torch.full((1, 21, 4), 2.0))


# Weights published by Gluon


@pytest.fixture(scope="module")
def expected_names() -> dict[str, str]:
    """Return Gluon's name -> ours for all parameters and statistics."""
    return dict(gluon_names())


@pytest.fixture(scope="module")
def whole_file(expected_names: dict[str, str]) -> dict[str, np.ndarray]:
    """Make a file of all of ResNet-50 v2: each array holds a number of its own."""
    own = ResNet50V2().state_dict()
    arrays = {
        name: np.broadcast_to(np.float32(2 + index), own[ours].shape)
        for index, (name, ours) in enumerate(expected_names.items())
    }
    classifier = {
        "resnetv24_dense0_weight": np.zeros((1000, 2048), np.float32),
        "resnetv24_dense0_bias": np.zeros(1000, np.float32),
    }
    return {**arrays, **classifier}


def test_every_name_of_gluon_is_translated(expected_names: dict[str, str]) -> None:
    assert {name: gluon_name(name) for name in expected_names} == expected_names
    own = {name for name in ResNet50V2().state_dict() if "num_batches" not in name}
    assert set(expected_names.values()) == own
    assert gluon_name("resnetv24_dense0_weight") is None


def test_a_whole_file_fills_the_whole_backbone(
    whole_file: dict[str, np.ndarray], expected_names: dict[str, str]
) -> None:
    backbone = ResNet50V2()
    assert load_gluon(backbone, whole_file) == set(expected_names.values())
    own = backbone.state_dict()
    for index, ours in enumerate(expected_names.values()):
        assert own[ours].unique().tolist() == [2 + index], ours


def test_statistics_of_a_convolution_that_is_missing_stay_fresh(
    whole_file: dict[str, np.ndarray], expected_names: dict[str, str]
) -> None:
    lost = [n for n in whole_file if "stage4_conv" in n and n != "resnetv24_stage4_conv0_weight"]
    assert len(lost) == 9
    published = {name: array for name, array in whole_file.items() if name not in lost}
    backbone = ResNet50V2()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    loaded = load_gluon(backbone, published)
    stage_4 = {name for name in loaded if name.startswith(("stage4", "last_bn"))}
    kinds = ("weight", "bias", "running_mean", "running_var")
    assert stage_4 == {
        "stage4.0.conv1.weight",
        *(f"stage4.0.{norm}.{kind}" for norm in ("bn1", "bn2") for kind in kinds),
    }
    assert loaded - stage_4 == {
        name for name in expected_names.values() if not name.startswith(("stage4", "last_bn"))
    }
    for name, value in backbone.state_dict().items():
        assert torch.equal(value, before[name]) != (name in loaded), name


def test_a_file_of_another_network_is_refused(whole_file: dict[str, np.ndarray]) -> None:
    def load(**changes: np.ndarray) -> None:
        load_gluon(ResNet50V2(), {**whole_file, **changes})

    with pytest.raises(KeyError, match=r"not part of ResNet-50 v2.*stage1\.3\.conv1"):
        load(resnetv24_stage1_conv10_weight=np.zeros((64, 256, 1, 1), np.float32))
    with pytest.raises(KeyError):
        load(resnetv24_pool0_weight=np.zeros(1, np.float32))
    with pytest.raises(ValueError, match=r"stem_conv\.weight is .*7, 3.*, not"):
        load(resnetv24_conv0_weight=np.zeros((64, 7, 7, 3), np.float32))


def test_a_file_without_a_layer_of_stage_3_is_refused(whole_file: dict[str, np.ndarray]) -> None:
    part = {n: array for n, array in whole_file.items() if n != "resnetv24_stage3_conv5_weight"}
    with pytest.raises(KeyError, match=r"the file lacks .*stage3\.1\.bn3"):
        load_gluon(ResNet50V2(), part)
