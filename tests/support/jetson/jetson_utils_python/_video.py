"""videoSource, as python/bindings/PyVideo.cpp over codec/gstDecoder.cpp and codec/gstBufferManager.cpp."""

from __future__ import annotations

import threading
import time
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from . import _pipeline
from ._bench import world
from ._feeds import feed
from ._image import FORMATS, SAYS, cudaImage, format_size, pixels, registered
from ._log import say

CAPTURED = ("rgb8", "rgba8", "rgb32f", "rgba32f")  # what there is a way to from NV12
CODECS = ("unknown", "raw", "h264", "h265", "vp8", "vp9", "mpeg2", "mpeg4", "mjpeg")
_DEFAULTS: dict[str, Any] = {
    "width": 0, "height": 0, "framerate": 0.0, "bitrate": 0, "numBuffers": 4, "loop": 0, "latency": 10,
    "zeroCopy": True, "codec": "unknown", "codecType": "v4l2", "flipMethod": "none", "save": "",
}  # fmt: skip
_FLAGS = {"--input-latency": "latency", "--input-rtsp-latency": "latency", "--input-rate": "framerate"} | {
    "--input-codec": "codec",
    "--input-width": "width",
    "--input-height": "height",
    "--num-buffers": "numBuffers",
    "--input-loop": "loop",
}
_TICK_S = 0.002


class _Decoder:
    """gstDecoder: pipeline, latest picture, ring."""

    def __init__(self, uri: str, options: dict[str, Any]) -> None:
        self.options = options
        options["customSize"] = bool(options["width"] or options["height"])
        options["customRate"] = options["framerate"] != 0
        self._cond = threading.Condition()
        self._latest: tuple[NDArray[np.uint8], int] | None = None
        self._ring: list[int] = []
        self._ring_size = self._turn = 0
        self.eos = self.streaming = False
        self.timestamp = 0
        self.frames = 0
        say("info", f"gstDecoder -- creating decoder for {uri}")
        self._discover(uri)
        self._feed = feed(self.pipeline.uri, int(options["framerate"]) if options["customRate"] else None)

    def _discover(self, uri: str) -> None:
        """Runs whether the codec is known or not, leaks each time, and overrides what it was told."""
        options, scheme = self.options, urlsplit(uri).scheme
        world.leaks.append("discoverer")
        if scheme in ("csi", "v4l2"):
            self.pipeline = _pipeline.device(uri)
            return
        found = feed(uri, None).discover(world.discover_s) if _one_uri(uri) else None
        if found is not None:
            options["codec"] = found.codec
            options["customSize"] &= (options["width"], options["height"]) != (found.width, found.height)
            options["width"], options["height"] = options["width"] or found.width, options["height"] or found.height
            options["customRate"] &= options["framerate"] != found.fps
            options["framerate"] = options["framerate"] or found.fps
        else:
            say("error", "gstDecoder -- resource discovery and auto-negotiation failed")
        if options["codec"] not in _pipeline.DEPAY:
            say("error", f"gstDecoder -- failed to create decoder for {uri}")
            world.leaks.append("decoder")
            raise Exception(SAYS + "failed to create videoSource device")
        build = _pipeline.rtsp if scheme == "rtsp" else _pipeline.file
        self.pipeline = build(uri.removeprefix("file://"), options)
        say("info", f"gstDecoder -- pipeline string: {self.pipeline.text}")

    # --- the pipeline's end ---

    def picture(self, bgr: NDArray[np.uint8], timestamp_ns: int) -> None:
        """A decoded picture comes out, scaled where a size was asked for; it replaces the one before."""
        if self.options["customSize"]:
            bgr = cv2.resize(bgr, (self.options["width"], self.options["height"]), interpolation=cv2.INTER_AREA)
        with self._cond:
            self.options["height"], self.options["width"] = bgr.shape[:2]
            self._latest = np.array(bgr), timestamp_ns
            self.frames += 1
            self._cond.notify_all()

    def ended(self) -> None:
        say("warning", "gstDecoder -- end of stream (EOS)")
        with self._cond:
            self.eos = True
            self.streaming = False

    # --- what videoSource calls ---

    def open(self) -> bool:
        if self.eos:
            say("warning", "gstDecoder -- end of stream (EOS) has been reached, stream has been closed")
            return False
        if not self.streaming:
            self.streaming = True
            self._feed.start(self)
        return True

    def close(self) -> None:
        if self.streaming or self.eos:
            self._feed.stop()
            self.streaming = False

    def capture(self, name: str, timeout_ms: int, stream: int) -> cudaImage | None:
        if (not self.streaming or self.eos) and not self.open():
            raise Exception(SAYS + "videoSource failed to capture image")
        latest = self._wait(timeout_ms)
        if latest is None:
            say("warning", "gstDecoder::Capture() -- a timeout occurred waiting for the next image buffer")
            return None
        if name not in CAPTURED:
            say("error", f"gstBufferManager -- unsupported image format ({name})")
            raise Exception(SAYS + "videoSource failed to capture image")
        bgr, self.timestamp = latest
        height, width = bgr.shape[:2]
        target = self._next(format_size(name, width, height))
        world.gpu.enqueue(stream, lambda: np.copyto(pixels(target, width, height, name), _in(bgr, name)))
        zero_copy = bool(self.options["zeroCopy"])
        return registered(target, width, height, name, self.timestamp, mapped=zero_copy, free=False)

    def _wait(self, timeout_ms: int) -> tuple[NDArray[np.uint8], int] | None:
        """Wait for a new picture until a moment of the wall clock (threads/Event.inl): set it back, wait longer."""
        until = None if timeout_ms < 0 else world.realtime() + timeout_ms / 1000
        with self._cond:
            while self._latest is None:
                if until is not None and world.realtime() >= until:
                    return None
                self._cond.wait(_TICK_S)
            latest, self._latest = self._latest, None
            return latest

    def _next(self, size: int) -> int:
        if size > self._ring_size or not self._ring:
            self._free_ring()
            mapped = bool(self.options["zeroCopy"])
            self._ring = [world.gpu.alloc(size, mapped=mapped) for _ in range(self.options["numBuffers"])]
            self._ring_size = size
        self._turn = (self._turn + 1) % len(self._ring)
        return self._ring[self._turn]

    def _free_ring(self) -> None:
        for base in self._ring:
            world.gpu.free(base)
        self._ring = []

    def delete(self) -> None:
        self.close()
        self._free_ring()


class videoSource:  # noqa: N801 - the name is NVIDIA's
    """Interface for cameras, video streams, and images. Not thread safe; the first one must be made alone."""

    def __init__(
        self,
        uri: str = "",
        argv: list[str] | None = None,
        positionArg: int = -1,  # noqa: N803
        options: dict[str, Any] | None = None,
    ) -> None:
        del positionArg
        if options is not None and not isinstance(options, dict):
            raise Exception(SAYS + "options argument should be a dictionary")
        told = {**_DEFAULTS, **_typed(options or {}), **_argv(argv or [])}
        with world.lock:
            world.builds += 1
            world.building += 1
            world.at_once = max(world.at_once, world.building)
        try:
            _gst_init()
            self._decoder = _create(uri, told)
        finally:
            with world.lock:
                world.building -= 1
        self._busy = threading.Lock()
        world.sources += 1
        world.pipelines.append(self._decoder.pipeline)
        say("success", f"created gstDecoder from {uri}")

    def Open(self) -> None:  # noqa: N802
        world.faults.append("Open() called: when it fails it touches Python without holding the GIL")
        if not self._decoder.open():
            raise SystemError("the real module crashes here")

    def Close(self) -> None:  # noqa: N802
        self._decoder.close()

    def Capture(self, format: str = "rgb8", timeout: int = 1000, stream: int = 0) -> cudaImage | None:  # noqa: A002, N802
        if not self._busy.acquire(blocking=False):
            world.faults.append("two threads use one videoSource at once")
            raise Exception(SAYS + "videoSource failed to capture image")
        try:
            return self._decoder.capture(format, int(timeout), stream)
        finally:
            self._busy.release()

    def GetWidth(self) -> int:  # noqa: N802
        return int(self._decoder.options["width"])

    def GetHeight(self) -> int:  # noqa: N802
        return int(self._decoder.options["height"])

    def GetFrameRate(self) -> int:  # noqa: N802
        return int(self._decoder.options["framerate"])

    def GetFrameCount(self) -> int:  # noqa: N802
        return self._decoder.frames

    def GetOptions(self) -> dict[str, Any]:  # noqa: N802
        return {key: value for key, value in self._decoder.options.items() if not key.startswith("custom")}

    def IsStreaming(self) -> bool:  # noqa: N802
        return self._decoder.streaming

    @staticmethod
    def Usage() -> str:  # noqa: N802
        return "videoSource arguments: ..."

    def __del__(self) -> None:
        decoder = getattr(self, "_decoder", None)
        if decoder is not None:
            decoder.delete()
            world.sources -= 1


def _create(uri: str, told: dict[str, Any]) -> _Decoder:
    scheme = urlsplit(uri).scheme or "file"
    if scheme not in ("rtsp", "file", "csi", "v4l2"):
        say("error", f"videoSource -- unsupported protocol ({scheme})")
        raise Exception(SAYS + "failed to create videoSource device")
    return _Decoder(uri, told)


def _gst_init() -> None:
    """gstreamerInit(): a flag that nothing guards."""
    if world.initialised:
        return
    if world.initialising:
        world.faults.append("two first sources made at once: gst_init is not guarded")
        raise Exception(SAYS + "failed to create videoSource device")
    world.initialising = True
    time.sleep(world.init_s)
    world.initialised, world.initialising = True, False


def _typed(options: dict[str, Any]) -> dict[str, Any]:
    """Unknown keys are ignored without a word, as by PyVideoOptions_FromDict."""
    known = {key: value for key, value in options.items() if key in _DEFAULTS}
    for key in ("width", "height", "numBuffers", "latency", "loop"):
        if key in known and not isinstance(known[key], int):
            raise TypeError(SAYS + f"videoOptions['{key}'] should be an int")
    if "codec" in known and known["codec"] not in CODECS:
        known["codec"] = "unknown"
    return known


def _argv(argv: list[str]) -> dict[str, Any]:
    """Command-line flags (they win over ``options``)."""
    told: dict[str, Any] = {}
    for word in argv:
        flag, _, value = word.partition("=")
        key = _FLAGS.get(flag)
        if key is not None:
            told[key] = value if key == "codec" else type(_DEFAULTS[key])(value)
    return told


def _one_uri(uri: str) -> bool:
    return not any(sign.isspace() for sign in uri)


def _in(bgr: NDArray[np.uint8], name: str) -> NDArray[Any]:
    rgb = bgr[..., ::-1]
    if FORMATS[name][1] == 4:
        rgb = np.concatenate([rgb, np.full((*rgb.shape[:2], 1), 255, np.uint8)], axis=2)
    return rgb.astype(FORMATS[name][2])
