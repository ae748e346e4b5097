"""Sensors tell what they know, and say of the rest that it is of no use; nothing they meet is fatal."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.jetson_tree import CPU, OC, PLAIN, Tree

from agent.health.sensors import TRIP_C, Reading, Sensors
from agent.health.settings import HealthSettings


def read(root: Path) -> Reading:
    return Sensors(HealthSettings(root=root)).read()


def test_an_orin_is_read_whole(tmp_path: Path) -> None:
    Tree(tmp_path)
    reading = read(tmp_path)
    assert [(zone.name, zone.temp_c, zone.trip_c) for zone in reading.zones] == [
        ("tj-thermal", 52.031, TRIP_C),
        ("gpu-thermal", 49.875, TRIP_C),
        ("cpu-thermal", 51.218, 99.0),
    ]
    assert reading.slowed == (), "a fan that turns slows nothing down"
    assert reading.events == {"voltage": 3, "current": 1}
    assert (reading.gpu_load, reading.power_mw, reading.power_mode, reading.memory_mb) == (0.417, 7506, "2", 4096)
    assert reading.faults == {}


def test_a_machine_without_any_of_it_tells_nothing_and_has_no_fault(tmp_path: Path) -> None:
    assert read(tmp_path) == Reading()
    assert read(tmp_path / "absent") == Reading()


def test_this_very_machine_can_be_read() -> None:
    assert (read(Path("/")).memory_mb or 0) > 0


def test_what_slows_itself_down_is_named(tmp_path: Path) -> None:
    Tree(tmp_path).write("sys/class/thermal/cooling_device1/cur_state", "3")
    assert read(tmp_path).slowed == ("cpufreq-cpu0",)


@pytest.mark.parametrize("nonsense", ["", "hot", "9" * 30, "-274000", "0x33", "\0\0", "12 13"])
def test_a_temperature_that_is_none_is_told_and_left_out(tmp_path: Path, nonsense: str) -> None:
    Tree(tmp_path).write(f"{CPU}/temp", nonsense)
    reading = read(tmp_path)
    assert [zone.name for zone in reading.zones] == ["tj-thermal", "gpu-thermal"]
    assert list(reading.faults) == [f"/{CPU}/temp"]


def test_a_part_that_is_switched_off_cannot_be_read(tmp_path: Path) -> None:
    Tree(tmp_path)
    sensor = tmp_path / CPU / "temp"
    sensor.unlink()
    sensor.mkdir()  # read() fails as that of a cv sensor without power does, though with another number
    reading = read(tmp_path)
    assert [zone.name for zone in reading.zones] == ["tj-thermal", "gpu-thermal"]
    assert list(reading.faults) == [f"/{CPU}/temp"]


def test_a_trip_point_that_cannot_be_one_is_not_believed(tmp_path: Path) -> None:
    Tree(tmp_path).write(f"{CPU}/trip_point_1_temp", "20000")
    assert {zone.trip_c for zone in read(tmp_path).zones} == {TRIP_C}


def test_another_kernel_numbers_its_monitors_otherwise(tmp_path: Path) -> None:
    tree = Tree(tmp_path)
    shutil.move(tree.root / OC, tree.root / "sys/class/hwmon/hwmon7")
    assert read(tmp_path).events == {"voltage": 3, "current": 1}


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(sorted(PLAIN)), st.binary(max_size=40) | st.none(), min_size=1))
def test_whatever_the_files_hold_a_reading_comes_out(tmp_path: Path, changes: dict[str, bytes | None]) -> None:
    tree = Tree(tmp_path)
    for path, content in changes.items():
        file = tree.root / path
        if content is None:
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(content)
    reading = read(tmp_path)
    assert all(-40 <= zone.temp_c <= 150 for zone in reading.zones)
    assert reading.gpu_load is None or 0 <= reading.gpu_load <= 1
