"""Save what can be read of a damaged database file into a new one; the damaged one is kept beside it."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from agent.clock import SystemClock
from agent.core.event import Json, Place, digest
from agent.errors import StoreDamaged
from agent.keys import Signer
from agent.store import news
from agent.store import statements as sql
from agent.store.chain import NO_PREVIOUS, reseal
from agent.store.faults import translate
from agent.store.files import add_epoch, create, sync_folder
from agent.store.reader import read_delivery
from agent.store.schema import CHAINED, SEALED, FileSchema
from agent.store.settings import StoreSettings
from agent.store.signing import signer_of
from agent.store.wreck import Columns, Wreck

_EXTRA_TABLES = frozenset({"epochs", "meta"})


def find_damage(path: Path) -> str | None:
    """Check a database file; None when it is sound, else what SQLite says is wrong.

    Raises:
        StoreError: it cannot be opened for another reason.
    """
    try:
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10)) as connection:
            verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
            if verdict == "ok" and not connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                verdict = "the file is empty"
    except sqlite3.Error as error:
        meaning = translate(error, path)
        if not isinstance(meaning, StoreDamaged):
            raise meaning from error
        verdict = str(error)
    return None if verdict == "ok" else verdict


def salvage(path: Path, schema: FileSchema, settings: StoreSettings, damage: str) -> str:
    """Replace the damaged file at ``path`` by a new one, under a new epoch, with every row that can still be read.

    Rows that HQ has keep their place. The others are sealed anew under the new epoch with their old event id, so that
    no hole left by the damage can hold up HQ's watermark.

    Returns:
        one line that tells what was saved and lost.
    """
    stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    part = path.with_name(f".{path.name}.salvage-part")
    with contextlib.closing(Wreck(path)) as wreck:
        work = _Salvage(wreck, schema, settings, part)
        work.run(damage)
    part.replace(path.with_name(f".{path.name}.salvaged-{stamp}"))
    sync_folder(path.parent)
    finish_salvage(path)
    return (
        f"{path}: was damaged ({damage}); saved {work.saved} rows, lost {work.lost}, new epoch; "
        f"the damaged file is kept as {path.name}.broken-{stamp}"
    )


def finish_salvage(path: Path) -> None:
    """Put a complete salvaged file in place of the damaged one; also where a power cut interrupted that."""
    for salvaged in path.parent.glob(f".{path.name}.salvaged-*"):
        broken = path.with_name(f"{path.name}.broken-{salvaged.name.rpartition('-')[2]}")
        # The write-ahead log goes first: beside the new file it would be taken for the new file's.
        wal = path.with_name(f"{path.name}-wal")
        if wal.exists() and wal.stat().st_size:
            wal.replace(broken.with_name(f"{broken.name}-wal"))
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        if path.exists():
            path.replace(broken)
        salvaged.replace(path)
        sync_folder(path.parent)


class _Salvage:
    def __init__(self, wreck: Wreck, schema: FileSchema, settings: StoreSettings, part: Path) -> None:
        self._wreck = wreck
        self._schema = schema
        self._sign: Signer = signer_of(settings, schema.process)
        self._watermarks = read_delivery(settings.link_db).watermarks
        self._new = create(part, schema)
        self._epochs = self._old_epochs()
        self.saved = 0
        self._refused = 0

    @property
    def lost(self) -> int:
        return self._wreck.lost + self._refused

    def run(self, damage: str) -> None:
        with contextlib.closing(self._new):
            self._new.execute("BEGIN IMMEDIATE")
            self._keep_epochs()
            add_epoch(self._new, "salvaged", {stream: self._first_seq(stream) for stream in self._schema.streams})
            for stream in self._schema.streams:
                self._copy_log(stream)
            logs = {f"log_{stream}" for stream in self._schema.streams}
            for table in self._tables() - logs - _EXTRA_TABLES:
                self._copy_table(table)
            self._bury_lost_pictures()
            detail: dict[str, Json] = {
                "reason": "salvaged",
                "damage": damage[:200],
                "saved": self.saved,
                "lost": self.lost,
            }
            news.leave(self._new, self._schema, detail, SystemClock().now())
            self._new.execute("COMMIT")

    def _tables(self) -> set[str]:
        found = self._new.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        return {name for (name,) in found}

    def _old_epochs(self) -> list[tuple[Any, ...]]:
        columns = Columns(("stream", "epoch", "first_seq", "acked_upto", "since_utc_us", "reason"))
        return list(self._wreck.rows("epochs", columns)) if "epochs" in self._wreck.columns else []

    def _first_seq(self, stream: str) -> int:
        known = [upto for (letter, _), upto in self._watermarks.items() if letter == stream]
        table = f"log_{stream}"
        return max([self._wreck.last(table) if table in self._wreck.columns else 0, *known]) + 1

    def _acked(self, stream: str) -> dict[int, int]:
        """Highest acknowledged seq of each old epoch; of all but the newest every row has been."""
        mine = sorted((row for row in self._epochs if row[0] == stream), key=lambda row: row[2])
        ends = [row[2] - 1 for row in mine[1:]]
        if mine:
            ends.append(self._watermarks.get((stream, mine[-1][1]), 0))
        return {row[1]: end for row, end in zip(mine, ends, strict=True)}

    def _keep_epochs(self) -> None:
        for stream, epoch, first_seq, _, since_utc_us, reason in self._epochs:
            if stream not in self._schema.streams:
                continue
            self._new.execute(sql.ADD_EPOCH, (stream, epoch, first_seq, since_utc_us, reason))
            self._new.execute(sql.SET_ACKED, (self._acked(stream).get(epoch, 0), stream, epoch))

    def _copy_log(self, stream: str) -> None:
        table = f"log_{stream}"
        if table not in self._wreck.columns:
            return
        columns = Columns(self._wreck.columns[table])
        acked = self._acked(stream)
        epoch, first_seq = self._new.execute(sql.CURRENT_EPOCH, (stream,)).fetchone()
        seq, previous = first_seq - 1, NO_PREVIOUS
        for values in self._wreck.rows(table, columns):
            row = dict(zip(columns.names, values, strict=True))
            if stream in SEALED and digest(row["body"] or b"") != row["hash"]:
                self._refused += 1
                continue
            if row["seq"] <= acked.get(row["epoch"], 0):
                self._insert(table, row)
                continue
            self._move(row, Place("", epoch, stream, seq + 1, previous if stream in CHAINED else None))
            if self._insert(table, row):
                seq, previous = seq + 1, row.get("hash", NO_PREVIOUS)

    def _move(self, row: dict[str, Any], place: Place) -> None:
        row["epoch"], row["seq"] = place.epoch, place.seq
        if place.stream in SEALED:
            row["body"] = reseal(row["body"], place)
            row["signature"] = self._sign(row["body"])
            row["hash"] = digest(row["body"])

    def _copy_table(self, table: str) -> None:
        if table not in self._wreck.columns:
            return
        columns = Columns(self._wreck.columns[table])
        for values in self._wreck.rows(table, columns):
            row = dict(zip(columns.names, values, strict=True))
            if table == "pictures" and hashlib.sha256(row["content"] or b"").hexdigest() != row["sha256"]:
                self._refused += 1
                continue
            self._insert(table, row)

    def _insert(self, table: str, row: dict[str, Any]) -> bool:
        columns = Columns(tuple(row))
        statement = f"INSERT INTO {table} ({columns.listed}) VALUES ({columns.marks})"  # noqa: S608
        try:
            self._new.execute(statement, tuple(row.values()))
        except sqlite3.IntegrityError:  # a scribbled cell that no longer fits the table
            self._refused += 1
            return False
        self.saved += 1
        return True

    def _bury_lost_pictures(self) -> None:
        if "m" in self._schema.streams:
            self._new.execute(sql.BURY_LOST_PICTURES)
