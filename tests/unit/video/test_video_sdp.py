"""Codec and size out of a camera's description, before any picture has come."""

from __future__ import annotations

import base64
import re
from fractions import Fraction

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.video.sdp import VideoInfo, read_video

HEAD = "v=0\r\nm=audio 0 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"


def parameter_sets(codec: str, size: tuple[int, int], **options: str) -> list[bytes]:
    """The sets an encoder would send before its first picture (NAL units of Annex B)."""
    encoder = av.CodecContext.create(codec, "w")
    encoder.width, encoder.height = size
    encoder.pix_fmt, encoder.time_base = "yuv420p", Fraction(1, 10)
    encoder.flags |= 1 << 22  # AV_CODEC_FLAG_GLOBAL_HEADER
    encoder.options = options
    encoder.open()
    return [unit for unit in re.split(b"\x00\x00\x00?\x01", bytes(encoder.extradata)) if unit]


SIZES = [(1920, 1080), (1280, 720), (704, 576), (640, 360), (322, 182)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("profile", ["baseline", "high"])
def test_size_of_h264_as_the_encoder_wrote_it(size: tuple[int, int], profile: str) -> None:
    sets = parameter_sets("libx264", size, profile=profile, preset="ultrafast")
    told = ",".join(base64.b64encode(unit).decode() for unit in sets)
    sdp = f"{HEAD}m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 sprop-parameter-sets={told}; x=1\r\n"
    assert read_video(sdp) == VideoInfo("h264", size)


@pytest.mark.skipif("libx265" not in av.codecs_available, reason="this PyAV encodes no H.265")
@pytest.mark.parametrize("size", SIZES)
def test_size_of_h265_as_the_encoder_wrote_it(size: tuple[int, int]) -> None:
    units = parameter_sets("libx265", size, **{"preset": "ultrafast", "x265-params": "log-level=none"})
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
