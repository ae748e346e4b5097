"""The hash chain of a log: verified by whoever holds the rows, made anew when rows move to another epoch."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Protocol

from agent.core.event import Place, digest
from agent.keys import verify

NO_PREVIOUS = bytes(32)
"""What the first event of an epoch carries as the hash of the one before."""


class Sealed(Protocol):
    """A row of a log, as far as the chain is concerned."""

    @property
    def seq(self) -> int:
        """Number in its stream."""
        ...

    @property
    def epoch(self) -> int:
        """Life of the log file."""
        ...

    @property
    def body(self) -> bytes:
        """The sealed bytes."""
        ...

    @property
    def signature(self) -> bytes:
        """Over ``body``."""
        ...


def verify_chain(rows: Iterable[Sealed], public_key: bytes) -> str | None:
    """Check signatures, positions and links of rows of one chained stream, given in order of seq.

    The link into the first row cannot be checked: retention may have removed the row before. Where the epoch changes,
    the chain starts anew.

    Returns:
        None when all is well, else one sentence naming the first row at fault.
    """
    before: Sealed | None = None
    for row in rows:
        fault = _fault(row, before, public_key)
        if fault:
            return f"row {row.seq} of epoch {row.epoch}: {fault}"
        before = row
    return None


def _fault(row: Sealed, before: Sealed | None, public_key: bytes) -> str | None:
    if not verify(public_key, row.body, row.signature):
        return "the signature does not match"
    body = json.loads(row.body)
    if body.get("seq") != row.seq or body.get("epoch") != str(row.epoch):
        return f"the body says row {body.get('seq')} of epoch {body.get('epoch')}"
    if before is None:
        return None
    if row.epoch != before.epoch:
        return None if body.get("prev") == _link(NO_PREVIOUS) else "an epoch must start with an empty link"
    if row.seq != before.seq + 1:
        return f"rows {before.seq + 1} to {row.seq - 1} are missing"
    return None if body.get("prev") == _link(digest(before.body)) else "its link does not match the row before"


def reseal(body: bytes, place: Place) -> bytes:
    """Write a sealed body at another place; everything but epoch, seq and link stays byte for byte."""
    fields = json.loads(body)
    fields["epoch"] = str(place.epoch)
    fields["seq"] = place.seq
    if place.prev is not None:
        fields["prev"] = _link(place.prev)
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode()


def _link(previous: bytes) -> str:
    return base64.b64encode(previous[:16]).decode()
