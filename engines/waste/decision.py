"""From the logits of three heads to one decision in which item, material and bin agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import WeightsCorruptError
from engines.waste.taxonomy import BINS, ITEM_BY_ID, ITEMS, MATERIALS, TRIPLES

Floats = NDArray[np.float64]

_TRIPLE_ITEM = np.array([ITEMS.index(item) for item, _, _ in TRIPLES])
_TRIPLE_MATERIAL = np.array([MATERIALS.index(material) for _, material, _ in TRIPLES])
_TRIPLE_BIN = np.array([BINS.index(bin_) for _, _, bin_ in TRIPLES])
_BIN_OF_ITEM = np.array([BINS.index(ITEM_BY_ID[item].bin) for item in ITEMS])


@dataclass(frozen=True)
class Calibration:
    """What was fitted on validation photos, kept in the card of the checkpoint.

    Attributes:
        temperature: divides the joint log-scores; > 1 makes the engine less sure.
        material_weight, bin_weight: how much these heads count against the item head's 1.
        sure_above: an item confidence below this is reported as unsure.
        waste_above: log-odds of "is waste" below this are reported as something else.
    """

    temperature: float
    material_weight: float
    bin_weight: float
    sure_above: float
    waste_above: float

    @classmethod
    def from_card(cls, numbers: Mapping[str, Any]) -> Calibration:
        """Read the calibration from a card.

        Raises:
            WeightsCorruptError: if a number is missing or makes no sense.
        """
        try:
            found = cls(**{name: float(numbers[name]) for name in cls.__dataclass_fields__})
        except (KeyError, TypeError, ValueError) as error:
            raise _bad_card(str(error)) from error
        if not np.isfinite(list(asdict(found).values())).all() or found.temperature <= 0:
            raise _bad_card("its calibration is not finite or not positive")
        return found


def _bad_card(reason: str) -> WeightsCorruptError:
    return WeightsCorruptError(
        f"The card of the waste checkpoint can't be used ({reason}).",
        "Restore checkpoints/waste/card.json from the project, or train again.",
    )


@dataclass(frozen=True)
class Decision:
    """Probabilities of N pictures after the joint decision; each row sums to 1.

    Attributes:
        items: (N, 20). materials: (N, 15). bins: (N, 4).
        triple: (N,), index into TRIPLES of the likeliest consistent answer.
    """

    items: Floats
    materials: Floats
    bins: Floats
    triple: NDArray[np.intp]


def log_softmax(logits: Floats) -> Floats:
    """Log of the softmax over the last axis, stable for large logits."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def decide(item: Floats, material: Floats, bin_: Floats, calibration: Calibration) -> Decision:
    """Choose among the consistent triples (item, material, bin) of the taxonomy.

    The rule: an item's log-score is log p(item) + material_weight · log p(any of its materials) +
    bin_weight · log p(its bin), a weighted product of experts (Hinton 2002); the softmax of the
    scores over the temperature (Guo et al. 2017) is the item's probability. Within an item the
    material head alone decides, among the item's materials. Only triples of the taxonomy take
    part, so the best item, material and bin always belong together.

    Args:
        item: logits (N, 20). material: logits (N, 15). bin_: logits (N, 4).
    """
    material_of_triple = np.exp(log_softmax(material)[:, _TRIPLE_MATERIAL])
    of_its_materials = np.maximum(_sum_into(material_of_triple, _TRIPLE_ITEM, len(ITEMS)), 1e-300)
    scores = (
        log_softmax(item)
        + calibration.material_weight * np.log(of_its_materials)
        + calibration.bin_weight * log_softmax(bin_)[:, _BIN_OF_ITEM]
    )
    items = np.exp(log_softmax(scores / calibration.temperature))
    within_item = material_of_triple / of_its_materials[:, _TRIPLE_ITEM]
    triples = items[:, _TRIPLE_ITEM] * within_item
    is_of_best_item = _TRIPLE_ITEM[None, :] == items.argmax(axis=1)[:, None]
    return Decision(
        items=items,
        materials=_sum_into(triples, _TRIPLE_MATERIAL, len(MATERIALS)),
        bins=_sum_into(triples, _TRIPLE_BIN, len(BINS)),
        triple=np.where(is_of_best_item, within_item, -1.0).argmax(axis=1),
    )


def _sum_into(triples: Floats, column: NDArray[np.intp], width: int) -> Floats:
    total = np.zeros((len(triples), width))
    for index, target in enumerate(column):
        total[:, target] += triples[:, index]
    return total


def waste_log_odds(item: Floats) -> Floats:
    """Log-odds that a picture shows one of the items: logits (N, 20) -> (N,)."""
    return np.logaddexp.reduce(item, axis=-1)
