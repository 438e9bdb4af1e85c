"""What the true boxes of a photo mean, by the rules that the app uses for what it detects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.maxsight.classes import Vocabulary
from engines.maxsight.fit.pack import Frame
from engines.maxsight.geometry import FOCAL_PER_LONGER_SIDE, urgency_of, zone_of
from engines.maxsight.stage_a_runner import EDGE_SHARE
from engines.maxsight.tiers import Urgency

# Photos that mark all of these say which people and vehicles are there. Trucks are missing from
# the list, as hardly a photo marks them.
STREET_CLASSES = ("person", "bicycle", "car", "motorcycle", "bus", "train")


@dataclass(frozen=True)
class Truth:
    """What a photo's true boxes mean, N boxes.

    Attributes:
        zones: (N,) near, medium or far, by the rule that the app uses.
        levels: (N,) urgency of each.
        is_counted: (N,) neither crowd nor difficult.
        urgency: of the photo: the highest level of the counted.
        worst_case: the same with crowds and difficult ones.
        is_street_marked: whether people and vehicles are all marked.
    """

    zones: NDArray[np.int64]
    levels: NDArray[np.int64]
    is_counted: NDArray[np.bool_]
    urgency: Urgency
    worst_case: Urgency
    is_street_marked: bool


def truth_of(frame: Frame, words: Vocabulary) -> Truth:
    """Judge the true boxes of a photo by the rules that the app uses for detected ones."""
    zones, levels = np.zeros(len(frame.boxes), np.int64), np.zeros(len(frame.boxes), np.int64)
    longer = max(frame.width, frame.height)
    edge = EDGE_SHARE * longer
    for index, (x0, y0, x1, y1) in enumerate(frame.boxes.tolist()):
        one = words.trained[frame.classes[index]]
        zones[index] = zone_of(
            box_height_px=y1 - y0,
            area_share=(x1 - x0) * (y1 - y0) / (frame.width * frame.height),
            class_height_m=one.height_m,
            focal_px=FOCAL_PER_LONGER_SIDE * longer,
            is_cut=min(x0, y0) <= edge or x1 >= frame.width - edge or y1 >= frame.height - edge,
        )
        levels[index] = urgency_of(
            base_urgency=one.base_urgency, zone=int(zones[index]), group=one.group
        )
    counted = ~frame.is_crowd
    street = [words.index_of(name) for name in STREET_CLASSES]
    return Truth(
        zones,
        levels,
        counted,
        Urgency(int(levels[counted].max(initial=0))),
        Urgency(int(levels.max(initial=0))),
        bool(frame.is_annotated[street].all()),
    )
