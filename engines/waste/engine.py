"""The waste engine: a photo in, item, material and bin out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn
from torch.nn.utils import convert_conv2d_weight_memory_format

from engines.runtime.checkpoint_engine import CheckpointEngine
from engines.runtime.errors import InputError, WeightsCorruptError
from engines.runtime.timing import Stopwatch
from engines.runtime.weights import Card, find_weights, load_card, load_tensors
from engines.waste.decision import Calibration, Decision, decide, waste_log_odds
from engines.waste.images import reject_blank, to_input
from engines.waste.model import HeadLogits, MultiHeadClassifier
from engines.waste.taxonomy import BINS, ITEMS, MATERIALS, TRIPLES

# More pictures at once don't get cheaper on a CPU, they only take more memory.
MAX_BATCH = 32
WARMUP_PASSES = 5
# Checkpoint folder of each profile. The hub profile's is made by training on a larger machine.
CHECKPOINT_OF_PROFILE = {"embedded": "waste", "hub": "waste_hub"}


@dataclass(frozen=True)
class Candidate:
    """One possible answer; confidence in [0, 1], calibrated on validation photos."""

    id: str
    confidence: float


@dataclass(frozen=True)
class Classification:
    """What a picture shows.

    Attributes:
        item, material, bin: the joint decision; they always belong together.
        top_items, top_materials, top_bins: likeliest first, as many as were asked for.
        waste_probability: how likely it is that this is one of the items at all, in [0, 1].
        is_waste: False where the picture shows something else (a cat, a face, a street).
        is_sure: whether the item's confidence is above the threshold of the card.
        latency_ms: from the picture to this answer; in a batch, the share of one picture.
    """

    item: Candidate
    material: Candidate
    bin: Candidate
    top_items: tuple[Candidate, ...]
    top_materials: tuple[Candidate, ...]
    top_bins: tuple[Candidate, ...]
    waste_probability: float
    is_waste: bool
    is_sure: bool
    latency_ms: float


@dataclass(frozen=True)
class _Loaded:
    """A network with all that was fitted for it; replaced as a whole, never changed."""

    model: MultiHeadClassifier
    calibration: Calibration
    card: Card
    size: int
    origin: str

    @property
    def detail(self) -> str:
        """Which checkpoint it is, one sentence for a person."""
        size = f"{self.size} × {self.size} pixels"
        return f"{self.card.name} {self.card.version}, {size}, from {self.origin}"


class WasteEngine(CheckpointEngine[_Loaded]):
    """Classify pictures of waste with a trained `MultiHeadClassifier`."""

    name, title = "waste", "The waste engine"

    def load(self) -> None:
        """Read the checkpoint of the profile and place it on the device.

        Raises:
            WeightsMissingError: if there is no checkpoint.
            WeightsCorruptError: if it is damaged or was trained for other classes.
        """
        source = find_weights(CHECKPOINT_OF_PROFILE[self.settings.profile], settings=self.settings)
        card = load_card(source.path.parent)
        if card is None:
            raise WeightsCorruptError(
                "The waste checkpoint has no card.json beside it.",
                "Restore checkpoints/waste from the project, or train again.",
            )
        backbone, size = _read_inference(card)
        try:
            model = MultiHeadClassifier(backbone)
        except RuntimeError as error:
            raise _bad_card(f"timm has no network called {backbone}") from error
        try:
            model.load_state_dict(load_tensors(source.path))
        except RuntimeError as error:
            raise WeightsCorruptError(
                "The waste checkpoint doesn't fit the network that its card names.",
                "Restore checkpoints/waste from the project, or train again.",
            ) from error
        model.eval().requires_grad_(False)
        model.to(self.placement.device)
        model.backbone.to(self.placement.dtype)
        convert_conv2d_weight_memory_format(model.backbone, torch.channels_last)
        self._loaded = _Loaded(
            model=model,
            calibration=Calibration.from_card(card.raw["inference"]),
            card=card,
            size=size,
            origin=source.origin,
        )

    def warmup(self) -> None:
        """Run a few passes on grey pictures, so that the first person doesn't wait."""
        grey = Image.new("RGB", (self._ready().size,) * 2, "grey")
        for _ in range(WARMUP_PASSES):
            self._logits([grey])

    def classify(self, image: Image.Image, top_k: int = 3) -> Classification:
        """Say what one picture shows.

        Args:
            image: RGB, upright (see `images.open_picture`).
            top_k: how many candidates per head, 1 or more.

        Raises:
            InputError: if the picture is blank.
        """
        return self.classify_batch([image], top_k=top_k)[0]

    def classify_batch(
        self, images: Sequence[Image.Image], top_k: int = 3
    ) -> tuple[Classification, ...]:
        """Say what each picture shows; cheaper per picture than one by one.

        Raises:
            InputError: if a picture is blank, or top_k is below 1.
        """
        if top_k < 1:
            raise InputError("At least one candidate must be asked for.", "Set top_k to 1 or more.")
        found: list[Classification] = []
        for start in range(0, len(images), MAX_BATCH):
            chosen = images[start : start + MAX_BATCH]
            with Stopwatch(self.placement.device) as watch:
                for image in chosen:
                    reject_blank(image)
                item, material, bin_ = self._logits(chosen)
                calibration = self._ready().calibration
                decision = decide(item, material, bin_, calibration)
                odds = waste_log_odds(item)
            latency_ms = watch.elapsed_ms / len(chosen)
            found.extend(
                _classification(decision, odds, index, calibration, top_k, latency_ms)
                for index in range(len(chosen))
            )
        return tuple(found)

    def explain(self, image: Image.Image, item: str | None = None) -> NDArray[np.float32]:
        """Show where the network looked for an item (default: the likeliest).

        Returns:
            Heat (H, W) in [0, 1], the size of the picture.
        """
        from engines.waste.explain import heat_map

        loaded = self._ready()
        wanted = item or self.classify(image, top_k=1).item.id
        pixels = self.pixels([image])
        heat = heat_map(loaded.model, pixels, ITEMS.index(wanted))
        picture = Image.fromarray(heat, mode="F").resize(image.size, Image.Resampling.BICUBIC)
        return np.clip(np.asarray(picture, dtype=np.float32), 0.0, 1.0)

    @property
    def backbone(self) -> nn.Module:
        """The network without its heads, placed and in the precision it runs in."""
        return self._ready().model.backbone

    def pixels(self, images: Sequence[Image.Image]) -> torch.Tensor:
        """Make the network's input of pictures: (B, 3, S, S), on the device, in [-1, 1]."""
        size = self._ready().size
        batch = torch.stack([to_input(np.asarray(image.convert("RGB")), size) for image in images])
        return batch.to(
            self.placement.device, self.placement.dtype, memory_format=torch.channels_last
        )

    @torch.inference_mode()
    def _logits(
        self, images: Sequence[Image.Image]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        logits: HeadLogits = self._ready().model(self.pixels(images))
        item, material, bin_ = (part.double().cpu().numpy() for part in logits)
        return item, material, bin_


def _bad_card(reason: str) -> WeightsCorruptError:
    return WeightsCorruptError(
        f"The card of the waste checkpoint can't be used: {reason}.",
        "Restore checkpoints/waste from the project, or train again.",
    )


def _read_inference(card: Card) -> tuple[str, int]:
    """Return backbone and input size from a card whose classes are ours."""
    inference = card.raw.get("inference")
    if not isinstance(inference, dict):
        raise _bad_card('it has no part "inference"')
    for name, ours in (("items", ITEMS), ("materials", MATERIALS), ("bins", BINS)):
        theirs = inference.get(name)
        if not isinstance(theirs, list) or tuple(theirs) != ours:
            raise WeightsCorruptError(
                f"The waste checkpoint was trained for other {name} than this app knows.",
                "Use the checkpoint that came with this version, or train again.",
            )
    backbone, size = inference.get("backbone"), inference.get("input_size")
    if not isinstance(backbone, str):
        raise _bad_card("it names no backbone")
    if not isinstance(size, int) or not 32 <= size <= 1024:
        raise _bad_card("its input size is no number from 32 to 1024")
    return backbone, size


def _classification(
    decision: Decision,
    waste_odds: NDArray[np.float64],
    index: int,
    calibration: Calibration,
    top_k: int,
    latency_ms: float,
) -> Classification:
    item, material, bin_ = TRIPLES[decision.triple[index]]
    items, materials, bins = (
        {name: float(p) for name, p in zip(names, table[index], strict=True)}
        for names, table in (
            (ITEMS, decision.items),
            (MATERIALS, decision.materials),
            (BINS, decision.bins),
        )
    )
    odds = float(waste_odds[index])
    return Classification(
        item=Candidate(item, items[item]),
        material=Candidate(material, materials[material]),
        bin=Candidate(bin_, bins[bin_]),
        top_items=_top(items, top_k),
        top_materials=_top(materials, top_k),
        top_bins=_top(bins, top_k),
        waste_probability=float(1 / (1 + np.exp(-np.clip(odds, -60, 60)))),
        is_waste=odds > calibration.waste_above,
        is_sure=items[item] >= calibration.sure_above,
        latency_ms=latency_ms,
    )


def _top(probabilities: dict[str, float], count: int) -> tuple[Candidate, ...]:
    ranked = sorted(probabilities.items(), key=lambda pair: -pair[1])
    return tuple(Candidate(name, confidence) for name, confidence in ranked[:count])
