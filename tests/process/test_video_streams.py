"""Real streams through the real decoder: an RTSP camera in another program, files good and bad, GIFs."""

from __future__ import annotations

import http.server
import itertools
import logging
import os
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import pytest
from support.clips import draw, make_clip, number_of
from support.jetson import jetson_utils
from support.rtsp import RtspServer
from support.stand import until

from agent.clock import Moment, SystemClock
from agent.core.frame import Frame
from agent.core.polygon import polygon
from agent.core.source import Grabber, StreamRequest
from agent.errors import AgentError, ConfigError, SourceEnded, SourceLost
from agent.runtime import CameraStatus
from agent.video.capture import STOP_S, CameraSet
from agent.video.jetson import JetsonOpener
from agent.video.opencv import open_opencv
from agent.video.settings import FFMPEG_ENVIRONMENT, CameraSettings
from agent.video.source import BACKENDS
from agent.video.stamp import LiveTime

os.environ.update(FFMPEG_ENVIRONMENT)  # as the programs do, before the first stream is opened

ROOT = Path(__file__).resolve().parents[2]
FPS = 25
PASSWORD = "p@ss:w/rd %?#é"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """4 s of numbered pictures at 25 per second."""
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    make_clip(path, 4, FPS)
    return path


@pytest.fixture(params=["opencv", "jetson"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    """Both ways to a real stream; of NVIDIA's library stands the fake, which decodes it too and bears its faults."""
    if request.param == "opencv":
        yield "opencv"
        return
    with jetson_utils() as bench:
        yield "jetson"
        assert bench.all_faults() == []


@pytest.fixture
def cameras() -> Iterator[Callable[..., CameraSet]]:
    """Start a CameraSet on the real backends; stopped in the end."""
    started = []

    def start(*settings: CameraSettings) -> CameraSet:
        group = CameraSet(settings, {**BACKENDS, "jetson": JetsonOpener(gap_s=0)}, SystemClock(), lambda: 0.2)
        group.start()
        started.append(group)
        return group

    yield start
    for group in started:
        group.stop()


def camera(url: str | Path, backend: str = "opencv", **more) -> CameraSettings:
    limits = {"open_timeout_s": 3.0, "read_timeout_s": 1.0} | more
    return CameraSettings("gate", "Gate", backend, str(url), **limits)


def request(url: str | Path, **more) -> StreamRequest:
    return StreamRequest("gate", str(url), **({"open_timeout_s": 3.0, "read_timeout_s": 1.0} | more))


def state_of(group: CameraSet) -> CameraStatus:
    return group.statuses()[0]


def lost(group: CameraSet) -> Callable[[], CameraStatus | None]:
    """Ask for the camera's status, once it is lost; frames are taken meanwhile."""

    def ask() -> CameraStatus | None:
        group.gather(0.01)
        status = state_of(group)
        return status if status.state == "lost" else None

    return ask


def some_frames(group: CameraSet, count: int, within_s: float = 10) -> list[Frame]:
    frames: list[Frame] = []
    until(lambda: frames.extend(group.gather(0.5)) or len(frames) >= count, within_s, f"{count} frames")
    return frames


def all_frames(group: CameraSet) -> list[tuple[Frame, int]]:
    frames = []
    while not group.finished:
        frames += [(frame, number_of(frame.pixels)) for frame in group.gather(0.2)]
    return frames


# --- RTSP ---------------------------------------------------------------------------------------------------------


def test_rtsp_frames_arrive_masked_stamped_and_at_the_rate_asked_for(clip: Path, backend: str, cameras) -> None:
    right_half = polygon([(0.5, 0), (1, 0), (1, 1), (0.5, 1)])
    with RtspServer(clip) as server:
        group = cameras(camera(server.url, backend, fps=5, masks=(right_half,)))
        stamps, delays_us = [], []
        for _ in range(8):
            (frame,) = some_frames(group, 1)
            assert frame.pixels.shape == (180, 320, 3)
            assert not frame.pixels[:, 160:].any()
            assert frame.pixels[:, :150].any()
            stamps.append(frame.at.mono_us)
            delays_us.append(SystemClock().now().mono_us - frame.at.mono_us)
    assert all(0 <= delay_us < 500_000 for delay_us in delays_us)
    steps_us = [after - before for before, after in itertools.pairwise(stamps)]
    assert all(abs(step_us - 200_000) < 60_000 for step_us in steps_us)
    assert backend == "jetson" or state_of(group).dropped >= 4 * 7  # there they are left out before they cost anything


def test_a_server_killed_and_restarted_comes_back_and_time_goes_on(clip: Path, backend: str, cameras) -> None:
    with RtspServer(clip) as server:
        group = cameras(camera(server.url, backend, fps=FPS))
        before = some_frames(group, 5)[-1].at
        server.stop()
        status = until(lost(group), 3, "the camera counts as lost")
        assert re.search("closed the connection|refuses connections|ended or broke off", status.reason)
        server.start()
        after = some_frames(group, 5)[0].at
        assert after.mono_us > before.mono_us
        assert state_of(group).state == "running"
        assert state_of(group).reconnects == 1


def test_a_stalled_camera_is_lost_within_its_time_out_and_comes_back(clip: Path, cameras) -> None:
    with RtspServer(clip) as server:
        group = cameras(camera(server.url, fps=FPS))
        some_frames(group, 5)
        server.stall()
        began_s = time.monotonic()
        status = until(lost(group), 4, "the camera counts as lost")
        assert time.monotonic() - began_s < 1.0 + 1.0
        assert "no picture for" in status.reason
        server.resume()
        some_frames(group, 3)
        assert state_of(group).reconnects == 1


def test_a_burst_after_a_hiccup_keeps_its_intervals(clip: Path) -> None:
    clock, live = SystemClock(), LiveTime()
    with RtspServer(clip) as server:
        grabber = open_opencv(request(server.url, read_timeout_s=3))
        taken: list[tuple[Moment, Moment]] = []

        def read(count: int) -> None:
            for _ in range(count):
                grab = grabber.read()
                arrived = clock.now()
                at = live.stamp(grab.pts_us, arrived)
                if at is not None:
                    taken.append((at, arrived))

        read(FPS + 10)
        server.stall()
        release = threading.Timer(0.8, server.resume)
        release.start()
        read(FPS + 10)
        release.join()
        grabber.close()
    stamped_us = [after.mono_us - before.mono_us for (before, _), (after, _) in itertools.pairwise(taken)]
    arrived_us = [after.mono_us - before.mono_us for (_, before), (_, after) in itertools.pairwise(taken)]
    assert max(arrived_us) > 600_000
    hurried = sum(step_us < 10_000 for step_us in arrived_us)
    assert hurried > 10
    assert max(stamped_us) < 200_000
    assert sum(step_us < 10_000 for step_us in stamped_us) < hurried / 2


def test_a_camera_that_accepts_and_says_nothing_is_lost_within_the_open_time_out(cameras) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        group = cameras(camera(f"rtsp://127.0.0.1:{silent.getsockname()[1]}/cam", open_timeout_s=1.5))
        began_s = time.monotonic()
        status = until(lost(group), 4, "the camera counts as lost")
        assert time.monotonic() - began_s < 1.5 + 1.0
        assert "no answer from 127.0.0.1" in status.reason


def test_a_frozen_camera_holds_up_neither_the_stop_nor_the_end_of_the_process(clip: Path, tmp_path: Path) -> None:
    program = tmp_path / "watch.py"
    program.write_text(HANGING, "utf-8")
    with RtspServer(clip) as server:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        child = subprocess.Popen([sys.executable, str(program), server.url], stdout=subprocess.PIPE, env=environment)
        assert child.stdout is not None
        assert child.stdout.readline() == b"running\n"
        server.freeze()
        began_s = time.monotonic()
        assert child.stdout.readline() == b"silent\n"
        assert child.wait(STOP_S + 5) == 0
        child.stdout.close()
        assert time.monotonic() - began_s < 0.5 + STOP_S + 3


HANGING = """
import sys
from agent.clock import SystemClock
from agent.video.capture import CameraSet
from agent.video.settings import CameraSettings
from agent.video.source import BACKENDS
settings = CameraSettings("gate", "Gate", "opencv", sys.argv[1], fps=25, read_timeout_s=600)
cameras = CameraSet([settings], BACKENDS, SystemClock())
cameras.start()
while not cameras.gather(1):
    pass
print("running", flush=True)
while cameras.gather(0.5):
    pass
print("silent", flush=True)
cameras.stop()
"""


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_a_password_of_any_signs_opens_and_never_shows(
    clip: Path, backend: str, cameras, auth: str, caplog, capfd
) -> None:
    with caplog.at_level(logging.DEBUG), RtspServer(clip, password=f"viewer:{PASSWORD}", auth=auth) as server:
        settings = camera(server.url, backend, user="viewer", password=PASSWORD, fps=FPS)
        group = cameras(settings)
        some_frames(group, 2)
        server.stop()
        status = until(lost(group), 3, "the camera counts as lost")
    told = f"{caplog.text}{capfd.readouterr()}{status}{settings}"
    assert "gate" in told
    assert PASSWORD not in told
    assert "p%40ss" not in told


def test_one_camera_opening_slowly_does_not_hold_up_another(clip: Path, cameras) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        slow = CameraSettings("slow", "Slow", "opencv", f"rtsp://127.0.0.1:{silent.getsockname()[1]}/x")
        group = cameras(slow, camera(clip))
        began_s = time.monotonic()
        assert [frame.camera for frame in some_frames(group, 1)] == ["gate"]
        assert time.monotonic() - began_s < 2


# --- streams that cannot be opened: one clear message each ---------------------------------------------------------


@pytest.fixture
def web_port() -> Iterator[int]:
    """The port of something that answers, but not in RTSP."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class Quiet(http.server.BaseHTTPRequestHandler):
    def log_message(self, *words: object) -> None:
        pass


def refusal(address: str | Path, **more) -> str:
    """Open what cannot be opened; give the message."""
    began_s = time.monotonic()
    with pytest.raises(AgentError) as caught:
        open_opencv(request(address, **more))
    assert isinstance(caught.value, (SourceLost, ConfigError))
    assert not isinstance(caught.value, SourceEnded)
    assert time.monotonic() - began_s < 3.0 + 1.0
    message = str(caught.value)
    assert "gate" in message
    assert "\n" not in message
    return message


def test_a_refused_port_is_told(free_port: int) -> None:
    message = refusal(f"rtsp://127.0.0.1:{free_port}/cam")
    assert f"127.0.0.1 refuses connections at port {free_port}; is the camera's RTSP service on" in message


def test_a_wrong_path_is_told(clip: Path) -> None:
    with RtspServer(clip) as server:
        assert "no stream at this path (404); look up the path" in refusal(server.url.replace("/cam", "/main"))


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_wrong_and_missing_credentials_are_told_apart(clip: Path, auth: str) -> None:
    with RtspServer(clip, password="viewer:right", auth=auth) as server:
        assert "refuses this user name and password" in refusal(server.url, user="viewer", password="wrong")
        assert "asks for a user name and password; none is configured" in refusal(server.url)


def test_a_port_that_speaks_another_language_is_told(web_port: int) -> None:
    assert "does not speak RTSP; is the port right?" in refusal(f"rtsp://127.0.0.1:{web_port}/cam")


def test_a_host_name_nobody_knows_is_told() -> None:
    assert "the name 'cam.invalid' is not known" in refusal("rtsp://cam.invalid/cam")


def _text(folder: Path, clip: Path) -> Path:
    path = folder / "notes.mp4"
    path.write_text("this is no video\n" * 100)
    return path


def _empty(folder: Path, clip: Path) -> Path:
    path = folder / "empty.mp4"
    path.touch()
    return path


def _without_index(folder: Path, clip: Path) -> Path:
    path = folder / "cut.mp4"
    path.write_bytes(clip.read_bytes()[: clip.stat().st_size // 2])
    return path


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (_text, "is not a video, or one that is damaged"),
        (_empty, "is not a video, or one that is damaged"),
        (_without_index, "is not a video, or one that is damaged"),
        (lambda folder, clip: folder / "absent.mp4", "there is no such file"),
        (lambda folder, clip: folder, "is not a file that this user may read"),
        (lambda folder, clip: "/dev/video97", "there is no such device; is the camera plugged in?"),
        (lambda folder, clip: "97", "/dev/video97: there is no such device"),
        (lambda folder, clip: "ftp://host/clip.mp4", "cannot open ftp:// addresses; use rtsp://, a file or a device"),
    ],
)
def test_a_bad_file_or_device_is_told(make: Callable, problem: str, tmp_path: Path, clip: Path) -> None:
    address = make(tmp_path, clip)
    message = refusal(address)
    assert problem in message
    if "//" not in str(address):
        assert str(address) in message


def test_a_bad_source_never_ends_the_program(tmp_path: Path, clip: Path, cameras) -> None:
    bad = CameraSettings("bad", "Bad", "opencv", str(_text(tmp_path, clip)))
    group = cameras(camera(clip), bad)
    some_frames(group, 3)
    assert [status.state for status in group.statuses()] == ["running", "lost"]


# --- files ---------------------------------------------------------------------------------------------------------


def test_fast_gives_every_frame_of_a_file_once_in_order(clip: Path, cameras) -> None:
    group = cameras(camera(clip, pace="fast", fps=1))
    frames = all_frames(group)
    assert [number for _, number in frames] == list(range(4 * FPS))
    start = frames[0][0].at
    assert [frame.at.mono_us - start.mono_us for frame, _ in frames] == [n * 40_000 for n in range(4 * FPS)]
    assert {frame.at.utc_us - frame.at.mono_us for frame, _ in frames} == {start.utc_us - start.mono_us}
    assert state_of(group).dropped == 0


def test_source_pace_drops_for_a_slow_consumer_and_counts(tmp_path: Path, cameras) -> None:
    path = tmp_path / "short.mp4"
    count = make_clip(path, 1.6, FPS)
    group = cameras(camera(path, fps=FPS))
    began_s, judged = time.monotonic(), 0
    while not group.finished:
        judged += len(group.gather(0.5))
        time.sleep(0.3)
    assert 1.5 < time.monotonic() - began_s < 4
    assert judged < 10
    assert judged + state_of(group).dropped == count


def test_a_looped_file_goes_on_in_time(tmp_path: Path, cameras) -> None:
    path = tmp_path / "short.mp4"
    make_clip(path, 0.4, 10)
    group = cameras(camera(path, pace="fast", loop=True))
    frames = [(frame.at.mono_us, number_of(frame.pixels)) for _ in range(10) for frame in group.gather(1)]
    assert [number for _, number in frames] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert {after - before for (before, _), (after, _) in itertools.pairwise(frames)} == {100_000}


def test_a_file_cut_short_ends_and_says_so(tmp_path: Path, cameras) -> None:
    whole = tmp_path / "whole.mp4"
    make_clip(whole, 4, FPS, faststart=True)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    group = cameras(camera(cut, pace="fast"))
    assert 10 < len(all_frames(group)) < 90
    status = state_of(group)
    assert status.state == "ended"
    assert re.fullmatch(r"ended after \d+ of 100 pictures: the file is damaged or cut short", status.reason)


def test_a_gif_is_a_clip_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "clip.gif"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("gif", rate=10)
        stream.width, stream.height, stream.pix_fmt = 240, 120, "rgb8"
        for number in range(12):
            picture = av.VideoFrame.from_ndarray(draw(number, (240, 120)), format="bgr24").reformat(format="rgb8")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    numbers, times_us = _read_whole(open_opencv(request(path)))
    assert numbers == list(range(12))
    assert times_us == [number * 100_000 for number in range(12)]


@pytest.mark.real
def test_a_real_gif_keeps_its_own_times(real: Path) -> None:
    grabber = open_opencv(request(real / "videos" / "lot_car_bicycle.gif"))
    _, times_us = _read_whole(grabber)
    with av.open(str(real / "videos" / "lot_car_bicycle.gif")) as container:
        expected_us = [round(frame.time * 1_000_000) for frame in container.decode(video=0)]
    assert times_us == expected_us


def _read_whole(grabber: Grabber) -> tuple[list[int], list[int | None]]:
    """Read to the end: each picture's number, each picture's time."""
    grabs = []
    try:
        while True:
            grab = grabber.read()
            grabs.append((number_of(grab.pixels), grab.pts_us))
    except SourceEnded:
        grabber.close()
    return [number for number, _ in grabs], [time_us for _, time_us in grabs]


@pytest.mark.skipif(
    tuple(map(int, cv2.__version__.split(".")[:2])) < (4, 12),
    reason="OpenCV before 4.12 repeats the last picture after a change of size (decision 0121)",
)
def test_a_change_of_picture_size_in_mid_stream_is_survived(tmp_path: Path, cameras) -> None:
    path = tmp_path / "both.h264"
    with path.open("wb") as out:
        for size in ((320, 180), (640, 360), (160, 96)):
            part = tmp_path / f"{size[0]}.h264"
            make_clip(part, 1, 10, size)
            out.write(part.read_bytes())
    low_right = polygon([(0.5, 0.5), (1, 0.5), (1, 1), (0.5, 1)])
    group = cameras(camera(path, pace="fast", masks=(low_right,)))
    numbers = []
    while not group.finished:
        for frame in group.gather(0.5):
            numbers.append(number_of(frame.pixels))
            assert not frame.pixels[frame.height // 2 :, frame.width // 2 :].any()
    assert numbers == [*range(10)] * 3


def test_a_clip_with_uneven_times_keeps_them(tmp_path: Path, cameras) -> None:
    path, times_ms = tmp_path / "uneven.mp4", [0, 40, 80, 500, 540, 1200, 1240, 3000]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for number, time_ms in enumerate(times_ms):
            picture = av.VideoFrame.from_ndarray(draw(number, (320, 180)), format="bgr24")
            picture.pts, picture.time_base = time_ms, stream.codec_context.time_base
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    stamps = [frame.at.mono_us for frame, _ in all_frames(cameras(camera(path, pace="fast")))]
    assert [round((stamp - stamps[0]) / 1000) for stamp in stamps] == times_ms
