"""Polygons on the picture: inside, distance, and whether a drawn outline can be used; plain floats."""

from __future__ import annotations

import math
from collections.abc import Sequence

from agent.core.box import Point

Polygon = tuple[Point, ...]
"""Corners in order, normalised 0..1; not closed by repeating the first."""


def polygon(corners: Sequence[Sequence[float]]) -> Polygon:
    """Build a polygon from pairs ``(x, y)``."""
    return tuple(Point(float(x), float(y)) for x, y in corners)


def contains(outline: Polygon, point: Point) -> bool:
    """Tell whether ``point`` lies inside ``outline`` (even-odd rule; a point on an edge may fall either way)."""
    inside = False
    previous = outline[-1]
    for corner in outline:
        if (corner.y > point.y) != (previous.y > point.y):
            cut = (previous.x - corner.x) * (point.y - corner.y) / (previous.y - corner.y) + corner.x
            if point.x < cut:
                inside = not inside
        previous = corner
    return inside


def distance(outline: Polygon, point: Point) -> float:
    """Shortest distance from ``point`` to the outline's edges, normalised units; 0 on an edge."""
    return min(_to_segment(point, a, b) for a, b in zip(outline, outline[1:] + outline[:1], strict=True))


def area(outline: Polygon) -> float:
    """Share of the frame enclosed (shoelace formula)."""
    pairs = zip(outline, outline[1:] + outline[:1], strict=True)
    return abs(sum(a.x * b.y - b.x * a.y for a, b in pairs)) / 2


def fault(outline: Polygon) -> str | None:
    """Say what makes ``outline`` unusable, or None: ≥ 3 corners, within 0..1, no crossing edges, some area."""
    if len(outline) < 3:
        return f"needs at least 3 corners, has {len(outline)}"
    for corner in outline:
        if not (0 <= corner.x <= 1 and 0 <= corner.y <= 1):
            return f"corner {list(corner)} lies outside the picture; coordinates go from 0 to 1"
    edges = list(zip(outline, outline[1:] + outline[:1], strict=True))
    for i, (a, b) in enumerate(edges):
        for j in range(i + 2, len(edges)):
            c, d = edges[j]
            if (i > 0 or j < len(edges) - 1) and _cross(a, b, c, d):
                return f"edges {i + 1} and {j + 1} cross; list the corners in order around the zone"
    if area(outline) < 1e-5:
        return "encloses no area"
    return None


def _to_segment(point: Point, a: Point, b: Point) -> float:
    dx, dy = b.x - a.x, b.y - a.y
    length = dx * dx + dy * dy
    share = 0.0 if length == 0 else max(0.0, min(1.0, ((point.x - a.x) * dx + (point.y - a.y) * dy) / length))
    return math.hypot(point.x - a.x - share * dx, point.y - a.y - share * dy)


def _cross(a: Point, b: Point, c: Point, d: Point) -> bool:
    def side(p: Point, q: Point, r: Point) -> float:
        return (q.x - p.x) * (r.y - p.y) - (q.y - p.y) * (r.x - p.x)

    return (side(a, b, c) > 0) != (side(a, b, d) > 0) and (side(c, d, a) > 0) != (side(c, d, b) > 0)
