"""What one look measures: the numbers that the states of a camera are judged by."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.backdrop import edges
from agent.backdrop.look import CELL_PX, Look

_BURNT_OUT = 250
_CLOCK_CELLS = 1  # rows of cells at top and bottom where cameras write name and time


@dataclass(frozen=True, eq=False)
class Reading:
    """The numbers of one look.

    Attributes:
        look: that look.
        slopes: as ``edges.gradient`` gives them.
        edges: energy of each cell, grey levels.
        sharpness: of each cell; NaN where nothing is to be sharp.
        mean: mean grey level.
        bright: grey level that the brightest twentieth reaches.
        burnt_out: share of burnt-out pixels.
        colour: how much the colours differ across the picture, grey levels; next to 0 in an infrared one.
    """

    look: Look
    slopes: NDArray[np.complex64]
    edges: NDArray[np.float32]
    sharpness: NDArray[np.float32]
    mean: float
    bright: float
    burnt_out: float
    colour: float


def read(look: Look, pixels: NDArray[np.uint8]) -> Reading | None:
    """Measure a look of the frame with these ``pixels``; None where masks leave nothing to measure."""
    seen = look.grey[look.valid]
    if len(seen) == 0:
        return None
    slopes = edges.gradient(look.grey)
    return Reading(
        look=look,
        slopes=slopes,
        edges=edges.edge_cells(slopes, look.valid),
        sharpness=edges.sharpness_cells(pixels, look),
        mean=float(seen.mean()),
        bright=float(np.partition(seen, len(seen) * 19 // 20)[len(seen) * 19 // 20]),
        burnt_out=float((seen >= _BURNT_OUT).mean()),
        colour=_variety(look),
    )


def _variety(look: Look) -> float:
    """How much the colours differ across the picture; a tint that lies over all of it does not count."""
    blue, green, red = look.colour[look.valid].astype(np.int16).T
    return float(np.mean([np.abs(tint - np.median(tint)).mean() for tint in (blue - green, red - green)]))


class Pulse:
    """Tells whether the picture lives: a live one never gives the same small picture again.

    The strips at the top and the bottom are left out: a frozen camera's clock may run on. A feed that goes round in a
    short circle is as dead as one that stands still.
    """

    _CIRCLE_US = 5_000_000

    def __init__(self) -> None:
        self._met_us: dict[int, int] = {}
        self._last: NDArray[np.int16] | None = None

    def beats(self, look: Look) -> bool | None:
        """Tell whether this look differs from those of the last seconds; None where masks leave no way to know."""
        inner = look.grey[_CLOCK_CELLS * CELL_PX : -_CLOCK_CELLS * CELL_PX]
        if not look.valid[_CLOCK_CELLS * CELL_PX : -_CLOCK_CELLS * CELL_PX].any() or inner.size == 0:
            return None
        now, name = inner.astype(np.int16), zlib.crc32(inner.tobytes())
        last, self._last = self._last, now
        self._met_us = {key: at for key, at in self._met_us.items() if 0 <= look.mono_us - at <= self._CIRCLE_US}
        again, self._met_us[name] = name in self._met_us, look.mono_us
        if last is None or last.shape != now.shape:
            return None
        return not again and int(np.abs(now - last).max()) > 1
