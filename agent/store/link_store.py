"""What uplink records: how far HQ has each log, and the events of the link."""

from __future__ import annotations

import logging
from contextlib import ExitStack

from agent.clock import Clock, Moment
from agent.core.event import Event
from agent.errors import StoreDamaged, StoreError, StoreVersion
from agent.store import ballast, forks, news, retention
from agent.store import statements as sql
from agent.store.lock import WriterLock
from agent.store.log import Log, Sign
from agent.store.reader import Delivery
from agent.store.schema import LINK
from agent.store.settings import StoreSettings

log = logging.getLogger(__name__)

FLUSH_S = 5.0


class LinkStore:
    """The one writer of link.db, for one thread.

    Watermarks are kept in memory and written at most every 5 s: losing the last ones costs a resend, nothing else.

    Raises:
        StoreVersion: the file is missing or not of this version: run ``commune-agent migrate``.
        StoreDamaged: the file must go through ``migrate``.
        StoreError: another process writes it, or it cannot be opened.
    """

    def __init__(self, settings: StoreSettings, sign: Sign, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        with ExitStack() as undo:
            lock = WriterLock(settings.state_dir, LINK.process)
            undo.callback(lock.release)
            self._log = Log(LINK, settings, sign, clock)
            undo.callback(self._log.close)
            delivery = self._read_delivery()
            self._watermarks = dict(delivery.watermarks)
            self._unwritten: dict[tuple[str, int], int] = {}
            self._flushed_us = clock.now().mono_us
            forks.mend(self._log, delivery)
            news.tell(self._log, self._log, "u")
            self._closing = undo.pop_all()

    def watermark(self, stream: str, epoch: int) -> int:
        """Give the highest seq that HQ has committed; 0 where it has none."""
        return self._watermarks.get((stream, epoch), 0)

    def advance(self, stream: str, epoch: int, upto: int, head: int) -> bool:
        """Take HQ's word that it has a stream up to ``upto``; a lower word than before changes nothing.

        Args:
            stream: letter.
            epoch: life of the log file.
            upto: HQ's claim.
            head: the newest seq this box gave out in that epoch.

        Returns:
            False when HQ claims more than was ever written here. The watermark does not move then; the claim is
            written down at once, and the log's writer starts a new epoch when it next starts.
        """
        if upto > head:
            log.error("HQ claims stream %s up to %d, here it ends at %d: the disk was rolled back", stream, upto, head)
            self._log.write(lambda: self._log.run(sql.ADD_FORK, stream, epoch, upto))
            return False
        if upto > self.watermark(stream, epoch):
            self._watermarks[stream, epoch] = self._unwritten[stream, epoch] = upto
        return True

    def flush(self, *, force: bool = False) -> None:
        """Write watermarks that moved, unless that was done within the last 5 s; call it often.

        Raises:
            StoreError: they could not be written; they are kept and tried again at the next call.
        """
        now_us = self._clock.now().mono_us
        if not self._unwritten or not (force or now_us - self._flushed_us >= FLUSH_S * 1_000_000):
            return
        self._log.write(self._put_watermarks)
        self._unwritten.clear()
        self._flushed_us = now_us

    def append(self, event: Event) -> None:
        """Record an event of the link in stream ``u``."""
        self._log.write(lambda: self._log.append("u", event))

    def retain(self, now: Moment) -> None:
        """Age stream ``u`` and put the ballast back; what cannot be done now is left for the next time.

        Raises:
            StoreDamaged, StoreVersion: the file must go through ``migrate``.
        """
        try:
            ballast.fill(ballast.ballast_path(self._settings.state_dir, LINK.process))
            retention.age(self._log, "u", now, self._settings.keep_acked_days, Delivery(self._watermarks))
        except (StoreDamaged, StoreVersion):
            raise
        except (StoreError, OSError) as error:
            log.warning("retention could not finish and tries again later: %s", error)

    def close(self) -> None:
        """Write what is unwritten, close the file and let another process write it."""
        try:
            self.flush(force=True)
        except StoreError as error:
            log.warning("the last watermarks are not written, HQ will get some events again: %s", error)
        self._closing.close()

    def _put_watermarks(self) -> None:
        for (stream, epoch), upto in self._unwritten.items():
            self._log.run(sql.RAISE_WATERMARK, stream, epoch, upto)

    def _read_delivery(self) -> Delivery:
        return Delivery(
            {(stream, epoch): upto for stream, epoch, upto in self._log.ask(sql.WATERMARKS)},
            {(stream, epoch): upto for stream, epoch, upto in self._log.ask(sql.FORKS)},
        )
