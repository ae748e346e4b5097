"""One picture of one camera."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.clock import Moment


@dataclass(frozen=True, eq=False, slots=True)
class Frame:
    """One picture of one camera, privacy masks already burnt in.

    Attributes:
        camera: id of the camera, as configured.
        seq: counts the frames of this camera since the process started.
        at: when the light fell in, as well as the source tells (see video/): never the time of processing.
        pixels: (H, W, 3) uint8 BGR; *borrowed*: valid until the next frame but one of this camera is taken. Copy to
            keep.
        image: the same bytes, masks and all, as the graphics processor knows them (core/canvas.py); None where it
            cannot see them. Borrowed likewise.
    """

    camera: str
    seq: int
    at: Moment
    pixels: NDArray[np.uint8]
    image: object | None = None

    @property
    def width(self) -> int:
        """Width in px."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height in px."""
        return int(self.pixels.shape[0])
