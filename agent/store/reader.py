"""Read a log while its writer writes, is gone, or has been replaced; and read how far HQ has it."""

from __future__ import annotations

import logging
import sqlite3
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import StoreError, StoreVersion
from agent.store import statements as sql
from agent.store.faults import translate
from agent.store.originals import original_path
from agent.store.schema import GENERATION

log = logging.getLogger(__name__)

EVICTED = "evicted"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a log.

    Attributes:
        stream: letter.
        epoch: life of the log file.
        seq: number in its stream.
        event_id: of the event; for a picture the event it belongs to.
        kind: of the event or the picture.
        body: the sealed bytes; empty for a picture, whose content ``image`` fetches.
        signature: over ``body``; empty for a picture.
        utc_us: wall µs when it happened.
    """

    stream: str
    epoch: int
    seq: int
    event_id: str
    kind: str
    body: bytes
    signature: bytes
    utc_us: int


@dataclass(frozen=True, slots=True)
class Head:
    """How far one epoch of a stream reaches.

    Attributes:
        stream: letter.
        epoch: life of the log file.
        first_seq: the first seq this epoch gave out, or will.
        oldest_seq: the oldest row still kept; ``head_seq`` + 1 where none is.
        head_seq: the newest seq given out; of an earlier epoch, the newest that HQ acknowledged.
        current: whether new rows go to this epoch; of any other only acknowledged rows are left.
    """

    stream: str
    epoch: int
    first_seq: int
    oldest_seq: int
    head_seq: int
    current: bool


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A picture as it was kept.

    Attributes:
        content: encoded bytes; None for a tombstone.
        content_type: ``image/webp`` or ``image/jpeg``.
        sha256: hex digest of the content.
        kind: ``before``, ``overview``, ``closeup`` or ``after``.
        event_id: the event that names it.
        gone: why there is no content; None otherwise.
    """

    content: bytes | None
    content_type: str
    sha256: str
    kind: str
    event_id: str
    gone: str | None


@dataclass(frozen=True)
class Delivery:
    """What link.db says of every log.

    Attributes:
        watermarks: highest seq that HQ has committed, by (stream, epoch).
        forks: epochs of which HQ claims more than was ever written here: the claim, by (stream, epoch).
    """

    watermarks: dict[tuple[str, int], int] = field(default_factory=dict)
    forks: dict[tuple[str, int], int] = field(default_factory=dict)


class ReadFile:
    """A read-only connection that follows its path: opened late, reopened when the file was replaced.

    Every query is fetched whole, so that no read transaction stays open and lets the write-ahead log grow.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._version = -1

    def ask(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Fetch all rows.

        Raises:
            StoreVersion: the file is missing or of another generation.
            StoreDamaged, StoreError: it cannot be read.
        """
        with self._lock:
            try:
                return self._current().execute(statement, values).fetchall()
            except sqlite3.Error as error:
                self._forget()
                raise translate(error, self.path) from error

    def changed(self) -> bool:
        """Tell whether anybody has committed, or the file was replaced, since the last call; True at the first."""
        with self._lock:
            try:
                version = int(self._current().execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error as error:
                self._forget()
                raise translate(error, self.path) from error
            before, self._version = self._version, version
            return version != before

    def close(self) -> None:
        """Give the connection back; a later query opens it again."""
        with self._lock:
            self._forget()

    def _current(self) -> sqlite3.Connection:
        try:
            inode = self.path.stat().st_ino
        except OSError as error:
            self._forget()
            raise StoreVersion(f"{self.path} is missing; run: commune-agent migrate") from error
        if self._connection is None or inode != self._inode:
            self._forget()
            self._connection = self._open()
            self._inode = inode
        return self._connection

    def _open(self) -> sqlite3.Connection:
        # mode=ro rather than query_only: a read-only connection never checkpoints, not even as the last to close.
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10,
            check_same_thread=False,
        )  # fmt: skip
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        except sqlite3.Error:
            connection.close()
            raise
        if version // 1000 != GENERATION:
            connection.close()
            raise StoreVersion(
                f"{self.path} is of generation {version // 1000}, this program reads generation {GENERATION}; "
                "run: commune-agent migrate"
            )
        return connection

    def _forget(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._version = -1


class LogReader:
    """The streams of one database file, for whoever does not write it; usable from any thread."""

    def __init__(self, path: Path, streams: str) -> None:
        self._file = ReadFile(path)
        self.path = path
        self.streams = streams

    def changed(self) -> bool:
        """Tell whether there may be new rows since the last call; cheap enough to ask every 200 ms."""
        return self._file.changed()

    def heads(self) -> tuple[Head, ...]:
        """Give every epoch that has rows, and always the current one, oldest first within a stream."""
        return tuple(head for stream in self.streams for head in self._heads_of(stream))

    def rows(self, stream: str, epoch: int, after_seq: int, limit: int, upto: int | None = None) -> list[Row]:
        """Fetch at most ``limit`` rows above ``after_seq`` (and not above ``upto``), in order of seq."""
        last = upto if upto is not None else (1 << 62)
        if stream == "m":
            found = self._file.ask(sql.PICTURE_ROWS, epoch, after_seq, last, limit)
            return [Row(stream, row[1], row[0], row[2], row[3], b"", b"", row[4]) for row in found]
        found = self._file.ask(sql.of(sql.ROWS, stream), epoch, after_seq, last, limit)
        return [_row(stream, row) for row in found]

    def newest(self, stream: str, limit: int) -> list[Row]:
        """Fetch the newest rows of a stream of events, newest first."""
        return [_row(stream, row) for row in self._file.ask(sql.of(sql.NEWEST_ROWS, stream), limit)]

    def image(self, epoch: int, seq: int) -> StoredImage | None:
        """Fetch the picture at a place of stream ``m``; None where there is no such row."""
        found = self._file.ask(sql.PICTURE_AT, epoch, seq)
        return self._stored(found[0]) if found else None

    def image_by_sha(self, sha256: str) -> StoredImage | None:
        """Fetch a picture that may leave the box by its hash; None where none was ever kept."""
        found = self._file.ask(sql.PICTURE_BY_SHA, sha256)
        return self._stored(found[0]) if found else None

    def close(self) -> None:
        """Give the connection back."""
        self._file.close()

    def _heads_of(self, stream: str) -> list[Head]:
        epochs = self._file.ask(sql.EPOCHS, stream)
        given_out = self._file.ask(sql.LAST_SEQ, stream)
        heads = []
        for place, (epoch, first_seq, acked_upto) in enumerate(epochs):
            current = place == len(epochs) - 1
            last = max(given_out[0][0] if given_out else 0, first_seq - 1) if current else acked_upto
            oldest = self._file.ask(sql.of(sql.OLDEST_IN_RANGE, stream), first_seq, last)[0][0]
            if current or oldest is not None:
                heads.append(Head(stream, epoch, first_seq, last + 1 if oldest is None else oldest, last, current))
        return heads

    def _stored(self, row: tuple[Any, ...]) -> StoredImage:
        event_id, kind, sha256, content_type, gone, content = row
        if content is None and gone is None:
            try:
                content = original_path(self.path.parent / "originals", sha256).read_bytes()
            except OSError:
                gone = EVICTED
        return StoredImage(None if gone else content, content_type, sha256, kind, event_id, gone)


def read_delivery(link_db: Path) -> Delivery:
    """Read how far HQ has each log; nothing is known, and a warning logged, where link.db cannot be read.

    Nothing known is the safe side: it keeps rows that could be deleted and sends again what HQ may have.
    """
    file = ReadFile(link_db)
    try:
        return Delivery(
            {(stream, epoch): upto for stream, epoch, upto in file.ask(sql.WATERMARKS)},
            {(stream, epoch): upto for stream, epoch, upto in file.ask(sql.FORKS)},
        )
    except StoreError as error:
        log.warning("cannot read how far HQ has the logs: %s", error)
        return Delivery()
    finally:
        file.close()


def _row(stream: str, row: tuple[Any, ...]) -> Row:
    seq, epoch, event_id, kind, body, signature, utc_us = row
    return Row(stream, epoch, seq, event_id, kind, body, signature, utc_us)
