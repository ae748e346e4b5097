"""Several cameras in one hand: a short wait for each other, nobody left behind, nobody made to wait alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from support.stand import until

from agent.clock import SystemClock
from agent.core.frame import Frame
from agent.core.source import Grab, StreamRequest
from agent.video.capture import CameraSet
from agent.video.settings import CameraSettings
from agent.video.slot import LENT

PERIOD_S = 0.1


class Metronome:
    """A live camera that gives a picture every ``PERIOD_S``, ``late_s`` after the full beat; its pictures count up."""

    live = True

    def __init__(self, late_s: float, stopped: threading.Event) -> None:
        self._late_s, self._stopped, self._number = late_s, stopped, 0

    def read(self) -> Grab:
        now_s = time.monotonic()
        self._stopped.wait(PERIOD_S - (now_s - self._late_s) % PERIOD_S)
        self._number += 1
        return Grab(np.full((4, 4, 3), self._number % 256, np.uint8), round(time.monotonic() * 1e6))

    def close(self) -> None:
        pass


@pytest.fixture
def cameras() -> Iterator[Callable[..., CameraSet]]:
    """Start cameras that beat so many seconds late each."""
    stopped = threading.Event()
    groups = []

    def start(fps: float = 10, **late_s: float) -> CameraSet:
        drivers = {name: (lambda request, late=late: Metronome(late, stopped)) for name, late in late_s.items()}
        settings = [CameraSettings(name, name, name, "x", fps=fps) for name in late_s]
        group = CameraSet(settings, drivers, SystemClock())
        groups.append(group)
        group.start()
        until(lambda: all(status.frame_mono_us for status in group.statuses()), 5, "every camera to have begun")
        group.gather(1)
        return group

    yield start
    stopped.set()
    for group in groups:
        group.stop()


def hands(group: CameraSet, count: int, window_s: float, most: int | None = None) -> list[list[str]]:
    """Who came in each of so many gatherings."""
    return [[frame.camera for frame in group.gather(1, window_s, most)] for _ in range(count)]


def test_cameras_that_beat_almost_together_share_a_call(cameras) -> None:
    together = hands(cameras(a=0.0, b=0.008, c=0.016), 12, 0.03)
    assert sum(hand == ["a", "b", "c"] for hand in together) >= 9  # a busy machine may miss a beat


def test_without_a_window_they_come_one_by_one(cameras) -> None:
    alone = hands(cameras(a=0.0, b=0.03, c=0.06), 12, 0.0)
    assert sum(len(hand) == 1 for hand in alone) >= 9


def test_nobody_waits_for_one_whose_frame_is_not_expected(cameras) -> None:
    group = cameras(a=0.0, b=0.05)
    waits_s = []
    for _ in range(12):
        frames = group.gather(1, 0.04)
        waits_s.append(time.monotonic() - max(frame.at.mono_us for frame in frames) / 1e6)
    assert sorted(waits_s)[6] < 0.02


def test_a_single_camera_is_never_made_to_wait(cameras) -> None:
    group = cameras(a=0.0)
    waits_s = [time.monotonic() - group.gather(1, 0.09)[0].at.mono_us / 1e6 for _ in range(10)]
    assert sorted(waits_s)[5] < 0.03


def test_who_is_left_behind_comes_first_the_next_time(cameras) -> None:
    group = cameras(a=0.0, b=0.0, c=0.0)
    served: list[str] = []
    last_us = dict.fromkeys("abc", 0)
    for _ in range(15):
        until(
            lambda: all(status.frame_mono_us > last_us[status.id] for status in group.statuses()),
            5,
            "all have a picture waiting",
        )
        (frame,) = group.gather(1, 0.0, 1)
        served.append(frame.camera)
        last_us[frame.camera] = frame.at.mono_us
    assert served == served[:3] * 5
    assert sorted(served[:3]) == ["a", "b", "c"]


def test_two_frames_in_hand_stay_whole_while_others_come() -> None:
    shown = iter(range(2000))

    class Film:
        live = True

        def read(self) -> Grab:
            time.sleep(0.001)
            return Grab(np.full((40, 40, 3), next(shown) % 251, np.uint8), None)

        def close(self) -> None:
            pass

    def opened(request: StreamRequest) -> Film:
        return Film()

    group = CameraSet([CameraSettings("a", "a", "film", "x", fps=1000)], {"film": opened}, SystemClock())
    group.start()
    hand: list[tuple[Frame, int]] = []
    try:
        for _ in range(60):
            (frame,) = group.gather(5)
            hand = [*hand, (frame, int(frame.pixels[0, 0, 0]))][-LENT:]
            time.sleep(0.004)
            assert all((held.pixels == number).all() for held, number in hand)
    finally:
        group.stop()


def test_slowed_down_each_camera_keeps_its_share_but_one_a_second(cameras) -> None:
    group = cameras(fps=8, a=0.0)
    seen: list[int] = []

    def taken(count: int) -> float:
        """Mean seconds between the next frames."""
        seen[:] = []
        while len(seen) <= count:
            seen.extend(frame.at.mono_us for frame in group.gather(2))
        return (seen[-1] - seen[1]) / 1e6 / (len(seen) - 2)

    group.slow_down(0.5)
    assert taken(4) == pytest.approx(0.25, abs=0.06)
    group.slow_down(0.01)
    assert taken(2) == pytest.approx(1.0, abs=0.15)
    group.slow_down(1)
    assert taken(6) == pytest.approx(0.125, abs=0.04)
