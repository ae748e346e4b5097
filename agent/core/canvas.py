"""Memory for a picture that is kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Canvas:
    """Room for one picture, filled and filled again by whoever made it.

    Attributes:
        pixels: (H, W, 3) uint8 BGR.
        image: the same bytes as the graphics processor knows them (a ``cudaImage``, bgr8, mapped), so that what is
            painted on ``pixels`` is painted there too; None in memory that it cannot see.
    """

    pixels: NDArray[np.uint8]
    image: object | None = None


NewCanvas = Callable[[int, int], Canvas]
"""Makes a Canvas of a height and a width, px."""


def plain_canvas(height: int, width: int) -> Canvas:
    """Make a Canvas in ordinary memory."""
    return Canvas(np.empty((height, width, 3), np.uint8))
