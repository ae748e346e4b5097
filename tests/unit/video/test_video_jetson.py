"""The backend ``jetson`` over a jetson-utils that behaves, with every fault of the real one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import pytest
from support.describer import H264_SDP, Describer
from support.jetson import jetson_utils
from support.stand import until

from agent.clock import SimulatedClock, SystemClock
from agent.core.polygon import polygon
from agent.core.source import StreamRequest
from agent.errors import BackendMissing, ConfigError, SourceLost
from agent.video.capture import CameraSet
from agent.video.jetson import JetsonOpener, fitted
from agent.video.jetson_stream import DEAD_S
from agent.video.settings import CameraSettings
from agent.video.turns import GAP_S, Turns

SETS = ";sprop-parameter-sets=Z0LAH9kAUAW7ARAAAAMAEAAAAwMg8YMkgA==,aMuMsg=="  # 1280x720, as a camera sends it
PASSWORD = "s3cr et/é"


@pytest.fixture
def bench():
    with jetson_utils() as world:
        yield world


@pytest.fixture
def camera() -> Iterator[Describer]:
    with Describer() as describer:
        yield describer


@pytest.fixture
def opener() -> JetsonOpener:
    return JetsonOpener(gap_s=0)


def request(camera: Describer, **more) -> StreamRequest:
    return StreamRequest("gate", camera.url, **({"open_timeout_s": 3.0, "read_timeout_s": 10.0} | more))


def picture(value: int = 90, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), (value, value + 1, value + 2), np.uint8)


def playing(script, *pictures: np.ndarray) -> None:
    """Let a script show pictures as soon as somebody plays it."""
    script.on_start = lambda played: [played.show(shot, 40_000_000 * n) for n, shot in enumerate(pictures, 1)]


def refusal(opener: JetsonOpener, asked: StreamRequest) -> str:
    with pytest.raises(SourceLost) as caught:
        opener(asked)
    return str(caught.value)


# --- the library ---


def test_without_jetson_utils_the_remedy_is_told_and_never_the_package_index(opener, camera) -> None:
    with pytest.raises(BackendMissing, match=r"not installed here; build jetson-utils .* never take what the package"):
        opener(request(camera))
    assert camera.asked == 0


def test_a_stranger_of_that_name_is_not_used(opener, camera, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "jetson_utils_python", ModuleType("jetson_utils_python"))
    with pytest.raises(BackendMissing, match="is not NVIDIA's"):
        opener(request(camera))


def test_a_build_for_another_numpy_is_told(opener, camera, tmp_path, monkeypatch) -> None:
    (tmp_path / "jetson_utils_python.py").write_text("raise ImportError('numpy.core.multiarray failed to import')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(BackendMissing, match=r"does not load \(numpy.core.multiarray failed.*with this NumPy"):
        opener(request(camera))


def test_nothing_is_printed_and_no_password_told(bench, opener, camera, capfd, caplog) -> None:
    script = bench.script(camera.url)
    playing(script, picture())
    stream = opener(request(camera, user="viewer", password=PASSWORD))
    script.end()
    with pytest.raises(SourceLost) as caught:
        stream.read(), stream.read()
    stream.close()
    told = f"{capfd.readouterr()}{caplog.text}{caught.value}"
    assert "viewer" in bench.pipelines[0].uri
    assert "s3cr" not in told
    assert "gstDecoder" not in told


# --- opening ---


@pytest.mark.parametrize(
    ("sets", "more", "size"),
    [
        (SETS, {"fit": (640, 384)}, (640, 360)),
        (SETS, {"fit": (416, 416)}, (416, 234)),
        (SETS, {"fit": (1920, 1080)}, None),
        (SETS, {}, None),
    ],
)
def test_the_camera_tells_codec_and_size_and_the_hardware_scales(bench, opener, camera, sets, more, size) -> None:
    camera.sdp = H264_SDP.format(sets=sets)
    script = bench.script(camera.url, size=(1280, 720), found=False)
    bench.discover_s = 0
    playing(script, picture(50, 1280, 720))
    grab = opener(request(camera, fps=7.5, **more)).read()
    pipeline = bench.pipelines[0]
    assert "rtph264depay" in pipeline.elements
    assert "max-rate=8" in pipeline.text
    assert grab.pixels.shape == (*(size or (1280, 720))[::-1], 3)
    assert bench.builds == 1


def test_a_camera_that_tells_no_size_is_set_up_twice_and_once_the_next_time(bench, opener, camera) -> None:
    script = bench.script(camera.url, size=(1280, 720))
    playing(script, picture(50, 1280, 720))
    first = opener(request(camera, fit=(640, 384)))
    assert first.read().pixels.shape == (360, 640, 3)
    assert (bench.builds, bench.sources) == (2, 1)
    first.close()
    second = opener(request(camera, fit=(640, 384)))
    assert second.read().pixels.shape == (360, 640, 3)
    assert bench.builds == 3


@pytest.mark.parametrize("tail", [" protocols=tcp", "\tlatency=0", '"', "'", "\\", "\n! filesink location=/tmp/x"])
def test_an_address_that_would_change_the_pipeline_is_refused(bench, opener, camera, tail: str) -> None:
    with pytest.raises(ConfigError, match=r"cameras\.gate\.url: has .* in it"):
        opener(StreamRequest("gate", camera.url + tail))
    assert (bench.builds, camera.asked) == (0, 0)


@pytest.mark.parametrize(
    "url", ["/srv/clip.mp4", "file:///srv/clip.mp4", "rtsps://h/1", "http://h/1", "csi://x", "v4l2:///etc/passwd"]
)
def test_other_addresses_are_refused(bench, opener, url: str) -> None:
    with pytest.raises(ConfigError, match="opens rtsp://, csi://N and v4l2:///dev/videoN"):
        opener(StreamRequest("gate", url))
    assert bench.builds == 0


@pytest.mark.parametrize(
    ("url", "uri"),
    [
        ("csi://0", "csi://0"),
        ("/dev/video1", "v4l2:///dev/video1"),
        ("1", "v4l2:///dev/video1"),
        ("v4l2:///dev/video1", "v4l2:///dev/video1"),
    ],
)
def test_devices_are_opened(bench, opener, url: str, uri: str) -> None:
    script = bench.script(uri)
    bench.scripts["0"] = bench.scripts["/dev/video1"] = script
    playing(script, picture())
    assert opener(StreamRequest("gate", url, fps=5, fit=(32, 32))).read().pixels.shape == (48, 64, 3)


def test_nothing_is_built_for_a_camera_that_is_off_or_sends_what_cannot_be_decoded(bench, opener, camera) -> None:
    camera.sdp = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 MP4V-ES/90000\r\n"
    assert "sends video in mp4v-es; set the camera to H.264 or H.265" in refusal(opener, request(camera))
    off = StreamRequest("gate", "rtsp://127.0.0.1:1/cam", open_timeout_s=1)
    assert "refuses connections at port 1" in refusal(opener, off)
    assert bench.builds == 0


def test_a_camera_that_never_sends_is_lost_within_the_open_time_out_and_given_back(bench, opener, camera) -> None:
    bench.script(camera.url)
    began = time.monotonic()
    assert "describes its stream but sends no picture" in refusal(opener, request(camera, open_timeout_s=1.0))
    assert time.monotonic() - began < 2
    assert bench.sources == 0
    assert bench.all_faults() == []


def test_a_pipeline_that_cannot_be_built_is_told(bench, camera) -> None:
    bench.script(camera.url, found=False)
    bench.discover_s = 0
    camera.sdp = camera.sdp.replace("H264", "JPEG")
    opener = JetsonOpener(load=lambda: _without_codecs(bench), gap_s=0)
    message = refusal(opener, request(camera))
    assert "cannot set up its pipeline" in message
    assert message.count("\n") == 0


def _without_codecs(bench) -> object:
    """The library where no GStreamer plugin decodes anything."""
    import jetson_utils_python

    class Bare:
        def __getattr__(self, name: str) -> object:
            return getattr(jetson_utils_python, name)

        @staticmethod
        def videoSource(uri: str, options: dict) -> object:  # noqa: N802
            return jetson_utils_python.videoSource(uri, options=options | {"codec": "none"})

    return Bare()


# --- reading ---


def test_pictures_come_in_bgr_with_the_streams_time(bench, opener, camera) -> None:
    script = bench.script(camera.url)
    playing(script, picture(10))
    stream = opener(request(camera))
    first = stream.read()
    assert tuple(first.pixels[0, 0]) == (10, 11, 12)
    assert first.pts_us == 40_000
    script.show(picture(20), 80_000_000)
    assert (int(stream.read().pixels[5, 5, 0]), first.pts_us) == (20, 40_000)
    script.show(picture(30), 80_000_000)  # a stamp that stands still
    assert stream.read().pts_us is None
    stream.close()
    assert bench.all_faults() == []


@pytest.mark.parametrize("ends", ["dead", "eos"])
def test_a_silent_stream_is_dead_by_our_own_clock_and_an_ended_one_is_never_opened(bench, camera, ends: str) -> None:
    clock = SimulatedClock()
    opener = JetsonOpener(clock=clock, gap_s=0)
    script = bench.script(camera.url)
    playing(script, picture())
    stream = opener(request(camera, fps=5))
    stream.read()
    began_us = clock.now().mono_us
    if ends == "eos":
        script.end()
    bench.step_clock(-3600)
    with pytest.raises(SourceLost, match="no picture for 5 s" if ends == "dead" else "ended or broke off"):
        stream.read()
    waited_s = (clock.now().mono_us - began_us) / 1_000_000
    assert waited_s == pytest.approx(DEAD_S if ends == "dead" else 0, abs=0.2)
    stream.close()
    assert bench.sources == 0
    again = opener(request(camera))
    assert again.read().pixels.any()
    again.close()
    assert bench.all_faults() == []


def test_a_camera_told_to_be_patient_for_less_is(bench, camera) -> None:
    clock = SimulatedClock()
    playing(bench.script(camera.url), picture())
    stream = JetsonOpener(clock=clock)(request(camera, read_timeout_s=2))
    stream.read()
    with pytest.raises(SourceLost, match="no picture for 2 s"):
        stream.read()


def test_pictures_may_change_their_size(bench, opener, camera) -> None:
    script = bench.script(camera.url)
    playing(script, picture(10))
    stream = opener(request(camera))
    stream.read()
    script.show(picture(20, 128, 96))
    grab = stream.read()
    assert grab.pixels.shape == (96, 128, 3)
    assert grab.pixels[95, 127, 0] == 20
    stream.close()
    assert bench.all_faults() == []


def test_a_build_without_streams_works_too(bench, camera) -> None:
    import jetson_utils_python

    class Old:
        """A build before June 2024."""

        Log, cudaImage = jetson_utils_python.Log, jetson_utils_python.cudaImage  # noqa: N815
        cudaConvertColor = staticmethod(jetson_utils_python.cudaConvertColor)  # noqa: N815
        cudaDeviceSynchronize = staticmethod(jetson_utils_python.cudaDeviceSynchronize)  # noqa: N815

        class videoSource(jetson_utils_python.videoSource):  # noqa: N801
            def Capture(self, format="rgb8", timeout=1000):  # noqa: A002, N802
                return super().Capture(format, timeout)

    playing(bench.script(camera.url), picture(10))
    stream = JetsonOpener(load=lambda: Old)(request(camera))
    assert stream.read().pixels[0, 0, 0] == 10
    stream.close()


# --- rebuilding ---


def test_streams_are_built_one_at_a_time_and_the_first_alone(bench, opener) -> None:
    with Describer() as one, Describer() as two, Describer() as three:
        opened = []
        for place in (one, two, three):
            playing(bench.script(place.url), picture())
        threads = [
            threading.Thread(target=lambda place=place: opened.append(opener(StreamRequest(place.url, place.url))))
            for place in (one, two, three)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(opened), bench.at_once, bench.all_faults()) == (3, 1, [])


def test_rebuilds_keep_their_distance_over_all_cameras_and_first_builds_need_not() -> None:
    clock = SimulatedClock()
    turns, at_s = Turns(clock, GAP_S), []

    def build(camera: str) -> None:
        with turns.turn(camera, 1):
            at_s.append((clock.now().mono_us - 1_000_000) / 1_000_000)

    for camera in ("a", "b", "a", "b", "c", "a"):
        build(camera)
    assert at_s == [0, 0, 0, GAP_S, GAP_S, 2 * GAP_S]
    assert (turns.builds, turns.rebuilds) == (6, 3)


def test_a_build_that_does_not_get_done_holds_up_another_for_a_bounded_time() -> None:
    turns = Turns(SystemClock(), 0)
    with turns.turn("b", 1):
        pass
    told: list[str] = []

    def build(camera: str) -> None:
        try:
            with turns.turn(camera, 0.05):
                pass
        except SourceLost as lost:
            told.append(lost.problem)

    with turns.turn("a", 1):
        threads = [threading.Thread(target=build, args=(camera,), daemon=True) for camera in ("b", "c")]
        for thread in threads:  # b was built before, c never
            thread.start()
        for thread in threads:
            thread.join(5)
    assert told == ["waited 0 s for another camera's stream to be set up"] * 2


def test_everything_but_the_discoverer_is_given_back_however_often_a_stream_is_rebuilt(bench, opener, camera) -> None:
    playing(bench.script(camera.url), picture())
    for number in range(30):
        stream = opener(request(camera))
        assert stream.read().pixels.any()
        assert bool(opener.worn(10)) == (number >= 10)
        stream.close()
    assert (bench.sources, bench.gpu.live_bytes) == (0, 0)
    assert "set up anew 29 times" in opener.worn(10)
    assert set(bench.leaks) == {"discoverer"}
    assert bench.all_faults() == []


def test_a_failed_processor_asks_for_a_fresh_process_at_once_and_a_full_one_does_not(bench, opener, camera) -> None:
    script = bench.script(camera.url)
    playing(script, picture())
    stream = opener(request(camera))
    stream.read()
    script.show(picture(7, 640, 480))
    bench.gpu.limit_bytes = bench.gpu.live_bytes
    with pytest.raises(SourceLost):
        stream.read()
    assert opener.worn(100) == ""
    bench.gpu.limit_bytes = 1 << 30
    bench.gpu._sticky = 700
    script.show(picture(7, 640, 480))
    with pytest.raises(SourceLost, match=r"the graphics processor failed \(CUDA error \(700\)"):
        stream.read()
    assert "CUDA error (700)" in opener.worn(100)
    bench.gpu._sticky = None


@pytest.mark.parametrize(
    ("size", "room", "wanted"),
    [
        ((1920, 1080), (640, 384), (640, 360)),
        ((704, 576), (640, 384), (470, 384)),
        ((640, 360), (640, 384), None),
        ((360, 640), (640, 384), (216, 384)),
        ((10000, 2), (640, 384), (640, 2)),
    ],
)
def test_scaling_keeps_the_shape_in_even_numbers(size, room, wanted) -> None:
    assert fitted(size, room) == wanted


# --- I8, and what the graphics processor sees ---


@pytest.fixture
def cameras(opener: JetsonOpener) -> Iterator[Callable[..., CameraSet]]:
    started = []

    def start(url: str, **more) -> CameraSet:
        settings = CameraSettings("gate", "Gate", "jetson", url, fps=30, read_timeout_s=0.5, **more)
        group = CameraSet([settings], {"jetson": opener}, SystemClock(), lambda: 0.05)
        group.start()
        started.append(group)
        return group

    yield start
    for group in started:
        group.stop()


def test_what_the_processor_sees_of_a_frame_is_masked_like_its_pixels(bench, camera, cameras) -> None:
    """Also in a batch slot of the engine's input, into which it copies the image by itself."""
    import jetson_utils_python as ju

    batch, stream = ju.cudaMalloc(size=3 * 48 * 64 * 3), ju.cudaStreamCreate(nonblocking=True)
    slot = ju.cudaImage(width=64, height=48, format="bgr8", ptr=batch.ptr + 48 * 64 * 3)
    right_half = polygon([(0.5, 0), (1, 0), (1, 1), (0.5, 1)])
    script = bench.script(camera.url)
    playing(script, picture(0))
    group = cameras(camera.url, masks=(right_half,))
    until(lambda: bench.sources, 5, "the stream is open")
    number = 0

    def next_frame():
        nonlocal number
        number += 1
        script.show(picture(100 + number % 100), 40_000_000 * (number + 1))
        return group.gather(0.05)

    for _ in range(12):
        (frame,) = until(next_frame, 5, "a frame")
        image = frame.image
        seen = bench.gpu.bytes(image.ptr, image.size).reshape(image.shape)
        assert (image.format, image.mapped, image.shape) == ("bgr8", True, frame.pixels.shape)
        assert np.array_equal(seen, frame.pixels)
        assert seen[:, :31].all()
        assert not seen[:, 32:].any()
        ju.cudaMemcpy(slot, image, stream=stream)
        ju.cudaStreamSynchronize(stream)
        assert np.array_equal(bench.gpu.bytes(slot.ptr, slot.size).reshape(slot.shape), frame.pixels)
    assert bench.all_faults() == []


def test_a_frame_outlives_its_stream(bench, camera, cameras) -> None:
    script = bench.script(camera.url)
    playing(script, picture(0), picture(50))
    group = cameras(camera.url)
    until(lambda: bench.sources, 5, "the stream is open")
    (frame,) = until(lambda: script.show(picture(60), 10**9 + script.opened) or group.gather(0.05), 5, "a frame")
    value = int(frame.pixels[0, 0, 0])
    script.on_start = None
    script.end()
    until(lambda: group.statuses()[0].state == "lost", 5, "the stream is lost")
    assert (frame.pixels[..., 0] == value).all()
    assert bench.gpu.alive(frame.image.ptr)
    group.stop()
    assert bench.all_faults() == []
