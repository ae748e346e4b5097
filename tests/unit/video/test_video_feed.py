"""Capture threads against drivers that fail in every way a driver can; the drivers here behave like real ones."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from support.stand import until

from agent.clock import SimulatedClock, SystemClock
from agent.core.frame import Frame
from agent.core.source import Grab, Grabber, StreamRequest
from agent.errors import BackendMissing, ConfigError, SourceEnded, SourceLost
from agent.runtime import CameraStatus
from agent.video.backoff import CAP_S
from agent.video.capture import STOP_S, CameraSet
from agent.video.feed import HOPELESS_RETRY_S
from agent.video.settings import CameraSettings
from agent.video.source import BACKENDS, open_source

STEP_US = 40_000


class Film:
    """A grabber that shows ``count`` pictures, each filled with its own number, reusing one piece of memory."""

    def __init__(self, count: int, *, live: bool = False, pause_s: float = 0.0) -> None:
        self.live = live
        self.closed_by: str | None = None
        self._pixels = np.zeros((48, 64, 3), np.uint8)
        self._numbers = iter(range(count))
        self._pause_s = pause_s
        self._step_us = round(pause_s * 1_000_000) or STEP_US

    def read(self) -> Grab:
        time.sleep(self._pause_s)
        number = next(self._numbers, None)
        if number is None:
            raise SourceEnded("film", "over")
        self._pixels[:] = number % 256
        return Grab(self._pixels, number * self._step_us)

    def close(self) -> None:
        self.closed_by = threading.current_thread().name


class Hung:
    """A grabber whose first picture comes and whose second read never returns until the test ends."""

    live = True

    def __init__(self, release: threading.Event) -> None:
        self._release, self._first = release, True

    def read(self) -> Grab:
        if not self._first:
            self._release.wait()
            raise SourceLost("hung", "released at the end of the test")
        self._first = False
        return Grab(np.zeros((4, 4, 3), np.uint8), 0)

    def close(self) -> None:
        pass


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Set when the test is over, so that no thread outlives it."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def cameras(release: threading.Event) -> Iterator[Callable[..., CameraSet]]:
    """Start a CameraSet over drivers of one's own; stopped in the end."""
    started = []

    def start(*settings: CameraSettings, clock=None, draw=lambda: 0.05, **drivers) -> CameraSet:
        group = CameraSet(settings, drivers, clock or SystemClock(), draw)
        group.start()
        started.append(group)
        return group

    yield start
    release.set()
    for group in started:
        group.stop()


def camera(backend: str, **more) -> CameraSettings:
    return CameraSettings(backend, backend, backend, "x", **more)


def all_frames(group: CameraSet) -> list[tuple[Frame, int]]:
    """Gather to the end; each frame with the number its pixels bore when it was in hand."""
    frames = []
    while not group.finished:
        frames += [(frame, int(frame.pixels[0, 0, 0])) for frame in group.gather(0.2)]
    return frames


def state_of(group: CameraSet, place: int = 0) -> CameraStatus:
    return group.statuses()[place]


def test_fast_gives_every_frame_once_in_order_by_clip_time(cameras) -> None:
    group = cameras(camera("film", pace="fast", fps=1), film=lambda request: Film(300))
    frames = all_frames(group)
    assert [number for _, number in frames] == [number % 256 for number in range(300)]
    assert [frame.seq for frame, _ in frames] == list(range(1, 301))
    start_us = frames[0][0].at.mono_us
    assert [frame.at.mono_us - start_us for frame, _ in frames] == [number * STEP_US for number in range(300)]
    assert state_of(group).dropped == 0
    assert state_of(group).state == "ended"


def test_fast_waits_for_a_slow_consumer(cameras) -> None:
    group = cameras(camera("film", pace="fast"), film=lambda request: Film(6))
    numbers = []
    while not group.finished:
        for frame in group.gather(1):
            time.sleep(0.05)
            numbers.append(int(frame.pixels[0, 0, 0]))
    assert numbers == [0, 1, 2, 3, 4, 5]


def test_source_pace_plays_in_real_time_and_stamps_the_due_instant(cameras) -> None:
    group = cameras(camera("film", fps=25), film=lambda request: Film(20))
    lateness_us, stamps = [], []
    while not group.finished:
        for frame in group.gather(1):
            stamps.append(frame.at.mono_us)
            lateness_us.append(SystemClock().now().mono_us - frame.at.mono_us)
    assert all(late_us >= 0 for late_us in lateness_us)
    steps = [(after - before) % STEP_US for before, after in itertools.pairwise(stamps)]
    assert set(steps) == {0}
    assert (stamps[-1] - stamps[0]) >= 18 * STEP_US


def test_a_live_source_drops_what_nobody_takes_and_counts_it(cameras) -> None:
    group = cameras(camera("film", fps=30), film=lambda request: Film(60, live=True, pause_s=0.01))
    taken = []
    while not group.finished:
        taken += group.gather(1)
        time.sleep(0.1)
    assert len(taken) < 20
    assert state_of(group).dropped + len(taken) == 60
    assert [frame.seq for frame in taken] == sorted({frame.seq for frame in taken})


def test_a_frame_in_hand_stays_whole_while_others_come(cameras) -> None:
    group = cameras(camera("film", fps=1000), film=lambda request: Film(400, live=True, pause_s=0.001))
    seen = 0
    while not group.finished:
        for frame in group.gather(1):
            number = int(frame.pixels[0, 0, 0])
            for _ in range(20):
                assert (frame.pixels == number).all()
                time.sleep(0.0005)
            seen += 1
    assert seen > 5


def test_one_gather_gives_at_most_one_frame_a_camera_in_configured_order(cameras) -> None:
    films = {name: (lambda request: Film(40, live=True, pause_s=0.005)) for name in ("a", "b", "c")}
    group = cameras(*(camera(name, fps=100) for name in films), **films)
    until(lambda: all(status.frame_utc_us for status in group.statuses()), 5, "every camera has a picture waiting")
    assert [frame.camera for frame in group.gather(1)] == ["a", "b", "c"]
    hands = []
    while not group.finished:
        hands.append([frame.camera for frame in group.gather(1)])
    assert all(hand == sorted(set(hand)) for hand in hands)


def test_a_hung_read_holds_up_neither_the_others_nor_the_stop(cameras, release) -> None:
    group = cameras(
        camera("hung", read_timeout_s=0.2),
        camera("film", fps=100),
        hung=lambda request: Hung(release),
        film=lambda request: Film(10**6, live=True, pause_s=0.01),
    )
    lost = until(lambda: (state := state_of(group)).state == "lost" and state, 3, "the hung camera counts as lost")
    assert "does not return" in lost.reason
    assert [frame.camera for frame in group.gather(1)] == ["film"]
    began_s = time.monotonic()
    group.stop()
    assert time.monotonic() - began_s < STOP_S + 0.5


def test_a_driver_is_closed_by_the_thread_that_opened_it(cameras) -> None:
    film = Film(10**6, live=True, pause_s=0.01)
    group = cameras(camera("film"), film=lambda request: film)
    group.gather(2)
    group.stop()
    assert film.closed_by == "camera-film"


@pytest.mark.parametrize(
    "error",
    [
        BackendMissing("x", "no such driver here"),
        ConfigError("cameras.x.url", "no such scene"),
        ZeroDivisionError("a bug in the driver"),
    ],
)
def test_what_cannot_heal_is_told_and_retried_slowly(cameras, error: Exception) -> None:
    clock, tries_us = SimulatedClock(), []

    def fail(request: StreamRequest) -> Grabber:
        if len(tries_us) == 3:
            raise SourceEnded("x", "enough seen")
        tries_us.append(clock.now().mono_us)
        raise error

    group = cameras(camera("bad"), clock=clock, bad=fail)
    until(lambda: state_of(group).state == "ended", 10, "three tries")
    assert [after - before for before, after in itertools.pairwise(tries_us)] == [HOPELESS_RETRY_S * 1_000_000] * 2


def test_an_endless_fault_fits_on_one_line_of_the_page(cameras) -> None:
    def fail(request: StreamRequest) -> Grabber:
        raise ValueError("x" * 5000)

    group = cameras(camera("bad"), bad=fail)
    until(lambda: state_of(group).state == "lost", 10, "the fault")
    assert state_of(group).reason.startswith("internal fault: ValueError('xxx")
    assert len(state_of(group).reason) == 200


def test_a_camera_that_cannot_be_opened_says_why_and_leaves_the_others_alone(cameras) -> None:
    group = cameras(camera("jetson"), camera("film"), film=lambda request: Film(10**6, live=True, pause_s=0.01))
    assert [frame.camera for frame in group.gather(3)] == ["film"]
    assert state_of(group).state == "lost"
    assert "no such video backend" in state_of(group).reason


def test_retries_back_off_and_good_pictures_forgive(cameras) -> None:
    clock, tries_us = SimulatedClock(), []

    def flaky(request: StreamRequest) -> Grabber:
        tries_us.append(clock.now().mono_us)
        if len(tries_us) == 6:
            return Paced(clock, 11)
        if len(tries_us) == 8:
            raise SourceEnded("x", "enough seen")
        raise SourceLost("x", "not there")

    group = cameras(camera("flaky"), clock=clock, draw=lambda: 1.0, flaky=flaky)
    until(lambda: state_of(group).state == "ended", 10, "eight tries")
    waits_s = [(after - before) / 1_000_000 for before, after in itertools.pairwise(tries_us)]
    assert waits_s[:5] == [1, 2, 4, 8, CAP_S]
    assert waits_s[5:] == [11 + 1, 2]
    assert state_of(group).reconnects == 1


class Paced:
    """A live stream of one picture a simulated second that breaks off after ``count``."""

    live = True

    def __init__(self, clock: SimulatedClock, count: int) -> None:
        self._clock, self._left = clock, count

    def read(self) -> Grab:
        if not self._left:
            raise SourceLost("x", "broke off")
        self._left -= 1
        self._clock.sleep(1)
        return Grab(np.zeros((4, 4, 3), np.uint8), None)

    def close(self) -> None:
        pass


class Broken:
    """A clip that breaks after three pictures instead of ending."""

    live = False

    def __init__(self) -> None:
        self._film = Film(3)

    def read(self) -> Grab:
        try:
            return self._film.read()
        except SourceEnded as over:
            raise SourceLost("clip", "broke") from over

    def close(self) -> None:
        pass


def test_stamps_rise_over_a_clip_that_breaks_and_begins_again(cameras) -> None:
    parts = iter([Broken(), Film(3)])
    group = cameras(camera("clip", pace="fast"), clip=lambda request: next(parts))
    stamps = [frame.at.mono_us for frame, _ in all_frames(group)]
    assert [after - before for before, after in itertools.pairwise(stamps)] == [STEP_US] * 5
    assert state_of(group).reconnects == 1


def test_cameras_that_were_never_started_can_be_stopped() -> None:
    """The start may fail before it comes to the cameras, and what failed must be what is told."""
    CameraSet([CameraSettings("gate", "gate", "opencv", "x")], {}, SystemClock()).stop()


def test_an_unknown_backend_names_the_known_ones() -> None:
    with pytest.raises(BackendMissing, match=r"'gstreamer'.*no such video backend; known: jetson, opencv$"):
        open_source("gstreamer", StreamRequest("gate", "rtsp://h/1"), BACKENDS)
