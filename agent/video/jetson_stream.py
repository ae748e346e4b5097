"""One stream of jetson-utils: polled by our own clock, copied out of its ring, dead when it is silent."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agent.clock import Clock
from agent.core.canvas import Canvas
from agent.core.source import Grab, StreamRequest
from agent.errors import SourceLost
from agent.video.address import shown

DEAD_S = 5.0
"""A stream that gives no picture for this long, or three intervals, is dead: jetson-utils itself never says so."""

_POLL_S = 0.004
_REST_SHARE = 0.8  # of an interval, after a picture


class JetsonStream:
    """An opened stream; see Grabber. Pictures are converted out of the library's ring before anything else."""

    live = True

    def __init__(
        self, library: Any, source: Any, request: StreamRequest, clock: Clock, broke: Callable[[str], None]
    ) -> None:
        self._library, self._source, self._request, self._clock = library, source, request, clock
        self._broke = broke
        self._dead_s = min(request.read_timeout_s, max(DEAD_S, 3 / (request.fps or 1.0)))
        self._cuda_stream: int | None = None
        self._face: Canvas | None = None
        self._first: Grab | None = None
        self._pts_us = -1
        self._came_us: int | None = None

    def open(self, timeout_s: float) -> None:
        """Begin to play, and wait for the first picture.

        Raises:
            SourceLost: none came; everything has been given back.
        """
        try:
            self._cuda_stream = self._cuda(_new_stream, self._library)
            self._first = self._next(timeout_s)
        except SourceLost as lost:
            self.close()
            problem = "the camera describes its stream but sends no picture; is its encoder on, and the way free?"
            raise SourceLost(self._request.camera, f"{shown(self._request.url)}: {problem} ({lost.problem})") from None

    def read(self) -> Grab:
        """Wait for the next picture; see Grabber."""
        grab, self._first = self._first, None
        return grab or self._next(self._dead_s)

    def close(self) -> None:
        """Give everything back: what looks at pictures first, then the source that owns their memory."""
        self._first = self._face = None
        self._source = None
        gc.collect()
        stream, self._cuda_stream = self._cuda_stream, None
        if stream is not None:
            try:
                self._library.cudaStreamDestroy(stream)
            except Exception as error:  # noqa: BLE001 - the library raises nothing more exact
                self._broke(f"the graphics processor failed ({first_line(error)})")

    def _next(self, limit_s: float) -> Grab:
        """Poll, without the library's own wait: that is by the wall clock, and grows when NTP sets it back."""
        end_us = self._clock.now().mono_us + round(limit_s * 1_000_000)
        self._rest()
        while (image := self._capture()) is None:
            if self._clock.now().mono_us >= end_us:
                raise SourceLost(self._request.camera, f"no picture for {limit_s:.0f} s")
            self._clock.sleep(_POLL_S)
        self._came_us = self._clock.now().mono_us
        return self._grab(image)

    def _rest(self) -> None:
        """Sleep while no picture can be expected: asking 250 times a second takes 1 % of a core a camera."""
        if self._request.fps is None or self._came_us is None:
            return
        due_us = self._came_us + round(_REST_SHARE * 1_000_000 / self._request.fps)
        self._clock.sleep(max(0.0, (due_us - self._clock.now().mono_us) / 1_000_000))

    def _capture(self) -> Any:
        """Give the newest picture in the library's ring, or None; its memory dies with the source."""
        try:
            if self._cuda_stream is None:
                return self._source.Capture(format="rgb8", timeout=0)
            return self._source.Capture(format="rgb8", timeout=0, stream=self._cuda_stream)
        except Exception as error:  # noqa: BLE001 - the library raises nothing more exact
            self._judge(error)
            raise SourceLost(self._request.camera, "the stream ended or broke off") from None

    def _grab(self, image: Any) -> Grab:
        height, width = image.shape[:2]
        if self._face is None or self._face.pixels.shape[:2] != (height, width):
            self._face = self._canvas(height, width)
        self._cuda(self._convert, image, self._face.image)
        told_us = int(image.timestamp) // 1000
        pts_us = told_us if told_us > self._pts_us else None
        self._pts_us = max(self._pts_us, told_us)
        return Grab(self._face.pixels, pts_us, self._canvas)

    def _convert(self, image: Any, face: Any) -> None:
        """Convert on the processor (there is no way from the decoder to BGR but through RGB) and wait for it."""
        if self._cuda_stream is None:
            self._library.cudaConvertColor(image, face)
            self._library.cudaDeviceSynchronize()
        else:
            self._library.cudaConvertColor(image, face, stream=self._cuda_stream)
            self._library.cudaStreamSynchronize(self._cuda_stream)

    def _canvas(self, height: int, width: int) -> Canvas:
        image = self._cuda(self._library.cudaImage, width, height, "bgr8")
        pixels: NDArray[np.uint8] = np.asarray(image)  # the buffer protocol; the array interface would leak
        return Canvas(pixels, image)

    def _cuda(self, call: Callable[..., Any], *given: Any) -> Any:
        try:
            return call(*given)
        except Exception as error:  # noqa: BLE001 - the library raises nothing more exact
            self._judge(error)
            raise SourceLost(self._request.camera, f"the graphics processor failed ({first_line(error)})") from None

    def _judge(self, error: Exception) -> None:
        """Tell whoever can end the process of what no new stream will mend: CUDA's errors stay until then."""
        text = first_line(error)
        if text.startswith("CUDA error") and "out of memory" not in text:
            self._broke(f"the graphics processor failed ({text})")


def _new_stream(library: Any) -> int | None:
    """Make a stream that waits for no other; None in builds before June 2024, which have only the default one."""
    if not hasattr(library, "cudaStreamCreate"):
        return None
    try:
        return int(library.cudaStreamCreate(nonblocking=True))
    except TypeError:  # builds of June 2024 name the contrary, and make such streams by default
        return int(library.cudaStreamCreate())


def first_line(error: Exception) -> str:
    """The first line of what a library says; jetson-utils names files and expressions of its own after it."""
    return (str(error).splitlines() or [type(error).__name__])[0]
