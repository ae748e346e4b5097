"""Delete what HQ has and nobody needs any more: by age, never past the watermark, never in haste."""

from __future__ import annotations

from agent.clock import ClockState, Moment
from agent.store import statements as sql
from agent.store.log import Log
from agent.store.reader import Delivery

_DAY_US = 86_400_000_000
_STEP_DAYS = 2


def age(log: Log, stream: str, now: Moment, keep_days: int, delivery: Delivery) -> int:
    """Delete acknowledged rows of a stream older than ``keep_days``; gives how many.

    At most once a day and at most two days' worth each time, so that a clock that is wrong by years costs two days.
    Rows dated by an unset clock are as old as their neighbours. The newest row always stays: the next one links to it.
    """
    if now.state is not ClockState.SYNCED or not _is_due(log, stream, now):
        return 0
    epoch = log.tips[stream].epoch
    acked = min(delivery.watermarks.get((stream, epoch), 0), log.tips[stream].seq)
    upto = min(_last_old(log, stream, now, keep_days), log.tips[stream].seq - 1)
    return log.write(lambda: _delete(log, stream, acked, upto, now))


def _is_due(log: Log, stream: str, now: Moment) -> bool:
    found = log.ask(sql.GET_META, _key(stream))
    return not found or not 0 <= now.utc_us - found[0][0] < _DAY_US


def _last_old(log: Log, stream: str, now: Moment, keep_days: int) -> int:
    oldest = log.ask(sql.of(sql.OLDEST_DATED, stream))
    if not oldest:
        return 0
    cutoff_us = min(now.utc_us - keep_days * _DAY_US, oldest[0][0] + _STEP_DAYS * _DAY_US)
    young = log.ask(sql.of(sql.FIRST_YOUNG, stream), cutoff_us)
    before = young[0][0] if young else log.tips[stream].seq
    return int(log.ask(sql.of(sql.LAST_OLD, stream), cutoff_us, before)[0][0] or 0)


def _delete(log: Log, stream: str, acked: int, upto: int, now: Moment) -> int:
    epoch = log.tips[stream].epoch
    log.run(sql.SET_ACKED, acked, stream, epoch)
    log.run(sql.SET_META, _key(stream), now.utc_us)
    first_seq = log.ask(sql.CURRENT_EPOCH, stream)[0][1]
    # Rows of earlier epochs have all been acknowledged; those of this one as far as its watermark.
    last = min(upto, max(acked, first_seq - 1))
    if stream == "m":
        log.run(sql.DROP_PICTURES, 1, last, last)
    return log.run(sql.of(sql.DELETE_UPTO, stream), last)


def _key(stream: str) -> str:
    return f"aged_at_us:{stream}"
