"""What boxes and HQ have in their databases, read beside our programs: by the machine's own Python and its sqlite3."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from support.lab.machine import Machine
from support.lab.shell import LabError

BOX_LOG = "/var/lib/commune-agent/watch.db"
HQ_DATA = "/var/lib/commune-hq"
_ASK = """
import json, sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True, timeout=10)
rows = connection.execute(sys.argv[2], json.loads(sys.argv[3])).fetchall()
print(json.dumps([[cell.hex() if isinstance(cell, bytes) else cell for cell in row] for row in rows]))
"""


class Event(NamedTuple):
    """One event of a box's stream of alerts; ``body`` in hexadecimal digits."""

    epoch: int
    seq: int
    event_id: str
    kind: str
    utc_us: int
    body: str


class Picture(NamedTuple):
    """One picture at HQ, and the path of its file there."""

    event_id: str
    sha256: str
    kind: str
    path: str


def ask(machine: Machine, user: str, database: str, query: str, *values: object) -> list[list[Any]]:
    """Ask a database on a machine, as the user whose it is.

    Raises:
        LabError: there is no such database or table yet, or the machine is off.
    """
    said = machine.enter("python3", "-c", _ASK, database, query, json.dumps(values), user=user)
    return json.loads(said)


def recorded(box: Machine) -> list[Event]:
    """Give every event that a box has committed to its stream of alerts; none before it has a store."""
    query = "SELECT epoch, seq, event_id, kind, utc_us, body FROM log_a ORDER BY seq"
    return [Event(*row) for row in _asked(box, "commune", BOX_LOG, query)]


def at_hq(hq: Machine, box: str) -> list[Event]:
    """Give every event of a box's stream of alerts that HQ has committed."""
    query = "SELECT epoch, seq, event_id, kind, utc_us, body FROM events WHERE box = ? AND stream = 'a' ORDER BY seq"
    return [Event(*row) for row in _asked(hq, "commune-hq", f"{HQ_DATA}/hq.db", query, box)]


def pictures(hq: Machine, box: str) -> list[Picture]:
    """Give every picture of a box that lies at HQ."""
    query = "SELECT event_id, sha256, kind, path FROM images WHERE box = ? AND path <> ''"
    return [Picture(*row) for row in _asked(hq, "commune-hq", f"{HQ_DATA}/hq.db", query, box)]


def verified(hq: Machine, box: str) -> bool:
    """Tell whether every event of a box at HQ carries a signature of the key that the registry has."""
    query = "SELECT count(*), sum(verified) FROM events WHERE box = ?"
    ((count, good),) = _asked(hq, "commune-hq", f"{HQ_DATA}/hq.db", query, box)
    return count > 0 and count == good


def troubles(hq: Machine) -> dict[str, int]:
    """Count what HQ could not use, misses for good, or has twice on one position."""
    tables = ("dead_letters", "gaps", "forks")
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    (row,) = _asked(hq, "commune-hq", f"{HQ_DATA}/hq.db", f"SELECT {counts}")
    return {table: count for table, count in zip(tables, row, strict=True) if count}


def integrity(box: Machine) -> dict[str, str]:
    """Let SQLite check every database of a box."""
    folder = BOX_LOG.rpartition("/")[0]
    checked = {}
    for path in box.enter("sh", "-c", f"ls {folder}/*.db").split():
        ((verdict,),) = ask(box, "commune", path, "PRAGMA integrity_check")
        checked[path.rpartition("/")[2]] = verdict
    return checked


def lost(box: Machine, hq: Machine) -> list[Event]:
    """Give the events that a box has and HQ has not, byte for byte; and those that only HQ has."""
    here, there = set(recorded(box)), set(at_hq(hq, box.place.name))
    return sorted(here ^ there, key=lambda event: event.seq)


def _asked(machine: Machine, user: str, database: str, query: str, *values: object) -> list[list[Any]]:
    try:
        return ask(machine, user, database, query, *values)
    except LabError as error:
        if "unable to open database" in str(error) or "no such table" in str(error):
            return []
        raise
