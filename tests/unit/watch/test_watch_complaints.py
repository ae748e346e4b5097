"""What a camera's states become: each told once when it begins and once when it ends."""

from __future__ import annotations

from agent.backdrop.health import Change
from agent.clock import SimulatedClock
from agent.core.ailment import AILMENTS, Ailment
from agent.watch.complaints import SEVERITIES, Complaints


def change(state: str, began: bool, since_us: int, reason: str = "") -> Change:
    return Change(state, began, since_us, {"shift": 0.2}, reason)


def test_a_state_that_was_told_is_not_told_again_and_an_end_of_nothing_is_none() -> None:
    clock = SimulatedClock()
    complaints = Complaints("gate", [Ailment("gate", "moved", "e" * 36, 5)])
    now = clock.now()
    assert complaints.tell([change("moved", True, now.mono_us)], now).events == ()
    assert complaints.tell([change("covered", False, now.mono_us, "well")], now).events == ()
    told = complaints.tell([change("moved", False, now.mono_us, "returned")], now)
    assert [event.kind for event in told.events] == ["camera.restored"]
    assert told.cured == (Ailment("gate", "moved", "e" * 36, 5),)
    assert complaints.tell([change("moved", False, now.mono_us, "returned")], now).events == ()


def test_times_are_told_from_the_frames_own_moment_whatever_the_wall_clock_did() -> None:
    clock = SimulatedClock()
    clock.sleep(60)
    began_us, wall_us = clock.now().mono_us, clock.now().utc_us
    clock.sleep(10)
    (event,) = Complaints("gate").tell([change("covered", True, began_us)], clock.now()).events
    assert event.detail["since_us"] == wall_us
    clock.step_wall(-clock.now().utc_us)  # the clock was reset to 1970: nothing lies before that
    (event,) = Complaints("gate").tell([change("covered", True, began_us)], clock.now()).events
    assert event.detail["since_us"] == 0


def test_every_state_has_a_severity() -> None:
    assert set(SEVERITIES) == set(AILMENTS)
