"""Turn a frame into a model's input tensor, and remember how to get back."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.detect.card import InputSpec
from agent.detect.engine import Tensor

_INTERPOLATION = {"linear": cv2.INTER_LINEAR, "area": cv2.INTER_AREA}


@dataclass(frozen=True, slots=True)
class Fit:
    """How the frame lies in the input.

    Attributes:
        x_per_px: share of the frame's width in one px of the input.
        y_per_px: share of the frame's height in one px of the input.
    """

    x_per_px: float
    y_per_px: float


class Preparer:
    """Prepares frames for one model; its scratch memory is made once, so one thread at a time uses it."""

    def __init__(self, spec: InputSpec) -> None:
        self._spec = spec
        size = (spec.height, spec.width)
        self._canvas = np.empty((*size, 3), np.uint8)
        self._planes = [np.empty(size, np.uint8) for _ in range(3)]
        self._plane = np.empty(size, np.float32)
        self._tables = _tables(spec)
        self._direct = spec.layout == "NHWC" and self._tables is None
        self.shape = (*size, 3) if spec.layout == "NHWC" else (3, *size)

    def fill(self, pixels: NDArray[np.uint8], slot: Tensor) -> Fit:
        """Write a frame into its place in the batch.

        Args:
            pixels: (H, W, 3) uint8 BGR, any size.
            slot: of ``shape`` and the card's dtype; overwritten.
        """
        if self._direct:  # the pixels go in as they are: no planes are needed
            fit = self._resize(pixels, slot)
            if self._spec.colour == "RGB":
                cv2.cvtColor(slot, cv2.COLOR_BGR2RGB, dst=slot)
            return fit
        fit = self._resize(pixels, self._canvas)
        planes = cv2.split(self._canvas, self._planes)
        order = (0, 1, 2) if self._spec.colour == "BGR" else (2, 1, 0)
        for channel, plane in enumerate(order):
            target = slot[channel] if self._spec.layout == "NCHW" else slot[:, :, channel]
            if self._tables is None:
                target[...] = planes[plane]
            else:
                target[...] = cv2.LUT(planes[plane], self._tables[channel], self._plane)
        return fit

    def surround(self, pixels: NDArray[np.uint8], slot: Tensor) -> Fit:
        """Write what lies around a frame that ``untouched`` is True of, and that somebody else copies."""
        covered, fit = self._place(pixels)
        self._pad(slot, covered)
        return fit

    def untouched(self, pixels: NDArray[np.uint8]) -> bool:
        """Tell whether a frame goes in as it is, but for the order of its colours: row after row, from the top on."""
        covered, _ = self._place(pixels)
        return self._direct and covered == pixels.shape[:2] and covered[1] == self._spec.width

    def _place(self, pixels: NDArray[np.uint8]) -> tuple[tuple[int, int], Fit]:
        """Give the height and width of the input that a frame covers, and how it lies there."""
        spec = self._spec
        height, width = pixels.shape[:2]
        if spec.resize == "stretch":
            return (spec.height, spec.width), Fit(1 / spec.width, 1 / spec.height)
        ratio = min(spec.height / height, spec.width / width)
        covered = (max(1, int(height * ratio)), max(1, int(width * ratio)))
        return covered, Fit(1 / (ratio * width), 1 / (ratio * height))

    def _resize(self, pixels: NDArray[np.uint8], canvas: Tensor) -> Fit:
        """Put a picture at the top left of ``canvas``, (height, width, 3), and the card's grey around it."""
        covered, fit = self._place(pixels)
        self._pad(canvas, covered)
        target = canvas[: covered[0], : covered[1]]
        cv2.resize(pixels, covered[::-1], dst=target, interpolation=_INTERPOLATION[self._spec.interpolation])
        return fit

    def _pad(self, canvas: Tensor, covered: tuple[int, int]) -> None:
        canvas[covered[0] :] = self._spec.pad
        canvas[: covered[0], covered[1] :] = self._spec.pad


def _tables(spec: InputSpec) -> NDArray[np.float32] | None:
    """Give what each of the 256 pixel values becomes, (3, 1, 256), or None where it stays as it is.

    Scaling and normalising by table is exact, and faster than arithmetic on whole planes.
    """
    if spec.dtype == "uint8":
        return None
    values = np.arange(256) * spec.scale
    rows = [(values - mean) / std for mean, std in zip(spec.mean, spec.std, strict=True)]
    return np.array(rows, np.float32).reshape(3, 1, 256)
