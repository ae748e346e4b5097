"""Edges: how many a picture has, how sharp they are, and how far all of them have moved together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.backdrop.look import CELL_PX, WIDTH_PX, Look, cells

_FLAT = 8.0
"""Edges far weaker than this many grey levels count less; far stronger ones no more: light changes contrast only."""

_ROW_STEP = 8  # at full size, every eighth row is enough to know how sharp a picture is
_COARSE_PX = 8
_LEAST_COARSE = 30.0  # squared grey levels a cell must change by over 8 px for its sharpness to mean anything


def gradient(grey: NDArray[np.uint8]) -> NDArray[np.complex64]:
    """Differences of the neighbours of each pixel, across as real part and down as imaginary; 0 along the border."""
    levels = grey.astype(np.float32)
    found = np.zeros(grey.shape, np.complex64)
    found.real[:, 1:-1] = levels[:, 2:] - levels[:, :-2]
    found.imag[1:-1] = levels[2:] - levels[:-2]
    return found


def edge_cells(slopes: NDArray[np.complex64], valid: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Edge energy of each cell: mean of |across| + |down|, grey levels; nothing at or under a mask."""
    strength = np.abs(slopes.real) + np.abs(slopes.imag)
    return cells(np.where(valid, strength, np.float32(0)).astype(np.float32))


def oriented(slopes: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """Keep the direction of every edge and little of its contrast."""
    return np.asarray(slopes / (np.abs(slopes) + _FLAT), np.complex64)


def likeness(one: NDArray[np.complex64], other: NDArray[np.complex64]) -> float:
    """Tell how alike two fields of oriented edges are: 1 the same, about 0 unrelated."""
    norm = float(np.vdot(one, one).real * np.vdot(other, other).real) ** 0.5
    return float(np.vdot(one, other).real) / norm if norm > 0 else 0.0


def sharpness_cells(pixels: NDArray[np.uint8], look: Look) -> NDArray[np.float32]:
    """Sharpness of 16 columns of cells by as many rows as the look has; NaN where the picture has nothing to be sharp.

    Fine detail (second difference of neighbouring pixels) over coarse contrast (difference over 8 px), both squared:
    so dimmer light, which scales both, changes nothing, and defocus, which takes the fine detail, does.

    Args:
        pixels: (H, W, 3) uint8 BGR, full size.
        look: of the same frame.
    """
    rows = look.grey.shape[0] // CELL_PX
    bands = min(rows, pixels.shape[0] // _ROW_STEP)
    green = pixels[_ROW_STEP // 2 :: _ROW_STEP, :, 1].astype(np.int16)
    fine = _pooled((green[:, :-2] - 2 * green[:, 1:-1] + green[:, 2:]).astype(np.float32) ** 2, bands)
    coarse = _pooled((green[:, _COARSE_PX:] - green[:, :-_COARSE_PX]).astype(np.float32) ** 2, bands)
    clear = _pooled(look.valid.astype(np.float32), bands) > 0.99
    known = clear & (coarse > _LEAST_COARSE)
    return np.where(known, fine / np.maximum(coarse, 1.0), np.float32(np.nan)).astype(np.float32)


def _pooled(values: NDArray[np.float32], bands: int) -> NDArray[np.float32]:
    columns = WIDTH_PX // CELL_PX
    height, width = values.shape[0] // bands * bands, values.shape[1] // columns * columns
    tiled = values[:height, :width].reshape(bands, height // bands, columns, width // columns)
    return np.asarray(tiled.mean((1, 3)), np.float32)


@dataclass(frozen=True, slots=True)
class Shift:
    """How a picture lies against another.

    Attributes:
        share: how far it is shifted, as a share of the picture's width.
        match: likeness of the edges once shifted back, 0..1; unrelated pictures reach about 0.05.
        match_unshifted: likeness as they lie, one small pixel either way allowed.
    """

    share: float
    match: float
    match_unshifted: float


class Anchor:
    """A picture that others are held against, by correlation of their oriented edges in the frequency domain."""

    def __init__(self, grey: NDArray[np.uint8], valid: NDArray[np.bool_]) -> None:
        field = _windowed(oriented(gradient(grey)), valid)
        self._spectrum = np.conj(np.fft.fft2(field))
        self._energy = float(np.vdot(field, field).real)

    def shift_of(self, slopes: NDArray[np.complex64], valid: NDArray[np.bool_]) -> Shift:
        """Find how far ``slopes``, of the same size as the anchor, are shifted."""
        field = _windowed(oriented(slopes), valid)
        norm = (self._energy * float(np.vdot(field, field).real)) ** 0.5
        if norm <= 0:
            return Shift(0.0, 0.0, 0.0)
        match = np.fft.ifft2(np.fft.fft2(field) * self._spectrum).real / norm
        rows, columns = match.shape
        row, column = np.unravel_index(int(match.argmax()), match.shape)
        dy, dx = (int(row) + rows // 2) % rows - rows // 2, (int(column) + columns // 2) % columns - columns // 2
        still = match[np.ix_([-1, 0, 1], [-1, 0, 1])]
        return Shift(float(np.hypot(dx, dy)) / WIDTH_PX, float(match.max()), float(still.max()))


def _windowed(field: NDArray[np.complex64], valid: NDArray[np.bool_]) -> NDArray[np.complex64]:
    """Fade a field out towards its border, lest the border itself correlates."""
    rows, columns = field.shape
    window = np.hanning(rows)[:, None] * np.hanning(columns)[None, :]
    return np.asarray(np.where(valid, field * window, 0), np.complex64)
