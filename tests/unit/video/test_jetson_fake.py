"""The fake jetson-utils bears the real one's names and shows its faults; without these tests it would prove nothing."""

from __future__ import annotations

import contextlib
import inspect
import threading
import time
from types import ModuleType

import numpy as np
import pytest
from support.jetson import jetson_utils
from support.jetson.table import ATTRIBUTES, CONSTRUCTORS, FUNCTIONS, METHODS, OPTIONS

POISON = 0xDB
URI = "rtsp://10.0.0.9/cam"


@pytest.fixture
def bench():
    with jetson_utils() as world:
        yield world


@pytest.fixture
def ju(bench) -> ModuleType:
    import jetson_utils_python

    return jetson_utils_python


def keywords(function) -> tuple[str, ...]:
    names = []
    for parameter in inspect.signature(function).parameters.values():
        by_position = parameter.kind is inspect.Parameter.POSITIONAL_ONLY
        names.append(f"<{parameter.name}>" if by_position else parameter.name)
    return tuple(name for name in names if name not in ("self", "<self>"))


def picture(value: int, width: int = 64, height: int = 48) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def source(ju, **options):
    return ju.videoSource(URI, options={"codec": "h264", "numBuffers": 8, **options})


def image(ju, name: str = "rgb8", value: int = 0, **more):
    made = ju.cudaImage(width=4, height=2, format=name, **more)
    if made.mapped:
        np.asarray(made)[:] = value
    return made


# --- names ---


def test_every_name_and_keyword_is_the_real_one(ju) -> None:
    assert {name: keywords(getattr(ju, name)) for name in FUNCTIONS} == FUNCTIONS
    assert {name: keywords(getattr(ju, name).__init__) for name in CONSTRUCTORS} == CONSTRUCTORS
    assert {
        kind: {name: keywords(getattr(getattr(ju, kind), name)) for name in table} for kind, table in METHODS.items()
    } == METHODS
    for kind, names in ATTRIBUTES.items():
        assert [name for name in names if not hasattr(getattr(ju, kind), name)] == []


def test_it_offers_nothing_that_the_real_one_lacks(ju) -> None:
    public = {name for name in vars(ju) if not name.startswith("_")} - {"bench"}
    assert public == {*FUNCTIONS, *CONSTRUCTORS, *METHODS}
    for kind in ("cudaMemory", "cudaImage", "videoSource", "Log"):
        offered = {name for name in vars(getattr(ju, kind)) if not name.startswith("_")}
        assert offered <= {*METHODS.get(kind, ()), *ATTRIBUTES.get(kind, ())}
    assert set(OPTIONS) <= set(source(ju).GetOptions())


# --- memory ---


def test_work_is_not_done_before_somebody_waits_for_it(ju) -> None:
    source, target = image(ju, value=7), image(ju, value=1)
    stream = ju.cudaStreamCreate(nonblocking=True)
    ju.cudaMemcpy(target, source, stream=stream)
    assert np.asarray(target).max() == 1
    ju.cudaStreamSynchronize(stream)
    assert np.asarray(target).min() == 7


def test_a_stream_waits_for_another_only_through_an_event(ju) -> None:
    a, b, c = image(ju, value=7), image(ju, value=1), image(ju, value=2)
    first, second = ju.cudaStreamCreate(True), ju.cudaStreamCreate(True)
    ju.cudaMemcpy(b, a, stream=first)
    ju.cudaMemcpy(c, b, stream=second)
    ju.cudaStreamSynchronize(second)
    assert np.asarray(c).max() == 1  # what lay there before
    event = ju.cudaEventRecord(stream=first)
    assert not ju.cudaEventQuery(event)
    ju.cudaStreamWaitEvent(second, event)
    ju.cudaMemcpy(c, b, stream=second)
    ju.cudaStreamSynchronize(second)
    assert np.asarray(c).min() == 7
    assert ju.cudaEventQuery(event)


def test_the_default_stream_waits_for_blocking_streams_and_they_for_it(ju) -> None:
    a, b, c = image(ju, value=7), image(ju), image(ju)
    blocking = ju.cudaStreamCreate()
    ju.cudaMemcpy(b, a, stream=blocking)
    ju.cudaMemcpy(c, b)
    ju.cudaStreamSynchronize(0)
    assert np.asarray(c).min() == 7


def test_what_is_freed_reads_as_poison_and_a_later_write_is_found(ju, bench) -> None:
    memory = ju.cudaMallocMapped(size=64)
    view = bench.gpu.seen(memory.ptr, 64)
    del memory
    assert (view == POISON).all()
    assert bench.all_faults() == []
    view[3] = 1
    assert "written to after it was freed" in bench.all_faults()[0]


def test_work_on_freed_memory_fails_as_cuda_does_and_stays_failed(ju, bench) -> None:
    source, target = image(ju), image(ju)
    ju.cudaMemcpy(target, source)
    del source
    with pytest.raises(Exception, match=r"^CUDA error \(700\) - an illegal memory access"):
        ju.cudaDeviceSynchronize()
    with pytest.raises(Exception, match="CUDA error"):
        ju.cudaStreamSynchronize(0)
    assert bench.all_faults()


def test_a_program_cannot_read_memory_of_the_device(ju, bench) -> None:
    memory = ju.cudaMalloc(size=16)
    bench.gpu.bytes(memory.ptr, 16)[:] = 5
    assert (bench.gpu.seen(memory.ptr, 16) == 0xDD).all()
    with pytest.raises((BufferError, ValueError)):
        np.asarray(ju.cudaImage(4, 2, mapped=False))


def test_out_of_memory_and_senseless_sizes(ju, bench) -> None:
    bench.gpu.limit_bytes = 100
    with pytest.raises(Exception, match=r"^CUDA error \(2\) - out of memory"):
        ju.cudaMalloc(size=101)
    with pytest.raises(Exception, match="negative or zero"):
        ju.cudaMallocMapped(size=0)
    with pytest.raises(OverflowError):
        ju.cudaMalloc(size=1 << 31)  # the size is a C int
    with pytest.raises(TypeError, match="same size"):
        ju.cudaMemcpy(image(ju), ju.cudaImage(2, 2))


def test_an_image_is_a_view_over_any_memory_and_frees_only_its_own(ju, bench) -> None:
    batch = ju.cudaMalloc(size=3 * 24)
    second = ju.cudaImage(width=4, height=2, format="bgr8", ptr=batch.ptr + 24)
    assert (second.shape, second.mapped, second.freeOnDelete, second.size) == ((2, 4, 3), False, False, 24)
    source = image(ju, "rgb8", 9)
    ju.cudaConvertColor(source, second)
    ju.cudaDeviceSynchronize()
    assert set(bench.gpu.bytes(batch.ptr + 24, 24)) == {9}
    assert 9 not in bench.gpu.bytes(batch.ptr, 24)
    del second
    assert bench.gpu.alive(batch.ptr)
    del batch
    assert bench.all_faults() == []


def test_pixels_share_memory_and_the_array_interface_leaks(ju, bench) -> None:
    made = image(ju, value=3)
    assert np.asarray(made)[1, 3, 2] == 3
    np.asarray(made)[:] = 4
    assert set(bench.gpu.bytes(made.ptr, made.size)) == {4}
    assert bench.leaks == []
    assert made.__cuda_array_interface__["data"] == (made.ptr, False)
    assert bench.leaks == ["array interface"]


def test_colours_are_swapped_and_nothing_becomes_nv12(ju) -> None:
    source, target = ju.cudaImage(1, 1, "rgb8"), ju.cudaImage(1, 1, "bgr8")
    np.asarray(source)[:] = (1, 2, 3)
    ju.cudaConvertColor(source, target)
    ju.cudaDeviceSynchronize()
    assert tuple(np.asarray(target)[0, 0]) == (3, 2, 1)
    with pytest.raises(Exception, match=r"CUDA error \(1\)"):
        ju.cudaConvertColor(source, ju.cudaImage(1, 1, "nv12"))


def test_shrinking_takes_single_points_whatever_filter_is_asked_for(ju) -> None:
    source, target = ju.cudaImage(4, 4, "gray8"), ju.cudaImage(2, 2, "gray8")
    np.asarray(source)[:] = np.uint8([[0, 255] * 2] * 4)[..., None]
    ju.cudaResize(source, target, filter="linear")
    ju.cudaDeviceSynchronize()
    assert set(np.asarray(target).ravel()) == {0}  # a mean would be 127


def test_a_crop_outside_the_picture_is_refused(ju) -> None:
    source, target = image(ju, value=5), ju.cudaImage(2, 2)
    ju.cudaCrop(source, target, (1, 0, 3, 2))
    ju.cudaDeviceSynchronize()
    assert np.asarray(target).min() == 5
    with pytest.raises(ValueError, match="invalid ROI"):
        ju.cudaCrop(source, target, (3, 0, 5, 2))


# --- video ---


def test_a_picture_comes_scaled_in_rgb_with_the_streams_time_and_none_when_none_came(ju, bench) -> None:
    script = bench.script(URI)
    stream = source(ju, width=32, height=24)
    assert stream.Capture(timeout=0) is None  # opens it
    script.show(np.full((48, 64, 3), (1, 2, 3), np.uint8), 40_000_000)
    got = stream.Capture(timeout=0)
    assert (got.shape, got.format, got.timestamp, got.mapped) == ((24, 32, 3), "rgb8", 40_000_000, True)
    ju.cudaDeviceSynchronize()
    assert tuple(np.asarray(got)[0, 0]) == (3, 2, 1)
    assert stream.Capture(timeout=0) is None


def test_only_the_newest_picture_is_given_and_there_is_no_way_to_bgr(ju, bench) -> None:
    script = bench.script(URI)
    stream = source(ju)
    stream.Capture(timeout=0)
    for value in (1, 2, 3):
        script.show(picture(value))
    got = stream.Capture(timeout=0)
    ju.cudaDeviceSynchronize()
    assert np.asarray(got).min() == 3
    script.show(picture(4))
    with pytest.raises(Exception, match="failed to capture image"):
        stream.Capture(format="bgr8", timeout=0)


def captured(stream, script, value: int):
    script.show(picture(value))
    return stream.Capture(timeout=0)


def test_an_image_is_overwritten_after_as_many_captures_as_there_are_buffers(ju, bench) -> None:
    script = bench.script(URI)
    stream = source(ju, numBuffers=4)
    stream.Capture(timeout=0)
    first = captured(stream, script, 10)
    for value in range(11, 14):
        captured(stream, script, value)
    ju.cudaDeviceSynchronize()
    assert np.asarray(first).max() == 10
    captured(stream, script, 14)
    ju.cudaDeviceSynchronize()
    assert np.asarray(first).max() == 14


def test_the_ring_dies_with_its_source_and_when_pictures_grow(ju, bench) -> None:
    script = bench.script(URI)
    stream = source(ju)
    stream.Capture(timeout=0)
    small = captured(stream, script, 10)
    ju.cudaDeviceSynchronize()
    script.show(picture(20, 128, 96))
    large = stream.Capture(timeout=0)
    ju.cudaDeviceSynchronize()
    assert (large.shape, stream.GetWidth()) == ((96, 128, 3), 128)
    assert (np.asarray(small) == POISON).all()
    view = np.asarray(large)
    assert view.max() == 20
    del stream
    assert (view == POISON).all()
    assert bench.sources == 0


def test_a_dead_camera_streams_nothing_for_ever_and_an_ended_one_is_never_opened_again(ju, bench) -> None:
    script = bench.script(URI)
    stream = source(ju)
    for _ in range(3):
        assert stream.Capture(timeout=1) is None
    assert stream.IsStreaming()
    script.end()
    assert not stream.IsStreaming()
    for _ in range(2):
        with pytest.raises(Exception, match="failed to capture image") as caught:
            stream.Capture(timeout=0)
        assert type(caught.value) is Exception
    assert bench.faults == []
    with pytest.raises(SystemError):
        stream.Open()
    assert "Open() called" in bench.faults[0]


def test_a_wait_grows_when_the_clock_is_set_back_and_a_poll_does_not(ju, bench) -> None:
    bench.script(URI)
    stream = source(ju)
    stream.Capture(timeout=0)
    got: list[object] = []
    waiter = threading.Thread(target=lambda: got.append(stream.Capture(timeout=50)), daemon=True)
    waiter.start()
    bench.step_clock(-3600)
    waiter.join(0.3)
    assert waiter.is_alive()
    bench.step_clock(+3600)
    waiter.join(5)
    assert got == [None]
    began = time.monotonic()
    bench.step_clock(-3600)
    assert stream.Capture(timeout=0) is None
    assert time.monotonic() - began < 1


def test_by_default_it_tells_the_password_to_standard_output(ju, bench, capfd) -> None:
    bench.script(URI)
    address = URI.replace("//", "//user:secret@")
    made = ju.videoSource(address, options={"codec": "h264"})
    assert "secret" in capfd.readouterr().out
    ju.Log.SetLevel("silent")
    again = ju.videoSource(address, options={"codec": "h264"})
    assert capfd.readouterr().out == ""
    del made, again


@pytest.mark.parametrize("attack", ["protocols=tcp", "latency=0 ! filesink location=/tmp/stolen"])
def test_white_space_in_an_address_adds_to_the_pipeline(ju, bench, attack: str) -> None:
    bench.script(URI)
    made = ju.videoSource(f"{URI} {attack}", options={"codec": "h264"})
    pipeline = bench.pipelines[-1]
    if "!" in attack:
        assert "filesink" in pipeline.elements
    else:
        assert pipeline.properties["protocols"] == "tcp"
    assert pipeline.uri == URI
    del made


def test_the_constructor_blocks_on_a_dead_camera_and_leaks_its_decoder_when_it_fails(ju, bench) -> None:
    bench.script(URI, hold=threading.Event())
    bench.discover_s = 0.1
    began = time.monotonic()
    made = source(ju)  # the codec was given: it succeeds
    assert time.monotonic() - began >= 0.1
    with pytest.raises(Exception, match="failed to create videoSource"):
        ju.videoSource(URI)
    assert (bench.leaks.count("discoverer"), bench.leaks.count("decoder")) == (2, 1)
    del made


def test_two_first_sources_at_once_race(ju, bench) -> None:
    bench.script(URI)
    bench.init_s = 0.2

    def attempt() -> None:
        with contextlib.suppress(Exception):
            source(ju)

    threads = [threading.Thread(target=attempt) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert "two first sources" in bench.faults[0]
    assert bench.at_once == 2
