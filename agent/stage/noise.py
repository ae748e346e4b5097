"""Seamless grey patterns, by seed."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

TILE_PX = 256


def value_noise(rng: np.random.Generator, octaves: tuple[int, ...] = (4, 8, 16, 32, 64, 128)) -> NDArray[np.float32]:
    """Make a (TILE_PX, TILE_PX) float32 tile with mean 0 and deviation 1 that repeats without a seam.

    Args:
        rng: where randomness comes from.
        octaves: cells a side of each layer; coarser layers weigh more.
    """
    tile = np.zeros((TILE_PX, TILE_PX), np.float32)
    for cells in octaves:
        grid = rng.standard_normal((cells, cells)).astype(np.float32)
        grid = np.pad(grid, 1, mode="wrap")
        step = TILE_PX // cells
        fine = cv2.resize(grid, None, fx=step, fy=step, interpolation=cv2.INTER_LINEAR)
        tile += fine[step:-step, step:-step] / cells**0.5
    tile -= tile.mean()
    return np.asarray(tile / tile.std(), np.float32)


def sample(tile: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """Look up ``tile`` at positions in tile pixels, repeated endlessly and bilinear; the shape of ``x``."""
    left, top = np.floor(x), np.floor(y)
    right_share, low_share = (x - left).astype(np.float32), (y - top).astype(np.float32)
    c0 = left.astype(np.int64) & (TILE_PX - 1)
    r0 = top.astype(np.int64) & (TILE_PX - 1)
    c1, r1 = (c0 + 1) & (TILE_PX - 1), (r0 + 1) & (TILE_PX - 1)
    upper = tile[r0, c0] * (1 - right_share) + tile[r0, c1] * right_share
    lower = tile[r1, c0] * (1 - right_share) + tile[r1, c1] * right_share
    return np.asarray(upper * (1 - low_share) + lower * low_share)
