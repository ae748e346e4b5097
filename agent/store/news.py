"""What happened to a file while no log could say so: left in the file, told as an event by its next writer."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

from agent.clock import ClockState, Moment, uuid7
from agent.core.event import Event, Json
from agent.store import statements as sql
from agent.store.schema import FileSchema

if TYPE_CHECKING:
    from agent.store.log import Log

KIND = "store.epoch"
_KEY = "news"


def leave(connection: sqlite3.Connection, schema: FileSchema, detail: dict[str, Json], at: Moment) -> None:
    """Write down, in the caller's transaction, that ``schema``'s file has a new epoch."""
    note = {
        "id": uuid7(at.utc_us),
        "utc_us": at.utc_us,
        "mono_us": at.mono_us,
        "clock": at.state.value,
        "boot": at.boot_id,
        "detail": {"file": schema.name, **detail},
    }
    connection.execute(sql.SET_META, (_KEY, json.dumps(note)))


def tell(source: Log, teller: Log, stream: str) -> None:
    """Record the news of ``source`` in ``stream`` of ``teller``; told twice it is still one event."""
    found = source.ask(sql.GET_META, _KEY)
    if not found or found[0][0] is None:
        return
    note = json.loads(found[0][0])
    at = Moment(note["mono_us"], note["utc_us"], ClockState(note["clock"]), note["boot"])
    event = Event(note["id"], KIND, at, detail=note["detail"])
    teller.write(lambda: teller.append(stream, event))
    source.write(lambda: source.run(sql.SET_META, _KEY, None))
