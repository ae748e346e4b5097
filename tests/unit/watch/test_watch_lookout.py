"""The looking thread works one batch ahead of the judge, and stands still with him."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from support.stand import until

from agent.clock import SystemClock
from agent.core.frame import Frame
from agent.core.source import Grab, StreamRequest
from agent.detect.catalogue import find_card
from agent.detect.detector import Detector, open_detector
from agent.detect.engine import Tensor, open_engine
from agent.detect.settings import DetectSettings
from agent.errors import ModelError, SourceEnded
from agent.video.capture import STOP_S, CameraSet
from agent.video.settings import CameraSettings
from agent.watch.gate import Gate
from agent.watch.lookout import Lookout

MODEL = Path(__file__).parents[3] / "models/demo.onnx"
SETTINGS = DetectSettings(card="demo", model=MODEL)


class Film:
    """``count`` pictures as fast as they are asked for, each filled with its own number; remembers how many."""

    live = False

    def __init__(self, count: int) -> None:
        self.read_so_far, self._count = 0, count

    def read(self) -> Grab:
        if self.read_so_far == self._count:
            raise SourceEnded("film", "over")
        self.read_so_far += 1
        return Grab(np.full((36, 64, 3), self.read_so_far % 256, np.uint8), self.read_so_far * 200_000)

    def close(self) -> None:
        pass


class Stuck:
    """The demo's network in a driver that, like real ones, may never return; counts its calls."""

    def __init__(self) -> None:
        self._engine = open_engine("onnx", MODEL, 1)
        self.input, self.outputs, self.max_batch = self._engine.input, self._engine.outputs, self._engine.max_batch
        self.calls, self.stuck_from, self.release = 0, 10**9, threading.Event()

    def run(self, batch: Tensor) -> tuple[Tensor, ...]:
        self.calls += 1
        if self.calls >= self.stuck_from:
            self.release.wait()
        return self._engine.run(batch)

    def close(self) -> None:
        self._engine.close()


@dataclass
class Post:
    """A lookout at work, and what ends it."""

    lookout: Lookout
    gates: dict[str, Gate]
    stop: threading.Event


Start = Callable[..., Post]


@pytest.fixture
def lookouts() -> Iterator[Start]:
    """Start a lookout over films; all are stopped in the end."""
    opened: list[tuple[Lookout, CameraSet]] = []

    def start(detector: Detector, *films: Film, gated: bool = False) -> Post:
        def driver(film: Film) -> Callable[[StreamRequest], Film]:
            return lambda request: film

        settings = [CameraSettings(f"c{n}", "", f"f{n}", "x", pace="fast") for n in range(len(films))]
        cameras = CameraSet(settings, {f"f{n}": driver(film) for n, film in enumerate(films)}, SystemClock())
        stop = threading.Event()
        gates = {camera.id: Gate(wanted=gated) for camera in settings}
        lookout = Lookout(cameras, detector, gates, stop)
        cameras.start()
        lookout.start()
        opened.append((lookout, cameras))
        return Post(lookout, gates, stop)

    yield start
    for lookout, cameras in opened:
        lookout.close()
        cameras.stop()


def test_every_frame_comes_once_in_order_with_its_own_pixels(lookouts: Start) -> None:
    post = lookouts(open_detector(SETTINGS), Film(40), Film(40))
    seen: dict[str, list[tuple[int, int]]] = {"c0": [], "c1": []}
    for batch in post.lookout.batches():
        for look in batch.looks:
            seen[look.frame.camera].append((look.frame.seq, int(look.frame.pixels[0, 0, 0])))
    assert seen["c0"] == seen["c1"] == [(number, number) for number in range(1, 41)]


def test_the_next_batch_is_looked_at_while_one_is_judged_and_no_more_than_that(lookouts: Start) -> None:
    engine, film = Stuck(), Film(30)
    post = lookouts(Detector(find_card("demo"), MODEL, engine, SETTINGS), film)
    kept: list[Frame] = []
    for number, batch in enumerate(post.lookout.batches(), start=1):
        (frame,) = [look.frame for look in batch.looks]
        kept.append(frame)
        ahead = min(number + 1, 30)
        until(lambda ahead=ahead: engine.calls >= ahead, 5, "the next frame to be looked at")
        until(lambda ahead=ahead: film.read_so_far >= min(ahead + 2, 30), 5, "the camera to have read on")
        assert engine.calls == ahead, "looked two batches ahead"
        assert (frame.pixels == frame.seq).all(), "the judged frame was written over"
        if number == 30:
            break
    assert [frame.seq for frame in kept] == list(range(1, 31))


def test_a_network_that_fails_ends_the_judge_too(lookouts: Start) -> None:
    detector = open_detector(SETTINGS)
    post = lookouts(detector, Film(10**6))
    batches = post.lookout.batches()
    next(batches)
    detector.close()
    with pytest.raises(ModelError, match="was closed"):
        list(batches)


def test_nothing_comes_from_a_network_that_hangs_and_the_stop_is_not_held_up(lookouts: Start) -> None:
    engine = Stuck()
    engine.stuck_from = 3
    post = lookouts(Detector(find_card("demo"), MODEL, engine, SETTINGS), Film(10**6))
    batches: list[object] = []
    judge = threading.Thread(target=lambda: batches.extend(post.lookout.batches()))
    judge.start()
    until(lambda: engine.calls == 3, 5, "the network to hang")
    until(lambda: len(batches) == 2, 5, "what came before")
    judge.join(1.0)
    assert judge.is_alive()
    assert len(batches) == 2, "a watchdog would be fed"
    post.stop.set()
    judge.join(2)
    assert not judge.is_alive()
    began_s = time.monotonic()
    assert not post.lookout.close(), "said to have ended, the detector would be closed under it"
    assert time.monotonic() - began_s < STOP_S + 1
    engine.release.set()
    assert post.lookout.close()


def test_a_still_film_is_looked_at_once_a_second_and_judged_whole(lookouts: Start) -> None:
    class Still(Film):
        def read(self) -> Grab:
            grab = super().read()
            grab.pixels[:] = 80
            return grab

    engine = Stuck()
    detector = Detector(find_card("demo"), MODEL, engine, SETTINGS)
    post = lookouts(detector, Still(50), gated=True)
    looked = 0
    for batch in post.lookout.batches():
        for look in batch.looks:
            looked += look.found is not None
            if look.found is not None:
                post.gates[look.frame.camera].judged(look.frame, calm=True)
    assert looked == engine.calls < 30
