"""A rectangle in the picture: pure geometry on plain floats, no arrays."""

from __future__ import annotations

import math
from typing import NamedTuple


class Point(NamedTuple):
    """A place in the picture, normalised to the full frame, 0..1, origin top left."""

    x: float
    y: float


class Box(NamedTuple):
    """A rectangle in the picture, normalised to the full frame, 0..1, origin top left."""

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def width(self) -> float:
        """Width as a share of the frame's width."""
        return self.x2 - self.x1

    @property
    def height(self) -> float:
        """Height as a share of the frame's height."""
        return self.y2 - self.y1

    @property
    def area(self) -> float:
        """Share of the frame covered."""
        x1, y1, x2, y2 = self
        return (x2 - x1) * (y2 - y1) if x2 > x1 and y2 > y1 else 0.0

    @property
    def diagonal(self) -> float:
        """Length of the diagonal in normalised units."""
        return math.hypot(self.width, self.height)

    @property
    def foot(self) -> Point:
        """The anchor every zone rule uses: the middle of the lower edge."""
        return Point((self.x1 + self.x2) / 2, self.y2)

    @property
    def centre(self) -> Point:
        """The middle of the box."""
        return Point((self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2)

    def overlap(self, other: Box) -> float:
        """Area shared with ``other``, as a share of the frame."""
        x1, y1, x2, y2 = self
        u1, v1, u2, v2 = other
        if x2 <= u1 or u2 <= x1 or y2 <= v1 or v2 <= y1:  # most pairs on a street: nothing else here is asked so often
            return 0.0
        width = (x2 if x2 < u2 else u2) - (x1 if x1 > u1 else u1)
        height = (y2 if y2 < v2 else v2) - (y1 if y1 > v1 else v1)
        return width * height if width > 0 and height > 0 else 0.0

    def iou(self, other: Box) -> float:
        """Intersection over union, 0..1."""
        shared = self.overlap(other)
        return shared / (self.area + other.area - shared) if shared > 0 else 0.0

    def covered_by(self, other: Box) -> float:
        """Share of this box that ``other`` covers, 0..1."""
        shared = self.overlap(other)
        return shared / self.area if shared > 0 else 0.0

    def grown(self, share: float) -> Box:
        """Give the box enlarged on every side by ``share`` of its own width and height, clipped to the frame."""
        dx, dy = self.width * share, self.height * share
        return Box(max(0.0, self.x1 - dx), max(0.0, self.y1 - dy), min(1.0, self.x2 + dx), min(1.0, self.y2 + dy))
