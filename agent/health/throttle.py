"""How often the box may look: less while it is hot or its supply gives way, before the hardware slows itself. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from agent.health.sensors import Reading, Zone

SHARES = (1.0, 0.7, 0.5, 0.35, 0.2)
"""Of each camera's configured rate, step by step; the video room holds every camera to once a second at least."""

WARM_C, HOT_C, COOL_C = 8.0, 3.0, 15.0
"""Distances from the nearest trip point: slower from WARM on, quickly so from HOT on, faster again beyond COOL."""

_WARM_EVERY_US = 20_000_000  # a heat sink answers within tens of seconds: a step must have time to show
_HOT_EVERY_US = 5_000_000
_COOL_FOR_US = 60_000_000
_SUPPLY_HOLD_US = 300_000_000  # a supply that was too weak will be so again at the same load


@dataclass(frozen=True, slots=True)
class Step:
    """A change of pace.

    Attributes:
        share: of the configured rates, from now on.
        cause: ``heat``, ``voltage`` (the supply's too low), ``current`` (too much drawn) or ``recovered``.
        zone: the part nearest to its trip point, if any is known.
    """

    share: float
    cause: str
    zone: Zone | None


class Throttle:
    """Goes down at once and up slowly, a step at a time.

    Attributes:
        cause: why it is below the top, as in ``Step``; empty at the top.
    """

    def __init__(self) -> None:
        self.cause = ""
        self._level = 0
        self._changed_us: int | None = None
        self._cool_since_us: int | None = None
        self._hold_until_us = 0
        self._events: dict[str, int] = {}

    @property
    def share(self) -> float:
        """Of the configured rates, now."""
        return SHARES[self._level]

    def advance(self, reading: Reading, now_us: int) -> Step | None:
        """Take a reading; say what changes, or None.

        Args:
            reading: what the sensors say.
            now_us: monotonic µs; rises from call to call.
        """
        weak = self._weakened(reading.events)
        zone = reading.zones[0] if reading.zones else None
        margin_c = None if zone is None else zone.trip_c - zone.temp_c
        heat = bool(reading.slowed) or (margin_c is not None and margin_c <= WARM_C)
        if weak:
            self._hold_until_us = now_us + _SUPPLY_HOLD_US
        if weak or heat:
            self._cool_since_us = None
        every_us = _HOT_EVERY_US if reading.slowed or (margin_c or 0) <= HOT_C else _WARM_EVERY_US
        rested = self._changed_us is None or now_us - self._changed_us >= every_us
        if weak or (heat and rested):
            return self._go(min(self._level + 1, len(SHARES) - 1), weak or "heat", zone, now_us)
        if not heat and self._cooled(margin_c, now_us):
            return self._go(max(self._level - 1, 0), "recovered", zone, now_us)
        return None

    def _go(self, level: int, cause: str, zone: Zone | None, now_us: int) -> Step | None:
        if level == self._level:
            return None
        self._level, self._changed_us, self._cool_since_us = level, now_us, None
        self.cause = "" if level == 0 else self.cause if cause == "recovered" else cause
        return Step(self.share, cause, zone)

    def _cooled(self, margin_c: float | None, now_us: int) -> bool:
        """Tell whether it has been cool for a minute, and the supply sound for five; what is not known is not cool."""
        known = margin_c is not None or self.cause in ("voltage", "current")
        if not known or (margin_c is not None and margin_c <= COOL_C):
            self._cool_since_us = None
            return False
        if self._cool_since_us is None:
            self._cool_since_us = now_us
        return now_us - self._cool_since_us >= _COOL_FOR_US and now_us >= self._hold_until_us

    def _weakened(self, events: dict[str, int]) -> str:
        """Name what the supply has newly failed in; the first count of a boot is what was before, not news."""
        new = [what for what, count in events.items() if count > self._events.get(what, count)]
        self._events.update(events)
        return "voltage" if "voltage" in new else "".join(new[:1])
