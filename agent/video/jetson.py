"""Backend ``jetson``: RTSP and devices, decoded and scaled in hardware by NVIDIA's jetson-utils (docs/design/video.md).

The only importer of ``jetson_utils_python`` in this room. Every trap that it is hedged about with here is told there.
"""

from __future__ import annotations

import gc
import math
import re
from collections.abc import Callable
from typing import Any

from agent.clock import Clock, SystemClock, monotonic_us
from agent.core.source import StreamRequest
from agent.errors import BackendMissing, ConfigError, SourceLost
from agent.video.address import launchable, shown, with_credentials
from agent.video.jetson_stream import JetsonStream, first_line
from agent.video.probe import describe
from agent.video.sdp import read_video
from agent.video.turns import GAP_S, Turns

_CODECS = ("h264", "h265", "mjpeg")
_NUM_BUFFERS = 8  # a picture is overwritten after as many further ones; ours is copied out long before
_LATENCY_MS = 100  # to put packets in order; as NVIDIA's own source
_LEAST_OPEN_S = 1.0
_INSTALL = (
    "build jetson-utils for the system's Python, make the venv with --system-site-packages, and never take what the"
    " package index calls jetson-utils (docs/guide/jetson.md)"
)


def load_jetson_utils() -> Any:
    """Import jetson-utils and silence it: by default it prints addresses with their passwords.

    Raises:
        BackendMissing: it is not here, does not load, or is another package of that name.
    """
    try:
        import jetson_utils_python as library
    except ModuleNotFoundError as error:
        raise BackendMissing("jetson", f"jetson_utils_python is not installed here; {_INSTALL}") from error
    except (ImportError, AttributeError, RuntimeError) as error:  # the last two: built for another NumPy
        problem = f"jetson_utils_python does not load ({error}); was it built for this JetPack, and with this NumPy?"
        raise BackendMissing("jetson", problem) from error
    if not hasattr(library, "videoSource") or not hasattr(library, "Log"):
        raise BackendMissing("jetson", f"jetson_utils_python is not NVIDIA's, or too old; {_INSTALL}")
    library.Log.SetLevel("silent")
    return library


class JetsonOpener:
    """Opens streams by jetson-utils; one for all cameras of a process.

    Args:
        load: brings the library in.
        clock: waits are taken from it.
        gap_s: least time between two rebuilds.
    """

    def __init__(
        self,
        load: Callable[[], Any] = load_jetson_utils,
        clock: Clock | None = None,
        gap_s: float = GAP_S,
    ) -> None:
        self._load = load
        self._clock = clock or SystemClock()
        self._turns = Turns(self._clock, gap_s)
        self._sizes: dict[str, tuple[int, int]] = {}
        self._broken = ""

    def worn(self, rebuilds: int) -> str:
        """Say why this process should end and begin anew; empty while it need not.

        Args:
            rebuilds: after as many it should: each leaks in the library, and only the end of the process gives it back.
        """
        if self._broken:
            return self._broken
        done = self._turns.rebuilds
        return f"camera streams were set up anew {done} times, each leaks a little" if done >= rebuilds else ""

    def __call__(self, request: StreamRequest) -> JetsonStream:
        """Open an RTSP address, ``csi://N`` or a V4L2 device, and wait for its first picture.

        Raises:
            SourceLost: it gives no pictures now; the text says why, as far as anyone can tell.
            ConfigError: the address is of a kind this backend never opens, or unsafe.
            BackendMissing: there is no jetson-utils here.
        """
        library = self._load()
        began_us = monotonic_us()
        uri, options = self._plan(request)
        left_s = request.open_timeout_s - (monotonic_us() - began_us) / 1_000_000
        source = self._build(library, request, uri, options)
        stream = JetsonStream(library, source, request, self._clock, self._break)
        del source  # the stream alone may hold it: its end must be the object's
        stream.open(max(_LEAST_OPEN_S, left_s))
        return stream

    def _break(self, why: str) -> None:
        self._broken = why

    def _plan(self, request: StreamRequest) -> tuple[str, dict[str, Any]]:
        """Give the address and options; an RTSP camera is asked first, so that nothing is built for one that is off."""
        options: dict[str, Any] = {"numBuffers": _NUM_BUFFERS, "zeroCopy": True}
        url = request.url
        if url.startswith("rtsp://"):
            options |= self._rtsp(request)
            return with_credentials(shown(url), request.user, request.password), options
        device = re.fullmatch(r"(?:v4l2://)?/dev/video(\d+)|(\d+)", url)
        if device:
            return f"v4l2:///dev/video{device[1] or device[2]}", options
        if re.fullmatch(r"csi://\d+", url):
            return url, options
        problem = "opens rtsp://, csi://N and v4l2:///dev/videoN; files are played by backend opencv"
        raise ConfigError(f"cameras.{request.camera}.url", f"{shown(url)}: backend jetson {problem}")

    def _rtsp(self, request: StreamRequest) -> dict[str, Any]:
        url = shown(launchable(request.camera, request.url))  # in this order: urlsplit drops tabs and line ends
        told = describe(url, request.user, request.password, request.open_timeout_s)
        video = read_video(told.sdp)
        if told.fault:
            raise SourceLost(request.camera, f"{url}: {told.fault}")
        if video is None or video.codec not in _CODECS:
            coding = "of an unknown kind" if video is None else f"in {video.codec}"
            raise SourceLost(request.camera, f"{url}: sends video {coding}; set the camera to H.264 or H.265")
        options: dict[str, Any] = {"codec": video.codec, "latency": _LATENCY_MS}
        if request.fps is not None:
            options["framerate"] = float(math.ceil(request.fps))  # the pipeline takes whole numbers
        return options | self._scaling(request, video.size or self._sizes.get(request.url))

    @staticmethod
    def _scaling(request: StreamRequest, size: tuple[int, int] | None) -> dict[str, Any]:
        wanted = fitted(size, request.fit) if size and request.fit else None
        return {"width": wanted[0], "height": wanted[1]} if wanted else {}

    def _build(self, library: Any, request: StreamRequest, uri: str, options: dict[str, Any]) -> Any:
        """Build the pipeline; once more with a size, where only the pipeline could tell how large pictures are."""
        source = self._construct(library, request, uri, options)
        if request.fit is None or "width" in options or "codec" not in options:
            return source
        size = (int(source.GetWidth()), int(source.GetHeight()))
        scaling = self._scaling(request, size if all(size) else None)
        if not scaling:
            return source
        self._sizes[request.url] = size
        del source
        gc.collect()
        return self._construct(library, request, uri, options | scaling)

    def _construct(self, library: Any, request: StreamRequest, uri: str, options: dict[str, Any]) -> Any:
        with self._turns.turn(request.camera):
            try:
                return library.videoSource(uri, options=options)
            except Exception as error:  # noqa: BLE001 - the library raises nothing more exact
                problem = "jetson-utils cannot set up its pipeline; do the GStreamer plugins of this JetPack work?"
                raise SourceLost(request.camera, f"{shown(request.url)}: {problem} ({first_line(error)})") from None


def fitted(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int] | None:
    """Scale a size down into a room, its shape kept, to even numbers of px; None where it fits already.

    Args:
        size: (width, height) as the camera sends.
        room: (width, height) at most.
    """
    share = min(room[0] / size[0], room[1] / size[1])
    if share >= 1:
        return None
    return max(2, round(size[0] * share / 2) * 2), max(2, round(size[1] * share / 2) * 2)


open_jetson = JetsonOpener()
