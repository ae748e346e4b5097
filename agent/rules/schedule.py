"""Weekly windows of local time in which a rule is armed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from agent.clock import ClockState, Moment
from agent.rules.settings import Window

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Schedule:
    """When one rule is armed.

    Args:
        windows: spans of local time, over midnight where ``end`` is not after ``start``; none means always.
        zone: IANA name of the time zone the windows are written in.
    """

    def __init__(self, windows: Sequence[Window], zone: str) -> None:
        self._windows = tuple(windows)
        self._zone = ZoneInfo(zone)

    def armed(self, at: Moment) -> bool:
        """Tell whether the rule holds at ``at``; a window includes its start and excludes its end.

        A clock that was never set cannot say that it is daytime, so it switches no rule off: better an alert too many,
        marked with its clock state, than a yard unguarded because a battery died.
        """
        if not self._windows or at.state is ClockState.UNSET:
            return True
        local = (_EPOCH + timedelta(microseconds=at.utc_us)).astimezone(self._zone)
        return any(_within(window, local) for window in self._windows)


def _within(window: Window, local: datetime) -> bool:
    time, today = local.time(), local.weekday()
    if window.start < window.end:
        return today in window.days and window.start <= time < window.end
    yesterday = (today - 1) % 7
    return (today in window.days and time >= window.start) or (yesterday in window.days and time < window.end)
