"""Gathers what the page shows: what the programs last said, and what the store holds."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from agent.clock import Moment
from agent.core.incident import Phase, Slot
from agent.errors import StoreError
from agent.page import status
from agent.page.settings import PageSettings, ShownCamera
from agent.page.shown import Board, Notice, Pending, Shown, Step
from agent.runtime import preview_path, read_uplink, read_watch
from agent.store.reader import StoredImage
from agent.store.settings import StoreSettings
from agent.store.views import IncidentView, Views

log = logging.getLogger(__name__)

_KEEP_US = 500_000
"""Several visitors a second share one look into the store."""

_KEEP_FAILURE_US = 5_000_000
"""A store that cannot be read is not tried, and complained about in the log, more often than this."""

_RECENT = 20
_RECENT_SHOWN = 8

# Worded, because a number would be read as a probability, which a detector's score is not.
_HIGH_SCORE = 0.75
_MEDIUM_SCORE = 0.5

Got = TypeVar("Got")


@dataclass(frozen=True)
class _Stored:
    """What one look into the store gave; ``failure`` says why parts of it are missing."""

    open: list[IncidentView]
    pending: list[Slot]
    recent: list[IncidentView]
    backlog: dict[str, int] | None
    failure: str


class Sight:
    """Reads everything and writes nothing; usable from any thread."""

    def __init__(self, settings: PageSettings, store: StoreSettings, runtime_dir: Path) -> None:
        self._settings = settings
        self._runtime_dir = runtime_dir
        self._views = Views(store)
        self._cameras = {camera.id: camera for camera in settings.cameras}
        self._lock = threading.Lock()
        self._latest: _Stored | None = None
        self._latest_until_us = 0

    def board(self, now: Moment) -> Board:
        """Gather the first page; whatever cannot be read is said, and the rest is shown."""
        watch, uplink = read_watch(self._runtime_dir), read_uplink(self._runtime_dir)
        stored = self._stored(now)
        warnings = status.warnings(self._settings, watch, uplink, now)
        if stored.failure:
            warnings = (Notice("store", "bad", stored.failure), *warnings)
        ended = [view for view in stored.recent if view.incident.phase is Phase.ENDED]
        pending = [self._pending(slot, now) for slot in stored.pending]
        return Board(
            warnings=warnings,
            link=status.link_card(uplink, stored.backlog, now),
            tiles=status.tiles(self._settings, watch, self._runtime_dir, now),
            open=tuple(self._shown(view, now) for view in stored.open),
            pending=tuple(sorted(pending, key=lambda slot: slot.begin_ms)),
            recent=tuple(self._shown(view, now) for view in ended[:_RECENT_SHOWN]),
            readable=not stored.failure,
        )

    def incident(self, incident: str, now: Moment) -> tuple[Shown, tuple[Step, ...]] | None:
        """Gather one incident and its history, oldest first; None where the store has none of that id.

        Raises:
            StoreError: the store cannot be read.
        """
        view = self._views.incident(incident)
        if view is None:
            return None
        history = tuple(Step(kind, utc_us) for kind, utc_us in self._views.history(incident))
        return self._shown(view, now), history

    def picture(self, sha256: str) -> StoredImage | None:
        """Fetch a picture that may leave the box; None where there was never one of that hash.

        Raises:
            StoreError: the store cannot be read.
        """
        return self._views.image(sha256)

    def preview(self, camera: str) -> bytes | None:
        """Fetch the newest picture of a configured camera; None where there is none."""
        if camera not in self._cameras:
            return None
        try:
            return preview_path(self._runtime_dir, camera).read_bytes()
        except OSError:
            return None

    def close(self) -> None:
        """Give the store's files back."""
        self._views.close()

    def _stored(self, now: Moment) -> _Stored:
        with self._lock:
            if self._latest is None or now.mono_us >= self._latest_until_us:
                self._latest = self._look()
                self._latest_until_us = now.mono_us + (_KEEP_FAILURE_US if self._latest.failure else _KEEP_US)
            return self._latest

    def _look(self) -> _Stored:
        failures: list[str] = []

        def ask(question: Callable[[], Got], otherwise: Got) -> Got:
            try:
                return question()
            except StoreError as error:
                failures.append(str(error))
                return otherwise

        return _Stored(
            open=ask(self._views.open_incidents, []),
            pending=ask(self._views.pending_slots, []),
            recent=ask(lambda: self._views.recent(_RECENT), []),
            backlog=ask(self._backlog, None),
            failure=failures[0] if failures else "",
        )

    def _backlog(self) -> dict[str, int] | None:
        return self._views.backlog()

    def _camera(self, camera: str) -> ShownCamera:
        return self._cameras.get(camera, ShownCamera(camera, camera))

    def _shown(self, view: IncidentView, now: Moment) -> Shown:
        incident = view.incident
        camera = self._camera(incident.camera)
        return Shown(
            id=incident.id,
            camera=camera.name,
            zone=camera.zones.get(incident.zone, incident.zone),
            rule=incident.rule,
            label=incident.label,
            severity=incident.severity.value,
            phase=incident.phase.value,
            confidence=_confidence(incident.score),
            count=incident.count,
            begin_us=incident.begin_us,
            alert_us=incident.alert_us,
            end_us=incident.end_us,
            end_reason=incident.end_reason,
            dwell_s=incident.dwell_s,
            begin_ms=status.ms_of_utc(incident.begin_us, now),
            preexisting=incident.preexisting,
            quiet=incident.quiet,
            shots=incident.images,
            evidence=incident.evidence,
            delivered=view.delivered,
        )

    def _pending(self, slot: Slot, now: Moment) -> Pending:
        camera = self._camera(slot.key.camera)
        dwell_us = _age_us(slot, now) - slot.excluded_us
        x1, y1, x2, y2 = (round(1000 * side) for side in slot.box)
        return Pending(
            id=slot.incident,
            camera=camera.name,
            zone=camera.zones.get(slot.key.zone, slot.key.zone),
            rule=slot.key.rule,
            label=slot.label,
            begin_ms=(now.mono_us - dwell_us) // 1000,
            dwell_s=max(0.0, dwell_us / 1_000_000),
            limit_s=camera.dwell_s.get((slot.key.rule, slot.key.zone)),
            box=(x1, y1, x2 - x1, y2 - y1),
            preview=status.preview_address(self._runtime_dir, slot.key.camera),
        )


def _age_us(slot: Slot, now: Moment) -> int:
    if slot.boot_id == now.boot_id:
        return now.mono_us - slot.since_mono_us
    return now.utc_us - slot.since_utc_us


def _confidence(score: float) -> str:
    if score >= _HIGH_SCORE:
        return "high"
    return "medium" if score >= _MEDIUM_SCORE else "low"
