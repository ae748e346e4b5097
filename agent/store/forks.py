"""Notice that HQ knows a log further than the log itself: the disk was rolled back, restored or cloned."""

from __future__ import annotations

import logging

from agent.store.log import Log
from agent.store.reader import Delivery

log = logging.getLogger(__name__)


def mend(file: Log, delivery: Delivery) -> None:
    """Start a new epoch in a forked file, before its first insert: its next numbers are taken at HQ."""
    reason = _fork(file, delivery)
    if reason:
        moved = file.write(lambda: file.renew_epoch(reason))
        log.warning("%s: %s; new epoch, %s rows are offered again", file.path, reason, moved)


def _fork(file: Log, delivery: Delivery) -> str:
    for stream, tip in file.tips.items():
        place = (stream, tip.epoch)
        if delivery.watermarks.get(place, 0) > tip.seq:
            return f"rolled back: HQ has stream {stream} up to {delivery.watermarks[place]}, here it ends at {tip.seq}"
        if place in delivery.forks:
            return f"forked: HQ claims stream {stream} up to {delivery.forks[place]}"
    return ""
