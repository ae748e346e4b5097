"""HQ's database: what arrived commits in one transaction with the ranges from which it is acknowledged."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from agent.core.message import Ack, LogState, Position, Range, above, merged, missing, reach
from agent.errors import StoreDamaged, StoreError, StoreFull, StoreVersion
from hq import reread, sql
from hq.acks import LogKey
from hq.intake import Arrival, Fact, Picture
from hq.thumbs import file_picture


@dataclass(frozen=True)
class Outcome:
    """What became of one arrival.

    Attributes:
        arrival: as judged.
        duplicate: it was there already.
        fork: the other id or hash on the same position; empty when there is none.
        path: of a picture, its file; None for anything else.
        proved: of a picture, whether the event it names is here, verified, and lists it.
    """

    arrival: Arrival
    duplicate: bool = False
    fork: str = ""
    path: Path | None = None
    proved: bool = False


class HqStore:
    """The receiver's store; the one writer of its data directory.

    Raises:
        StoreError: another receiver holds the directory, or it cannot be used; the text says what to do.
    """

    def __init__(self, directory: Path, area: str, *, keep_unplaced_dead: int = 10_000) -> None:
        self._directory = directory.absolute()
        self._area = area
        self._keep_unplaced_dead = keep_unplaced_dead
        self._lock = _lock(directory)
        try:
            self._db = _open(directory / "hq.db")
        except BaseException:
            self._lock.close()
            raise

    def close(self) -> None:
        """Close the database and let the directory go."""
        self._db.close()
        self._lock.close()

    def commit(self, arrivals: Sequence[Arrival], received_us: int) -> list[Outcome]:
        """Store a batch, whole or not at all; pictures are on disk before the rows that name them.

        Args:
            arrivals: in order of arrival.
            received_us: wall µs.

        Raises:
            StoreError: nothing of the batch was stored; try the same batch again.
        """
        try:
            paths = [self._file(arrival) for arrival in arrivals]
            with _Transaction(self._db):
                outcomes = [
                    self._add(arrival, path, received_us) for arrival, path in zip(arrivals, paths, strict=True)
                ]
                self._advance(arrivals)
                # Only now: a picture may have come before its event in one batch.
                return [replace(outcome, proved=self._proved(outcome.arrival)) for outcome in outcomes]
        except (sqlite3.Error, OSError) as error:
            raise translated(error, self._directory) from error

    def unshown(self) -> list[Outcome]:
        """Give what was committed and never marked as shown, events first, each in order of arrival.

        Raises:
            StoreError: the database cannot be read.
        """
        try:
            facts = [reread.fact(row) for row in self._db.execute(sql.UNSHOWN_EVENTS)]
            pictures = [reread.picture(row) for row in self._db.execute(sql.UNSHOWN_IMAGES)]
            return [
                *(Outcome(fact, fork=self._fork_of(fact)) for fact in facts),
                *(
                    Outcome(one, False, self._fork_of(one), self._directory / path if path else None, self._proved(one))
                    for one, path in pictures
                ),
            ]
        except sqlite3.Error as error:
            raise translated(error, self._directory) from error

    def mark_shown(self) -> None:
        """Note that a line was shown for everything committed so far.

        Raises:
            StoreError: not noted; the same lines come again at the next start.
        """
        try:
            self._db.execute(sql.MARK_SHOWN)
        except sqlite3.Error as error:
            raise translated(error, self._directory) from error

    def _proved(self, arrival: Arrival) -> bool:
        if not isinstance(arrival, Picture):
            return False
        key = (arrival.label.event_id, arrival.position.box)
        bodies = self._db.execute(sql.PROOFS, key).fetchall()
        return any(arrival.label.sha256 in reread.pictures_of(body) for (body,) in bodies)

    def _file(self, arrival: Arrival) -> Path | None:
        if isinstance(arrival, Picture) and arrival.content:
            return file_picture(self._directory, self._area, arrival)
        return None

    def _add(self, arrival: Arrival, path: Path | None, received_us: int) -> Outcome:
        if isinstance(arrival, Fact):
            return self._add_fact(arrival, received_us)
        if isinstance(arrival, Picture):
            return self._add_picture(arrival, path, received_us)
        place = arrival.position
        where = (place.box, place.epoch, place.stream, place.seq) if place else (None, None, None, None)
        claim = str(arrival.claim) if arrival.claim else None
        row = (arrival.topic, arrival.reason, arrival.payload, *where, received_us, claim)
        new = self._db.execute(sql.ADD_DEAD, row).rowcount > 0
        if place is None:
            self._db.execute(sql.TRIM_DEAD, (self._keep_unplaced_dead,))
        return Outcome(arrival, not new)

    def _add_fact(self, fact: Fact, received_us: int) -> Outcome:
        place, incident = fact.position, fact.fields.get("incident")
        row = {
            "event_id": fact.event_id,
            "box": place.box,
            "epoch": place.epoch,
            "stream": place.stream,
            "seq": place.seq,
            "kind": fact.kind,
            "utc_us": fact.fields["utc_us"],
            "clock": fact.fields["clock"],
            "incident": incident["id"] if isinstance(incident, dict) else None,
            "rev": incident["rev"] if isinstance(incident, dict) else None,
            "verified": int(fact.verified),
            "body": fact.sealed.body,
            "signature": fact.sealed.signature,
            "received_us": received_us,
        }
        new = self._db.execute(sql.ADD_EVENT, row).rowcount > 0
        other = self._fork_of(fact)
        if other:
            self._fork(place, f"events {other} and {fact.event_id} on one position", received_us)
        return Outcome(fact, not new, other)

    def _add_picture(self, picture: Picture, path: Path | None, received_us: int) -> Outcome:
        place, label = picture.position, picture.label
        row = {
            "event_id": label.event_id,
            "sha256": label.sha256,
            "kind": label.kind,
            "box": place.box,
            "epoch": place.epoch,
            "seq": place.seq,
            "utc_us": label.utc_us,
            "content_type": label.content_type,
            "size_bytes": len(picture.content),
            "path": str(path.relative_to(self._directory)) if path else "",
            "gone": label.gone,
            "received_us": received_us,
        }
        new = self._db.execute(sql.ADD_IMAGE, row).rowcount > 0
        other = self._fork_of(picture)
        if other:
            self._fork(place, f"pictures {other} and {label.sha256} on one position", received_us)
        return Outcome(picture, not new, other, path)

    def _fork_of(self, arrival: Fact | Picture) -> str:
        place = arrival.position
        if isinstance(arrival, Fact):
            key = (place.box, place.epoch, place.stream, place.seq, arrival.event_id)
            row = self._db.execute(sql.OTHER_EVENT, key).fetchone()
        else:
            row = self._db.execute(
                sql.OTHER_IMAGE, (place.box, place.epoch, place.seq, arrival.label.sha256)
            ).fetchone()
        return row[0] if row else ""

    def _fork(self, place: Position, what: str, noticed_us: int) -> None:
        self._db.execute(sql.ADD_FORK, (place.box, place.epoch, place.stream, place.seq, what, noticed_us))

    def _advance(self, arrivals: Iterable[Arrival]) -> None:
        seqs: dict[LogKey, list[Range]] = {}
        for arrival in arrivals:
            place = arrival.position
            if place is not None:
                seqs.setdefault(LogKey(place.box, place.epoch, place.stream), []).append((place.seq, place.seq))
        for key, ranges in seqs.items():
            for a, b in merged(ranges):
                self._add_seen((key.box, key.epoch, key.stream), a, b)

    def _add_seen(self, log: tuple[str, int, str], a: int, b: int) -> None:
        touching = self._db.execute(sql.TOUCHING, (*log, b + 1, a - 1)).fetchall()
        if touching:
            self._db.execute(sql.DROP_TOUCHING, (*log, b + 1, a - 1))
        ((low, high),) = merged([(a, b), *touching])
        self._db.execute(sql.ADD_SEEN, (*log, low, high))

    def told(self, box: str, log: LogState, now_us: int, *, trusted_head: bool) -> str:
        """Take in what a box says of one of its logs.

        Args:
            box: which box.
            log: how far its log has come.
            now_us: wall µs.
            trusted_head: True for a hello, which overtakes nothing: a head below what HQ has, or another row where
                HQ has one, then means that the box's disk was rolled back, and the ranges of that log start anew.

        Returns:
            What a person should know (a gap, a rolled-back disk); empty otherwise.

        Raises:
            StoreError: nothing was stored.
        """
        key = (box, log.epoch, log.stream)
        try:
            with _Transaction(self._db):
                state = (log.first, log.oldest, log.acked, log.head, now_us)
                self._db.execute(sql.TELL_LOG, (*key, *state))
                if trusted_head and self._rolled_back(key, log, now_us):
                    return f"log {log.stream} of box {box} was rolled back or cloned; HQ takes it in anew"
                return self._note_gaps(key, log, now_us)
        except sqlite3.Error as error:
            raise translated(error, self._directory) from error

    def _rolled_back(self, key: tuple[str, int, str], log: LogState, now_us: int) -> bool:
        ranges = self._db.execute(sql.SEEN, key).fetchall()
        place = dict(zip(("box", "epoch", "stream"), key, strict=True), seq=log.acked + 1)
        here = [row[0] for row in self._db.execute(sql.IDS_AT, place)]
        if ranges and ranges[-1][1] > log.head:
            what = f"the box ends at {log.head}, HQ has {ranges[-1][1]}"
        elif log.next_id and here and log.next_id not in here:
            what = f"row {log.acked + 1} is {log.next_id} at the box, {here[0]} at HQ"
        else:
            return False
        self._db.execute(sql.ADD_FORK, (*key, log.head, what, now_us))
        self._db.execute(sql.FORGET_SEEN, key)
        return True

    def _note_gaps(self, key: tuple[str, int, str], log: LogState, now_us: int) -> str:
        covered = merged([*self._db.execute(sql.SEEN, key), *self._db.execute(sql.GAPS, key)])
        gaps = missing(covered, log.first, log.oldest - 1)
        for a, b in gaps:
            self._db.execute(sql.ADD_GAP, (*key, a, b, now_us))
        lost = sum(b - a + 1 for a, b in gaps)
        return f"{lost} rows of log {log.stream} of box {key[0]} were gone before HQ got them" if lost else ""

    def ack(self, key: LogKey, nonce: str = "") -> Ack:
        """Compute what may be acknowledged of one log.

        Raises:
            StoreError: the database cannot be read.
        """
        log = (key.box, key.epoch, key.stream)
        try:
            ranges = self._db.execute(sql.SEEN, log).fetchall()
            base = self._db.execute(sql.BASE, log).fetchone()
        except sqlite3.Error as error:
            raise translated(error, self._directory) from error
        upto = reach(ranges, base[0] if base else 1)
        return Ack(key.stream, key.epoch, upto, above(ranges, upto), nonce)


class _Transaction:
    """BEGIN IMMEDIATE … COMMIT, or ROLLBACK when anything is raised."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")


def translated(error: sqlite3.Error | OSError, directory: Path) -> StoreError:
    """Name a native error for what the operator does next."""
    text = str(error)
    if "full" in text or (isinstance(error, OSError) and error.errno in (28, 122)):  # ENOSPC, EDQUOT
        return StoreFull(f"{directory}: no space left; free some, the receiver goes on by itself")
    if "malformed" in text or "not a database" in text:
        return StoreDamaged(f"{directory}/hq.db: {text}; put it aside and start again: boxes send what they still have")
    return StoreError(f"{directory}: {text}")


def _lock(directory: Path) -> _Lock:
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o750)
        return _Lock(directory / "lock")
    except BlockingIOError as error:
        raise StoreError(f"{directory}: another receiver uses it; stop that one or give --data elsewhere") from error
    except OSError as error:
        raise StoreError(f"{directory}: {error.strerror}; give a directory that this user may write") from error


class _Lock:
    """A file lock that dies with its process."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise

    def close(self) -> None:
        """Let go."""
        os.close(self._file)


def _open(path: Path) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path, isolation_level=None, timeout=10)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "trusted_schema = OFF", "cell_size_check = ON"):
            db.execute(f"PRAGMA {pragma}")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version and version // 1000 != sql.VERSION // 1000:
            db.close()
            text = f"{path} is of version {version}, this program of {sql.VERSION}; install the matching one"
            raise StoreVersion(text)
        if version < sql.VERSION:
            _bring_up(db, version)
    except sqlite3.Error as error:
        raise translated(error, path.parent) from error
    return db


def _bring_up(db: sqlite3.Connection, version: int) -> None:
    with _Transaction(db):
        for step, statements in sql.STEPS.items():
            for statement in statements if step > version else ():
                db.execute(statement)
        db.execute(f"PRAGMA user_version = {sql.VERSION}")
