"""Where the pictures of the fake come from: a script that a test plays, or a real stream that OpenCV decodes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from ._bench import world

_SILENT_S = 0.5


@dataclass(frozen=True)
class Discovered:
    """What GstDiscoverer says about a stream."""

    codec: str
    width: int
    height: int
    fps: float


class Sink(Protocol):
    """The pipeline's end: where a feed delivers."""

    def picture(self, bgr: NDArray[np.uint8], timestamp_ns: int) -> None: ...

    def ended(self) -> None: ...


class Feed(Protocol):
    """A stream as GStreamer sees it."""

    def discover(self, timeout_s: float) -> Discovered | None: ...

    def start(self, sink: Sink) -> None: ...

    def stop(self) -> None: ...


@dataclass(eq=False)
class Script:
    """A stream that a test plays picture by picture.

    Attributes:
        size: width, height of the pictures, px.
        codec, fps: what the discoverer finds.
        found: whether the discoverer finds it at all; otherwise it takes its whole time.
        hold: the discoverer waits for it, when given.
    """

    size: tuple[int, int] = (64, 48)
    codec: str = "h264"
    fps: float = 25.0
    found: bool = True
    hold: threading.Event | None = None
    sinks: list[Sink] = field(default_factory=list)
    opened: int = 0
    on_start: Callable[[Script], None] | None = None

    def show(self, bgr: NDArray[np.uint8], timestamp_ns: int = 0) -> None:
        """Deliver a picture to every pipeline that plays this stream."""
        for sink in list(self.sinks):
            sink.picture(bgr, timestamp_ns)

    def end(self) -> None:
        """End of stream."""
        for sink in list(self.sinks):
            sink.ended()

    def discover(self, timeout_s: float) -> Discovered | None:
        if self.hold is not None and not self.hold.wait(timeout_s):
            return None
        return Discovered(self.codec, *self.size, self.fps) if self.found else None

    def start(self, sink: Sink) -> None:
        self.opened += 1
        self.sinks.append(sink)
        if self.on_start is not None:
            self.on_start(self)

    def stop(self) -> None:
        self.sinks.clear()


class Stream:
    """A real stream or file, decoded by OpenCV in a thread of its own."""

    def __init__(self, address: str, max_fps: int | None) -> None:
        self._address = address
        self._max_fps = max_fps
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def discover(self, timeout_s: float) -> Discovered | None:
        capture = self._open(timeout_s)
        if capture is None:
            return None
        with contextlib.closing(_Released(capture)):
            four = int(capture.get(cv2.CAP_PROP_FOURCC)).to_bytes(4, "little").decode("latin1").lower()
            width, height = (int(capture.get(which)) for which in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            codec = "h265" if four in ("hevc", "h265", "hev1", "hvc1") else "h264"
            return Discovered(codec, width, height, capture.get(cv2.CAP_PROP_FPS))

    def start(self, sink: Sink) -> None:
        self._thread = threading.Thread(target=self._play, args=(sink,), name="fake-gstreamer", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _open(self, timeout_s: float) -> Any:
        (getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel)(0)
        limits = [
            cv2.CAP_PROP_OPEN_TIMEOUT_MSEC,
            round(timeout_s * 1000),
            cv2.CAP_PROP_READ_TIMEOUT_MSEC,
            round(_SILENT_S * 1000),
        ]
        capture = cv2.VideoCapture(self._address, cv2.CAP_FFMPEG, [*limits, cv2.CAP_PROP_N_THREADS, 1])
        return capture if capture.isOpened() else None

    def _play(self, sink: Sink) -> None:
        capture = self._open(world.discover_s)
        if capture is None:
            return  # GStreamer's error is only logged
        last_ms, closed = -1e9, False
        with contextlib.closing(_Released(capture)):
            while not self._stopping.is_set():
                began = time.monotonic()
                came, bgr = capture.read()
                if not came:
                    closed = time.monotonic() - began < 0.9 * _SILENT_S
                    break
                now_ms = capture.get(cv2.CAP_PROP_POS_MSEC)
                if self._max_fps and now_ms - last_ms < 1000 / self._max_fps - 1:
                    continue  # videorate drop-only
                last_ms = now_ms
                sink.picture(bgr, round(now_ms * 1e6))
        if not self._stopping.is_set() and closed:  # seen with GStreamer 1.22: a connection that is closed ends the
            sink.ended()  # stream, one that is silent never does


class _Released:
    def __init__(self, capture: cv2.VideoCapture) -> None:
        self.close = capture.release


def feed(uri: str, max_fps: int | None) -> Feed:
    """The stream at an address: a script of the test's, or the real thing."""
    script = world.scripts.get(without_login(uri))
    if isinstance(script, Script):
        return script
    return Stream(uri.removeprefix("file://"), max_fps)


def without_login(uri: str) -> str:
    """An address without user name and password."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
