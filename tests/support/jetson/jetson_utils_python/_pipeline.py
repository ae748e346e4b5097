"""The text that the real module gives to gst_parse_launch, and what GStreamer makes of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

DEPAY = {"h264": "rtph264depay", "h265": "rtph265depay", "vp8": "rtpvp8depay", "vp9": "rtpvp9depay"} | {
    "mpeg2": "rtpmp2tdepay",
    "mpeg4": "rtpmp4vdepay",
    "mjpeg": "rtpjpegdepay",
}
EXTENSIONS = {"mkv", "webm", "mp4", "qt", "mov", "flv", "avi", "h264", "h265"}


@dataclass(frozen=True)
class Pipeline:
    """One launch text, taken apart as gst_parse_launch does: white space ends a property, ``!`` an element.

    Attributes:
        text: as built.
        elements: names, in order.
        properties: of the first element.
    """

    text: str

    @property
    def elements(self) -> list[str]:
        return [part.split()[0] for part in re.split(r"\s!\s", self.text) if part.split()]

    @property
    def properties(self) -> dict[str, str]:
        first = re.split(r"\s!\s", self.text)[0].split()[1:]
        return dict(word.partition("=")[::2] for word in first if "=" in word)

    @property
    def uri(self) -> str:
        """Where it really connects to."""
        return self.properties.get("location", self.properties.get("device", self.properties.get("sensor-id", "")))


def rtsp(uri: str, options: dict[str, object]) -> Pipeline:
    """codec/gstDecoder.cpp, buildLaunchStr, on aarch64 without NVMM. The address stands there unquoted."""
    hardware = options["codecType"] == "v4l2"
    decoder = "nvv4l2decoder name=decoder enable-max-performance=1" if hardware else "avdec name=decoder"
    parts = [f"rtspsrc location={uri} latency={options['latency']}", "queue", DEPAY[str(options["codec"])]]
    parts += [] if hardware else [f"{options['codec']}parse"]
    return Pipeline(
        " ! ".join([*parts, decoder, *_scaling(options), *_rate(options), "appsink name=mysink sync=false"])
    )


def file(path: str, options: dict[str, object]) -> Pipeline:
    parts = [f"filesrc location={path}", "demux", "queue", f"{options['codec']}parse", "nvv4l2decoder name=decoder"]
    return Pipeline(" ! ".join([*parts, *_scaling(options), *_rate(options), "appsink name=mysink"]))


def device(uri: str) -> Pipeline:
    parts = urlsplit(uri)
    if parts.scheme == "csi":
        return Pipeline(f"nvarguscamerasrc sensor-id={parts.netloc} ! nvvidconv ! appsink name=mysink")
    return Pipeline(f"v4l2src device={parts.path} ! appsink name=mysink sync=false")


def _scaling(options: dict[str, object]) -> list[str]:
    if options["customSize"]:
        size = f"width=(int){options['width']},height=(int){options['height']},format=(string)NV12"
        return ["nvvidconv name=vidconv", f"video/x-raw,{size}"]
    return ["video/x-raw(memory:NVMM)", "nvvidconv name=vidconv", "video/x-raw"]


def _rate(options: dict[str, object]) -> list[str]:
    return (
        [f"videorate drop-only=true max-rate={int(float(str(options['framerate'])))}"] if options["customRate"] else []
    )
