"""Backend ``opencv``: RTSP over TCP, files, GIFs and devices, decoded by OpenCV's own FFmpeg."""

from __future__ import annotations

import math
import os
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.clock import monotonic_us
from agent.core.source import Grab, Grabber, StreamRequest
from agent.errors import ConfigError, SourceEnded, SourceLost
from agent.video.address import shown, with_credentials
from agent.video.probe import find_fault

_LEAST_OPEN_S = 1.0  # what the decoder gets to open in, however long the camera took to describe its stream
_SILENT = 0  # OpenCV's LOG_LEVEL_SILENT, in 4 and 5
_WHOLE = 0.9  # a file that gives less than this share of the pictures its index names is damaged


def open_opencv(request: StreamRequest) -> Grabber:
    """Open an RTSP address, a video file or a device (``/dev/video0``, or its number).

    Raises:
        SourceLost: it cannot be opened now; the text says why, as far as anyone can tell.
        ConfigError: the address is of a kind this backend never opens.
    """
    _be_silent()
    url = request.url
    if url.startswith("rtsp://"):
        return _Stream(request, _open_rtsp(request), live=True)
    if url.isdigit() or url.startswith("/dev/"):
        return _Stream(request, _open_device(request), live=True)
    if "://" in url:
        kind = url.split("://", 1)[0]
        raise ConfigError(
            f"cameras.{request.camera}.url", f"cannot open {kind}:// addresses; use rtsp://, a file or a device"
        )
    return _Stream(request, _open_file(request), live=False)


def _be_silent() -> None:
    """Keep OpenCV's own messages, which name addresses, from standard error; version 5 moved the switch."""
    switch = getattr(cv2, "setLogLevel", None) or cv2.utils.logging.setLogLevel
    switch(_SILENT)


class _Stream:
    """An opened capture. Its time-out is told to the decoder, which keeps it, if not to the letter (see ``read``)."""

    def __init__(self, request: StreamRequest, capture: cv2.VideoCapture, *, live: bool) -> None:
        self.live = live
        self._request = request
        self._capture = capture
        self._pixels: NDArray[np.uint8] | None = None
        self._pts_us: int | None = None
        self._count = 0
        self._promised = 0 if live else _picture_count(capture)

    def read(self) -> Grab:
        """Wait for the next picture; see Grabber."""
        began_us = monotonic_us()
        pixels = self._decode()
        waited_s = (monotonic_us() - began_us) / 1_000_000
        # After a time-out the decoder first hands out, each after a further wait, the pictures it had kept back: they
        # are older than the silence, so the silence is what counts.
        if waited_s >= self._request.read_timeout_s * 0.98:
            raise SourceLost(self._request.camera, f"no picture for {waited_s:.0f} s")
        if pixels is None:
            return self._after_end()
        self._count += 1
        return Grab(pixels, self._stream_time())

    def close(self) -> None:
        """Give everything back; only ever called by the thread that reads."""
        self._capture.release()

    def _decode(self) -> NDArray[np.uint8] | None:
        try:
            if not self._capture.grab():
                return None
            came, pixels = self._capture.retrieve(self._pixels)
        except cv2.error as error:
            raise SourceLost(self._request.camera, f"the decoder failed ({error.err or error.code})") from error
        self._pixels = np.asarray(pixels, np.uint8) if came else None
        return self._pixels

    def _after_end(self) -> Grab:
        if self.live:
            raise SourceLost(self._request.camera, "the stream broke off: the camera closed the connection")
        if self._count < self._promised * _WHOLE:
            problem = f"ended after {self._count} of {self._promised} pictures: the file is damaged or cut short"
            raise SourceEnded(self._request.camera, problem)
        if not self._request.loop or self._count == 0:
            raise SourceEnded(self._request.camera, f"played to its end ({self._count} pictures)")
        self._capture.release()
        self._capture = _open_file(self._request)
        self._count, self._pts_us = 0, None
        return self.read()

    def _stream_time(self) -> int | None:
        """Read the picture's PTS; the decoder says 0 for "unknown", so only the first picture's 0 is believed."""
        told_ms = self._capture.get(cv2.CAP_PROP_POS_MSEC)
        if not math.isfinite(told_ms) or told_ms < 0 or (told_ms == 0 and self._count > 1):
            return None
        before_us, self._pts_us = self._pts_us, round(told_ms * 1000)
        return self._pts_us if before_us is None or self._pts_us > before_us else None


def _open_rtsp(request: StreamRequest) -> cv2.VideoCapture:
    began_us = monotonic_us()
    url = shown(request.url)
    fault = find_fault(url, request.user, request.password, request.open_timeout_s)
    if fault:
        raise SourceLost(request.camera, f"{url}: {fault}")
    left_s = request.open_timeout_s - (monotonic_us() - began_us) / 1_000_000
    capture = _capture(with_credentials(url, request.user, request.password), request, max(_LEAST_OPEN_S, left_s))
    if not capture.isOpened():
        problem = "the camera describes its stream but does not deliver it; is it H.264 or H.265, and allowed over TCP?"
        raise SourceLost(request.camera, f"{url}: {problem}")
    return capture


def _open_file(request: StreamRequest) -> cv2.VideoCapture:
    path = Path(request.url)
    if not path.exists():
        raise SourceLost(request.camera, f"{path}: there is no such file")
    if not path.is_file() or not os.access(path, os.R_OK):
        raise SourceLost(request.camera, f"{path}: is not a file that this user may read")
    capture = _capture(str(path), request, request.open_timeout_s)
    if not capture.isOpened():
        problem = "is not a video, or one that is damaged or of a kind this decoder does not know"
        raise SourceLost(request.camera, f"{path}: {problem}")
    return capture


def _open_device(request: StreamRequest) -> cv2.VideoCapture:
    path = Path(f"/dev/video{request.url}" if request.url.isdigit() else request.url)
    if not path.exists():
        raise SourceLost(request.camera, f"{path}: there is no such device; is the camera plugged in?")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceLost(request.camera, f"{path}: this user may not use it; add the user to the group video")
    capture = cv2.VideoCapture(str(path), cv2.CAP_V4L2)
    if not capture.isOpened():
        raise SourceLost(request.camera, f"{path}: gives no video; is another program using it?")
    return capture


def _capture(address: str, request: StreamRequest, open_timeout_s: float) -> cv2.VideoCapture:
    settings = [
        *(cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, round(open_timeout_s * 1000)),
        *(cv2.CAP_PROP_READ_TIMEOUT_MSEC, round(request.read_timeout_s * 1000)),
        # One thread a camera: every further one keeps a picture back, and cameras already run side by side.
        *(cv2.CAP_PROP_N_THREADS, 1),
    ]
    return cv2.VideoCapture(address, cv2.CAP_FFMPEG, settings)


def _picture_count(capture: cv2.VideoCapture) -> int:
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if math.isfinite(count) and count > 0 else 0
