"""Small H.264 clips made on the spot, so that no video test needs a file from elsewhere."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 12
"""Frame numbers are drawn with this many bars, most significant first."""


def make_clip(
    path: Path, seconds: float = 4.0, fps: int = 10, size: tuple[int, int] = (320, 180), *, faststart: bool = False
) -> int:
    """Encode a clip whose every frame bears its own number; ``size`` is (width, height), even. Gives the frame count.

    Args:
        path: where to write; its suffix picks the container.
        seconds: length.
        fps: frames per second.
        size: width, height in px.
        faststart: put the index first, so that a file cut short still opens.
    """
    count = round(seconds * fps)
    film(path, (draw(number, size) for number in range(count)), fps, size, faststart=faststart)
    return count


def film(
    path: Path, pictures: Iterable[NDArray[np.uint8]], fps: int, size: tuple[int, int], *, faststart: bool = False
) -> None:
    """Encode ``pictures``, each (height, width, 3) BGR, as make_clip does."""
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "g": str(fps), "bf": "0"})
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, fps)
        for number, picture in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def through_codec(
    pictures: Iterable[NDArray[np.uint8]], fps: int, gop: int, bit_rate: int | None = None
) -> Iterator[NDArray[np.uint8]]:
    """Encode (height, width, 3) BGR pictures as a camera does and decode them again.

    Every key frame, one in ``gop``, breathes a little; a low ``bit_rate`` takes its time to become sharp.
    """
    memory, waiting = io.BytesIO(), iter(pictures)
    first = next(waiting)
    with av.open(memory, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "g": str(gop), "bf": "0"})
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        for picture in chain([first], waiting):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode())
    memory.seek(0)
    with av.open(memory) as container:
        yield from (frame.to_ndarray(format="bgr24") for frame in container.decode(video=0))


def draw(number: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw frame ``number``: BITS black or white bars above a grey ground with a moving red square."""
    width, height = size
    picture = np.full((height, width, 3), 96, np.uint8)
    for bit, (left, right) in enumerate(_bars(width)):
        picture[: height // 2, left:right] = 255 if number >> (BITS - 1 - bit) & 1 else 0
    side = height // 4
    left = number * 4 % (width - side)
    picture[-side:, left : left + side] = (0, 0, 255)
    return picture


def number_of(pixels: NDArray[np.uint8]) -> int:
    """Read the number off a frame that ``draw`` drew, through any codec that keeps black from white."""
    height, width = pixels.shape[:2]
    number = 0
    for left, right in _bars(width):
        margin = max(1, (right - left) // 4)
        patch = pixels[height // 8 : height * 3 // 8, left + margin : right - margin]
        number = number << 1 | int(patch.mean() > 127)
    return number


def _bars(width: int) -> list[tuple[int, int]]:
    return [(width * bit // BITS, width * (bit + 1) // BITS) for bit in range(BITS)]
