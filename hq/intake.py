"""Judge what arrives: a fact that may be stored, or a dead letter with its reason; nothing here touches a disk."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from jsonschema import Draft202012Validator

from agent.core.event import Json
from agent.core.message import (
    ImageLabel,
    Malformed,
    Position,
    Sealed,
    Topic,
    decode_events,
    event_schema,
    position_of,
    read_body,
    read_image,
)
from agent.keys import verify
from hq.registry import Registry

_REMEDY = "register it again: commune-agent register"


@dataclass(frozen=True)
class Fact:
    """An event that may be stored.

    Attributes:
        position: where it stands in its log.
        event_id: primary key.
        fields: the parsed body.
        sealed: the exact bytes and their signature.
        verified: whether the signature was checked with a registered key; False when no key is known.
    """

    position: Position
    event_id: str
    fields: dict[str, Json]
    sealed: Sealed
    verified: bool

    @property
    def kind(self) -> str:
        """What it is, e.g. ``incident.open``."""
        return str(self.fields["kind"])


@dataclass(frozen=True)
class Picture:
    """An image or tombstone that may be stored; ``content`` is empty for a tombstone."""

    position: Position
    label: ImageLabel
    content: bytes


@dataclass(frozen=True)
class Claim:
    """What a message says it is although the registry says otherwise; a mended registry may yet make it true.

    Attributes:
        position: where it says it stands.
        id: of the event, or the SHA-256 of the picture.
    """

    position: Position
    id: str

    def __str__(self) -> str:
        place = self.position
        return f"{place.box}/{place.epoch}/{place.stream}/{place.seq}/{self.id}"


@dataclass(frozen=True)
class DeadLetter:
    """A message, or one event of a batch, that cannot be used; kept whole, with the reason.

    Attributes:
        topic: where it came from.
        payload: its bytes.
        reason: one sentence.
        position: where in which log it stood; None when that cannot be told or is not its sender's to tell.
        claim: what it says it is, where the registry contradicts that; None otherwise.
    """

    topic: str
    payload: bytes
    reason: str
    position: Position | None = None
    claim: Claim | None = None


Arrival = Fact | Picture | DeadLetter


class Unregistered(Malformed):
    """The registry contradicts the message: forged, or the registry is out of date. Only a person can tell."""


class Intake:
    """The rules by which HQ takes or refuses."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._schema = Draft202012Validator(event_schema())

    def events(self, topic: Topic, payload: bytes) -> list[Arrival]:
        """Judge one message on ``e``."""
        try:
            sealed = decode_events(payload)
        except Malformed as error:
            return [DeadLetter(str(topic), payload, str(error))]
        return [self._event(topic, one) for one in sealed]

    def _event(self, topic: Topic, sealed: Sealed) -> Arrival:
        position = None
        try:
            fields = read_body(sealed.body)
            stated = position_of(fields)
            if stated.box != topic.box:
                raise Malformed(f"the body says box {stated.box}, the topic {topic.box}")
            self._check_area(topic)
            verified = self._check_signature(stated, sealed)
            position = stated  # from here on it is its sender's word
            self._check_schema(fields)
        except Unregistered as error:
            return DeadLetter(str(topic), sealed.body, str(error), claim=Claim(stated, str(fields.get("id"))[:36]))
        except Malformed as error:
            return DeadLetter(str(topic), sealed.body, str(error), position)
        return Fact(position, str(fields["id"]), fields, sealed, verified)

    def image(
        self, topic: Topic, properties: Sequence[tuple[str, str]], content_type: str, payload: bytes
    ) -> list[Arrival]:
        """Judge one message on ``i``."""
        position = None
        try:
            label = read_image(properties, content_type, payload)
            stated = Position(topic.box, label.epoch, "m", label.seq)
            self._check_area(topic)
            position = stated
            if payload and hashlib.sha256(payload).hexdigest() != label.sha256:
                raise Malformed("the picture does not have the SHA-256 it claims")
        except Unregistered as error:
            return [DeadLetter(str(topic), payload, str(error), claim=Claim(stated, label.sha256))]
        except Malformed as error:
            return [DeadLetter(str(topic), payload, str(error), position)]
        return [Picture(position, label, payload)]

    def _check_area(self, topic: Topic) -> None:
        foreign = self._registry.foreign(topic.box, topic.area)
        if foreign:
            raise Unregistered(f"{foreign}; {_REMEDY}")

    def _check_schema(self, fields: dict[str, Json]) -> None:
        fault = next(self._schema.iter_errors(fields), None)
        if fault is not None:
            where = fault.json_path.removeprefix("$.") if fault.path else "body"
            raise Malformed(f"{where}: {fault.message[:200]}")

    def _check_signature(self, position: Position, sealed: Sealed) -> bool:
        key = self._registry.key(position.box, position.stream)
        if key is None:
            return False
        if not verify(key, sealed.body, sealed.signature):
            problem = f"the signature is not that of box {position.box}, stream {position.stream}"
            raise Unregistered(f"{problem}: its key is not the registered one; if its store was renewed, {_REMEDY}")
        return True
