"""Batches to learn from: pictures varied in place, size, light and side.

Batch ``step`` depends on the seed and the step alone, so that an interrupted run goes on as if it had not been.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pictures import HEIGHT, WIDTH, PictureSet
from torch import Tensor

_LEAST_SIDE_PX = 3.0
_LEAST_LEFT = 0.3  # an object of which less than this stays in the picture is ignored

Batch = tuple[Tensor, list[Tensor]]


def batches(pictures: PictureSet, size: int, seed: int, steps: range) -> Iterator[Batch]:
    """Give the batches of some steps; the next one is made while the last is learnt.

    Each is (size, 3, HEIGHT, WIDTH) float32 BGR 0..255 and the label rows of each picture.
    """
    with ThreadPoolExecutor(1) as worker:
        waiting = worker.submit(_batch, pictures, size, seed, steps[0])
        for step in steps[1:]:
            following = worker.submit(_batch, pictures, size, seed, step)
            yield waiting.result()
            waiting = following
        yield waiting.result()


def _batch(pictures: PictureSet, size: int, seed: int, step: int) -> Batch:
    rng = np.random.default_rng([seed, step])
    pixels = np.empty((size, HEIGHT, WIDTH, 3), np.uint8)
    labels = []
    for slot, number in enumerate(rng.integers(len(pictures.pixels), size=size)):
        picture, rows = _moved(rng, np.asarray(pictures.pixels[number]), pictures.of(int(number)))
        pixels[slot] = _relit(rng, picture)
        labels.append(torch.from_numpy(rows))
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().contiguous(), labels


def _moved(
    rng: np.random.Generator, picture: NDArray[np.uint8], rows: NDArray[np.float32]
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    """Mirror, and cut out a part or shrink onto grey; boxes follow."""
    rows = rows.copy()
    if rng.random() < 0.5:
        picture = np.ascontiguousarray(picture[:, ::-1])
        rows[:, [1, 3]] = WIDTH - rows[:, [3, 1]]
    if rng.random() < 0.4:
        return picture, rows
    zoom = float(np.exp(rng.uniform(np.log(0.7), np.log(1.5))))
    squeeze = float(np.exp(rng.uniform(-0.12, 0.12)))
    width, height = round(WIDTH * zoom * squeeze), round(HEIGHT * zoom / squeeze)
    resized = cv2.resize(picture, (width, height), interpolation=cv2.INTER_LINEAR)
    left, top = round(rng.uniform(0, 1) * (WIDTH - width)), round(rng.uniform(0, 1) * (HEIGHT - height))
    canvas = np.full_like(picture, 114)
    x, y = max(0, left), max(0, top)
    part = resized[max(0, -top) :, max(0, -left) :][: HEIGHT - y, : WIDTH - x]
    canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
    scale = np.array([width / WIDTH, height / HEIGHT] * 2, np.float32)
    rows[:, 1:5] = rows[:, 1:5] * scale + np.array([left, top] * 2, np.float32)
    return canvas, _clipped(rows)


def _clipped(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Cut boxes at the picture's edge; drop what is gone, ignore what is nearly gone."""
    whole = (rows[:, 3] - rows[:, 1]) * (rows[:, 4] - rows[:, 2])
    rows[:, [1, 3]] = rows[:, [1, 3]].clip(0, WIDTH)
    rows[:, [2, 4]] = rows[:, [2, 4]].clip(0, HEIGHT)
    sides = np.stack([rows[:, 3] - rows[:, 1], rows[:, 4] - rows[:, 2]])
    rows[sides.prod(axis=0) < _LEAST_LEFT * whole, 5] = 1
    return rows[sides.min(axis=0) >= _LEAST_SIDE_PX]


def _relit(rng: np.random.Generator, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Change contrast, brightness and the balance of colours a little, by a table per channel."""
    if rng.random() < 0.3:
        return picture
    levels = np.arange(256, dtype=np.float32)
    contrast, offset = rng.uniform(0.75, 1.25), rng.uniform(-18, 18)
    gains = rng.uniform(0.93, 1.07, 3)
    table = np.stack([((levels - 114) * contrast + 114 + offset) * gain for gain in gains], -1)
    return np.asarray(cv2.LUT(picture, table.clip(0, 255).astype(np.uint8)[None]))
