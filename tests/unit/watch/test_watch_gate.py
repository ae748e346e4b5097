"""The gate closes only where nothing moves and nothing is in doubt, and never for a second."""

from __future__ import annotations

import numpy as np
from support.gating import Watcher, whole_picture
from support.street import rule

from agent.clock import SimulatedClock
from agent.core.detections import Detections
from agent.core.frame import Frame
from agent.watch.gate import LOOK_EVERY_US, Gate

STILL = np.full((90, 160, 3), 80, np.uint8)
MOVED = STILL.copy()
MOVED[40:50, 60:70] = 200


class Camera:
    """Frames of one camera, five a second."""

    def __init__(self) -> None:
        self.clock, self.seq = SimulatedClock(), 0

    def frame(self, pixels: np.ndarray = STILL) -> Frame:
        self.clock.sleep(0.2)
        self.seq += 1
        return Frame("gate", self.seq, self.clock.now(), pixels)


def looks(gate: Gate, frames: list[Frame], *, calm: bool = True) -> list[bool]:
    """Pass frames; each that was looked at is judged at once."""
    opened = []
    for frame in frames:
        opened.append(gate.opens(frame))
        if opened[-1]:
            gate.judged(frame, calm=calm)
    return opened


def test_a_still_picture_is_looked_at_once_a_second() -> None:
    camera, gate = Camera(), Gate(wanted=True)
    assert looks(gate, [camera.frame() for _ in range(11)]) == [True, *[False] * 4, True, *[False] * 4, True]
    assert LOOK_EVERY_US < 1_000_000


def test_a_change_is_looked_at_at_once() -> None:
    camera, gate = Camera(), Gate(wanted=True)
    frames = [camera.frame(), camera.frame(), camera.frame(MOVED), camera.frame(MOVED), camera.frame()]
    assert looks(gate, frames) == [True, False, True, False, True]


def test_it_stays_open_while_anything_is_in_doubt() -> None:
    camera, gate = Camera(), Gate(wanted=True)
    assert all(looks(gate, [camera.frame() for _ in range(20)], calm=False))


def test_it_stays_open_until_the_judge_has_spoken_about_the_last_look() -> None:
    camera, gate = Camera(), Gate(wanted=True)
    first, second = camera.frame(), camera.frame()
    assert gate.opens(first)
    assert gate.opens(second)
    gate.judged(first, calm=True)
    assert gate.opens(camera.frame()), "what the second look showed is not known yet"
    assert gate.opens(camera.frame())


def test_a_clock_that_goes_back_opens_it() -> None:
    camera, gate = Camera(), Gate(wanted=True)
    later, earlier = camera.frame(), camera.frame()
    assert looks(gate, [Frame("gate", 1, earlier.at, STILL), Frame("gate", 2, later.at, STILL)]) == [True, True]


def test_switched_off_it_is_always_open() -> None:
    camera, gate = Camera(), Gate(wanted=False)
    assert all(looks(gate, [camera.frame() for _ in range(20)]))


def car(score: float = 0.8) -> Detections:
    return Detections(np.array([[0.3, 0.3, 0.5, 0.6]], np.float32), np.array([score], np.float32), np.array([0]))


def watcher(*, gated: bool = True) -> Watcher:
    return Watcher(whole_picture(rule("stopped_vehicle", dwell_s=20)), ("car",), gated=gated)


def test_a_car_that_stands_all_night_is_held_and_told_in_time() -> None:
    camera, held, plain = Camera(), watcher(), watcher(gated=False)
    for _ in range(5 * 120):
        frame = camera.frame()
        held.take(frame, car())
        plain.take(frame, car())
    assert held.shift.gated > 0.7 * held.shift.frames
    (alert,), (due,) = held.shift.events, plain.shift.events
    assert (alert.kind, alert.at) == (due.kind, due.at)


def test_a_detector_that_sees_a_car_only_now_and_then_is_asked_again_after_every_miss() -> None:
    """A held miss would last a second, and a stay that is pending survives only five without a sight."""
    camera, held, plain = Camera(), watcher(), watcher(gated=False)
    asked_after_miss = []
    for number in range(5 * 60):
        frame, sees = camera.frame(), number % 20 == 0 or number < 30
        gated = held.shift.gated
        held.take(frame, car() if sees else Detections.none())
        plain.take(frame, car() if sees else Detections.none())
        asked_after_miss.append(held.shift.gated == gated)
    assert [event.kind for event in held.shift.events] == ["incident.open"]
    assert [event.at for event in held.shift.events] == [event.at for event in plain.shift.events]
    assert all(asked_after_miss[number] for number in range(60, 300) if number % 20 in range(6, 20))


def test_one_wild_box_is_not_made_a_sighting_of_a_second() -> None:
    camera, held = Camera(), Watcher(whole_picture(rule("intrusion")), ("person",), gated=True)
    for number in range(5 * 60):
        held.take(camera.frame(), car(0.9) if number % 25 == 7 else Detections.none())
    assert held.shift.events == []
    assert held.shift.gated > 0
