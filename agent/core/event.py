"""A fact, and the exact bytes in which it is stored, hashed, signed and sent."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from agent.clock import Moment
from agent.core.image import ImageRef
from agent.core.incident import Incident

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]

BODY_LIMIT_BYTES = 4096
"""No event is larger: it must fit one MQTT packet on any broker and one page of the log."""

VERSION = 1


@dataclass(frozen=True)
class Event:
    """Something that happened at the box, before it is sealed into a log.

    Attributes:
        id: uuid7; the primary key at HQ.
        kind: what it is, e.g. ``incident.open``, ``camera.lost``; see docs/ref/mqtt.md.
        at: when it happened.
        incident: for ``incident.*``.
        detail: the kind's other fields, as its JSON Schema says.
        images: pictures that leave the box, of an event without an incident; an incident names its own.
        evidence: None, or why pictures of such an event are missing.
    """

    id: str
    kind: str
    at: Moment
    incident: Incident | None = None
    detail: Mapping[str, Json] = field(default_factory=dict)
    images: tuple[ImageRef, ...] = ()
    evidence: str | None = None

    @property
    def pictures(self) -> tuple[ImageRef, ...]:
        """Every picture that it names, its incident's included."""
        return self.images if self.incident is None else (*self.incident.images, *self.images)


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which log an event stands.

    Attributes:
        box: box id.
        epoch: which life of the log file; travels as a decimal string.
        stream: one letter: a, w, m, d, u.
        seq: AUTOINCREMENT in that stream and epoch.
        prev: SHA-256 of the previous row's body in a chained stream (32 bytes; zeros for the first), None elsewhere.
    """

    box: str
    epoch: int
    stream: str
    seq: int
    prev: bytes | None


def seal(event: Event, place: Place) -> bytes:
    """Write ``event`` as compact JSON at its ``place``: the bytes that are stored, hashed, signed and sent.

    Raises:
        ValueError: the body would exceed BODY_LIMIT_BYTES.
    """
    body: dict[str, Json] = {
        "v": VERSION,
        "box": place.box,
        "epoch": str(place.epoch),
        "stream": place.stream,
        "seq": place.seq,
        "id": event.id,
        "kind": event.kind,
        "utc_us": event.at.utc_us,
        "clock": event.at.state.value,
        "boot": event.at.boot_id[:8],
        "mono_us": event.at.mono_us,
    }
    if place.prev is not None:
        body["prev"] = base64.b64encode(place.prev[:16]).decode()
    if event.incident is not None:
        body["incident"] = incident_fields(event.incident)
    body.update(event.detail)
    if event.images:
        body["images"] = _image_fields(event.images)
    if event.evidence:
        body["evidence"] = event.evidence
    sealed = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    if len(sealed) > BODY_LIMIT_BYTES:
        raise ValueError(f"event {event.kind} is {len(sealed)} bytes; the limit is {BODY_LIMIT_BYTES}")
    return sealed


def incident_fields(incident: Incident) -> dict[str, Json]:
    """Give the ``incident`` object of a body: only what is known, coordinates to 1/1000 of the frame."""
    fields: dict[str, Json] = {
        "id": incident.id,
        "rev": incident.rev,
        "phase": incident.phase.value,
        "rule": incident.rule,
        "camera": incident.camera,
        "zone": incident.zone,
        "slot": incident.slot,
        "severity": incident.severity.value,
        "begin_us": incident.begin_us,
        "alert_us": incident.alert_us,
        "label": incident.label,
        "count": incident.count,
        "score": round(incident.score, 2),
        "box": [round(side, 3) for side in incident.box],
        "dwell_s": round(incident.dwell_s, 1),
    }
    if incident.end_us is not None:
        fields["end_us"] = incident.end_us
        fields["end_reason"] = incident.end_reason
    if incident.preexisting:
        fields["preexisting"] = True
    if incident.quiet:
        fields["quiet"] = True
    if incident.images:
        fields["images"] = _image_fields(incident.images)
    if incident.evidence:
        fields["evidence"] = incident.evidence
    return fields


def _image_fields(images: tuple[ImageRef, ...]) -> list[Json]:
    return [
        {"kind": ref.kind, "sha256": ref.sha256, "bytes": ref.size_bytes, "w": ref.width, "h": ref.height}
        for ref in images
    ]


def digest(body: bytes) -> bytes:
    """Hash a sealed body; the next row of a chained stream carries its first 16 bytes as ``prev``."""
    return hashlib.sha256(body).digest()
