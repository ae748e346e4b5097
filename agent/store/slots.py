"""A slot as a row of its table, and back."""

from __future__ import annotations

from typing import Any

from agent.clock import ClockState
from agent.core.box import Box
from agent.core.incident import Phase, Slot, SlotKey


def key_row(key: SlotKey) -> tuple[str, str, str, int]:
    """Give the primary key."""
    return key.camera, key.rule, key.zone, key.slot


def slot_row(slot: Slot) -> tuple[object, ...]:
    """Give the columns in the order of the statement PUT_SLOT."""
    return (
        *key_row(slot.key),
        slot.phase.value,
        slot.incident,
        slot.rev,
        slot.since_mono_us,
        slot.since_utc_us,
        slot.clock_state.value,
        slot.boot_id,
        slot.alert_us,
        slot.last_seen_mono_us,
        slot.last_seen_utc_us,
        slot.label,
        slot.count,
        slot.score,
        *slot.box,
        int(slot.preexisting),
        int(slot.quiet),
        slot.excluded_us,
    )


def slot_of(row: tuple[Any, ...]) -> Slot:
    """Read a row of the statement SLOTS."""
    return Slot(
        key=SlotKey(*row[:4]),
        phase=Phase(row[4]),
        incident=row[5],
        rev=row[6],
        since_mono_us=row[7],
        since_utc_us=row[8],
        clock_state=ClockState(row[9]),
        boot_id=row[10],
        alert_us=row[11],
        last_seen_mono_us=row[12],
        last_seen_utc_us=row[13],
        label=row[14],
        count=row[15],
        score=row[16],
        box=Box(*row[17:21]),
        preexisting=bool(row[21]),
        quiet=bool(row[22]),
        excluded_us=row[23],
    )
