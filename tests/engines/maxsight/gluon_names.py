"""The names that Gluon gives to the layers of ResNet-50 v2, counted as it creates them."""

from __future__ import annotations

from collections.abc import Iterator

from engines.maxsight.backbones.resnet50v2 import BLOCKS_PER_STAGE

NORM = {"gamma": "weight", "beta": "bias", "running_mean": "running_mean",
        "running_var": "running_var"}  # fmt: skip


def gluon_names() -> Iterator[tuple[str, str]]:
    """Yield Gluon's name and ours of every parameter and statistic, without the classifier."""
    for theirs, ours in _layers():
        kinds = NORM if "batchnorm" in theirs else {"weight": "weight"}
        yield from (
            (f"resnetv24_{theirs}_{kind}", f"{ours}.{leaf}") for kind, leaf in kinds.items()
        )


def _layers() -> Iterator[tuple[str, str]]:
    yield from (("batchnorm0", "input_bn"), ("conv0", "stem_conv"), ("batchnorm1", "stem_bn"))
    for stage, depth in enumerate(BLOCKS_PER_STAGE, start=1):
        norms = convs = 0
        for block in range(depth):
            for place in (1, 2, 3):
                yield f"stage{stage}_batchnorm{norms}", f"stage{stage}.{block}.bn{place}"
                yield f"stage{stage}_conv{convs}", f"stage{stage}.{block}.conv{place}"
                norms, convs = norms + 1, convs + 1
            if block == 0:
                yield f"stage{stage}_conv{convs}", f"stage{stage}.0.downsample"
                convs += 1
    yield "batchnorm2", "last_bn"
