"""Which cameras are there: a fact for HQ when one falls silent, and when it speaks again."""

from __future__ import annotations

from collections.abc import Iterable

from agent.clock import Moment, uuid7
from agent.core.event import Event, Json
from agent.runtime import CameraStatus

SILENT_S = 10.0
"""No frame for longer than this is reported (as ONVIF's and the field's signal-loss alarms do)."""

_AGAIN_US = 3_600_000_000
_STEADY_S, _LONGEST_STEADY_S = 10.0, 300.0

_REASON_CHARS = 200  # a driver may say more; the event that carries it must stay small


class Presence:
    """Turns the state of each camera into ``camera.lost`` and ``camera.back``, once per change and across restarts.

    A camera whose pictures come is there, though nobody has time to judge them: while a fact waits for the disk, or the
    network for the processor, no camera is lost by it.

    One that is lost again within an hour of its return must be there for 10 s until it is told back, and each further
    time for twice as long, up to 5 min: a cable that wobbles is some facts an hour, and not hundreds.

    Args:
        cameras: all that are configured.
        now: the time of this start.
        lost: those that HQ was last told are lost; each stays so until a frame comes.
    """

    def __init__(self, cameras: Iterable[str], now: Moment, lost: Iterable[str] = ()) -> None:
        self._heard: dict[str, Moment] = dict.fromkeys(cameras, now)
        self._lost: set[str] = set(lost)
        self._unheard = set(self._lost)
        self._there_us: dict[str, int] = {}
        self._back_us: dict[str, int] = {}
        self._steady_s: dict[str, float] = {}

    def heard(self, camera: str, at: Moment) -> None:
        """Note that a frame came."""
        self._heard[camera] = at
        self._unheard.discard(camera)

    def changes(self, now: Moment, statuses: Iterable[CameraStatus]) -> list[Event]:
        """Give the facts that are new since the last call."""
        events = []
        for status in statuses:
            last_us, last_utc_us = self._last(status)
            silent_s = (now.mono_us - last_us) / 1_000_000
            there = silent_s <= SILENT_S and status.id not in self._unheard
            if status.id in self._lost and self._steady(status.id, now, there=there):
                self._lost.discard(status.id)
                self._back_us[status.id] = now.mono_us
                events.append(_event("camera.back", now, status.id))
            elif status.id not in self._lost and silent_s > SILENT_S and status.state != "ended":
                self._lost.add(status.id)
                self._ask_more(status.id, now)
                reason = status.reason[:_REASON_CHARS]
                events.append(_event("camera.lost", now, status.id, {"since_us": last_utc_us, "reason": reason}))
        return events

    def _steady(self, camera: str, now: Moment, *, there: bool) -> bool:
        """Tell whether a lost camera has been there for long enough to be told back."""
        if not there:
            self._there_us.pop(camera, None)
            return False
        since_us = self._there_us.setdefault(camera, now.mono_us)
        return now.mono_us - since_us >= self._steady_s.get(camera, 0.0) * 1e6

    def _ask_more(self, camera: str, now: Moment) -> None:
        self._there_us.pop(camera, None)
        back_us = self._back_us.get(camera)
        again = back_us is not None and now.mono_us - back_us <= _AGAIN_US
        longer_s = min(max(_STEADY_S, 2 * self._steady_s.get(camera, 0.0)), _LONGEST_STEADY_S)
        self._steady_s[camera] = longer_s if again else 0.0

    def _last(self, status: CameraStatus) -> tuple[int, int]:
        """Give monotonic and wall µs of the last sign of a camera: a frame judged, or one that waits to be."""
        heard = self._heard[status.id]
        return max((heard.mono_us, heard.utc_us), (status.frame_mono_us, status.frame_utc_us))


def _event(kind: str, now: Moment, camera: str, more: dict[str, Json] | None = None) -> Event:
    return Event(uuid7(now.utc_us), kind, now, detail={"camera": camera, **(more or {})})
