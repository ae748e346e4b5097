"""A look: the frame made small, and the little of it that is measured at full size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.core.frame import Frame
from agent.core.polygon import Polygon

WIDTH_PX = 160
CELL_PX = 10
"""Sixteen cells across; the height is rounded to whole cells."""

_ROWS_PER_ROW = 2  # rows of the frame that make a row of the look: all of them would cost several times as much
_LEAST_PX = 32  # of a frame: below, there is nothing to see


@dataclass(frozen=True, eq=False)
class Look:
    """One camera's picture, small.

    Attributes:
        mono_us: monotonic µs of the frame.
        colour: (H, 160, 3) uint8 BGR.
        grey: (H, 160) uint8.
        valid: (H, 160) bool, False where a privacy mask is or might show.
        frame_px: width and height of the frame.
    """

    mono_us: int
    colour: NDArray[np.uint8]
    grey: NDArray[np.uint8]
    valid: NDArray[np.bool_]
    frame_px: tuple[int, int]


class Lens:
    """Makes looks of one camera's frames, whatever their size.

    Args:
        masks: privacy masks, already black in the frames.
    """

    def __init__(self, masks: Sequence[Polygon]) -> None:
        self._masks = tuple(masks)
        self._valid: NDArray[np.bool_] | None = None

    def look(self, frame: Frame) -> Look | None:
        """Make the look; None of something that is no colour picture of any use."""
        pixels = frame.pixels
        if pixels.ndim != 3 or pixels.shape[2] != 3 or min(pixels.shape[:2]) < _LEAST_PX:
            return None
        height, width = pixels.shape[:2]
        rows = max(CELL_PX, round(WIDTH_PX * height / width / CELL_PX) * CELL_PX)
        thinned = pixels[:: max(1, height // (_ROWS_PER_ROW * rows))]
        colour = np.asarray(cv2.resize(thinned, (WIDTH_PX, rows), interpolation=cv2.INTER_AREA), np.uint8)
        grey = np.asarray(cv2.cvtColor(colour, cv2.COLOR_BGR2GRAY), np.uint8)
        if self._valid is None or self._valid.shape != grey.shape:
            self._valid = clear_of(self._masks, rows)
        return Look(frame.at.mono_us, colour, grey, self._valid, (width, height))


def clear_of(masks: Sequence[Polygon], rows: int) -> NDArray[np.bool_]:
    """Tell which small pixels lie clear of every mask, (rows, 160) bool: a mask's edge is no edge of the street."""
    hidden = np.zeros((rows, WIDTH_PX), np.uint8)
    for mask in masks:
        corners = np.array([(corner.x * WIDTH_PX, corner.y * rows) for corner in mask])
        cv2.fillPoly(hidden, [np.floor(corners).astype(np.int32)], (1,))
    return np.asarray(cv2.dilate(hidden, np.ones((5, 5), np.uint8)) == 0, np.bool_)


def cells(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Average a small picture over its cells: (H, 160) to (H / 10, 16)."""
    rows, columns = values.shape
    tiled = values.reshape(rows // CELL_PX, CELL_PX, columns // CELL_PX, CELL_PX)
    return np.asarray(tiled.mean((1, 3)), np.float32)
