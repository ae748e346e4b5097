"""Which boxes are the same object: greedy suppression within a class, then within a class group."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agent.core.detections import Detections

_AT_ONCE = 100  # rows whose every pair is compared at once; of more, only those with equal keys

GROUP_IOU = 0.6
"""Two classes of one group are one object from this overlap on; two real vehicles seldom overlap by more than half."""


def suppress(found: Detections, iou_limit: float) -> Detections:
    """Keep, best first, each box that no better one of its own class overlaps by more than ``iou_limit``."""
    ranked = _ranked(found)
    return ranked.where(_best_of_each_place(ranked, ranked.class_ids, iou_limit))


def merge_groups(found: Detections, groups: NDArray[np.int64], iou_limit: float = GROUP_IOU) -> Detections:
    """Keep, best first, one box of those that different classes of one group put around the same object.

    A van is called car in one frame and truck in the next, and both at once in between. Boxes of the same class are
    left alone: ``suppress`` has decided about them with the model's own limit.

    Args:
        found: what ``suppress`` left.
        groups: (classes,) int64, the group number of each class id.
        iou_limit: overlap above which they are one object.
    """
    ranked = _ranked(found)
    return ranked.where(_best_of_each_place(ranked, groups[ranked.class_ids], iou_limit, spare_same_class=True))


def _ranked(found: Detections) -> Detections:
    """Put the surest first; what has just been read or suppressed is so already."""
    if bool((found.scores[:-1] >= found.scores[1:]).all()):
        return found
    return found.where(np.argsort(-found.scores, kind="stable"))


def _best_of_each_place(
    ranked: Detections, keys: NDArray[np.int64], iou_limit: float, spare_same_class: bool = False
) -> NDArray[np.bool_]:
    """Tell which rows of ``ranked`` (best first) stay; only rows with equal ``keys`` compete."""
    if len(ranked) <= _AT_ONCE:
        return _greedy(_clashes(ranked, keys, iou_limit, spare_same_class))
    stays = np.ones(len(ranked), np.bool_)
    for key in np.unique(keys):
        rows = np.flatnonzero(keys == key)
        if len(rows) > 1:
            stays[rows] = _greedy(_clashes(ranked.where(rows), keys[rows], iou_limit, spare_same_class))
    return stays


def _clashes(
    ranked: Detections, keys: NDArray[np.int64], iou_limit: float, spare_same_class: bool
) -> NDArray[np.bool_]:
    """Tell which pairs cannot both stay, (N, N), symmetric."""
    clash = np.asarray((_ious(ranked.boxes) > iou_limit) & (keys[:, None] == keys), np.bool_)
    if spare_same_class:
        clash &= ranked.class_ids[:, None] != ranked.class_ids
    np.fill_diagonal(clash, False)
    return clash


def _greedy(clash: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Go down the ranks: who still stays sends away all later ones it clashes with; ``clash`` is (N, N), symmetric."""
    stays = np.ones(len(clash), np.bool_)
    for row in np.flatnonzero(clash.any(axis=1)):
        if stays[row]:
            stays[row + 1 :] &= ~clash[row, row + 1 :]
    return stays


def _ious(boxes: NDArray[np.float32]) -> NDArray[np.float32]:
    """Overlap of every box with every other, (N, N)."""
    x1, y1, x2, y2 = boxes.T
    width = np.minimum(x2[:, None], x2) - np.maximum(x1[:, None], x1)
    height = np.minimum(y2[:, None], y2) - np.maximum(y1[:, None], y1)
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    areas = (x2 - x1) * (y2 - y1)
    return np.asarray(shared / np.maximum(areas[:, None] + areas - shared, np.finfo(np.float32).tiny))
