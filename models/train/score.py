"""Average precision at IoU 0.5 on labelled pictures, all-point interpolation as in PASCAL VOC 2010."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from loss import iou
from net import Detector, decode, grid
from numpy.typing import NDArray
from pictures import HEIGHT, WIDTH, PictureSet

_LEAST_SCORE = 0.02
_NMS_IOU = 0.5
_MATCH_IOU = 0.5

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Found:
    """Detections of one picture, best first.

    Attributes:
        boxes: (N, 4) float32 px.
        scores: (N,) float32.
        kinds: (N,) int64.
    """

    boxes: Array
    scores: Array
    kinds: NDArray[np.int64]


def find(model: Detector, pixels: NDArray[np.uint8]) -> list[Found]:
    """Run the detector on (N, HEIGHT, WIDTH, 3) pictures, 16 at a time."""
    places = grid(HEIGHT, WIDTH)
    model.eval()
    found = []
    with torch.no_grad():
        for first in range(0, len(pixels), 16):
            part = torch.from_numpy(np.array(pixels[first : first + 16])).permute(0, 3, 1, 2).float()
            rows = model(part)
            boxes = decode(rows, places).numpy()
            chances = (rows[..., 4:5].sigmoid() * rows[..., 5:].sigmoid()).numpy()
            found += [_suppress(box, chance) for box, chance in zip(boxes, chances, strict=True)]
    return found


def average_precision(found: list[Found], pictures: PictureSet, kind: int) -> float:
    """Area under the precision-recall curve of one class; NaN where nothing is labelled."""
    scores, hits, wanted = [], [], 0
    for number, one in enumerate(found):
        labels = pictures.of(number)
        labels = labels[labels[:, 0] == kind]
        wanted += int((labels[:, 5] == 0).sum())
        mine = one.kinds == kind
        for score, hit in _hits(one.boxes[mine], one.scores[mine], labels):
            scores.append(score)
            hits.append(hit)
    if wanted == 0:
        return float("nan")
    order = np.argsort(-np.array(scores), kind="stable")
    right = np.cumsum(np.array(hits, float)[order])
    precision = right / np.arange(1, len(right) + 1)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.sum(np.diff(right, prepend=0) * envelope) / wanted)


def _suppress(boxes: Array, chances: Array) -> Found:
    """Class-wise non-maximum suppression."""
    kinds = chances.argmax(axis=1)
    scores = chances.max(axis=1)
    order = np.flatnonzero(scores > _LEAST_SCORE)
    order = order[np.argsort(-scores[order], kind="stable")][:300]
    kept: list[int] = []
    for i in order:
        same = [j for j in kept if kinds[j] == kinds[i]]
        if not same or _overlaps(boxes[i], boxes[same]).max() < _NMS_IOU:
            kept.append(int(i))
    return Found(boxes[kept], scores[kept], kinds[kept])


def _hits(boxes: Array, scores: Array, labels: Array) -> list[tuple[float, bool]]:
    """Match best first; each label once; what falls on an ignored label counts neither way."""
    free = [i for i in range(len(labels)) if labels[i, 5] == 0]
    ignored = labels[labels[:, 5] == 1]
    results = []
    for box, score in zip(boxes, scores, strict=True):
        overlaps = _overlaps(box, labels[free, 1:5]) if free else np.zeros(0)
        if len(overlaps) and overlaps.max() >= _MATCH_IOU:
            free.pop(int(overlaps.argmax()))
            results.append((float(score), True))
        elif not len(ignored) or _overlaps(box, ignored[:, 1:5]).max() < _MATCH_IOU:
            results.append((float(score), False))
    return results


def _overlaps(box: Array, others: Array) -> Array:
    return np.asarray(iou(torch.from_numpy(box[None]), torch.from_numpy(np.ascontiguousarray(others))).numpy())
