"""An incident, and the rule state (slot) that it lives in; stdlib only."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from agent.clock import ClockState
from agent.core.box import Box
from agent.core.image import ImageRef


class Phase(str, enum.Enum):
    """How far an incident has come; ``pending`` (dwell running) is shown on the box and never sent."""

    PENDING = "pending"
    OPEN = "open"
    ENDED = "ended"


class Severity(str, enum.Enum):
    """How soon a person should look."""

    INFO = "info"
    ATTENTION = "attention"
    URGENT = "urgent"


@dataclass(frozen=True, slots=True)
class Incident:
    """What a rule claims to have seen: one stay, one id, a rising ``rev``.

    Attributes:
        id: uuid7, the same from open to end and across restarts.
        camera: camera id.
        rule: rule id, e.g. ``stopped_vehicle``.
        zone: zone id.
        slot: number of the place within (rule, zone); with them the key. Never a track id.
        phase: ``open`` or ``ended`` in events.
        rev: 1 at open, +1 with every further event of this incident.
        severity: of the rule.
        begin_us: wall µs of the first supporting frame (back-dated).
        alert_us: wall µs at which it opened.
        end_us: wall µs of the last supporting frame, once ended.
        end_reason: ``left``, ``schedule``, ``restart``, ``lost``, ``camera_moved``, ``rule_removed``; None while open.
        label: class by majority vote.
        count: objects involved; 1 for per-object rules.
        score: median confidence, 0..1.
        box: where, normalised.
        dwell_s: monotonic seconds from begin to this event (to the end, once ended), blind and suspended time
            handled as the rule says.
        preexisting: it was already there when the camera began to see.
        quiet: within the cool-down of the same slot: no sound at HQ; hides nothing.
        images: pictures that leave the box, by name.
        evidence: None, or why pictures are missing, e.g. ``lost(no space)``.
    """

    id: str
    camera: str
    rule: str
    zone: str
    slot: int
    phase: Phase
    rev: int
    severity: Severity
    begin_us: int
    alert_us: int
    end_us: int | None
    end_reason: str | None
    label: str
    count: int
    score: float
    box: Box
    dwell_s: float
    preexisting: bool
    quiet: bool
    images: tuple[ImageRef, ...] = ()
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class SlotKey:
    """The name of a place where an incident can be: what makes two sightings the same incident."""

    camera: str
    rule: str
    zone: str
    slot: int


@dataclass(frozen=True, slots=True)
class Slot:
    """Rule state that survives a restart (docs/design/rules.md); one row of ``slots`` in watch.db.

    Attributes:
        key: where.
        phase: ``pending`` or ``open``; an ended slot is freed.
        incident: id that the incident has, or will have when it opens.
        rev: revision of the last event sent (0 while pending).
        since_mono_us: monotonic µs of the begin (back-dated), in ``boot_id``.
        since_utc_us: wall µs of the begin.
        clock_state: quality of ``since_utc_us``.
        boot_id: boot in which ``since_mono_us`` and ``last_seen_mono_us`` count.
        alert_us: wall µs at which it opened; 0 while pending.
        last_seen_mono_us: monotonic µs at which the object was last seen.
        last_seen_utc_us: the same by wall clock.
        label: class by majority vote.
        count: objects involved.
        score: median confidence.
        box: where, normalised.
        preexisting: already there when the camera began to see.
        quiet: opened, or will open, within the slot's cool-down.
        excluded_us: monotonic µs since ``since_mono_us`` that do not count as dwell (blind, suspended).
    """

    key: SlotKey
    phase: Phase
    incident: str
    rev: int
    since_mono_us: int
    since_utc_us: int
    clock_state: ClockState
    boot_id: str
    alert_us: int
    last_seen_mono_us: int
    last_seen_utc_us: int
    label: str
    count: int
    score: float
    box: Box
    preexisting: bool
    quiet: bool
    excluded_us: int = 0
