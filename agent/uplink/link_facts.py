"""What the link itself has to report, in stream ``u``: seldom, however often it breaks."""

from __future__ import annotations

import logging

from agent.clock import Clock, uuid7
from agent.core.event import Event, Json
from agent.errors import StoreDamaged, StoreError, StoreVersion
from agent.store.link_store import LinkStore

log = logging.getLogger(__name__)

SELDOM_US = 300_000_000
"""A flapping link must not fill with reports about itself the little it carries."""


class LinkFacts:
    """Records ``link.up``, ``link.down`` and ``link.fork``."""

    def __init__(self, store: LinkStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._changed_us = clock.now().mono_us
        self._told_us: dict[str, int] = {}
        self._ups = 0

    def up(self) -> None:
        """The broker took us."""
        self._ups += 1
        down_us = self._elapsed()
        if self._seldom("link.up"):
            self._record("link.up", {"down_s": round(down_us / 1_000_000, 1), "ups": self._ups})

    def down(self, reason: str) -> None:
        """The connection broke."""
        up_us = self._elapsed()
        if self._seldom("link.down"):
            detail: dict[str, Json] = {"reason": reason[:200], "up_s": round(up_us / 1_000_000, 1), "ups": self._ups}
            self._record("link.down", detail)

    def forked(self, stream: str, epoch: int, claimed: int) -> None:
        """HQ has more of a log than was ever written here."""
        self._record("link.fork", {"of": stream, "fork_epoch": str(epoch), "claimed": claimed})

    def _elapsed(self) -> int:
        now_us = self._clock.now().mono_us
        elapsed, self._changed_us = now_us - self._changed_us, now_us
        return elapsed

    def _seldom(self, kind: str) -> bool:
        now_us = self._clock.now().mono_us
        if kind in self._told_us and now_us - self._told_us[kind] < SELDOM_US:
            return False
        self._told_us[kind] = now_us
        return True

    def _record(self, kind: str, detail: dict[str, Json]) -> None:
        now = self._clock.now()
        try:
            self._store.append(Event(uuid7(now.utc_us), kind, now, detail=detail))
        except (StoreDamaged, StoreVersion):
            raise
        except StoreError as error:  # reports about the link may be lost; the link goes on
            log.warning("%s is not recorded: %s", kind, error)
