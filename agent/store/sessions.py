"""How long a log-in lasts and a lock-out holds; pure rules over times, so that they can be tested without a file."""

from __future__ import annotations

from dataclasses import dataclass, replace

from agent.clock import ClockState, Moment

_DAY_US = 86_400_000_000
FREE_FAILURES = 5
_FIRST_LOCK_S = 30
_LONGEST_LOCK_S = 900
REFRESH_SHARE = 20


@dataclass(frozen=True, slots=True)
class Session:
    """One log-in.

    Attributes:
        user: name.
        idle_s: it ends when nothing was asked for this long.
        max_s: it ends this long after the log-in, used or not.
        boot_id: boot in which the ``_mono_us`` count.
        opened_mono_us: log-in, monotonic.
        opened_utc_us: log-in, wall.
        seen_mono_us: latest request, monotonic.
        seen_utc_us: latest request, wall.
    """

    user: str
    idle_s: float
    max_s: float
    boot_id: str
    opened_mono_us: int
    opened_utc_us: int
    seen_mono_us: int
    seen_utc_us: int

    def alive(self, now: Moment) -> bool:
        """Tell whether it still holds: by monotonic time in its own boot, so that a clock step logs nobody out.

        After a reboot only wall time is left; where that is unset or runs backwards, the session has ended.
        """
        opened_us, seen_us = self._ages_us(now)
        return 0 <= seen_us <= self.idle_s * 1_000_000 and 0 <= opened_us <= self.max_s * 1_000_000

    def worth_touching(self, now: Moment) -> bool:
        """Tell whether ``seen`` has aged enough to be written again; not every request should cost a commit."""
        return now.boot_id != self.boot_id or self._ages_us(now)[1] > self.idle_s * 1_000_000 / REFRESH_SHARE

    def touched(self, now: Moment) -> Session:
        """Give the session as seen now, its times carried over into this boot."""
        opened_us, _ = self._ages_us(now)
        return replace(
            self,
            boot_id=now.boot_id,
            opened_mono_us=now.mono_us - opened_us,
            seen_mono_us=now.mono_us,
            seen_utc_us=now.utc_us,
        )

    def _ages_us(self, now: Moment) -> tuple[int, int]:
        if now.boot_id == self.boot_id:
            return now.mono_us - self.opened_mono_us, now.mono_us - self.seen_mono_us
        if now.state is ClockState.UNSET:
            return -1, -1
        return now.utc_us - self.opened_utc_us, now.utc_us - self.seen_utc_us


@dataclass(frozen=True, slots=True)
class Failures:
    """Failed log-ins of one name or address.

    Attributes:
        count: since the last success.
        boot_id: boot in which ``last_mono_us`` counts.
        last_mono_us: the latest, monotonic.
        last_utc_us: the latest, wall.
    """

    count: int
    boot_id: str
    last_mono_us: int
    last_utc_us: int

    def locked_until(self, now: Moment) -> int:
        """Give the monotonic µs (this boot) until which no log-in is tried; 0 when it may be tried now.

        Five failures are free; then 30 s, doubling to 15 min.
        """
        if self.count < FREE_FAILURES:
            return 0
        lock_s = min(_LONGEST_LOCK_S, _FIRST_LOCK_S << min(10, self.count - FREE_FAILURES))
        until_us = now.mono_us + lock_s * 1_000_000 - self._age_us(now)
        return until_us if until_us > now.mono_us else 0

    def _age_us(self, now: Moment) -> int:
        if now.boot_id == self.boot_id:
            return now.mono_us - self.last_mono_us
        # After a reboot at least the uptime has passed, whatever the wall clock says.
        wall_us = now.utc_us - self.last_utc_us if now.state is not ClockState.UNSET else 0
        return max(now.mono_us, min(wall_us, _DAY_US))
