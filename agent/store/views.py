"""What the page and the commands show: incidents, rule state, facts and backlog, read from the logs."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agent.clock import ClockState
from agent.core.box import Box
from agent.core.image import ImageRef
from agent.core.incident import Incident, Phase, Severity, Slot
from agent.store import statements as sql
from agent.store.originals import original_path
from agent.store.reader import LogReader, ReadFile, Row, StoredImage, read_delivery
from agent.store.schema import FILES
from agent.store.settings import StoreSettings
from agent.store.slots import slot_of


@dataclass(frozen=True, slots=True)
class IncidentView:
    """An incident as its newest revision tells it, with the pictures of all its revisions.

    Attributes:
        incident: every field; ``images`` of all revisions, of each kind the newest; ``evidence`` of all revisions.
        first_seq: where in stream ``a`` it opened; what ``recent`` pages by. 0 where only its slot is left.
        last_seq: where its newest revision stands; 0 where only its slot is left.
        clock: quality of the newest revision's times.
        event_ids: of its revisions, oldest first.
        delivered: whether HQ has its newest revision.
    """

    incident: Incident
    first_seq: int
    last_seq: int
    clock: ClockState
    event_ids: tuple[str, ...]
    delivered: bool


@dataclass(frozen=True, slots=True)
class Original:
    """A clean picture on this box.

    Attributes:
        sha256: its name.
        kind: ``overview`` or another kind of picture.
        content_type: ``image/jpeg`` or ``image/webp``.
        size_bytes: length.
    """

    sha256: str
    kind: str
    content_type: str
    size_bytes: int


class Views:
    """Read models over all files of the store; usable from any thread, whether or not the writers run."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._watch = ReadFile(settings.watch_db)
        self._media = ReadFile(settings.media_db)
        self._logs = {schema.name: LogReader(settings.state_dir / schema.name, schema.streams) for schema in FILES}

    def changed(self) -> bool:
        """Tell whether watch has recorded anything since the last call."""
        return self._watch.changed()

    def open_incidents(self) -> list[IncidentView]:
        """Give what is open now, the newest first."""
        upto = self._delivered()
        slots = [slot for slot in self._slots() if slot.phase is Phase.OPEN]
        views = [self._incident(slot.incident, upto) or _from_slot(slot) for slot in slots]
        return sorted(views, key=lambda view: view.incident.begin_us, reverse=True)

    def pending_slots(self) -> list[Slot]:
        """Give what may become an incident: dwells that are running."""
        return [slot for slot in self._slots() if slot.phase is Phase.PENDING]

    def recent(self, limit: int, before: int | None = None) -> list[IncidentView]:
        """Give incidents, the one that opened last first.

        Args:
            limit: at most so many.
            before: ``first_seq`` of the last one already shown.
        """
        found = self._watch.ask(sql.RECENT_INCIDENTS, before if before is not None else 1 << 62, limit)
        upto = self._delivered()
        views = [self._incident(incident, upto) for _, incident in found]
        return [view for view in views if view is not None]

    def incident(self, incident: str) -> IncidentView | None:
        """Give one incident by its id; None where the log has none (any more)."""
        return self._incident(incident, self._delivered())

    def history(self, incident: str) -> list[tuple[str, int]]:
        """Give kind and wall µs of every event of one incident that is still kept, oldest first."""
        bodies = [json.loads(row[1]) for row in self._watch.ask(sql.INCIDENT_BODIES, incident)]
        return [(body["kind"], body["utc_us"]) for body in bodies]

    def events(self, stream: str, limit: int) -> list[Row]:
        """Give the newest events of a stream, newest first."""
        reader = next(reader for reader in self._logs.values() if stream in reader.streams)
        return reader.newest(stream, limit)

    def backlog(self) -> dict[str, int]:
        """Count what HQ does not have yet, by stream; up to 5 s behind uplink's own count."""
        watermarks = read_delivery(self._settings.link_db).watermarks
        waiting: dict[str, int] = {}
        for reader in self._logs.values():
            for head in reader.heads():
                has = max(watermarks.get((head.stream, head.epoch), 0), head.oldest_seq - 1)
                rows = max(0, head.head_seq - has) if head.current else 0
                waiting[head.stream] = waiting.get(head.stream, 0) + rows
        return waiting

    def image(self, sha256: str) -> StoredImage | None:
        """Give a picture that may leave the box; None where there was never one of that hash."""
        return self._logs["media.db"].image_by_sha(sha256)

    def originals_of(self, view: IncidentView) -> list[Original]:
        """List the clean pictures of an incident."""
        rows = [row for event_id in view.event_ids for row in self._media.ask(sql.ORIGINALS_OF_EVENT, event_id)]
        return [Original(*row) for row in dict.fromkeys(rows)]

    def original(self, sha256: str) -> Path | None:
        """Find the file of a clean picture; None where it was never kept or its space was needed."""
        path = original_path(self._settings.originals_dir, sha256)
        return path if path.is_file() else None

    def close(self) -> None:
        """Give all connections back."""
        self._watch.close()
        self._media.close()
        for reader in self._logs.values():
            reader.close()

    def _slots(self) -> list[Slot]:
        return [slot_of(row) for row in self._watch.ask(sql.SLOTS)]

    def _delivered(self) -> dict[int, int]:
        """Highest seq of stream ``a`` that HQ has, by epoch."""
        watermarks = read_delivery(self._settings.link_db).watermarks
        return {epoch: upto for (stream, epoch), upto in watermarks.items() if stream == "a"}

    def _incident(self, incident: str, delivered: dict[int, int]) -> IncidentView | None:
        rows = self._watch.ask(sql.INCIDENT_BODIES, incident)
        if not rows:
            return None
        revisions = [incident_of(json.loads(body)["incident"]) for _, body, _, _, _ in rows]
        images = {ref.kind: ref for revision in revisions for ref in revision.images}
        evidence = dict.fromkeys(revision.evidence for revision in revisions if revision.evidence)
        seq, _, clock, _, epoch = rows[-1]
        return IncidentView(
            incident=replace(revisions[-1], images=tuple(images.values()), evidence="; ".join(evidence) or None),
            first_seq=rows[0][0],
            last_seq=seq,
            clock=ClockState(clock),
            event_ids=tuple(row[3] for row in rows),
            delivered=delivered.get(epoch, 0) >= seq,
        )


def incident_of(fields: dict[str, Any]) -> Incident:
    """Read the ``incident`` object of a sealed body; the inverse of ``core.event.incident_fields``."""
    return Incident(
        id=fields["id"],
        camera=fields["camera"],
        rule=fields["rule"],
        zone=fields["zone"],
        slot=fields["slot"],
        phase=Phase(fields["phase"]),
        rev=fields["rev"],
        severity=Severity(fields["severity"]),
        begin_us=fields["begin_us"],
        alert_us=fields["alert_us"],
        end_us=fields.get("end_us"),
        end_reason=fields.get("end_reason"),
        label=fields["label"],
        count=fields["count"],
        score=fields["score"],
        box=Box(*fields["box"]),
        dwell_s=fields["dwell_s"],
        preexisting=fields.get("preexisting", False),
        quiet=fields.get("quiet", False),
        images=tuple(
            ImageRef(ref["kind"], ref["sha256"], ref["bytes"], ref["w"], ref["h"]) for ref in fields.get("images", ())
        ),
        evidence=fields.get("evidence"),
    )


def _from_slot(slot: Slot) -> IncidentView:
    """Show an incident that has been open for longer than events are kept."""
    incident = Incident(
        id=slot.incident,
        camera=slot.key.camera,
        rule=slot.key.rule,
        zone=slot.key.zone,
        slot=slot.key.slot,
        phase=slot.phase,
        rev=slot.rev,
        severity=Severity.ATTENTION,
        begin_us=slot.since_utc_us,
        alert_us=slot.alert_us,
        end_us=None,
        end_reason=None,
        label=slot.label,
        count=slot.count,
        score=slot.score,
        box=slot.box,
        dwell_s=max(0.0, (slot.last_seen_utc_us - slot.since_utc_us) / 1_000_000),
        preexisting=slot.preexisting,
        quiet=slot.quiet,
    )
    return IncidentView(incident, 0, 0, slot.clock_state, (), delivered=True)
