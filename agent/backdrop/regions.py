"""From pixels that stand to things that stand: joined, measured, and told from shadows and from holes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.backdrop.edges import gradient, likeness, oriented
from agent.backdrop.look import Look

_RATIO_LIMITS = (0.35, 1.6)  # of a shadow, of a patch of sun; a thing is often outside, and seldom even in every colour
_EVEN = 0.12
_MOSTLY = 0.7
_SAME_TEXTURE = 0.4
_FLAT = 6.0  # grey levels of slope below which there is no texture to compare
_NARROW = 0.35  # three pixels wide; a sack of six by six has 0.44 inside
_HOLE_EDGES = 1.3


@dataclass(frozen=True, eq=False)
class Region:
    """Something that stands, or a hole where something stood.

    Attributes:
        pixels: (H, W) bool, filled.
        box_px: left, top, right, bottom in small pixels, right and bottom exclusive.
        change: mean difference to the background in its worst colour, levels of 255.
        removed: the background had its edges, the picture has not.
        light: the same ground is only lit otherwise.
    """

    pixels: NDArray[np.bool_]
    box_px: tuple[int, int, int, int]
    change: float
    removed: bool
    light: bool


def regions_of(
    settled: NDArray[np.bool_], look: Look, expected: NDArray[np.uint8], min_area: float
) -> Iterator[Region]:
    """Find what stands.

    Args:
        settled: (H, W) bool, pixels that have stood for long enough.
        look: the picture.
        expected: (H, W, 3) uint8, the background in the present light.
        min_area: smallest share of the frame.
    """
    joined = cv2.morphologyEx(settled.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    joined = cv2.morphologyEx(joined, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    outlines = cv2.findContours(joined, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    before = np.asarray(cv2.cvtColor(expected, cv2.COLOR_BGR2GRAY), np.uint8)
    slopes, slopes_before = gradient(look.grey), gradient(before)
    for outline in outlines:
        filled = np.zeros(settled.shape, np.uint8)
        cv2.fillPoly(filled, [outline], (1,))
        pixels = filled > 0
        if pixels.sum() < max(9, min_area * pixels.size):
            continue
        corners = outline.reshape(-1, 2)
        left, top = (int(low) for low in corners.min(axis=0))
        right, bottom = (int(high) + 1 for high in corners.max(axis=0))
        change = np.abs(look.colour[pixels].astype(np.int16) - expected[pixels]).max(axis=1).mean()
        removed = _hole(filled, look.colour, expected)
        light = _only_light(pixels, look, expected, slopes, slopes_before)
        yield Region(pixels, (left, top, right, bottom), round(float(change), 1), removed, light)


def _only_light(
    pixels: NDArray[np.bool_],
    look: Look,
    expected: NDArray[np.uint8],
    slopes: NDArray[np.complex64],
    slopes_before: NDArray[np.complex64],
) -> bool:
    """Tell whether the same ground is only lit otherwise: brighter or darker alike in every colour, texture and all."""
    inner = cv2.erode(pixels.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    narrow = inner.sum() < _NARROW * pixels.sum()  # the border of a shadow that wanders: nothing of it has a texture
    inner = pixels if narrow else inner
    ratio = (look.colour[inner].astype(np.float32) + 1) / (expected[inner].astype(np.float32) + 1)
    level = ratio.mean(axis=1)
    even = np.abs(ratio - level[:, None]).max(axis=1) < _EVEN
    if float((even & (level > _RATIO_LIMITS[0]) & (level < _RATIO_LIMITS[1])).mean()) < _MOSTLY:
        return False
    if narrow:
        return True
    now, then = slopes[inner], slopes_before[inner]
    if max(float(np.abs(now).mean()), float(np.abs(then).mean())) < _FLAT:
        return True
    return likeness(oriented(now), oriented(then)) >= _SAME_TEXTURE


def _hole(filled: NDArray[np.uint8], colour: NDArray[np.uint8], expected: NDArray[np.uint8]) -> bool:
    """Tell whether the region's border is an edge of the background rather than of the picture, in whatever colour."""
    around = np.ones((3, 3), np.uint8)
    border = cv2.dilate(filled, around) != cv2.erode(filled, around)
    return _edge_along(border, expected) > _HOLE_EDGES * _edge_along(border, colour)


def _edge_along(border: NDArray[np.bool_], colour: NDArray[np.uint8]) -> float:
    strengths = [np.abs(gradient(np.ascontiguousarray(colour[..., channel]))[border]) for channel in range(3)]
    return float(np.max(strengths, axis=0).mean())
