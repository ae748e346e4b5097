"""The seam between a camera's driver and the capture thread that owns it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent.core.canvas import NewCanvas, plain_canvas


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What to open.

    Attributes:
        camera: id, for messages.
        url: address, path, device or scene, without credentials.
        user: or empty.
        password: or empty; never logged.
        pace: ``source`` or ``fast`` (see CameraSettings).
        loop: start again at the end of a file.
        open_timeout_s: longest time ``Opener`` may take, apart from waiting for its turn.
        read_timeout_s: longest time ``Grabber.read`` may take.
        fps: pictures a second that are wanted; a backend may leave out others before they cost anything. None: all.
        fit: (width, height) in px that pictures may be scaled down into, their shape kept, where that costs nothing;
            None: as large as they come.
    """

    camera: str
    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    pace: str = "source"
    loop: bool = False
    open_timeout_s: float = 10.0
    read_timeout_s: float = 10.0
    fps: float | None = None
    fit: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Grab:
    """One picture as it came.

    Attributes:
        pixels: (H, W, 3) uint8 BGR; the grabber may reuse the memory at the next read.
        pts_us: presentation time in the stream, µs; None where the stream tells none or a senseless one.
        new_canvas: makes the memory in which copies of this stream's pictures are best kept.
    """

    pixels: NDArray[np.uint8]
    pts_us: int | None
    new_canvas: NewCanvas = plain_canvas


class Grabber(Protocol):
    """One opened stream. Only the thread that opened it reads and closes it.

    Attributes:
        live: True where pictures come by themselves in real time (network, device, rendered in real time); False for
            a file, whose reader must keep the pace.
    """

    live: bool

    def read(self) -> Grab:
        """Wait for the next picture, at most the request's ``read_timeout_s``.

        Raises:
            SourceLost: nothing came, or the stream broke.
            SourceEnded: the file is at its end.
        """
        ...

    def close(self) -> None:
        """Give everything back; never raises."""
        ...


Opener = Callable[[StreamRequest], Grabber]
"""Opens a stream or raises SourceLost (will retry), BackendMissing or ConfigError (will not)."""
