"""What commands ask of the running watch program: a test alert, or to accept a camera's view."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from agent import runtime
from agent.clock import Clock, uuid7
from agent.core.event import Event
from agent.runtime import Ask
from agent.watch.recorder import Recorder
from agent.watch.river import River
from agent.watch.views import ViewShelf

log = logging.getLogger(__name__)

TEST_ALERT = "test_alert"
RECALIBRATE = "recalibrate"
"""Accept what a camera shows; its note is the camera's id."""


class Asks:
    """Carries requests out, logs and deletes them."""

    def __init__(self, ask_dir: Path, recorder: Recorder, rivers: Mapping[str, River], views: ViewShelf) -> None:
        self._ask_dir = ask_dir
        self._recorder = recorder
        self._rivers = rivers
        self._views = views

    def answer(self, clock: Clock) -> None:
        """Carry out all that wait."""
        for path, ask in runtime.pending_asks(self._ask_dir):
            if ask is None or ask.what not in (TEST_ALERT, RECALIBRATE):
                log.warning("ignoring the request in %s: not one this program knows", path.name)
            elif ask.expired(clock.now()):
                log.warning("request %s (%s) has expired; ask again", ask.id, ask.what)
            elif ask.what == TEST_ALERT:
                log.info("test alert asked for: %s", ask.id)
                now = clock.now()
                self._recorder.alert(Event(uuid7(now.utc_us), "test.alert", now, detail={"re": ask.id}))
            else:
                self._recalibrate(ask, clock)
            path.unlink(missing_ok=True)

    def _recalibrate(self, ask: Ask, clock: Clock) -> None:
        river = self._rivers.get(str(ask.note))
        if river is None:
            log.warning("request %s names no camera of this site: %.40r", ask.id, ask.note)
            return
        self._views.forget(str(ask.note))
        self._recorder.catch(river.recalibrate(clock.now(), ask.id, str(ask.by)))
