"""What the video room is told; stdlib only."""

from __future__ import annotations

from dataclasses import dataclass, field

from agent.core.polygon import Polygon

FFMPEG_ENVIRONMENT = {
    "OPENCV_FFMPEG_CAPTURE_OPTIONS": "rtsp_transport;tcp",
    "OPENCV_FFMPEG_IS_THREAD_SAFE": "1",
    "OPENCV_FFMPEG_LOGLEVEL": "-8",
}
"""What OpenCV's video reader is told through the environment, as it offers no other way; set (where not set already)
before the first stream is opened, by the one place that may write the environment. TCP alone, never UDP behind our
back; cameras open side by side, not one behind the other's time-out; no chatter of the decoder on stderr."""


@dataclass(frozen=True)
class CameraSettings:
    """One camera.

    Attributes:
        id: short ASCII id, unique on the box.
        name: what people call it.
        backend: ``opencv``, ``rendered`` (stage) or ``jetson``; never guessed.
        url: what to open: ``rtsp://…`` without credentials, a file path, ``/dev/video0``, or a scene for ``rendered``.
        user: RTSP user name, or empty.
        password: RTSP password (read from a file by the config); never logged.
        fps: how often the detector should see this camera, frames per second.
        pace: for files: ``source`` plays in real time; ``fast`` gives every frame as quickly as it is taken, by clip
            time.
        loop: for files: start again at the end instead of ending.
        open_timeout_s: longest wait for a connection.
        read_timeout_s: longest wait for a frame before the source counts as lost.
        masks: privacy masks: areas painted over before anything looks at the picture.
        scale: for ``jetson``: ``detector`` scales pictures down in hardware to what the model looks at; ``full`` keeps
            them as the camera sends them.
        fit: (width, height) in px that pictures may be scaled down into; told by watch, which knows the model.
    """

    id: str
    name: str
    backend: str
    url: str
    user: str = ""
    password: str = field(default="", repr=False)
    fps: float = 5.0
    pace: str = "source"
    loop: bool = False
    open_timeout_s: float = 10.0
    read_timeout_s: float = 10.0
    masks: tuple[Polygon, ...] = ()
    scale: str = "detector"
    fit: tuple[int, int] | None = None
