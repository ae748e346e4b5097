"""Rows of HQ's database as the arrivals they were: for what is said of them later than at their commit."""

from __future__ import annotations

from typing import Any

from agent.core.event import Json
from agent.core.message import ImageLabel, Position, Sealed, read_body
from hq.intake import Fact, Picture


def fact(row: tuple[Any, ...]) -> Fact:
    """Make a fact of a row of ``sql.UNSHOWN_EVENTS``."""
    box, epoch, stream, seq, event_id, body, signature, verified = row
    return Fact(Position(box, epoch, stream, seq), event_id, read_body(body), Sealed(body, signature), bool(verified))


def picture(row: tuple[Any, ...]) -> tuple[Picture, str]:
    """Make a picture of a row of ``sql.UNSHOWN_IMAGES``, its content left on disk at the path given with it."""
    box, epoch, seq, event_id, sha256, kind, utc_us, content_type, gone, path = row
    label = ImageLabel(event_id, sha256, kind, epoch, seq, utc_us, content_type, gone)
    return Picture(Position(box, epoch, "m", seq), label, b""), path


def pictures_of(body: bytes) -> set[str]:
    """Name the pictures that a stored event lists, by SHA-256."""
    fields = read_body(body)
    listed: list[Json] = []
    for part in (fields, fields.get("incident")):
        images = part.get("images") if isinstance(part, dict) else None
        listed += images if isinstance(images, list) else []
    return {str(image.get("sha256")) for image in listed if isinstance(image, dict)}
