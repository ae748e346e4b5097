"""Whether a place looks as it did while its object was detected: for objects that the detector loses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.backdrop.edges import gradient, likeness, oriented
from agent.core.box import Box
from agent.core.frame import Frame
from agent.core.view import Place

_PRINT_PX = (32, 24)
_RENEW = 0.2  # of every new sight: a print is a mean of the last few, in which rain and noise are gone
_PRINT_EVERY_US = 1_000_000
_CHECK_EVERY_US = 1_000_000
_ALIKE = 0.5  # measured: a parked car against itself 0.8, on a swaying mast 0.6 and more, its empty place below 0.3
_LEAST_PX = 12


@dataclass(eq=False, slots=True)
class _Print:
    edges: NDArray[np.complex64]
    box: Box
    printed_us: int
    checked_us: int = -(2**62)
    unmoved: bool = False


class Places:
    """The prints of one camera's places."""

    def __init__(self) -> None:
        self._prints: dict[str, _Print] = {}

    def look(self, frame: Frame, places: Iterable[Place]) -> frozenset[str]:
        """Renew the prints of places whose object is seen; name the others that look as they did with it."""
        now_us = frame.at.mono_us
        asked = {place.name: place for place in places}
        self._prints = {name: kept for name, kept in self._prints.items() if name in asked}
        for name, place in asked.items():
            if place.seen:
                self._renew(name, place.box, frame)
            elif name in self._prints and now_us - self._prints[name].checked_us >= _CHECK_EVERY_US:
                self._check(self._prints[name], frame)
        return frozenset(name for name, kept in self._prints.items() if kept.unmoved and not asked[name].seen)

    def forget(self) -> None:
        """Drop all prints."""
        self._prints.clear()

    def _renew(self, name: str, box: Box, frame: Frame) -> None:
        now_us, kept = frame.at.mono_us, self._prints.get(name)
        if kept is not None:
            kept.unmoved = False
            if now_us - kept.printed_us < _PRINT_EVERY_US:
                return
        edges = _edges(frame.pixels, box)
        if edges is None:
            return
        if kept is not None and kept.box == box:
            edges = np.asarray((1 - _RENEW) * kept.edges + _RENEW * edges, np.complex64)
        self._prints[name] = _Print(edges, box, now_us)

    def _check(self, kept: _Print, frame: Frame) -> None:
        edges = _edges(frame.pixels, kept.box)
        kept.checked_us = frame.at.mono_us
        kept.unmoved = edges is not None and _alike(kept.edges, edges) >= _ALIKE


def _alike(known: NDArray[np.complex64], now: NDArray[np.complex64]) -> float:
    """Tell how alike two prints are; one may lie a pixel beside the other, as a mast sways in the wind."""
    shifts = [(rows, columns) for rows in (-1, 0, 1) for columns in (-1, 0, 1)]
    return max(likeness(known, np.roll(now, shift, axis=(0, 1))) for shift in shifts)


def _edges(pixels: NDArray[np.uint8], box: Box) -> NDArray[np.complex64] | None:
    """Give the oriented edges of what ``box`` cuts out, scaled to one size; None where that is too little."""
    height, width = pixels.shape[:2]
    x1, y1 = max(0, int(box.x1 * width)), max(0, int(box.y1 * height))
    x2, y2 = min(width, int(np.ceil(box.x2 * width))), min(height, int(np.ceil(box.y2 * height)))
    if x2 - x1 < _LEAST_PX or y2 - y1 < _LEAST_PX:
        return None
    small = cv2.resize(pixels[y1:y2, x1:x2], _PRINT_PX, interpolation=cv2.INTER_AREA)
    grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), np.uint8)
    return oriented(gradient(grey))
