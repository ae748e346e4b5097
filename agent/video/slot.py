"""Where a camera's newest picture waits for whoever looks at it; older ones give way."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent.clock import Moment
from agent.core.canvas import Canvas, NewCanvas, plain_canvas
from agent.core.frame import Frame

LENT = 2
"""Pictures a consumer may have in hand at once: one that is being judged, and the next that is being looked at."""


@dataclass(frozen=True, eq=False, slots=True)
class Shot:
    """A picture and when it was taken, before it has become somebody's Frame; ``new_canvas`` as in core/source.py."""

    pixels: NDArray[np.uint8]
    seq: int
    at: Moment
    new_canvas: NewCanvas = plain_canvas


@dataclass(frozen=True, eq=False, slots=True)
class _Kept:
    """A picture that waits, masks painted."""

    canvas: Canvas
    seq: int
    at: Moment


class Slot:
    """Hands pictures from one capture thread to one consumer through four canvases, without tearing.

    LENT of them are the consumer's (the last frames it took), one holds the newest picture, one is being written;
    they change roles under the lock, and only the spare one is ever written to.

    Args:
        camera: id, for the frames.
        arrived: notified whenever a picture is ready; its lock guards the roles. Cameras may share it.
        paint: blackens the privacy masks in place; runs before anybody can take the picture.
    """

    def __init__(self, camera: str, arrived: threading.Condition, paint: Callable[[NDArray[np.uint8]], None]) -> None:
        self._camera = camera
        self._arrived = arrived
        self._paint = paint
        self._newest: _Kept | None = None
        self._spare: Canvas | None = None
        self._lent: deque[Canvas] = deque()

    @property
    def ready(self) -> bool:
        """Whether a picture waits; ask with the lock of ``arrived`` held."""
        return self._newest is not None

    def put(self, shot: Shot) -> bool:
        """Copy a picture in, masks painted; False when it pushed out one that nobody had taken."""
        canvas = self._free_canvas(shot)
        np.copyto(canvas.pixels, shot.pixels)
        self._paint(canvas.pixels)
        with self._arrived:
            pushed_out = self._newest
            if pushed_out is not None:
                self._spare = pushed_out.canvas
            self._newest = _Kept(canvas, shot.seq, shot.at)
            self._arrived.notify_all()
        return pushed_out is None

    def wait_empty(self, timeout_s: float) -> bool:
        """Wait until the newest picture has been taken; False when it still waits after ``timeout_s``."""
        with self._arrived:
            return self._arrived.wait_for(lambda: self._newest is None, timeout_s)

    def take(self) -> Frame | None:
        """Give the newest picture, untouched until LENT more are taken; hold the lock of ``arrived``."""
        if self._newest is None:
            return None
        kept, self._newest = self._newest, None
        self._lent.append(kept.canvas)
        if len(self._lent) > LENT:
            returned = self._lent.popleft()
            self._spare = returned if self._spare is None else self._spare
        self._arrived.notify_all()
        return Frame(self._camera, kept.seq, kept.at, kept.canvas.pixels, kept.canvas.image)

    def _free_canvas(self, shot: Shot) -> Canvas:
        with self._arrived:
            canvas, self._spare = self._spare, None
        if canvas is None or canvas.pixels.shape != shot.pixels.shape:
            return shot.new_canvas(*shot.pixels.shape[:2])
        return canvas
