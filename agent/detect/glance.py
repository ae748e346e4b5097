"""Has the picture changed since the network last looked at it? Cheap enough to be asked of every frame."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_WIDTH_PX = 160  # twice as fine as the finest grid of the detectors here: an object of 24 px is seen to move
_LEAST_STEP = 7  # grey levels: below, it is the encoder's doing
_MOST_STEP = 24  # noise never excuses more: whatever the noise, a switched light or a moved camera is a change
_NOISE_MARGIN = 6.0  # standard deviations: of 14,400 pixels of pure noise hardly ever one is beyond
_MEDIAN_TO_DEVIATION = 1.4826  # of a normal distribution
_CLUSTER = 3  # of nine neighbours: what moves is larger than one pixel, noise is not


class Glance:
    """Compares one camera's pictures with the last one that was looked at, in small and in grey.

    How much a pixel may differ follows the noise: half of all pixels hardly ever show a real change, so their median
    difference tells it. A privacy mask is the same in every picture and so never a change; a clock that the camera
    writes into its picture is one, once a second.
    """

    def __init__(self) -> None:
        self._known: NDArray[np.uint8] | None = None
        self._seen: NDArray[np.uint8] | None = None

    def changed(self, pixels: NDArray[np.uint8]) -> bool:
        """Tell whether anything in a picture, (H, W, 3) uint8, is elsewhere or new; True for the first."""
        self._seen = seen = _small(pixels)
        known = self._known
        if known is None or known.shape != seen.shape:
            return True
        steps = np.asarray(cv2.absdiff(seen, known), np.uint8)
        beyond = cv2.threshold(steps, _allowed(steps), 1, cv2.THRESH_BINARY)[1]
        if cv2.countNonZero(beyond) < _CLUSTER:
            return False
        crowd = cv2.boxFilter(beyond, -1, (3, 3), normalize=False, borderType=cv2.BORDER_CONSTANT)
        return int(crowd.max()) >= _CLUSTER

    def looked(self) -> None:
        """Note that the network looks at the picture that ``changed`` was last asked about."""
        self._known = self._seen


def _small(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    size = (min(width, _WIDTH_PX), max(1, round(height * min(width, _WIDTH_PX) / width)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)


def _allowed(steps: NDArray[np.uint8]) -> float:
    """Give the largest difference that noise explains."""
    counts = np.bincount(steps.ravel(), minlength=256)
    median = float(np.searchsorted(np.cumsum(counts), steps.size // 2))
    return min(max(_NOISE_MARGIN * _MEDIAN_TO_DEVIATION * median, _LEAST_STEP), _MOST_STEP)
