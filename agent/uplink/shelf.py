"""The box's logs as the link sees them: how far each reaches, and the rows to send as messages."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from agent.core.message import (
    BATCH_BYTES,
    BATCH_EVENTS,
    ImageLabel,
    Sealed,
    encode_batch,
    encode_event,
    image_properties,
)
from agent.store.reader import Head, LogReader, Row, StoredImage
from agent.store.settings import StoreSettings
from agent.uplink.session import Outgoing
from agent.uplink.window import LogKey

log = logging.getLogger(__name__)

_HEADER_BYTES = 512  # topic, properties and MQTT's own header around a payload
_SPAN_ROWS = 64  # how far apart the rows of one message may lie: all between are read
TOO_LARGE = "too large for the broker"


@dataclass(frozen=True)
class Parcel:
    """A message made of rows of one log.

    Attributes:
        log: whose rows.
        sizes: bytes of each row by seq.
        message: what to publish.
        image: whether it is a picture with content.
        alone: whether nothing else may be in flight beside it.
    """

    log: LogKey
    sizes: dict[int, int]
    message: Outgoing
    image: bool = False
    alone: bool = False


@dataclass(frozen=True)
class Fetched:
    """What became of asking for rows.

    Attributes:
        parcel: the message; None when none of the rows can be sent.
        absent: rows that are no longer in the log.
    """

    parcel: Parcel | None
    absent: tuple[int, ...] = ()


class Shelf:
    """All four files, read only."""

    def __init__(self, store: StoreSettings) -> None:
        self._readers = (
            LogReader(store.watch_db, "aw"),
            LogReader(store.media_db, "m"),
            LogReader(store.desk_db, "d"),
            LogReader(store.link_db, "u"),
        )
        self._of = {stream: reader for reader in self._readers for stream in reader.streams}
        self._heads: dict[LogReader, tuple[Head, ...]] = {}

    def heads(self) -> tuple[Head, ...] | None:
        """Give how far every log reaches; None when nothing changed since the last call.

        Raises:
            StoreError: a file cannot be read.
        """
        changed = [reader for reader in self._readers if reader.changed()]
        for reader in changed:
            self._heads[reader] = reader.heads()
        return tuple(head for reader in self._readers for head in self._heads[reader]) if changed else None

    def close(self) -> None:
        """Give the files back."""
        for reader in self._readers:
            reader.close()

    def event_id(self, key: LogKey, seq: int) -> str:
        """Give the event id of a row; empty when there is none."""
        rows = self._of[key.stream].rows(key.stream, key.epoch, seq - 1, 1, seq)
        return rows[0].event_id if rows else ""

    def events(self, key: LogKey, seqs: Sequence[int], limit_bytes: int, packet_bytes: int) -> Fetched:
        """Make one message of the rows ``seqs`` (rising), as many as fit; a single one goes undeflated.

        Args:
            key: which log.
            seqs: the rows asked for.
            limit_bytes: of bodies together, more than one row.
            packet_bytes: the largest packet the broker takes.
        """
        first = seqs[0]
        wanted = {seq for seq in seqs[:BATCH_EVENTS] if seq < first + _SPAN_ROWS}
        # Not len(wanted): rows not asked for lie between, and a row that the limit cuts off would count as absent.
        rows = self._of[key.stream].rows(key.stream, key.epoch, first - 1, _SPAN_ROWS, max(wanted))
        rows = [row for row in rows if row.seq in wanted]
        absent = tuple(sorted(wanted - {row.seq for row in rows}))
        if not rows:
            return Fetched(None, absent)
        rows, payload = _packed(_bounded(rows, limit_bytes), min(BATCH_BYTES, packet_bytes - _HEADER_BYTES))
        sizes = {row.seq: len(row.body) for row in rows}
        return Fetched(Parcel(key, sizes, Outgoing("e", payload)), absent)

    def image(self, key: LogKey, seq: int, gone: str, packet_bytes: int) -> Fetched:
        """Make a message of the picture at ``seq``, or its tombstone when there is none or ``gone`` says why."""
        reader = self._of[key.stream]
        rows = reader.rows(key.stream, key.epoch, seq - 1, 1, seq)
        stored = reader.image(key.epoch, seq)
        if not rows or stored is None:
            return Fetched(None, (seq,))
        content = stored.content or b""
        gone = gone or stored.gone or ("" if content else "lost")
        if len(content) > packet_bytes - _HEADER_BYTES:
            log.error("a picture of %d bytes is %s; raise its max_packet_size", len(content), TOO_LARGE)
            gone = TOO_LARGE
        label = _label(key, rows[0], stored, gone)
        payload = b"" if gone else content
        message = Outgoing("i", payload, user=tuple(image_properties(label)), content_type=label.content_type)
        return Fetched(Parcel(key, {seq: len(payload)}, message, image=not gone))


def _bounded(rows: list[Row], limit_bytes: int) -> list[Row]:
    total = 0
    kept: list[Row] = []
    for row in rows:
        total += len(row.body)
        if kept and total > limit_bytes:
            break
        kept.append(row)
    return kept


def _packed(rows: list[Row], limit_bytes: int) -> tuple[list[Row], bytes]:
    """Deflate rows together, fewer when they do not fit; always at least one, which never needs to be deflated."""
    while len(rows) > 1:
        payload = encode_batch([Sealed(row.body, row.signature) for row in rows])
        if len(payload) <= limit_bytes:
            return rows, payload
        rows = rows[: len(rows) // 2]
    return rows, encode_event(Sealed(rows[0].body, rows[0].signature))


def _label(key: LogKey, row: Row, stored: StoredImage, gone: str) -> ImageLabel:
    return ImageLabel(
        event_id=stored.event_id,
        sha256=stored.sha256,
        kind=stored.kind,
        epoch=key.epoch,
        seq=row.seq,
        utc_us=row.utc_us,
        content_type="" if gone else stored.content_type,
        gone=gone,
    )
