"""A box that gets hot looks less often, says so once a change, and looks again as before when it is cool."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from support.jetson_tree import CPU, Tree

from agent.clock import SimulatedClock
from agent.core.event import Event
from agent.health.settings import HealthSettings
from agent.watch.warden import Warden


class Box:
    """A warden over a tree of sensors, asked ten times a second as the watch loop does."""

    def __init__(self, folder: Path, **changes: bool) -> None:
        self.tree, self.clock, self.shares = Tree(folder), SimulatedClock(), list[float]()
        self.warden = Warden(HealthSettings(root=folder, **changes), self.shares.append)

    def run(self, seconds: float) -> list[Event]:
        told: list[Event] = []
        for _ in range(round(seconds * 10)):
            self.clock.sleep(0.1)
            told += self.warden.check(self.clock.now())
        return told


def test_heat_slows_the_cameras_and_is_one_fact_a_change(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    box = Box(tmp_path)
    assert box.run(10) == []
    box.tree.heat(92)
    (event,) = box.run(10)
    assert (event.kind, event.detail) == (
        "health.pace",
        {"share": 0.7, "cause": "heat", "zone": "cpu-thermal", "temp_c": 92.0},
    )
    assert box.shares == [0.7]
    assert "at 70 % of their rate, once a second at least, from now on" in caplog.records[-1].getMessage()
    assert (box.warden.status.pace, box.warden.status.cause, box.warden.status.temp_c) == (0.7, "heat", 92.0)
    box.tree.heat(60)
    (back,) = box.run(80)
    assert (back.detail["share"], back.detail["cause"]) == (1.0, "recovered")
    assert (box.shares, box.warden.status.cause) == ([0.7, 1.0], "")


def test_a_weak_supply_is_told_by_its_cause(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.run(10)
    box.tree.count(1, 4)
    (event,) = box.run(10)
    assert event.detail["cause"] == "voltage"


def test_switched_off_it_only_reads(tmp_path: Path) -> None:
    box = Box(tmp_path, throttle=False)
    box.tree.heat(98)
    assert box.run(60) == []
    assert box.shares == []
    assert box.warden.status.temp_c == 98.0


def test_a_sensor_of_no_use_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    box = Box(tmp_path)
    box.tree.write(f"{CPU}/temp", "none")
    box.run(60)
    assert [record.getMessage() for record in caplog.records if CPU in record.getMessage()] == [
        f"sensor left out: /{CPU}/temp: says 'none', which is no number from -40000 to 150000"
    ]


def test_the_minutes_report_tells_what_is_known(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.run(3)
    assert box.warden.counts == {
        "pace": 1.0, "temp_c": 52.03, "gpu_load": 0.42, "power_mw": 7506, "memory_mb": 4096,
    }  # fmt: skip
