"""Rule state across a restart: what goes on, what begins anew, what is honestly ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from agent.clock import ClockState, Moment, uuid7
from agent.core.event import Event
from agent.core.incident import Incident, Phase, Severity, Slot
from agent.rules.casebook import NewId
from agent.rules.judgement import Judgement
from agent.rules.settings import DEFAULTS
from agent.rules.stay import Stay

_LONGEST_GAP_US = 600_000_000  # after ten minutes another car may well stand there
_TRUSTED = (ClockState.SYNCED, ClockState.HOLDOVER)


@dataclass(frozen=True)
class Restored:
    """What the store remembered, sorted.

    Attributes:
        going_on: stays that continue; they come back as occluded.
        over: open incidents that end, each with its reason, as soon as the camera gives a frame.
    """

    going_on: tuple[Stay, ...]
    over: tuple[tuple[Slot, str], ...]


def restore(slots: Iterable[Slot], now: Moment, known: Collection[tuple[str, str]]) -> Restored:
    """Sort the slots of one camera.

    A slot of this boot goes on by monotonic time. One of another boot goes on by wall time if both clocks can be
    trusted and less than ten minutes have passed; otherwise nobody knows how long it has been, and an open one ends
    when it was last seen. A pending one that cannot go on is left out: if the object is still there, it begins anew
    and is marked ``preexisting``.

    Args:
        slots: rows of the store.
        now: of this start.
        known: (rule, zone) pairs that are armed.
    """
    going_on: list[Stay] = []
    over: list[tuple[Slot, str]] = []
    for slot in slots:
        stay, gap_us = _translated(slot, now)
        if (slot.key.rule, slot.key.zone) not in known:
            ended = "rule_removed"
        elif gap_us is None:
            ended = "restart"
        elif slot.phase is Phase.PENDING and gap_us >= _LONGEST_GAP_US:
            continue
        else:
            going_on.append(stay)
            continue
        if slot.phase is Phase.OPEN:
            over.append((slot, ended))
    return Restored(tuple(going_on), tuple(over))


def retire(slots: Sequence[Slot], at: Moment, new_id: NewId = uuid7) -> Judgement:
    """End what the store remembers of cameras that are configured no longer; nobody else will."""
    events = tuple(end_of(slot, "rule_removed", at, new_id) for slot in slots if slot.phase is Phase.OPEN)
    return Judgement(events, (), tuple(slot.key for slot in slots))


def end_of(slot: Slot, reason: str, at: Moment, new_id: NewId, severity: Severity | None = None) -> Event:
    """Write the end of an incident that no rule looks after, dated to when its object was last seen.

    Its wall times are those that the slot was stored with. Within one boot they are told anew from ``at``, because
    the wall clock may have been set since; across a reboot nothing ties the two, least of all a clock that NTP steps
    soon after the start.

    Args:
        slot: an open one.
        reason: as in ``Incident.end_reason``.
        at: when the event happens.
        new_id: makes its id.
        severity: of the rule; its default where the rule is gone.
    """
    if severity is None:
        defaults = DEFAULTS.get(slot.key.rule)
        severity = Severity.ATTENTION if defaults is None else defaults.severity
    set_us = (at.utc_us - at.mono_us) - (slot.since_utc_us - slot.since_mono_us) if slot.boot_id == at.boot_id else 0
    incident = Incident(
        id=slot.incident,
        camera=slot.key.camera,
        rule=slot.key.rule,
        zone=slot.key.zone,
        slot=slot.key.slot,
        phase=Phase.ENDED,
        rev=slot.rev + 1,
        severity=severity,
        begin_us=max(0, slot.since_utc_us + set_us),
        alert_us=max(0, slot.alert_us + set_us),
        end_us=max(0, slot.last_seen_utc_us + set_us),
        end_reason=reason,
        label=slot.label,
        count=slot.count,
        score=slot.score,
        box=slot.box,
        dwell_s=max(0, slot.last_seen_mono_us - slot.since_mono_us - slot.excluded_us) / 1e6,
        preexisting=slot.preexisting,
        quiet=slot.quiet,
    )
    return Event(id=new_id(at.utc_us), kind="incident.end", at=at, incident=incident)


def _translated(slot: Slot, now: Moment) -> tuple[Stay, int | None]:
    """Put a slot into this boot's monotonic time; with the gap since it was last seen, None if nobody can tell."""
    same_boot = slot.boot_id == now.boot_id
    offset_us = slot.since_mono_us - slot.since_utc_us if same_boot else now.mono_us - now.utc_us
    last_seen_us = slot.last_seen_mono_us if same_boot else slot.last_seen_utc_us + offset_us
    gap_us: int | None = now.mono_us - last_seen_us
    trusted = slot.clock_state in _TRUSTED and now.state in _TRUSTED
    if not same_boot and not (trusted and 0 <= now.mono_us - last_seen_us < _LONGEST_GAP_US):
        gap_us = None
    stay = Stay(
        key=slot.key,
        phase=slot.phase,
        incident=slot.incident,
        rev=slot.rev,
        since_us=slot.since_utc_us + offset_us,
        alert_us=slot.alert_us + offset_us,
        last_seen_us=last_seen_us,
        label=slot.label,
        count=slot.count,
        score=slot.score,
        box=slot.box,
        preexisting=slot.preexisting,
        quiet=slot.quiet,
        excluded_us=slot.excluded_us,
        restored=True,
    )
    return stay, gap_us
