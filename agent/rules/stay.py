"""A slot at work: one stay of something at one place, by monotonic time, and how it is written down."""

from __future__ import annotations

from dataclasses import dataclass

from agent.clock import Moment
from agent.core.box import Box
from agent.core.incident import Incident, Phase, Severity, Slot, SlotKey


@dataclass(slots=True)
class Stay:
    """What a rule holds about one place; changes in place until it is over. All times are monotonic µs.

    Attributes:
        key: where.
        phase: pending or open.
        incident: id it has, or will have once open.
        rev: revision of the last event; 0 while pending.
        since_us: begin, back-dated; may lie before this boot (negative) after a restart.
        alert_us: when it opened; meaningless while pending.
        last_seen_us: when the object was last seen there.
        label: class.
        count: objects.
        score: median confidence.
        box: where, normalised.
        preexisting: there when the camera began to see.
        quiet: opened within the place's cool-down.
        excluded_us: part of the time since the begin that is no dwell.
        restored: comes from the store and has not been seen since.
        blind_us: long blindness since it was last seen; no dwell, once it is seen again.
    """

    key: SlotKey
    phase: Phase
    incident: str
    rev: int
    since_us: int
    alert_us: int
    last_seen_us: int
    label: str
    count: int
    score: float
    box: Box
    preexisting: bool
    quiet: bool = False
    excluded_us: int = 0
    restored: bool = False
    blind_us: int = 0

    @property
    def is_open(self) -> bool:
        """Whether its alert has been given."""
        return self.phase is Phase.OPEN

    def see(self, now_us: int) -> None:
        """Note that the object is there."""
        self.last_seen_us = now_us
        self.restored = False
        self.excluded_us += self.blind_us
        self.blind_us = 0

    def dwell_us(self, until_us: int) -> int:
        """How long it has dwelt."""
        return until_us - self.since_us - self.excluded_us

    def slot(self, at: Moment) -> Slot:
        """Give the row that a restart needs; wall times are told from ``at`` by monotonic difference."""
        return Slot(
            key=self.key,
            phase=self.phase,
            incident=self.incident,
            rev=self.rev,
            since_mono_us=self.since_us,
            since_utc_us=wall_us(at, self.since_us),
            clock_state=at.state,
            boot_id=at.boot_id,
            alert_us=wall_us(at, self.alert_us) if self.is_open else 0,
            last_seen_mono_us=self.last_seen_us,
            last_seen_utc_us=wall_us(at, self.last_seen_us),
            label=self.label,
            count=self.count,
            score=self.score,
            box=self.box,
            preexisting=self.preexisting,
            quiet=self.quiet,
            excluded_us=self.excluded_us,
        )

    def incident_at(self, at: Moment, severity: Severity, end: End | None = None) -> Incident:
        """Give the incident as an event at ``at`` tells it."""
        until_us = at.mono_us if end is None else end.at_us
        return Incident(
            id=self.incident,
            camera=self.key.camera,
            rule=self.key.rule,
            zone=self.key.zone,
            slot=self.key.slot,
            phase=Phase.OPEN if end is None else Phase.ENDED,
            rev=self.rev,
            severity=severity,
            begin_us=max(0, wall_us(at, self.since_us)),  # a clock that was reset to 1970 cannot reach back to it
            alert_us=max(0, wall_us(at, self.alert_us)),
            end_us=None if end is None else max(0, wall_us(at, end.at_us)),
            end_reason=None if end is None else end.reason,
            label=self.label,
            count=self.count,
            score=self.score,
            box=self.box,
            dwell_s=self.dwell_us(until_us) / 1e6,
            preexisting=self.preexisting,
            quiet=self.quiet,
        )


@dataclass(frozen=True, slots=True)
class End:
    """How a stay ended.

    Attributes:
        at_us: monotonic µs of the last supporting frame.
        reason: ``left``, ``lost``, ``schedule``, ``restart``, ``camera_moved`` or ``rule_removed``.
    """

    at_us: int
    reason: str


def wall_us(at: Moment, mono_us: int) -> int:
    """Tell the wall time of a monotonic instant by its distance from ``at``; a clock step changes no length."""
    return at.utc_us - (at.mono_us - mono_us)
