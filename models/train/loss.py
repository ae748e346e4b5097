"""Which place answers for which object, and how wrong its answer is (after YOLOX: Ge et al., arXiv 2107.08430)."""

from __future__ import annotations

import torch
from net import decode
from torch import Tensor
from torch.nn import functional as F

_CENTRE_RADIUS = 2.0  # places within this many strides of an object's middle may answer for it
_MOST_PLACES = 10
_BOX_WEIGHT = 5.0
_IOU_COST = 3.0
_OFF_CENTRE_COST = 1e5


def loss_of(rows: Tensor, labels: list[Tensor], places: Tensor) -> Tensor:
    """Mean loss per answering place of a batch.

    Args:
        rows: (N, A, 5 + classes) logits.
        labels: per picture (K, 6): class, x1, y1, x2, y2 in px, 1 where to be ignored.
        places: (A, 3) of ``net.grid``.
    """
    boxes = decode(rows, places)
    total = rows.new_zeros(())
    answering = 0
    for row, box, label in zip(rows, boxes, labels, strict=True):
        part, count = _picture_loss(row, box, label, places)
        total = total + part
        answering += count
    return total / max(answering, 1)


def _picture_loss(row: Tensor, box: Tensor, label: Tensor, places: Tensor) -> tuple[Tensor, int]:
    truth, ignored = label[label[:, 5] == 0], label[label[:, 5] == 1]
    who = torch.full((len(row),), -1, dtype=torch.long)
    if len(truth):
        with torch.no_grad():
            who = assign(row, box, truth, places)
    taken = who >= 0
    objectness = F.binary_cross_entropy_with_logits(row[:, 4], taken.float(), reduction="none")
    counted = taken | ~_inside_any(places, ignored)
    loss = objectness[counted].sum()
    if taken.any():
        mine = truth[who[taken]]
        overlap = iou(box[taken], mine[:, 1:5])
        kinds = F.one_hot(mine[:, 0].long(), row.shape[1] - 5).float()
        loss = loss + _BOX_WEIGHT * (1 - overlap**2).sum()
        loss = loss + F.binary_cross_entropy_with_logits(row[taken, 5:], kinds, reduction="sum")
    return loss, int(taken.sum())


def assign(row: Tensor, box: Tensor, truth: Tensor, places: Tensor) -> Tensor:
    """Choose for every place the object it answers for, or -1 (SimOTA); (A,) long.

    An object takes as many places as its best overlaps add up to, those that are cheapest by class, box and centre.
    """
    middle = (places[:, :2] + 0.5) * places[:, 2:]
    low, high = truth[:, None, 1:3], truth[:, None, 3:5]
    in_box = ((middle > low) & (middle < high)).all(-1)
    reach = places[:, 2:] * _CENTRE_RADIUS
    near = ((middle - (low + high) / 2).abs() < reach).all(-1)
    open_to = (in_box | near).any(0)
    candidates = open_to.nonzero()[:, 0]
    overlap = iou(truth[:, None, 1:5], box[None, candidates])
    chance = (row[candidates, 5:].sigmoid() * row[candidates, 4:5].sigmoid()).sqrt().clamp(1e-6, 1 - 1e-6)
    kinds = F.one_hot(truth[:, 0].long(), row.shape[1] - 5).float()
    shape = (len(truth), len(candidates), kinds.shape[1])
    kind_cost = F.binary_cross_entropy(chance.expand(shape), kinds[:, None].expand(shape), reduction="none").sum(-1)
    central = (in_box & near)[:, candidates]
    cost = kind_cost - _IOU_COST * (overlap + 1e-8).log() + _OFF_CENTRE_COST * (~central)
    best = overlap.topk(min(_MOST_PLACES, len(candidates)), 1).values
    counts = best.sum(1).int().clamp(min=1)
    chosen = torch.zeros_like(overlap, dtype=torch.bool)
    for i, count in enumerate(counts.tolist()):
        chosen[i, cost[i].topk(min(count, len(candidates)), largest=False).indices] = True
    contested = chosen.sum(0) > 1
    chosen[:, contested] = F.one_hot(cost[:, contested].argmin(0), len(truth)).T.bool()
    who = torch.full((len(row),), -1, dtype=torch.long)
    who[candidates[chosen.any(0)]] = chosen[:, chosen.any(0)].float().argmax(0)
    return who


def iou(first: Tensor, second: Tensor) -> Tensor:
    """Intersection over union of boxes (..., 4) that broadcast."""
    low = torch.maximum(first[..., :2], second[..., :2])
    high = torch.minimum(first[..., 2:], second[..., 2:])
    shared = (high - low).clamp(min=0).prod(-1)
    area = (first[..., 2:] - first[..., :2]).prod(-1) + (second[..., 2:] - second[..., :2]).prod(-1)
    return shared / (area - shared + 1e-7)


def _inside_any(places: Tensor, boxes: Tensor) -> Tensor:
    middle = (places[:, None, :2] + 0.5) * places[:, None, 2:]
    return ((middle > boxes[:, 1:3]) & (middle < boxes[:, 3:5])).all(-1).any(1)
