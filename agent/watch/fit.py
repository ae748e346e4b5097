"""An event that is too large for a log is recorded without what makes it large: a fact is never given up (I6)."""

from __future__ import annotations

import logging
from dataclasses import replace

from agent.core.event import Event, Json, Place, seal

log = logging.getLogger(__name__)

# Larger than any real place (ids have 32 characters), by what the store may yet add to ``evidence``.
_WIDEST = Place(box="x" * 96, epoch=2**63 - 1, stream="a", seq=2**63 - 1, prev=bytes(32))
_TOO_LARGE = "lost(too large)"
_TEXT_CHARS = 100
_LABEL_CHARS = 40


def fitted(event: Event) -> Event:
    """Give the event as it is if it fits into any log, else a small one that says ``evidence: lost(too large)``.

    The small one names no pictures; of its other fields long texts are cut, lists and tables are emptied.
    """
    try:
        seal(event, _WIDEST)
    except ValueError as error:
        log.error("recorded without its pictures and details: %s", error)
        return _small(event)
    return event


def _small(event: Event) -> Event:
    if event.incident is not None:
        label = event.incident.label[:_LABEL_CHARS]
        return replace(event, incident=replace(event.incident, label=label, images=(), evidence=_TOO_LARGE), detail={})
    detail = {key: _cut(value) for key, value in event.detail.items()}
    return replace(event, detail=detail, images=(), evidence=_TOO_LARGE)


def _cut(value: Json) -> Json:
    if isinstance(value, str):
        return value[:_TEXT_CHARS]
    if isinstance(value, (list, dict)):
        return type(value)()
    return value
