"""The life of a rule's incidents: pending, open, ended, opened again; the one place where events are written."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from agent.clock import Moment
from agent.core.box import Box
from agent.core.classes import same_kind
from agent.core.event import Event
from agent.core.incident import Phase, Severity, SlotKey
from agent.rules.settings import RuleSettings
from agent.rules.stay import End, Stay

NewId = Callable[[int], str]
"""Makes an id from wall µs."""

SAME_PLACE_IOU = 0.5
REOPEN_IOU = 0.7
_REOPEN_NOTICED_US = 60_000_000  # a stay is recognised seconds after it began


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is seen where, when a stay begins."""

    since_us: int
    now_us: int
    label: str
    score: float
    box: Box
    count: int = 1


@dataclass(frozen=True, slots=True)
class Former:
    """An ended incident, remembered for as long as it can matter to its place."""

    stay: Stay
    end_us: int


class Casebook:
    """All stays of one rule on one zone.

    Args:
        camera: camera id.
        rule: the rule.
        new_id: makes event and incident ids.
        stays: what the store remembered.

    Attributes:
        stays: pending and open, by slot number.
    """

    def __init__(self, camera: str, rule: RuleSettings, new_id: NewId, stays: Iterable[Stay] = ()) -> None:
        self._camera = camera
        self._rule = rule
        self._new_id = new_id
        self.stays = {stay.key.slot: stay for stay in stays}
        self._formers: dict[int, Former] = {}
        self._events: list[Event] = []

    def begin(self, number: int, seen: Sighting, at: Moment, *, preexisting: bool) -> Stay:
        """Start a pending stay at the place ``number``."""
        stay = Stay(
            key=SlotKey(self._camera, self._rule.rule, self._rule.zone, number),
            phase=Phase.PENDING,
            incident=self._new_id(at.utc_us),
            rev=0,
            since_us=seen.since_us,
            alert_us=0,
            last_seen_us=seen.now_us,
            label=seen.label,
            count=seen.count,
            score=seen.score,
            box=seen.box,
            preexisting=preexisting,
        )
        self.stays[number] = stay
        return stay

    def open(self, stay: Stay, at: Moment) -> None:
        """Give the alert."""
        former = self._formers.get(stay.key.slot)
        cooled_us = round(self._rule.cooldown_s * 1e6)
        stay.quiet = former is not None and at.mono_us - former.end_us <= cooled_us
        stay.phase = Phase.OPEN
        stay.alert_us = at.mono_us
        self._tell("incident.open", stay, at)

    def end(self, stay: Stay, at: Moment, end: End) -> None:
        """Say that an open incident is over, and remember its place; a pending stay is dropped without a word."""
        self.drop(stay)
        if stay.is_open:
            self._tell("incident.end", stay, at, end)
            self._formers[stay.key.slot] = Former(stay, end.at_us)

    def drop(self, stay: Stay) -> None:
        """Forget a stay without a word."""
        del self.stays[stay.key.slot]

    def reopen(self, former: Former, seen: Sighting, at: Moment) -> Stay:
        """Go on with an incident that was said to be over; its absence is no dwell and it is not alerted again."""
        stay = former.stay
        del self._formers[stay.key.slot]
        self.stays[stay.key.slot] = stay
        stay.excluded_us += max(0, seen.since_us - former.end_us)
        stay.see(seen.now_us)
        self._tell("incident.reopen", stay, at)
        return stay

    def continues(self, end_us: int, since_us: int) -> bool:
        """Tell whether a stay that began at ``since_us`` continues the one that ended at ``end_us``."""
        within_us = round(self._rule.reopen_within_s * 1e6)
        return within_us > 0 and since_us - end_us <= within_us

    def forget_places(self) -> None:
        """Forget where incidents ended: those places are elsewhere in the picture now."""
        self._formers.clear()

    def former_at(self, number: int) -> Former | None:
        """The incident that last ended at the place ``number``, while remembered."""
        return self._formers.get(number)

    def formers_near(self, label: str, box: Box, at_least_iou: float) -> list[Former]:
        """Ended incidents of the same class group near ``box``, the nearest first."""
        near = [former for former in self._formers.values() if same_kind(former.stay.label, label)]
        near = [former for former in near if former.stay.box.iou(box) >= at_least_iou]
        return sorted(near, key=lambda former: -former.stay.box.iou(box))

    def number_for(self, label: str, box: Box) -> int:
        """Number a place: that of an ended incident there, else the lowest that nothing uses or remembers."""
        for former in self.formers_near(label, box, SAME_PLACE_IOU):
            if former.stay.key.slot not in self.stays:
                return former.stay.key.slot
        return next(n for n in itertools.count(1) if n not in self.stays and n not in self._formers)

    def collect(self, now_us: int) -> list[Event]:
        """Hand over the events since the last call, and forget places whose cool-down is over."""
        keep_us = max(round(self._rule.cooldown_s * 1e6), round(self._rule.reopen_within_s * 1e6) + _REOPEN_NOTICED_US)
        self._formers = {n: former for n, former in self._formers.items() if now_us - former.end_us <= keep_us}
        events, self._events = self._events, []
        return events

    def _tell(self, kind: str, stay: Stay, at: Moment, end: End | None = None) -> None:
        self._events.append(told(kind, stay, at, self._rule.severity, self._new_id, end))


def told(kind: str, stay: Stay, at: Moment, severity: Severity, new_id: NewId, end: End | None = None) -> Event:
    """Write the next event of ``stay``; its revision grows by one."""
    stay.rev += 1
    return Event(id=new_id(at.utc_us), kind=kind, at=at, incident=stay.incident_at(at, severity, end))
