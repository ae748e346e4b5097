"""Privacy masks: areas of the picture that nobody, not even the detector, ever sees."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from agent.core.box import Point
from agent.core.polygon import Polygon

_Edge = tuple[Point, Point]
_SLIVER_PX = 1e-6  # more than floating point can be wrong by


class Painter:
    """Blackens one camera's masks, for whatever picture size it sends; remembers the last size."""

    def __init__(self, masks: Sequence[Polygon]) -> None:
        self._masks = tuple(masks)
        self._size: tuple[int, int] | None = None
        self._stencils: list[_Stencil] = []

    def paint(self, pixels: NDArray[np.uint8]) -> None:
        """Blacken in place every pixel that a mask touches; ``pixels`` is (H, W, 3) uint8."""
        if not self._masks:
            return
        height, width = pixels.shape[:2]
        if self._size != (height, width):
            self._stencils = [_Stencil(mask, width, height) for mask in self._masks]
            self._size = (height, width)
        for stencil in self._stencils:
            stencil.paint(pixels)


class _Stencil:
    """One mask at one picture size: the smallest window around it, and which of its pixels stay."""

    def __init__(self, mask: Polygon, width: int, height: int) -> None:
        hidden = covered(mask, width, height)
        rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
        self._window = (slice(0), slice(0))
        if len(rows):
            self._window = (slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1))
        stays = np.where(hidden[self._window], np.uint8(0), np.uint8(255))
        self._stays = np.ascontiguousarray(np.repeat(stays[:, :, None], 3, axis=2))

    def paint(self, pixels: NDArray[np.uint8]) -> None:
        window = pixels[self._window]
        np.bitwise_and(window, self._stays, out=window)


def covered(mask: Polygon, width: int, height: int) -> NDArray[np.bool_]:
    """Find every pixel that ``mask`` touches with any part of its square: (height, width) bool.

    Exact, unlike drawing libraries, which round and clip: either an edge passes through the square, or the square
    lies wholly inside or outside and its middle tells which (even-odd rule, as everywhere).
    """
    corners = [Point(corner.x * width, corner.y * height) for corner in mask]
    edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
    hidden = np.zeros((height, width), np.bool_)
    for row in range(height):
        for left, right in (*_crossed(edges, row), *_enclosed(edges, row + 0.5)):
            hidden[row, max(0, math.floor(left - _SLIVER_PX)) : math.floor(right + _SLIVER_PX) + 1] = True
    return hidden


def _crossed(edges: Sequence[_Edge], row: int) -> Iterator[tuple[float, float]]:
    """Give, for every edge that enters the strip from ``row`` to ``row + 1``, from where to where it runs there."""
    for a, b in edges:
        if max(a.y, b.y) < row or min(a.y, b.y) > row + 1:
            continue
        rise = b.y - a.y
        ends = (a.x, b.x) if rise == 0 else [a.x + _share((y - a.y) / rise) * (b.x - a.x) for y in (row, row + 1)]
        yield min(ends), max(ends)


def _enclosed(edges: Sequence[_Edge], y: float) -> Iterator[tuple[float, float]]:
    """Give the stretches of the horizontal line at ``y`` that lie inside."""
    cuts = sorted(a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x) for a, b in edges if (a.y > y) != (b.y > y))
    return zip(cuts[::2], cuts[1::2], strict=True)


def _share(along: float) -> float:
    return min(1.0, max(0.0, along))
