"""The network: three heads on any timm backbone, and starting weights that fit."""

from __future__ import annotations

import pytest
import skimage.data
import torch

from engines.runtime.device import Placement
from engines.runtime.errors import WeightsCorruptError
from engines.runtime.settings import Settings
from engines.runtime.weights import find_weights, load_tensors
from engines.waste.images import to_input
from engines.waste.model import MultiHeadClassifier, load_backbone_tensors, waste_logit


@pytest.fixture(scope="module")
def vit() -> MultiHeadClassifier:
    """Return the hub profile's network, random: for shapes and types only."""
    torch.manual_seed(0)
    return MultiHeadClassifier("vit_base_patch16_224").eval()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_hub_network_gives_three_heads_in_float32(
    vit: MultiHeadClassifier, dtype: torch.dtype
) -> None:
    vit.backbone.to(dtype)
    with torch.inference_mode():
        logits = vit(torch.randn(2, 3, 224, 224, dtype=dtype))
    assert [tuple(part.shape) for part in logits] == [(2, 20), (2, 15), (2, 4)]
    assert {part.dtype for part in logits} == {torch.float32}
    assert all(torch.isfinite(part).all() for part in logits)


def test_the_hub_network_loads_from_a_checkpoint_folder_by_the_same_path(
    vit: MultiHeadClassifier, tmp_path: object
) -> None:
    import json
    from dataclasses import asdict
    from pathlib import Path

    from engines.waste.decision import Calibration
    from engines.waste.engine import WasteEngine
    from engines.waste.fit.evaluate import export
    from engines.waste.taxonomy import BINS, ITEMS, MATERIALS

    folder = Path(str(tmp_path)) / "waste_hub"
    export(vit, folder)
    inference = {
        "backbone": "vit_base_patch16_224",
        "input_size": 224,
        **asdict(Calibration(1.0, 0.5, 0.25, 0.6, 0.0)),
        "items": list(ITEMS),
        "materials": list(MATERIALS),
        "bins": list(BINS),
    }
    card = {"name": "random", "version": "0", "inference": inference}
    (folder / "card.json").write_text(json.dumps(card))
    settings = Settings(profile="hub", is_hub_allowed=False, checkpoints_dir=folder.parent)
    engine = WasteEngine(settings, Placement(torch.device("cpu"), torch.float32, "a test"))
    engine.load()
    from PIL import Image

    picture = Image.fromarray(skimage.data.coffee())
    assert len(engine.classify(picture).top_items) == 3
    assert engine.explain(picture).shape == (picture.height, picture.width)


def test_imagenet_weights_from_the_package_call_a_coffee_an_espresso() -> None:
    source = find_weights("efficientnet_lite2", settings=Settings())
    tensors = load_tensors(source.path)
    model = MultiHeadClassifier("tf_efficientnet_lite2").eval()
    load_backbone_tensors(model, tensors)
    weight, bias = list(tensors.values())[-2:]
    crop = skimage.data.coffee()[:, 100:500]
    with torch.inference_mode():
        probabilities = (model.backbone(to_input(crop, 260)[None]) @ weight.T + bias).softmax(1)
    espresso = 967
    assert int(probabilities.argmax()) == espresso
    assert float(probabilities[0, espresso]) > 0.8


def test_weights_of_another_network_are_refused() -> None:
    tensors = load_tensors(find_weights("efficientnet_lite2", settings=Settings()).path)
    with pytest.raises(WeightsCorruptError, match="don't fit"):
        load_backbone_tensors(MultiHeadClassifier("tf_efficientnet_lite0"), tensors)


def test_the_waste_logit_is_the_odds_of_any_item_against_a_fixed_zero() -> None:
    item = torch.tensor([[1.0, 2.0, -1.0]])
    with_other = torch.cat([item, torch.zeros(1, 1)], dim=1).softmax(1)
    expected = with_other[0, :3].sum()
    assert float(waste_logit(item).sigmoid()[0]) == pytest.approx(float(expected))
