"""Pictures on the wire: the bytes are the payload, the identity is in MQTT 5 properties."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agent.core.event import Json
from agent.core.message.fields import ID, UTC_LIMIT_US, Malformed, read_digits, read_epoch, read_match, read_text

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_TYPES = ("image/webp", "image/jpeg")


@dataclass(frozen=True, slots=True)
class ImageLabel:
    """What travels beside a picture, as MQTT 5 user properties and content type.

    Attributes:
        event_id: of the event that names it.
        sha256: hex digest of the payload; of the lost picture for a tombstone.
        kind: ``before``, ``overview``, ``closeup`` or ``after``.
        epoch: of stream ``m``.
        seq: in stream ``m``.
        utc_us: wall µs at which it was taken.
        content_type: ``image/webp`` or ``image/jpeg``; empty for a tombstone.
        gone: why the picture will never come; empty while there is one.
    """

    event_id: str
    sha256: str
    kind: str
    epoch: int
    seq: int
    utc_us: int
    content_type: str
    gone: str = ""


def image_properties(label: ImageLabel) -> list[tuple[str, str]]:
    """Give the user properties that say what the payload on ``i`` is."""
    pairs = [
        ("event_id", label.event_id),
        ("sha256", label.sha256),
        ("kind", label.kind),
        ("epoch", str(label.epoch)),
        ("seq", str(label.seq)),
        ("utc_us", str(label.utc_us)),
    ]
    return [*pairs, ("gone", label.gone)] if label.gone else pairs


def read_image(properties: Sequence[tuple[str, str]], content_type: str, payload: bytes) -> ImageLabel:
    """Read the identity of a picture or tombstone.

    Raises:
        Malformed: a property is missing or impossible, or payload and tombstone contradict each other.
    """
    fields: dict[str, Json] = dict(properties)
    label = ImageLabel(
        event_id=read_match(fields, "event_id", _UUID),
        sha256=read_match(fields, "sha256", _SHA256),
        kind=read_match(fields, "kind", ID),
        epoch=read_epoch(fields),
        seq=read_digits(fields, "seq", least=1),
        utc_us=read_digits(fields, "utc_us", limit=UTC_LIMIT_US),
        content_type=content_type,
        gone=read_text(fields, "gone", "")[:120],
    )
    if bool(payload) == bool(label.gone):
        raise Malformed("a picture has bytes and no reason to be gone; a tombstone has a reason and no bytes")
    if payload and content_type not in _TYPES:
        raise Malformed(f"content type {content_type[:40]!r} is none of {', '.join(_TYPES)}")
    return label
