"""The pace goes down before the hardware slows itself, comes back slowly, and does not flutter."""

from __future__ import annotations

import itertools

import pytest

from agent.health.sensors import Reading, Zone
from agent.health.throttle import SHARES, Step, Throttle

TRIP_C = 99.0


class Box:
    """A box read every two seconds."""

    def __init__(self) -> None:
        self.throttle, self.now_s, self.events = Throttle(), 0, {"voltage": 3, "current": 0}
        self.steps: list[tuple[int, Step]] = []

    def run(self, seconds: int, temp_c: float | None, *, slowed: tuple[str, ...] = ()) -> list[tuple[int, Step]]:
        """Stay at a temperature; the steps of this time."""
        before = len(self.steps)
        zones = () if temp_c is None else (Zone("cpu-thermal", temp_c, TRIP_C),)
        for _ in range(seconds // 2):
            self.now_s += 2
            step = self.throttle.advance(Reading(zones, slowed, dict(self.events)), self.now_s * 1_000_000)
            if step is not None:
                self.steps.append((self.now_s, step))
        return self.steps[before:]


def test_a_cool_box_keeps_its_pace() -> None:
    box = Box()
    assert box.run(3600, 60) == []
    assert box.throttle.share == 1


def test_a_warm_box_slows_down_step_by_step_well_before_its_limit() -> None:
    box = Box()
    steps = box.run(200, TRIP_C - 8)
    assert [step.share for _, step in steps] == list(SHARES[1:])
    assert all(step.cause == "heat" and step.zone is not None for _, step in steps)
    times_s = [at_s for at_s, _ in steps]
    assert all(20 <= after - before <= 22 for before, after in itertools.pairwise(times_s))
    assert times_s[0] == 2, "the first step comes at once"


def test_a_hot_one_does_so_in_seconds() -> None:
    box = Box()
    box.run(30, TRIP_C - 2)
    assert box.throttle.share == SHARES[-1]


def test_hardware_that_slows_itself_down_is_hot_whatever_its_sensors_say() -> None:
    box = Box()
    steps = box.run(30, None, slowed=("cpufreq-cpu0",))
    assert steps[-1][1] == Step(SHARES[-1], "heat", None)


def test_it_comes_back_slowly_and_only_when_it_is_really_cool() -> None:
    box = Box()
    box.run(4, TRIP_C - 7)
    assert box.run(600, TRIP_C - 12) == [], "between warm and cool nothing changes"
    ((at_s, step),) = box.run(100, TRIP_C - 20)
    assert (step.share, step.cause) == (1.0, "recovered")
    assert at_s >= 604 + 60
    assert box.throttle.cause == ""


def test_a_temperature_that_swings_around_the_limit_makes_no_flutter() -> None:
    box = Box()
    for _ in range(60):
        box.run(10, TRIP_C - 7)
        box.run(10, TRIP_C - 14)
    assert [step.cause for _, step in box.steps] == ["heat"] * (len(SHARES) - 1)


@pytest.mark.parametrize(("line", "cause"), [("voltage", "voltage"), ("current", "current")])
def test_a_supply_that_gave_way_costs_a_step_at_once_and_for_minutes(line: str, cause: str) -> None:
    box = Box()
    assert box.run(60, 50) == [], "what was counted before the start is no news"
    box.events[line] += 1
    ((at_s, step),) = box.run(280, 50)
    assert (at_s, step.share, step.cause) == (62, SHARES[1], cause)
    ((back_s, back),) = box.run(200, 50)
    assert (back.share, back.cause) == (1.0, "recovered")
    assert back_s - at_s >= 300


def test_a_counter_that_begins_anew_is_no_news_and_counts_on_from_there() -> None:
    box = Box()
    box.run(10, 50)
    box.events["voltage"] = 0
    assert box.run(10, 50) == []
    box.events["voltage"] = 1
    assert len(box.run(2, 50)) == 1


def test_sensors_that_fall_silent_leave_a_hot_box_slow() -> None:
    box = Box()
    box.run(4, TRIP_C - 2)
    assert box.run(3600, None) == []
    assert box.throttle.share == SHARES[1]


def test_without_temperatures_a_supply_recovers_by_time() -> None:
    box = Box()
    box.run(4, None)
    box.events["current"] += 5
    assert [step.cause for _, step in box.run(400, None)] == ["current", "recovered"]
