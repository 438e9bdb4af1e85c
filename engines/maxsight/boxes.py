"""Boxes as arrays: (N, 4), x0, y0, x1, y1 in pixels."""

from __future__ import annotations

import cv2
import numpy as np

# Of a kept box's score: what a box needs to have a vote on its place.
VOTING_SHARE = 0.5


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


def vote(
    boxes: np.ndarray, scores: np.ndarray, classes: np.ndarray, kept: np.ndarray, *, iou: float
) -> np.ndarray:
    """Let the boxes of one thing agree on its place (Gidaris & Komodakis 2015, box voting).

    A kept box becomes the mean, weighted by score, of the boxes of its class that overlap it by
    `iou` or more. Those with less than half its score have no vote, so the lowest score that was
    asked for changes nothing as long as it is below that.

    Args:
        boxes, scores, classes: (N, 4), (N,) and (N,).
        kept: (K,) indices, as `suppress` returns them.

    Returns:
        (K, 4) float32.
    """
    may_vote = (
        (iou_matrix(boxes[kept], boxes) >= iou)
        & (classes[kept][:, None] == classes[None])
        & (scores[None] >= VOTING_SHARE * scores[kept][:, None])
    )
    may_vote[np.arange(len(kept)), kept] = True  # an empty box overlaps nothing, not even itself
    weights = np.where(may_vote, scores[None], 0)
    return np.asarray((weights / weights.sum(axis=1, keepdims=True)) @ boxes, np.float32)
