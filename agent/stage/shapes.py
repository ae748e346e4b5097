"""Building blocks of figures: flat plates with an outside, and round limbs.

A figure's own frame: ``x`` forward, ``y`` left, ``z`` up, origin on the ground below its middle, metres.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agent.stage.scene import Colour

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Plate:
    """A flat polygon, seen only from the side from which its corners run counter-clockwise.

    Attributes:
        corners: (N, 3) metres.
        colour: in full light.
        glow: shines by itself when lamps are on.
    """

    corners: Array
    colour: Colour
    glow: bool = False

    @property
    def normal(self) -> Array:
        """Unit vector out of the visible side (Newell's method)."""
        ahead = np.roll(self.corners, -1, axis=0)
        x, y, z = self.corners.T
        next_x, next_y, next_z = ahead.T
        normal = np.array(
            [(y * next_z - z * next_y).sum(), (z * next_x - x * next_z).sum(), (x * next_y - y * next_x).sum()]
        )
        return np.asarray(normal / max(float(np.linalg.norm(normal)), 1e-12))


@dataclass(frozen=True, slots=True, eq=False)
class Limb:
    """A round bar from ``a`` to ``b``; a ball when both are the same.

    Attributes:
        a: (3,) metres.
        b: (3,) metres.
        a_radius: metres at ``a``.
        b_radius: metres at ``b``.
        colour: in full light.
    """

    a: Array
    b: Array
    a_radius: float
    b_radius: float
    colour: Colour


@dataclass(frozen=True, slots=True, eq=False)
class Skin:
    """All plates of a figure as arrays.

    Attributes:
        corners: (C, 3) metres, plate after plate.
        starts: (P + 1,) where each plate's corners begin.
        normals: (P, 3).
    """

    corners: Array
    starts: NDArray[np.int64]
    normals: Array


@dataclass
class Figure:
    """A thing in its own frame, drawn plates first in the order given, then limbs from far to near.

    Attributes:
        plates: outer skin; later plates may lie on earlier ones.
        limbs: drawn after the plates.
        footprint: half length, half width on the ground, metres.
        beam: whether it throws light ahead when lamps are on.
    """

    footprint: tuple[float, float]
    plates: list[Plate] = field(default_factory=list)
    limbs: list[Limb] = field(default_factory=list)
    beam: bool = False

    @cached_property
    def skin(self) -> Skin:
        """The plates as arrays; asked for once the figure is complete."""
        counts = [len(plate.corners) for plate in self.plates]
        return Skin(
            np.concatenate([plate.corners for plate in self.plates]).reshape(-1, 3),
            np.cumsum([0, *counts]),
            np.array([plate.normal for plate in self.plates]).reshape(-1, 3),
        )

    def plate(self, corners: Sequence[Sequence[float]], colour: Colour, glow: bool = False) -> None:
        """Add one plate."""
        self.plates.append(Plate(np.array(corners, float), colour, glow))

    def limb(self, a: Sequence[float], b: Sequence[float], radii: tuple[float, float], colour: Colour) -> None:
        """Add one limb."""
        self.limbs.append(Limb(np.array(a, float), np.array(b, float), *radii, colour))

    def hull(self, profile: Sequence[tuple[float, float, float]], colour: Colour) -> None:
        """Add a body whose side view is ``profile``: (x, z, half width), counter-clockwise seen from the right."""
        right = [(x, -half, z) for x, z, half in profile]
        left = [(x, half, z) for x, z, half in profile]
        self.plate(right, colour)
        self.plate(left[::-1], colour)
        for i, j in zip(range(len(profile)), [*range(1, len(profile)), 0], strict=True):
            self.plate([right[i], left[i], left[j], right[j]], colour)

    def block(self, x: tuple[float, float], half: float, z: tuple[float, float], colour: Colour) -> None:
        """Add a box between two x and two z, ``half`` to each side."""
        self.hull([(x[0], z[0], half), (x[1], z[0], half), (x[1], z[1], half), (x[0], z[1], half)], colour)

    def wheel(self, x: float, half: float, radius: float) -> None:
        """Add a tyre with its hub on both sides, ``half`` from the middle."""
        for size, colour in ((radius, TYRE), (radius * 0.55, HUB)):
            turn = [2 * math.pi * k / 12 for k in range(12)]
            rim = [(x + size * math.cos(a), -half, radius + size * math.sin(a)) for a in turn]
            self.plate(rim, colour)
            self.plate([(px, half, pz) for px, _, pz in rim[::-1]], colour)

    def both_sides(self, side_view: Sequence[tuple[float, float, float]], colour: Colour) -> None:
        """Add a plate (x, z, half width), counter-clockwise from the right, and its mirror image."""
        self.plate([(x, -half, z) for x, z, half in side_view], colour)
        self.plate([(x, half, z) for x, z, half in side_view[::-1]], colour)


TYRE: Colour = (32, 30, 30)
HUB: Colour = (120, 118, 116)
GLASS: Colour = (74, 62, 52)
LAMP: Colour = (215, 240, 250)
TAIL: Colour = (40, 36, 190)
PLATE: Colour = (225, 225, 225)
SILL: Colour = (46, 44, 44)
SEAM: Colour = (70, 68, 68)
