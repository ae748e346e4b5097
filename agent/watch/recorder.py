"""Facts into the store, whatever it takes: the one place where watch waits."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from agent import journal
from agent.core.event import Event
from agent.core.image import Image
from agent.errors import StoreDamaged, StoreError, StoreVersion
from agent.store.watch_store import WatchStore
from agent.watch.fit import fitted
from agent.watch.river import Catch

log = logging.getLogger(__name__)

_RETRY_S = 1.0


class Recorder:
    """Records until it is done: frames may be dropped meanwhile, a fact may not (I6).

    Attributes:
        trouble: why nothing can be recorded at the moment; empty when all is well.
    """

    def __init__(self, store: WatchStore, stop: threading.Event, tell: Callable[[], None]) -> None:
        """Use ``store``; while recording fails, call ``tell`` after each attempt so that people can see why."""
        self._store = store
        self._stop = stop
        self._tell = tell
        self.trouble = ""

    def catch(self, catch: Catch) -> None:
        """Record what a frame gave, if anything: pictures, then events and rule state in one transaction."""
        if not catch:
            return
        events = [fitted(shot.event) for shot in catch.shots]
        images: Sequence[Image] = [image for shot in catch.shots for image in shot.images]
        self._insist(
            lambda: self._store.record(events, catch.taken, catch.freed, images, ailing=catch.ailing, cured=catch.cured)
        )
        for event in events:
            if event.kind.startswith("camera."):
                log.warning("%s: %s", event.kind, _states(event))
            if event.incident is not None:
                what = (event.id, event.incident.rule, event.incident.zone, event.incident.camera)
                log.info("recorded %s %s: %s in zone %s of camera %s", event.kind, *what)

    def alert(self, event: Event) -> None:
        """Record a fact that HQ must hear soon (stream a)."""
        small = fitted(event)
        self._insist(lambda: self._store.record([small], (), (), ()))

    def note(self, event: Event) -> None:
        """Record a fact that can wait (stream w)."""
        small = fitted(event)
        self._insist(lambda: self._store.note(small))

    def _insist(self, write: Callable[[], None]) -> None:
        while True:
            try:
                write()
            except (StoreDamaged, StoreVersion):
                raise
            except StoreError as error:
                if str(error) != self.trouble:
                    log.error("cannot record, keeping the fact and trying again: %s", error)
                self.trouble = str(error)
                self._tell()
                journal.notify("WATCHDOG=1")
                if self._stop.wait(_RETRY_S):
                    raise
            else:
                if self.trouble:
                    log.warning("recording again")
                self.trouble = ""
                return


def _states(event: Event) -> str:
    return " ".join(str(event.detail[key]) for key in ("camera", "state", "reason", "by") if key in event.detail)
