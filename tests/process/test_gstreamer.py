"""What jetson-utils is built on, where it is installed: real GStreamer reads our addresses as we mean them."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.clips import make_clip
from support.rtsp import RtspServer

from agent.video.address import launch_fault, with_credentials

PASSWORD = "p@ss:w/rd %?#é!"
SIGNS = [chr(code) for code in range(128) if launch_fault(chr(code)) is None]

Parse = Callable[[str], tuple[int, str] | None]


@pytest.fixture(scope="module")
def parse() -> Parse:
    """Build a pipeline around an address, as jetson-utils does; give how many elements there are, and the address."""
    name = ctypes.util.find_library("gstreamer-1.0")
    if name is None:
        pytest.skip("no GStreamer here (apt install gstreamer1.0-tools gstreamer1.0-plugins-good)")
    gst, objects = ctypes.CDLL(name), ctypes.CDLL(ctypes.util.find_library("gobject-2.0"))
    gst.gst_init(None, None)
    gst.gst_parse_launch.restype = gst.gst_bin_get_by_name.restype = ctypes.c_void_p
    gst.gst_parse_launch.argtypes = [ctypes.c_char_p, ctypes.c_void_p]
    gst.gst_bin_get_by_name.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    gst.gst_child_proxy_get_children_count.argtypes = gst.gst_object_unref.argtypes = [ctypes.c_void_p]
    objects.g_object_get.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]

    def look(address: str) -> tuple[int, str] | None:
        error, told = ctypes.c_void_p(), ctypes.c_char_p()
        text = f"filesrc name=src location={address} ! queue ! fakesink"
        pipeline = gst.gst_parse_launch(text.encode(), ctypes.byref(error))
        if not pipeline or error:
            return None
        source = gst.gst_bin_get_by_name(pipeline, b"src")
        objects.g_object_get(source, b"location", ctypes.byref(told), None)
        count = gst.gst_child_proxy_get_children_count(pipeline)
        gst.gst_object_unref(source)
        gst.gst_object_unref(pipeline)
        return count, (told.value or b"").decode()

    return look


@given(tail=st.text(SIGNS, max_size=20), user=st.text(min_size=1, max_size=8), password=st.text(max_size=12))
@settings(max_examples=200)
def test_every_address_that_passes_stands_whole_in_the_pipeline(
    parse: Parse, tail: str, user: str, password: str
) -> None:
    for address in (f"rtsp://10.0.0.9:554/{tail}", with_credentials("rtsp://10.0.0.9/cam", user, password)):
        assert parse(address) == (3, address)


def test_what_is_refused_would_have_changed_it(parse: Parse) -> None:
    assert parse("rtsp://10.0.0.9/cam ! identity ! queue")[0] == 5  # type: ignore[index]
    for sign in "\"'\\":
        address = f"rtsp://10.0.0.9/a{sign}b"
        assert launch_fault(address) is not None
    assert parse("rtsp://10.0.0.9/a\\b") == (3, "rtsp://10.0.0.9/ab")


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_a_password_of_any_signs_opens_by_rtspsrc_and_udp_gives_way_to_tcp(tmp_path: Path, auth: str) -> None:
    if shutil.which("gst-launch-1.0") is None or not _has("rtspsrc") or not _has("rtph264depay"):
        pytest.skip("no GStreamer here (apt install gstreamer1.0-tools gstreamer1.0-plugins-good)")
    make_clip(tmp_path / "clip.mp4", 2, 25)
    with RtspServer(tmp_path / "clip.mp4", password=f"viewer:{PASSWORD}", auth=auth) as server:
        address = with_credentials(server.url, "viewer", PASSWORD)
        pipeline = (
            f"rtspsrc location={address} latency=100 ! rtph264depay ! identity eos-after=10 ! fakesink sync=false"
        )
        run = subprocess.run(["gst-launch-1.0", *pipeline.split()], capture_output=True, timeout=30, check=False)
    assert run.returncode == 0
    assert b"Got EOS" in run.stdout


def _has(element: str) -> bool:
    return subprocess.run(["gst-inspect-1.0", "--exists", element], check=False).returncode == 0
