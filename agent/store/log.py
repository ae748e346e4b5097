"""The one writer of one database file: its connection, its transactions, its streams."""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from agent.clock import Clock, new_epoch
from agent.core.event import Event, Place, digest, seal
from agent.errors import StoreError, StoreFull
from agent.store import ballast, news
from agent.store import statements as sql
from agent.store.chain import NO_PREVIOUS, reseal
from agent.store.connection import connect
from agent.store.faults import translate
from agent.store.schema import CHAINED, SEALED, FileSchema, quota_bytes
from agent.store.settings import StoreSettings

log = logging.getLogger(__name__)

Sign = Callable[[bytes], bytes]
Result = TypeVar("Result")


@dataclass(slots=True)
class Tip:
    """Where a stream ends: the next row goes to ``seq`` + 1 of ``epoch``."""

    epoch: int
    seq: int
    hash: bytes = field(default=NO_PREVIOUS)


class Log:
    """All writing to one file goes through here; every method may be called from any thread.

    An append either answered and is durable, or it raised and the caller still holds the fact: repeating it is safe
    also when the first attempt did reach the disk.
    """

    def __init__(
        self, schema: FileSchema, settings: StoreSettings, sign: Sign, clock: Clock, *, spends_ballast: bool = True
    ) -> None:
        self.schema = schema
        self.path = settings.state_dir / schema.name
        self._box = settings.box
        self._sign = sign
        self._clock = clock
        self._ballast = ballast.ballast_path(settings.state_dir, schema.process)
        self._lock = threading.RLock()
        self._connection = self._connect(quota_bytes(schema, settings))
        self._spends_ballast = spends_ballast
        self.tips: dict[str, Tip] = {}
        self._read_tips()

    def write(self, work: Callable[[], Result]) -> Result:
        """Run ``work`` in one transaction, durable when this returns; on a full disk once more without the ballast.

        Raises:
            StoreFull: no space, and the ballast is spent.
            StoreDamaged: the file must go through ``migrate``.
            StoreError: anything else; nothing of ``work`` is stored.
        """
        with self._lock:
            try:
                return self._transaction(work)
            except StoreFull:
                if not (self._spends_ballast and self._release_ballast()):
                    raise
                return self._transaction(work)

    def run(self, statement: str, *values: object) -> int:
        """Execute one changing statement inside ``write``; gives the number of rows it changed."""
        return self._connection.execute(statement, values).rowcount

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Fetch all rows of a query."""
        with self._lock:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise translate(error, self.path) from error

    def append(self, stream: str, event: Event) -> int:
        """Seal ``event`` at the end of ``stream``, inside ``write``; one that is there already keeps its seq.

        Raises:
            ValueError: the body is too long.
        """
        known = self._connection.execute(sql.of(sql.SEQ_OF_EVENT, stream), (event.id,)).fetchone()
        if known:
            return int(known[0])
        tip = self.tips[stream]
        place = Place(self._box, tip.epoch, stream, tip.seq + 1, tip.hash if stream in CHAINED else None)
        body = seal(event, place)
        row = {
            "seq": place.seq,
            "epoch": place.epoch,
            "event_id": event.id,
            "kind": event.kind,
            "body": body,
            "signature": self._sign(body),
            "hash": digest(body),
            "utc_us": event.at.utc_us,
            "clock_state": event.at.state.value,
            "boot_id": event.at.boot_id,
            "mono_us": event.at.mono_us,
        }
        if stream == "a":
            row["incident"] = event.incident.id if event.incident else None
            row["rev"] = event.incident.rev if event.incident else None
        self._connection.execute(sql.APPEND_INCIDENT if stream == "a" else sql.of(sql.APPEND, stream), row)
        self.advance(stream, digest(body))
        return place.seq

    def advance(self, stream: str, row_hash: bytes = NO_PREVIOUS) -> None:
        """Count a row just inserted at the tip."""
        tip = self.tips[stream]
        tip.seq += 1
        tip.hash = row_hash

    def renew_epoch(self, reason: str) -> dict[str, int]:
        """Start a new epoch, inside ``write``, and move every row of the current one into it, sealed anew.

        For a file that is not what HQ knows under this epoch (rolled back, cloned): everything still here is offered
        again under its old event id, and HQ drops by that id what it has.

        Returns:
            how many rows moved, by stream.
        """
        epoch = new_epoch()
        moved = {}
        for stream in self.schema.streams:
            old = self.tips[stream]
            self.run(sql.ADD_EPOCH, stream, epoch, old.seq + 1, self._clock.now().utc_us, reason)
            self.tips[stream] = Tip(epoch, old.seq)
            moved[stream] = self._move_sealed(stream, old) if stream in SEALED else self._move_pictures(stream, old)
            self.run(sql.SET_LAST_SEQ, self.tips[stream].seq, stream)
        news.leave(self._connection, self.schema, {"reason": reason, "moved": {**moved}}, self._clock.now())
        return moved

    def close(self) -> None:
        """Checkpoint and close."""
        with self._lock:
            self._connection.close()

    def _connect(self, quota: int) -> sqlite3.Connection:
        """Open the file; even that takes space, which a box that starts on a full disk has in its ballast alone."""
        try:
            return connect(self.path, self.schema, quota)
        except StoreFull:
            if not self._release_ballast():
                raise
            return connect(self.path, self.schema, quota)

    def _release_ballast(self) -> bool:
        """Give the ballast back to the disk; False when it is spent."""
        if not ballast.release(self._ballast):
            return False
        log.error("no space for %s: released the ballast %s", self.path, self._ballast)
        return True

    def _transaction(self, work: Callable[[], Result]) -> Result:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            result = work()
            self._connection.execute("COMMIT")
        except BaseException as error:
            self._undo()
            if isinstance(error, sqlite3.Error):
                raise translate(error, self.path) from error
            raise
        return result

    def _undo(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            self._read_tips()
        except (sqlite3.Error, StoreError) as error:
            log.error("could not undo a transaction on %s: %s", self.path, error)

    def _read_tips(self) -> None:
        for stream in self.schema.streams:
            epoch, first_seq = self.ask(sql.CURRENT_EPOCH, stream)[0]
            last = self.ask(sql.LAST_SEQ, stream)
            seq = max(last[0][0] if last else 0, first_seq - 1)
            found = self.ask(sql.of(sql.HASH_AT, stream), seq, epoch) if stream in SEALED else []
            self.tips[stream] = Tip(epoch, seq, found[0][0] if found else NO_PREVIOUS)

    def _move_sealed(self, stream: str, old: Tip) -> int:
        moved = 0
        done = 0
        while rows := self.ask(sql.of(sql.BODIES_OF_EPOCH, stream), old.epoch, done):
            for seq, body in rows:
                tip = self.tips[stream]
                place = Place(self._box, tip.epoch, stream, tip.seq + 1, tip.hash if stream in CHAINED else None)
                fresh = reseal(body, place)
                signed = (place.seq, place.epoch, fresh, self._sign(fresh), digest(fresh))
                self.run(sql.of(sql.MOVE, stream), *signed, seq)
                self.advance(stream, digest(fresh))
                done = seq
            moved += len(rows)
        return moved

    def _move_pictures(self, stream: str, old: Tip) -> int:
        tip = self.tips[stream]
        shift = old.seq  # every row lands above all that were ever given out, in the same order
        moved = self.run(sql.RENUMBER_PICTURES, tip.epoch, shift, old.epoch)
        tip.seq = old.seq + (old.seq if moved else 0)
        return moved
