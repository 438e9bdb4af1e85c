"""What Stage A could say of the toy photos, for the tests of the report."""

from __future__ import annotations

from engines.maxsight.fit.pack import Frame
from engines.maxsight.fit.truth import truth_of
from engines.maxsight.geometry import distance_m_of
from engines.maxsight.tiers import Box, SeenObject, Tier1, Urgency, Zone
from tests.engines.maxsight.fit.toy import WORDS, toy_frame

FOCAL_PX = 263.0


def thing(frame: Frame, class_index: int, box: Box, score: float = 0.9) -> SeenObject:
    """Return a thing at a box, with zone and urgency by the app's own rule."""
    alone = toy_frame((class_index, box), size=(frame.height, frame.width))
    truth = truth_of(alone, WORDS)
    one = WORDS.trained[class_index]
    assert one.height_m is not None
    distance_m = distance_m_of(
        box_height_px=box[3] - box[1], class_height_m=one.height_m, focal_px=FOCAL_PX
    )
    return SeenObject(
        one.id, score, box, Zone(int(truth.zones[0])), distance_m, False, truth.urgency
    )


def tier1(
    frame: Frame,
    *things: SeenObject,
    urgency: Urgency = Urgency.SAFE,
    uncertainty: float = 0.5,
) -> Tier1:
    """Return what is said of a photo."""
    size = (frame.height, frame.width)
    return Tier1(frame.id, 0.0, size, things, urgency, uncertainty, 10.0)


def all_found(frame: Frame, *, urgency: Urgency = Urgency.SAFE, uncertainty: float = 0.5) -> Tier1:
    """Return what a perfect detector says of a photo."""
    boxes = [tuple(box) for box in frame.boxes.tolist()]
    things = [
        thing(frame, int(class_index), box)
        for class_index, box in zip(frame.classes, boxes, strict=True)
    ]
    return tier1(frame, *things, urgency=urgency, uncertainty=uncertainty)
