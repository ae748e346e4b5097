"""What it costs to record a fact: the store against bare SQLite, on the same disk.

    python bench/store.py [FOLDER]

The yardstick is one INSERT of a body of the same size per transaction, WAL and synchronous=FULL. Rounds of all kinds
are interleaved, so that a busy machine slows them alike; the ratio is what counts.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from agent.clock import SystemClock, uuid7
from agent.core.box import Box
from agent.core.event import Event
from agent.core.image import Image
from agent.core.incident import Incident, Phase, Severity, Slot, SlotKey
from agent.keys import load_signer
from agent.store.migrations import migrate
from agent.store.reader import LogReader
from agent.store.settings import StoreSettings
from agent.store.watch_store import WatchStore

ROUNDS = 15
PER_ROUND = 40
BODY_BYTES = 550


def main() -> None:
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as folder:
        settings = StoreSettings("bench", Path(folder) / "state")
        migrate(settings)
        store = WatchStore(settings, load_signer(settings.keys_dir / "watch.key"), SystemClock())
        bare = bare_sqlite(Path(folder) / "bare.db")
        jobs: dict[str, Callable[[], None]] = {
            "bare INSERT, WAL + FULL": lambda: bare_insert(bare),
            "event (w)": lambda: store.note(event()),
            "incident + slot (a)": lambda: record(store, pictures=0),
            "incident + slot + 3 pictures of 8 kB": lambda: record(store, pictures=3),
        }
        took = measure(jobs)
        store.close()
        bare.close()
        report(took)
        read_back(settings)


def bare_sqlite(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE, body BLOB) STRICT")
    return connection


def bare_insert(connection: sqlite3.Connection) -> None:
    connection.execute("BEGIN IMMEDIATE")
    row = (uuid7(time.time_ns() // 1000), os.urandom(BODY_BYTES))
    connection.execute("INSERT INTO log (id, body) VALUES (?, ?)", row)
    connection.execute("COMMIT")


def event(incident: Incident | None = None) -> Event:
    now = SystemClock().now()
    kind = "incident.open" if incident else "health.minute"
    return Event(uuid7(now.utc_us), kind, now, incident, {} if incident else {"text": "x" * (BODY_BYTES - 250)})


def record(store: WatchStore, pictures: int) -> None:
    now = SystemClock().now()
    kinds = ("before", "overview", "closeup")[:pictures]
    images = [Image(kind, os.urandom(8192), "image/webp", 480, 270, leaves_box=True) for kind in kinds]
    box, key = Box(0.1, 0.1, 0.2, 0.2), SlotKey("gate", "stopped_vehicle", "kerb", 1)
    times = (now.mono_us, now.utc_us)
    refs = tuple(image.ref for image in images)
    incident = Incident(
        uuid7(now.utc_us), *(key.camera, key.rule, key.zone, key.slot), Phase.OPEN, 1, Severity.ATTENTION,
        *(now.utc_us, now.utc_us, None, None), "car", 1, 0.8, box, 61.0, preexisting=False, quiet=False, images=refs,
    )  # fmt: skip
    slot = Slot(
        key, Phase.OPEN, incident.id, 1, *times, now.state, now.boot_id, now.utc_us, *times, "car", 1, 0.8, box,
        preexisting=False, quiet=False,
    )  # fmt: skip
    store.record([event(incident)], [slot], (), images)


def measure(jobs: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(ROUNDS):
        for name, job in jobs.items():
            begin = time.perf_counter()
            for _ in range(PER_ROUND):
                job()
            took[name].append((time.perf_counter() - begin) / PER_ROUND)
    return took


def report(took: dict[str, list[float]]) -> None:
    bare = next(iter(took.values()))
    print(f"{'one transaction each':38}{'ms':>8}{'per s':>9}{'ratio to bare':>15}")
    for name, seconds in took.items():
        ratio = statistics.median(mine / theirs for mine, theirs in zip(seconds, bare, strict=True))
        each = statistics.median(seconds)
        print(f"{name:38}{each * 1e3:8.2f}{1 / each:9.0f}{ratio:15.2f}")


def read_back(settings: StoreSettings) -> None:
    reader = LogReader(settings.watch_db, "a")
    (head,) = reader.heads()
    begin = time.perf_counter()
    rows = reader.rows("a", head.epoch, 0, 10**6)
    print(f"read back {len(rows)} rows: {len(rows) / (time.perf_counter() - begin):.0f} per s")
    reader.close()


if __name__ == "__main__":
    main()
