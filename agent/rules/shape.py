"""How far boxes are apart, measured in px so that sideways and down weigh the same."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from agent.core.box import Box


class Size(NamedTuple):
    """Width and height of the frame, px; turns normalised boxes into true proportions."""

    width_px: int
    height_px: int


def longer_side_px(box: Box, size: Size) -> float:
    """Length of the box's longer side."""
    return max(box.width * size.width_px, box.height * size.height_px)


def foot_drift(box: Box, home: Box, size: Size) -> float:
    """How far the foot of ``box`` lies from that of ``home``, as a share of ``home``'s diagonal."""
    dx = (box.foot.x - home.foot.x) * size.width_px
    dy = (box.foot.y - home.foot.y) * size.height_px
    return math.hypot(dx, dy) / _diagonal_px(home, size)


def shift(box: Box, home: Box, size: Size) -> float:
    """How far ``box`` has moved as a whole from ``home``, as a share of ``home``'s diagonal.

    Of two opposite edges the one that moved less counts, and only if both moved the same way: something that drives
    away takes all its edges along, something half hidden by a passing bus loses one and keeps the other.
    """
    dx = _common(box.x1 - home.x1, box.x2 - home.x2) * size.width_px
    dy = _common(box.y1 - home.y1, box.y2 - home.y2) * size.height_px
    return math.hypot(dx, dy) / _diagonal_px(home, size)


def centre_distance(first: Box, second: Box, size: Size) -> float:
    """Distance of the centres, as a share of the larger diagonal."""
    dx = (first.centre.x - second.centre.x) * size.width_px
    dy = (first.centre.y - second.centre.y) * size.height_px
    return math.hypot(dx, dy) / max(_diagonal_px(first, size), _diagonal_px(second, size))


def median_box(boxes: Sequence[Box]) -> Box:
    """The box whose every edge is the median of that edge: a few wild ones change nothing."""
    middle, odd = divmod(len(boxes), 2)
    edges = [sorted(edge) for edge in zip(*boxes, strict=True)]
    return Box(*(edge[middle] if odd else (edge[middle - 1] + edge[middle]) / 2 for edge in edges))


def _diagonal_px(box: Box, size: Size) -> float:
    x1, y1, x2, y2 = box
    return max(1.0, math.hypot((x2 - x1) * size.width_px, (y2 - y1) * size.height_px))


def _common(first: float, second: float) -> float:
    if first * second <= 0:
        return 0.0
    return first if abs(first) <= abs(second) else second
