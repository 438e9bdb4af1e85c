"""How far a thing is, from how large it looks."""

from __future__ import annotations

import math

from engines.maxsight.heads.detection import ZONES

# A camera of 49° vertical field of view, 4:3, landscape: the focal length in units of the longer
# side of the picture, so that it also holds when the camera is turned upright.
FOCAL_PER_LONGER_SIDE = 0.75 / 2 / math.tan(math.radians(49.0 / 2))
NEAR_M, MEDIUM_M = 3.0, 8.0
# Shares of the picture's area, where the height says nothing (reference design).
NEAR_AREA, MEDIUM_AREA = 0.10, 0.01

NEAR, MEDIUM, FAR = range(len(ZONES))


def distance_m_of(*, box_height_px: float, class_height_m: float, focal_px: float) -> float:
    """Estimate the distance of a thing in metres from its apparent height.

    Pinhole model: distance = class_height_m * focal_px / box_height_px.

    Raises:
        ValueError: if the box has no height.
    """
    if not box_height_px > 0:
        raise ValueError(f"a box {box_height_px} pixels high has no distance")
    return class_height_m * focal_px / box_height_px


def zone_of_distance(distance_m: float) -> int:
    """Place a distance in a zone: index into ZONES, 0 near, 1 medium, 2 far."""
    return NEAR if distance_m <= NEAR_M else MEDIUM if distance_m <= MEDIUM_M else FAR


def zone_of_area(area_share: float) -> int:
    """Place a thing by its share of the picture's area, in [0, 1]: index into ZONES."""
    return NEAR if area_share > NEAR_AREA else MEDIUM if area_share > MEDIUM_AREA else FAR


def zone_of(
    *,
    box_height_px: float,
    area_share: float,
    class_height_m: float | None,
    focal_px: float,
    is_cut: bool,
) -> int:
    """Place a detected object in the near, medium or far zone: index into ZONES.

    From its height where that is known; from its area where it is not. What the picture's edge
    cuts off is taller than it looks, so the nearer of the two counts there.

    Raises:
        ValueError: if the box has no height.
    """
    by_area = zone_of_area(area_share)
    if class_height_m is None:
        return by_area
    by_height = zone_of_distance(
        distance_m_of(box_height_px=box_height_px, class_height_m=class_height_m, focal_px=focal_px)
    )
    return min(by_height, by_area) if is_cut else by_height


def urgency_of(*, base_urgency: int, zone: int, group: str, is_moving: bool = False) -> int:
    """Judge one thing: 0 safe, 1 caution, 2 warning, 3 danger.

    The reference design's table gives the urgency of the class, and one level more where it moves
    by itself. Near raises it by one and far lowers it by one; small items never count.
    """
    if group == "items":
        return 0
    level = base_urgency + (1 if is_moving and base_urgency > 0 else 0)
    level += {NEAR: 1, MEDIUM: 0, FAR: -1}[zone]
    return max(0, min(3, level))
