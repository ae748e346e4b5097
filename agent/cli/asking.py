"""Ask the running watch program for something, and wait until the fact that answers it is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from agent import runtime
from agent.clock import Clock
from agent.config import Site
from agent.store.reader import LogReader, Row

STALE_S = 10.0
RECORD_S = 15.0
_POLL_S = 0.2
_LOOKED_AT = 64
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Unanswered:
    """Why watch did not do it.

    Attributes:
        problem: what is the matter.
        remedy: what to do.
    """

    problem: str
    remedy: str


def ask_watch(site: Site, clock: Clock, what: str, note: str = "") -> Row | Unanswered:
    """Ask, and give the recorded event that carries the request's id as ``re``.

    Args:
        site: of the box.
        clock: all time comes from here.
        what: watch shall do.
        note: what it needs to know for that.

    Raises:
        StoreError: watch cannot be asked.
    """
    asked = clock.now()
    status = site.runtime_dir / "watch.json"
    if runtime.closed(status):
        return Unanswered(*runtime.foreign(status))
    watch = runtime.read_watch(site.runtime_dir)
    if watch is None or asked.mono_us - watch.mono_us > STALE_S * 1e6:
        return Unanswered("is not running", "start it: commune-agent run CONFIG, or the service")
    ask_dir = site.store.ask_dir("watch")
    ask = runtime.drop_ask(ask_dir, what, asked, valid_s=RECORD_S, note=note, boot=watch.boot)
    log = LogReader(site.store.watch_db, "aw")
    try:
        row = until(clock, RECORD_S, lambda: _recorded(log, ask.id))
    finally:
        log.close()
        (ask_dir / f"{ask.id}.json").unlink(missing_ok=True)
    if row is not None:
        return row
    watch = runtime.read_watch(site.runtime_dir)
    trouble = f": {watch.trouble}" if watch is not None and watch.trouble else ""
    return Unanswered(f"did not record the event within {RECORD_S:.0f} s{trouble}", "see its log")


def until(clock: Clock, limit_s: float, found: Callable[[], Answer]) -> Answer:
    """Ask ``found`` until it gives something or the limit has passed; give its last answer."""
    end_us = clock.now().mono_us + round(limit_s * 1e6)
    while not (answer := found()) and clock.now().mono_us < end_us:
        clock.sleep(_POLL_S)
    return answer


def _recorded(log: LogReader, ask: str) -> Row | None:
    return next((row for row in log.newest("a", _LOOKED_AT) if json.loads(row.body).get("re") == ask), None)
