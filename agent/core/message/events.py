"""Events on the wire: one, or a deflated batch; bodies stay the exact bytes that were signed."""

from __future__ import annotations

import base64
import binascii
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

from agent.core.event import BODY_LIMIT_BYTES, Json
from agent.core.message.fields import ID, Malformed, read_count, read_epoch, read_match, read_object, read_stream

BATCH_EVENTS = 16
BATCH_BYTES = 8192
SIGNATURE_BYTES = 64
_SIGNATURE_CHARS = 88
_EVENT_BYTES = BODY_LIMIT_BYTES + _SIGNATURE_CHARS + 2  # two lines with their ends
_INFLATED_BYTES = BATCH_EVENTS * _EVENT_BYTES
_ZLIB_MAGIC = 0x78


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event as it is stored and sent: exact body bytes, and the Ed25519 signature (64 bytes) over them."""

    body: bytes
    signature: bytes


def encode_event(event: Sealed) -> bytes:
    """Write one event: its body on the first line, its signature in base64 on the second."""
    return event.body + b"\n" + base64.b64encode(event.signature)


def encode_batch(events: Sequence[Sealed]) -> bytes:
    """Write up to BATCH_EVENTS events deflated together; the first byte tells a batch from a single event."""
    return zlib.compress(b"\n".join(encode_event(event) for event in events), 9)


def decode_events(payload: bytes) -> tuple[Sealed, ...]:
    """Read one event or a batch; bodies are not looked into.

    Raises:
        Malformed: not two lines an event, too many, or larger than any batch may be when inflated.
    """
    batch = payload[:1] == bytes([_ZLIB_MAGIC])
    lines = (_inflate(payload) if batch else payload).split(b"\n")
    if len(lines) % 2 or len(lines) > 2 * (BATCH_EVENTS if batch else 1):
        raise Malformed(f"{len(lines)} lines: an event is two lines, a batch holds at most {BATCH_EVENTS}")
    return tuple(Sealed(_body(lines[i]), _signature(lines[i + 1])) for i in range(0, len(lines), 2))


def _inflate(payload: bytes) -> bytes:
    if len(payload) > BATCH_BYTES:
        raise Malformed(f"batch of {len(payload)} bytes; the limit is {BATCH_BYTES}")
    inflater = zlib.decompressobj()
    try:
        plain = inflater.decompress(payload, _INFLATED_BYTES + 1)
    except zlib.error as error:
        raise Malformed(f"batch cannot be inflated ({error})") from error
    if len(plain) > _INFLATED_BYTES:
        raise Malformed(f"batch inflates to more than {_INFLATED_BYTES} bytes")
    if not inflater.eof or inflater.unused_data:
        raise Malformed("batch is cut short or has something after its end")
    return plain


def _body(line: bytes) -> bytes:
    if not 2 <= len(line) <= BODY_LIMIT_BYTES:
        raise Malformed(f"event body of {len(line)} bytes; it has 2 to {BODY_LIMIT_BYTES}")
    return line


def _signature(line: bytes) -> bytes:
    """Read a signature; one that cannot be read is empty, so that its neighbours in the batch are not lost with it."""
    try:
        signature = base64.b64decode(line, validate=True)
    except binascii.Error:
        return b""
    return signature if len(signature) == SIGNATURE_BYTES else b""


@dataclass(frozen=True, slots=True)
class Position:
    """Where in which log something stands, as its message says."""

    box: str
    epoch: int
    stream: str
    seq: int


def read_body(body: bytes) -> dict[str, Json]:
    """Parse an event body.

    Raises:
        Malformed: it is no JSON object.
    """
    return read_object(body, "event body", BODY_LIMIT_BYTES)


def position_of(fields: Mapping[str, Json]) -> Position:
    """Read where an event stands, whatever else is wrong with it.

    Raises:
        Malformed: box, epoch, stream or seq is missing or impossible.
    """
    return Position(
        read_match(fields, "box", ID), read_epoch(fields), read_stream(fields), read_count(fields, "seq", least=1)
    )


def event_schema() -> dict[str, Json]:
    """Load the JSON Schema (2020-12) of an event body; published as docs/ref/event.schema.json."""
    text = resources.files("agent.core").joinpath("schemas/event.schema.json").read_text("utf-8")
    return read_object(text.encode(), "schema", 1 << 20)
