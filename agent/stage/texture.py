"""What the ground looks like: colours of each kind of surface, in ground coordinates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.stage.noise import sample
from agent.stage.scene import Colour

Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Spots:
    """The ground under some pixels.

    Attributes:
        x: (N,) float32, metres.
        y: (N,) float32, metres.
        texel_m: (N,) float32, metres of ground that one pixel covers; finer detail than this fades out.
        tile: a noise tile.
    """

    x: Array
    y: Array
    texel_m: Array
    tile: Array

    def grain(self, size_m: float) -> Array:
        """Noise with features of ``size_m``, deviation about 1, fading where a pixel covers more than that."""
        fade = np.clip(1.6 - self.texel_m / size_m, 0.0, 1.0)
        return np.asarray(sample(self.tile, self.x * 4 / size_m, self.y * 4 / size_m) * fade)

    def joints(self, pitch_m: float, width_m: float) -> Array:
        """1 on the joints of a square grid, 0 elsewhere, fading with distance."""
        fade = np.clip(1.3 - self.texel_m * 2 / pitch_m, 0.0, 1.0)
        on_line = (np.mod(self.x, pitch_m) < width_m) | (np.mod(self.y, pitch_m) < width_m)
        return np.asarray(on_line * fade, np.float32)


def _mix(colour: Colour, *layers: Array) -> Array:
    """Add layers, (N, 1) grey or (N, 3) coloured, to one colour; (N, 3)."""
    mixed = np.array(colour, np.float32) + layers[0]
    for layer in layers[1:]:
        mixed = mixed + layer
    return np.asarray(mixed, np.float32)


def _asphalt(spots: Spots, colour: Colour) -> Array:
    tone = 5 * spots.grain(6.0) + 4 * spots.grain(0.6) + 4 * spots.grain(0.12)
    worn = np.clip(spots.grain(2.5) - 1.2, 0, 1) * -14
    return _mix(colour, (tone + worn)[:, None])


def _paving(spots: Spots, colour: Colour) -> Array:
    cell = np.floor(spots.x / 0.5) * 12.9898 + np.floor(spots.y / 0.5) * 78.233
    each = (np.modf(np.sin(cell) * 43758.5453)[0] * 9 * np.clip(1.4 - spots.texel_m / 0.5, 0, 1)).astype(np.float32)
    tone = each + 5 * spots.grain(4.0) + 3 * spots.grain(0.2) - 26 * spots.joints(0.5, 0.03)
    return _mix(colour, tone[:, None])


def _concrete(spots: Spots, colour: Colour) -> Array:
    tone = 7 * spots.grain(5.0) + 4 * spots.grain(0.5) + 3 * spots.grain(0.1) - 22 * spots.joints(3.0, 0.04)
    stain = np.clip(spots.grain(3.0) - 0.9, 0, 1.5) * -12
    return _mix(colour, (tone + stain)[:, None])


def _grass(spots: Spots, colour: Colour) -> Array:
    tone = 10 * spots.grain(5.0) + 9 * spots.grain(0.8) + 12 * spots.grain(0.15)
    bare = np.clip(spots.grain(2.2) - 0.7, 0, 1)[:, None] * np.array([18, 22, 52], np.float32)
    return _mix(colour, tone[:, None] * np.array([0.6, 1.0, 0.8], np.float32), bare)


def _dirt(spots: Spots, colour: Colour) -> Array:
    tone = 9 * spots.grain(6.0) + 7 * spots.grain(1.0) + 6 * spots.grain(0.15)
    weeds = np.clip(spots.grain(1.5) - 1.3, 0, 1)[:, None] * np.array([-30, 4, -40], np.float32)
    return _mix(colour, tone[:, None], weeds)


def _paint(spots: Spots, colour: Colour) -> Array:
    worn = np.clip(spots.grain(0.5) - 0.7, 0, 1) * -45
    return _mix(colour, (5 * spots.grain(0.2) + worn)[:, None])


def _kerbstone(spots: Spots, colour: Colour) -> Array:
    fade = np.clip(1.3 - spots.texel_m / 0.5, 0, 1)
    gaps = (np.mod(spots.x + spots.y, 1.0) < 0.04) * -35 * fade
    return _mix(colour, (4 * spots.grain(1.0) + 3 * spots.grain(0.15) + gaps)[:, None])


@dataclass(frozen=True, slots=True)
class Texture:
    """A kind of surface.

    Attributes:
        colour: where the script names none.
        paint: colours of spots, (N, 3) float32 BGR.
    """

    colour: Colour
    paint: Callable[[Spots, Colour], Array]


TEXTURES: dict[str, Texture] = {
    "asphalt": Texture((98, 94, 92), _asphalt),
    "concrete": Texture((158, 164, 168), _concrete),
    "paving": Texture((140, 152, 172), _paving),
    "kerb": Texture((178, 182, 184), _kerbstone),
    "gutter": Texture((72, 74, 76), _kerbstone),
    "grass": Texture((52, 104, 86), _grass),
    "dirt": Texture((96, 128, 156), _dirt),
    "line": Texture((212, 216, 216), _paint),
}
