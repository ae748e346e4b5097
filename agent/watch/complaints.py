"""What is wrong with a camera's picture, as facts for HQ: one when a state begins, one when it ends, over restarts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from agent.backdrop.health import Change
from agent.clock import Moment, uuid7
from agent.core.ailment import Ailment
from agent.core.event import Event, Json
from agent.core.incident import Severity

SEVERITIES = {
    "covered": Severity.URGENT,
    "moved": Severity.ATTENTION,
    "blurred": Severity.ATTENTION,
    "frozen": Severity.ATTENTION,
    "dark": Severity.INFO,
    "glare": Severity.INFO,
}
"""A covered camera is blind while somebody may want it to be; darkness and glare mostly come and go with the sun."""


@dataclass(frozen=True)
class Told:
    """Facts and the state of the store that belongs to them, for one transaction.

    Attributes:
        events: in order.
        ailing: states that have begun.
        cured: states that have ended.
    """

    events: tuple[Event, ...] = ()
    ailing: tuple[Ailment, ...] = ()
    cured: tuple[Ailment, ...] = ()


class Complaints:
    """Of one camera.

    Args:
        camera: camera id.
        known: states whose begin HQ was told before this start.
    """

    def __init__(self, camera: str, known: Iterable[Ailment] = ()) -> None:
        self._camera = camera
        self._known = {ailment.state: ailment for ailment in known}
        self._begun_us: dict[str, int] = {}  # monotonic, of those that began since this start

    def tell(self, changes: Iterable[Change], at: Moment) -> Told:
        """Turn changes into facts; what was told already is not told again."""
        events: list[Event] = []
        ailing: list[Ailment] = []
        cured: list[Ailment] = []
        for change in changes:
            since_us = max(0, at.utc_us - (at.mono_us - change.since_us))
            known = self._known.get(change.state)
            if change.began and known is None:
                event = _impaired(self._camera, change, since_us, at)
                ailment = Ailment(self._camera, change.state, event.id, since_us)
                self._known[change.state] = ailment
                self._begun_us[change.state] = change.since_us
                ailing.append(ailment)
                events.append(event)
            elif not change.began and known is not None:
                del self._known[change.state]
                begun_us = self._begun_us.pop(change.state, None)
                if begun_us is not None:  # the wall clock may have been set since
                    since_us = known.since_utc_us + change.since_us - begun_us
                cured.append(known)
                events.append(restored(known, at, change.reason, since_us))
        return Told(tuple(events), tuple(ailing), tuple(cured))


def _impaired(camera: str, change: Change, since_us: int, at: Moment) -> Event:
    measured: dict[str, Json] = dict(change.values)
    detail: dict[str, Json] = {
        "camera": camera,
        "state": change.state,
        "severity": SEVERITIES[change.state].value,
        "since_us": since_us,
        "measured": measured,
    }
    return Event(uuid7(at.utc_us), "camera.impaired", at, detail=detail)


def restored(ailment: Ailment, at: Moment, reason: str, until_us: int) -> Event:
    """Write the end of a state.

    Args:
        ailment: what ends.
        at: when the end is told.
        reason: ``well``, ``returned``, ``recalibrated`` or ``unwatched``.
        until_us: wall µs of the first sign that it was over.
    """
    detail: dict[str, Json] = {
        "camera": ailment.camera,
        "state": ailment.state,
        "reason": reason,
        "re": ailment.event_id,
        "since_us": ailment.since_utc_us,
        "lasted_s": round(max(0, until_us - ailment.since_utc_us) / 1e6, 1),
    }
    return Event(uuid7(at.utc_us), "camera.restored", at, detail=detail)
