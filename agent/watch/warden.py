"""Looks after the box while it looks at the street: sensors in, pace of the cameras out, said once a change."""

from __future__ import annotations

import logging
from collections.abc import Callable

from agent.clock import Moment, uuid7
from agent.core.event import Event, Json
from agent.health.sensors import Reading, Sensors
from agent.health.settings import HealthSettings
from agent.health.throttle import Step, Throttle
from agent.runtime import BoxStatus

log = logging.getLogger(__name__)

_READ_EVERY_US = 2_000_000


class Warden:
    """Reads the sensors every two seconds and slows the cameras down where they must be.

    Args:
        settings: of the health room.
        slow_down: takes the share of their configured rates at which cameras shall be looked at.
    """

    def __init__(self, settings: HealthSettings, slow_down: Callable[[float], None]) -> None:
        self._settings = settings
        self._sensors = Sensors(settings)
        self._throttle = Throttle()
        self._slow_down = slow_down
        self._reading = Reading()
        self._read_us: int | None = None
        self._told: frozenset[str] = frozenset()

    def check(self, now: Moment) -> list[Event]:
        """Read the sensors if it is time; give the fact of a change of pace, if there is one."""
        if self._read_us is not None and now.mono_us - self._read_us < _READ_EVERY_US:
            return []
        self._read_us, self._reading = now.mono_us, self._sensors.read()
        self._tell_faults()
        step = self._throttle.advance(self._reading, now.mono_us) if self._settings.throttle else None
        if step is None:
            return []
        self._slow_down(step.share)
        least = ", once a second at least," if step.share < 1 else ""
        share = 100 * step.share
        log.warning("cameras are looked at at %.0f %% of their rate%s from now on: %s", share, least, _why(step))
        return [Event(uuid7(now.utc_us), "health.pace", now, detail=_detail(step))]

    @property
    def status(self) -> BoxStatus:
        """What the page may know of the box."""
        zone = self._reading.zones[0] if self._reading.zones else None
        return BoxStatus(
            pace=self._throttle.share,
            cause=self._throttle.cause,
            hottest="" if zone is None else zone.name,
            temp_c=None if zone is None else zone.temp_c,
            gpu_load=self._reading.gpu_load,
            power_mw=self._reading.power_mw,
            power_mode=self._reading.power_mode,
            memory_mb=self._reading.memory_mb,
        )

    @property
    def counts(self) -> dict[str, Json]:
        """What the minute's report says of the box: only what is known."""
        box, known = self.status, dict[str, Json](pace=self._throttle.share)
        for name in ("temp_c", "gpu_load", "power_mw", "memory_mb"):
            value = getattr(box, name)
            if value is not None:
                known[name] = round(value, 2)
        return known

    def _tell_faults(self) -> None:
        faults = frozenset(self._reading.faults)
        for path in sorted(faults - self._told):
            log.info("sensor left out: %s: %s", path, self._reading.faults[path])
        self._told |= faults


def _detail(step: Step) -> dict[str, Json]:
    detail: dict[str, Json] = {"share": step.share, "cause": step.cause}
    if step.zone is not None:
        detail |= {"zone": step.zone.name[:40], "temp_c": round(step.zone.temp_c, 1)}
    return detail


def _why(step: Step) -> str:
    reasons = {
        "heat": "the box is hot; see to its shade, fan and dust",
        "voltage": "its supply's voltage fell too low; see to the power supply and its cable",
        "current": "it draws more than its supply may give; see to the power supply and the power mode",
        "recovered": "heat and supply allow more again",
    }
    where = "" if step.zone is None else f" ({step.zone.name} {step.zone.temp_c:.0f} °C)"
    return reasons[step.cause] + where
