"""Codec and size out of a camera's description, before any picture has come."""

from __future__ import annotations

import base64
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.video.sdp import VideoInfo, read_video

HEAD = "v=0\r\nm=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"


def encode(path: Path, codec: str, size: tuple[int, int], **options: str) -> bytes:
    """Make a clip; give its codec's extradata, Annex B or avcC/hvcC."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10, options=options)
        stream.width, stream.height = size
        stream.pix_fmt = options.pop("pix_fmt", "yuv420p")
        stream.time_base = Fraction(1, 10)
        frame = av.VideoFrame.from_ndarray(np.zeros((size[1], size[0], 3), np.uint8), format="bgr24")
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    with av.open(str(path)) as container:
        return bytes(container.streams.video[0].codec_context.extradata)


def nal_units(extradata: bytes, kind: str) -> list[bytes]:
    """Take the parameter sets out of avcC or hvcC (ISO/IEC 14496-15)."""
    units, at = [], 6 if kind == "h264" else 23
    groups = [extradata[5] & 0x1F] if kind == "h264" else [None] * extradata[22]
    for count in groups:
        if count is None:
            count, at = int.from_bytes(extradata[at + 1 : at + 3], "big"), at + 3
        for _ in range(count):
            length = int.from_bytes(extradata[at : at + 2], "big")
            units.append(extradata[at + 2 : at + 2 + length])
            at += 2 + length
    return units


SIZES = [(1920, 1080), (1280, 720), (704, 576), (640, 360), (322, 182)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("profile", ["baseline", "high"])
def test_size_of_h264_as_the_encoder_wrote_it(tmp_path: Path, size: tuple[int, int], profile: str) -> None:
    sets = nal_units(encode(tmp_path / "x.mp4", "libx264", size, profile=profile, preset="ultrafast"), "h264")
    told = ",".join(base64.b64encode(unit).decode() for unit in sets)
    sdp = f"{HEAD}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets={told}; x=1\r\n"
    assert read_video(sdp) == VideoInfo("h264", size)


@pytest.mark.skipif("libx265" not in av.codecs_available, reason="this PyAV encodes no H.265")
@pytest.mark.parametrize("size", [(1920, 1080), (640, 360)])
def test_size_of_h265_as_the_encoder_wrote_it(tmp_path: Path, size: tuple[int, int]) -> None:
    options = {"preset": "ultrafast", "x265-params": "log-level=none"}
    units = nal_units(encode(tmp_path / "x.mp4", "libx265", size, **options), "h265")
    sps = next(base64.b64encode(unit).decode() for unit in units if unit[0] >> 1 & 0x3F == 33)
    sdp = f"{HEAD}m=video 0 RTP/AVP 98\na=rtpmap:98 H265/90000\na=fmtp:98 sprop-vps=AAAA;sprop-sps={sps};sprop-pps=AA\n"
    assert read_video(sdp) == VideoInfo("h265", size)


@pytest.mark.parametrize(
    ("lines", "info"),
    [
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=framesize:96 1280-720\n", VideoInfo("h264", (1280, 720))),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 HEVC/90000\na=x-dimensions:640,360\n", VideoInfo("h265", (640, 360))),
        ("m=video 0 RTP/AVP 26\n", VideoInfo("mjpeg", None)),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 MP4V-ES/90000\n", VideoInfo("mp4v-es", None)),
        ("m=video 0 RTP/AVP 96\na=rtpmap:96 H264/1\na=fmtp:96 sprop-parameter-sets=!!,Z0I=\n", VideoInfo("h264", None)),
        ("m=video 0 RTP/AVP 96\n", None),
        ("", None),
    ],
)  # fmt: skip
def test_what_cameras_write_otherwise(lines: str, info: VideoInfo | None) -> None:
    assert read_video(HEAD + lines) == info


@given(st.binary(max_size=60))
def test_a_broken_set_is_no_size_and_no_error(noise: bytes) -> None:
    told = base64.b64encode(b"\x67" + noise).decode()
    video = read_video(f"m=video 0 RTP/AVP 96\na=rtpmap:96 H264/90000\na=fmtp:96 sprop-parameter-sets={told}\n")
    assert video is not None
    assert video.size is None or all(0 < side <= 16384 for side in video.size)
