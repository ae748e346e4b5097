"""What the box can tell about itself: heat, supply, load, memory. Facts about Jetsons are in docs/design/health.md."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from agent.health.files import Files
from agent.health.settings import HealthSettings

TRIP_C = 95.0
"""Where a part names no trip point of its own: Orin's parts slow themselves down at 99 °C."""

_LEAST_TRIP_C = 60.0  # a lower one is for a fan, or nonsense
_COLDEST_MC, _HOTTEST_MC = -40_000, 150_000
_MOST_COUNT = 2**63
_EVENTS = {"oc1": "voltage", "oc2": "current", "oc3": "current"}
_GPUS = ("gv11b", "gp10b", "ga10b", "gb10b", "gpu")
_RAILS = ("VDD_IN", "VIN", "VDD_TOTAL")  # the whole board's input, by the names that the boards use


@dataclass(frozen=True)
class Zone:
    """One part whose temperature is known.

    Attributes:
        name: as the kernel calls it, e.g. ``tj-thermal``.
        temp_c: now.
        trip_c: where the part begins to slow itself down.
    """

    name: str
    temp_c: float
    trip_c: float


@dataclass(frozen=True)
class Reading:
    """What the sensors said at one time; whatever is not known is None or empty.

    Attributes:
        zones: hottest by its own measure (nearest to its trip point) first.
        slowed: names of what the hardware slows down already because of heat; fans are none.
        events: times the supply was too weak since the boot: ``voltage`` (too low) and ``current`` (too much drawn).
        gpu_load: 0..1.
        power_mw: what the board draws.
        power_mode: number of the power mode.
        memory_mb: free for programs.
        faults: what is there and of no use, by path.
    """

    zones: tuple[Zone, ...] = ()
    slowed: tuple[str, ...] = ()
    events: dict[str, int] = field(default_factory=dict)
    gpu_load: float | None = None
    power_mw: int | None = None
    power_mode: str = ""
    memory_mb: int | None = None
    faults: dict[str, str] = field(default_factory=dict)


class Sensors:
    """Reads them all; never raises, whatever a path holds."""

    def __init__(self, settings: HealthSettings) -> None:
        self._files = Files(settings.root)

    def read(self) -> Reading:
        """Ask everything once; some ms on a Jetson, whose power sensors sit behind a slow bus."""
        self._files.begin()
        zones = sorted(self._zones(), key=lambda zone: zone.temp_c - zone.trip_c, reverse=True)
        return Reading(
            zones=tuple(zones),
            slowed=tuple(self._slowed()),
            events=self._events(),
            gpu_load=self._gpu_load(),
            power_mw=self._power_mw(),
            power_mode=self._power_mode(),
            memory_mb=next((kb // 1024 for _, kb in self._memory()), None),
            faults=dict(self._files.faults),
        )

    def _zones(self) -> Iterator[Zone]:
        files = self._files
        for folder in files.matching("sys/class/thermal/thermal_zone*"):
            temp_mc = files.number(folder / "temp", _COLDEST_MC, _HOTTEST_MC)
            if temp_mc is not None:
                yield Zone(files.text(folder / "type") or folder.name, temp_mc / 1000, self._trip_c(folder))

    def _trip_c(self, zone: Path) -> float:
        """Find where a part slows itself down: its lowest passive trip point."""
        files, found = self._files, []
        for kind in files.matching(str((zone / "trip_point_*_type").relative_to(files.at("")))):
            if files.text(kind) == "passive":
                trip_mc = files.number(kind.with_name(kind.name.replace("_type", "_temp")), -(2**31), 2**31)
                found += [trip_mc / 1000] if trip_mc is not None and trip_mc >= _LEAST_TRIP_C * 1000 else []
        return min([*found, *([] if found else [TRIP_C])])

    def _slowed(self) -> Iterator[str]:
        files = self._files
        for folder in files.matching("sys/class/thermal/cooling_device*"):
            kind = files.text(folder / "type") or folder.name
            if "fan" not in kind.lower() and (files.number(folder / "cur_state", 0, _MOST_COUNT) or 0) > 0:
                yield kind

    def _events(self) -> dict[str, int]:
        files, counts = self._files, dict[str, int]()
        for name in files.matching("sys/class/hwmon/hwmon*/name"):
            if files.text(name) != "soctherm_oc":
                continue
            for line, meaning in _EVENTS.items():
                count = files.number(name.with_name(f"{line}_event_cnt"), 0, _MOST_COUNT)
                if count is not None:
                    counts[meaning] = counts.get(meaning, 0) + count
        return counts

    def _gpu_load(self) -> float | None:
        files = self._files
        for folder in files.matching("sys/class/devfreq/*"):
            name = files.text(folder / "device/of_node/name") or folder.name
            if name in _GPUS or "gpu" in name:
                permille = files.number(folder / "device/load", 0, 1000)
                if permille is not None:
                    return permille / 1000
        return None

    def _power_mw(self) -> int | None:
        files = self._files
        for label in files.matching("sys/bus/i2c/devices/*/hwmon/hwmon*/in*_label"):
            if files.text(label) in _RAILS:
                number = label.name.removeprefix("in").removesuffix("_label")
                volts = files.number(label.with_name(f"in{number}_input"), 0, 100_000)
                amperes = files.number(label.with_name(f"curr{number}_input"), 0, 100_000)
                if volts is not None and amperes is not None:
                    return volts * amperes // 1000
        return None

    def _power_mode(self) -> str:
        """Read what nvpmodel has set, e.g. ``pmode:0002``; without it the mode is not known."""
        told = self._files.text(self._files.at("var/lib/nvpmodel/status")) or ""
        found = [word.removeprefix("pmode:") for word in told.split() if word.startswith("pmode:")]
        return (found[0].lstrip("0") or "0")[:8] if found else ""

    def _memory(self) -> Iterator[tuple[str, int]]:
        return self._files.fields(self._files.at("proc/meminfo"), ["MemAvailable"])
