"""Boxes as arrays: (N, 4), x0, y0, x1, y1 in pixels."""

from __future__ import annotations

import cv2
import numpy as np


def area(boxes: np.ndarray) -> np.ndarray:
    """Return the areas (N,) of boxes (N, 4); inverted boxes have none."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    return sides[:, 0] * sides[:, 1]


def iou_matrix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return intersection over union (N, M) in [0, 1] of boxes (N, 4) and (M, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    union = area(first)[:, None] + area(second)[None, :] - shared
    return shared / np.maximum(union, 1e-9)


def suppress(
    boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, *, iou: float
) -> np.ndarray:
    """Drop every box that overlaps a better one of its class by more than `iou`.

    Returns:
        Indices of the kept boxes, best first.
    """
    if len(boxes) == 0:
        return np.zeros(0, dtype=np.int64)
    corners_and_sides = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    kept = np.asarray(
        cv2.dnn.NMSBoxesBatched(
            corners_and_sides.astype(np.float64).tolist(),
            [float(score) for score in scores],
            [int(one) for one in classes],
            score_threshold=0.0,
            nms_threshold=iou,
        ),
        dtype=np.int64,
    ).reshape(-1)
    return kept[np.argsort(-scores[kept], kind="stable")]
