"""The camera on the notice, drawn of straight edges and discs so that every writer draws it alike."""

from __future__ import annotations

import math
from dataclasses import dataclass

Colour = tuple[int, int, int]

BLACK: Colour = (0, 0, 0)
GREY: Colour = (70, 70, 70)
WHITE: Colour = (255, 255, 255)
YELLOW: Colour = (255, 209, 0)

_TILT = math.radians(14)  # it looks down at the street


@dataclass(frozen=True)
class Shape:
    """A filled outline, corners in mm."""

    corners: tuple[tuple[float, float], ...]
    colour: Colour

    def scaled(self, factor: float) -> Shape:
        """Give the same outline ``factor`` times as large."""
        return Shape(tuple((x * factor, y * factor) for x, y in self.corners), self.colour)


@dataclass(frozen=True)
class Disc:
    """A filled disc, centre and radius in mm."""

    x: float
    y: float
    radius: float
    colour: Colour

    def scaled(self, factor: float) -> Disc:
        """Give the same disc ``factor`` times as large."""
        return Disc(self.x * factor, self.y * factor, self.radius * factor, self.colour)


_WALL = ((0, 30), (9, 30), (9, 92), (0, 92))
_ARM = ((8, 62), (52, 62), (64, 40), (74, 46), (58, 74), (8, 74))
_BODY = ((40, 12), (128, 12), (128, 50), (40, 50))
_BARREL = ((126, 16), (142, 16), (142, 46), (126, 46))
_SHIELD = ((32, 2), (152, 2), (152, 9), (32, 9))
_LENS = (142, 31, 13)
_RAYS = (((160, 22), (186, 12), (187, 16), (161, 26)), ((162, 31), (190, 29), (190, 33), (162, 34)),
         ((160, 39), (186, 46), (185, 50), (159, 42)))  # fmt: skip
_TILTED_ABOUT = (84, 31)


def camera(centre: float, top: float, height: float) -> list[Shape | Disc]:
    """Draw it from ``top`` on, ``height`` mm tall, its middle at x = ``centre``."""
    outlines = [_WALL, _ARM, *(tuple(_tilted(x, y) for x, y in part) for part in (_BODY, _BARREL, _SHIELD, *_RAYS))]
    xs, ys = zip(*(corner for outline in outlines for corner in outline), strict=True)
    factor = height / (max(ys) - min(ys))
    left = centre - (min(xs) + max(xs)) / 2 * factor

    def placed(x: float, y: float) -> tuple[float, float]:
        return left + x * factor, top + (y - min(ys)) * factor

    lens, radius = placed(*_tilted(*_LENS[:2])), _LENS[2] * factor
    return [
        *(Shape(tuple(placed(x, y) for x, y in outline), BLACK) for outline in outlines),
        Disc(*lens, radius, BLACK),
        Disc(*lens, radius * 0.62, YELLOW),
        Disc(*lens, radius * 0.3, BLACK),
    ]


def _tilted(x: float, y: float) -> tuple[float, float]:
    about_x, about_y = _TILTED_ABOUT
    dx, dy = x - about_x, y - about_y
    return about_x + dx * math.cos(_TILT) - dy * math.sin(_TILT), about_y + dx * math.sin(_TILT) + dy * math.cos(_TILT)
