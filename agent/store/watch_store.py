"""What watch records: events with the rule state that caused them, and their pictures before them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace

from agent.clock import Clock, Moment
from agent.core.ailment import Ailment
from agent.core.event import Event
from agent.core.image import Image
from agent.core.incident import Slot, SlotKey
from agent.errors import StoreDamaged, StoreError, StoreVersion
from agent.store import ballast, forks, news, retention
from agent.store import statements as sql
from agent.store.lock import WriterLock
from agent.store.log import Log, Sign
from agent.store.pictures import Owned, Pictures
from agent.store.reader import read_delivery
from agent.store.schema import MEDIA, WATCH
from agent.store.settings import StoreSettings
from agent.store.slots import key_row, slot_of, slot_row

log = logging.getLogger(__name__)


class WatchStore:
    """The one writer of watch.db, media.db and the originals; usable from any thread.

    Raises:
        StoreVersion: the files are missing or not of this version: run ``commune-agent migrate``.
        StoreDamaged: a file must go through ``migrate``.
        StoreError: another process writes these files, or they cannot be opened.
    """

    def __init__(self, settings: StoreSettings, sign: Sign, clock: Clock) -> None:
        self._settings = settings
        with ExitStack() as undo:
            lock = WriterLock(settings.state_dir, WATCH.process)
            undo.callback(lock.release)
            self._watch = Log(WATCH, settings, sign, clock)
            undo.callback(self._watch.close)
            # Pictures do not spend the ballast: it is for the event that names them.
            self._media = Log(MEDIA, settings, sign, clock, spends_ballast=False)
            undo.callback(self._media.close)
            self._pictures = Pictures(self._media, settings)
            delivery = read_delivery(settings.link_db)
            for file in (self._watch, self._media):
                forks.mend(file, delivery)
                news.tell(file, self._watch, "w")
            self._closing = undo.pop_all()

    def record(
        self,
        events: Sequence[Event],
        taken: Sequence[Slot],
        freed: Sequence[SlotKey],
        images: Sequence[Image],
        *,
        ailing: Sequence[Ailment] = (),
        cured: Sequence[Ailment] = (),
    ) -> None:
        """Record one frame's worth: when this returns, all of it is durable; when it raises, call it again.

        Pictures come first; one that cannot be kept never holds back its event, which then says ``lost(reason)``
        instead of naming it. Events, rule state and states of cameras are one transaction.

        Args:
            events: for stream ``a``, in order; one recorded already is not recorded twice.
            taken: slots that are new or changed.
            freed: slots that are no more.
            images: of these events; one that leaves the box belongs to the events that name it, a clean one to those
                that name a picture of its kind.
            ailing: states of cameras that these events tell the begin of.
            cured: those that they tell the end of.

        Raises:
            StoreFull, StoreError: nothing was recorded; try again.
            StoreDamaged: a file must go through ``migrate``. Where only media.db is, the events are recorded.
        """
        damage = None
        lost: dict[str, str] = {}
        owned = [Owned(image, event.id, event.at) for image in images for event in _owners(image, events)]
        try:
            lost = self._pictures.keep(owned)
        except StoreDamaged as error:
            damage = error
            lost = {image.sha256: "damaged" for image in images}
        told = [_without(event, images, lost) for event in events]
        self._watch.write(lambda: self._put(told, taken, freed, ailing, cured))
        if damage is not None:
            raise damage

    def note(self, event: Event) -> None:
        """Record an event of lesser urgency (health, counts, clock) in stream ``w``."""
        self._watch.write(lambda: self._watch.append("w", event))

    def slots(self) -> list[Slot]:
        """Give the rule state that was there at the last commit."""
        return [slot_of(row) for row in self._watch.ask(sql.SLOTS)]

    def ailments(self) -> list[Ailment]:
        """Give the states of cameras whose end HQ has not been told."""
        return [Ailment(*row) for row in self._watch.ask(sql.AILMENTS)]

    def cameras_lost(self) -> frozenset[str]:
        """Name the cameras of which the newest fact that is still kept says ``camera.lost``."""
        rows = self._watch.ask(sql.of(sql.BODIES_OF_KINDS, "a"), "camera.lost", "camera.back")
        newest = {json.loads(body)["camera"]: kind for kind, body in rows}
        return frozenset(camera for camera, kind in newest.items() if kind == "camera.lost")

    def retain(self, now: Moment) -> None:
        """Age the logs, hold the quotas and put the ballast back; what cannot be done now is left for the next time.

        Raises:
            StoreDamaged, StoreVersion: a file must go through ``migrate``.
        """
        try:
            ballast.fill(ballast.ballast_path(self._settings.state_dir, WATCH.process))
            delivery = read_delivery(self._settings.link_db)
            for file in (self._watch, self._media):
                for stream in file.schema.streams:
                    retention.age(file, stream, now, self._settings.keep_acked_days, delivery)
            self._pictures.enforce_quotas(delivery.watermarks.get(("m", self._media.tips["m"].epoch), 0))
        except (StoreDamaged, StoreVersion):
            raise
        except (StoreError, OSError) as error:
            log.warning("retention could not finish and tries again later: %s", error)

    def close(self) -> None:
        """Close both files and let another process write them."""
        self._closing.close()

    def _put(
        self,
        events: Sequence[Event],
        taken: Sequence[Slot],
        freed: Sequence[SlotKey],
        ailing: Sequence[Ailment],
        cured: Sequence[Ailment],
    ) -> None:
        for event in events:
            self._watch.append("a", event)
        for key in freed:
            self._watch.run(sql.FREE_SLOT, *key_row(key))
        for slot in taken:
            self._watch.run(sql.PUT_SLOT, *slot_row(slot))
        for ailment in cured:
            self._watch.run(sql.DROP_AILMENT, ailment.camera, ailment.state)
        for ailment in ailing:
            row = (ailment.camera, ailment.state, ailment.event_id, ailment.since_utc_us)
            self._watch.run(sql.PUT_AILMENT, *row)


def _owners(image: Image, events: Sequence[Event]) -> list[Event]:
    """Find the events a picture belongs to; a clean one is named by none, so its kind tells."""
    named = [(event, ref) for event in events for ref in event.pictures]
    if image.leaves_box:
        return [event for event, ref in named if ref.sha256 == image.sha256]
    return [event for event, ref in named if ref.kind == image.kind]


def _without(event: Event, images: Sequence[Image], lost: dict[str, str]) -> Event:
    """Take lost pictures out of an event, and let it say so."""
    if not lost:
        return event
    mine = [image for image in images if _owners(image, [event])]
    reasons = sorted({lost[image.sha256] for image in mine if image.sha256 in lost})
    if not reasons:
        return event
    kept = tuple(ref for ref in event.pictures if ref.sha256 not in lost)
    told = event.evidence if event.incident is None else event.incident.evidence
    evidence = "; ".join([*([told] if told else []), *(f"lost({reason})" for reason in reasons)])
    if event.incident is None:
        return replace(event, images=kept, evidence=evidence)
    return replace(event, incident=replace(event.incident, images=kept, evidence=evidence))
