"""What one look measures: the numbers that the states of a camera are judged by."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.backdrop import edges
from agent.backdrop.look import CELL_PX, Look

_BURNT_OUT = 250
_CLOCK_CELLS = 1  # rows of cells at top and bottom where cameras write name and time
_CIRCLE_US = 5_000_000
_FAINT = 4  # grey levels at the pixel that changed most: more is life, less may be the same picture encoded anew
_SAME = 0.02  # grey levels on average: an encoder leaves the blocks of a dead picture alone; grain is everywhere
_MOSTLY = 0.6  # of faint looks that are the same: dead pictures reach 0.8 and more, live ones 0.45 at most

Grey = NDArray[np.uint8]


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
    short circle is as dead as one that stands still. A dead picture that is encoded anew comes back a grey level or
    three different, at key frames above all, and then as it was a moment before; a live one has grain of its own in
    every look, which comes back hardly ever (measured in docs/design/backdrop.md).
    """

    def __init__(self) -> None:
        self._met: deque[tuple[int, Grey]] = deque()
        self._repeats: deque[bool] = deque()  # of the looks of the last seconds since the picture was last held alive

    def beats(self, look: Look) -> bool | None:
        """Tell whether this look differs from those of the last seconds; None where masks leave no way to know."""
        inner = look.grey[_CLOCK_CELLS * CELL_PX : -_CLOCK_CELLS * CELL_PX]
        if not look.valid[_CLOCK_CELLS * CELL_PX : -_CLOCK_CELLS * CELL_PX].any() or inner.size == 0:
            return None
        while self._met and not 0 <= look.mono_us - self._met[0][0] <= _CIRCLE_US:
            self._met.popleft()
            if len(self._repeats) > len(self._met):
                self._repeats.popleft()
        earlier = [grey for _, grey in self._met if grey.shape == inner.shape]
        self._met.append((look.mono_us, inner))
        if not earlier:
            return None
        change = int(cv2.absdiff(inner, earlier[-1]).max())
        if change > _FAINT:
            again = any(np.array_equal(inner, grey) for grey in earlier)
        else:
            again = any(_same(inner, grey) for grey in reversed(earlier))
        self._repeats.append(again)
        if (change > _FAINT and not again) or sum(self._repeats) < _MOSTLY * len(self._repeats):
            self._repeats.clear()
            return True
        return False


def _same(one: Grey, other: Grey) -> bool:
    """Tell whether two small pictures are one: hardly a pixel differs, and none by more than a level."""
    change = cv2.absdiff(one, other)
    return int(change.max()) <= 1 and float(change.mean()) <= _SAME
