"""From the logits of three heads to one decision in which item, material and bin agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.runtime.errors import WeightsCorruptError
from engines.waste.taxonomy import BINS, ITEMS, MATERIALS, TRIPLES

Floats = NDArray[np.float64]

_TRIPLE_ITEM = np.array([ITEMS.index(item) for item, _, _ in TRIPLES])
_TRIPLE_MATERIAL = np.array([MATERIALS.index(material) for _, material, _ in TRIPLES])
_TRIPLE_BIN = np.array([BINS.index(bin_) for _, _, bin_ in TRIPLES])


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

    The rule: a triple's log-score is log p(item) + material_weight · log p(material) + bin_weight ·
    log p(bin), a weighted product of experts (Hinton 2002). The softmax of the scores over the
    temperature (Guo et al. 2017) gives the probability of each triple; those of an item, a material
    or a bin are sums over the triples that contain it. Since only triples of the taxonomy take
    part, the best item, material and bin always belong together.

    Args:
        item: logits (N, 20). material: logits (N, 15). bin_: logits (N, 4).
    """
    scores = (
        log_softmax(item)[:, _TRIPLE_ITEM]
        + calibration.material_weight * log_softmax(material)[:, _TRIPLE_MATERIAL]
        + calibration.bin_weight * log_softmax(bin_)[:, _TRIPLE_BIN]
    )
    triples = np.exp(log_softmax(scores / calibration.temperature))
    items = _sum_into(triples, _TRIPLE_ITEM, len(ITEMS))
    # The answer is the likeliest item, then its likeliest material: with the triple of the highest
    # probability, an item made of three materials could lose to one that is made of one.
    of_best_item = np.where(_TRIPLE_ITEM[None, :] == items.argmax(1)[:, None], triples, -1.0)
    return Decision(
        items=items,
        materials=_sum_into(triples, _TRIPLE_MATERIAL, len(MATERIALS)),
        bins=_sum_into(triples, _TRIPLE_BIN, len(BINS)),
        triple=of_best_item.argmax(1),
    )


def _sum_into(triples: Floats, column: NDArray[np.intp], width: int) -> Floats:
    total = np.zeros((len(triples), width))
    for index, target in enumerate(column):
        total[:, target] += triples[:, index]
    return total


def waste_log_odds(item: Floats) -> Floats:
    """Log-odds that a picture shows one of the items: logits (N, 20) -> (N,)."""
    return np.logaddexp.reduce(item, axis=-1)
