"""``commune-agent test-alert``: follow one test event through every hop to HQ and name the one that fails."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TypeVar

from agent import runtime
from agent.cli.arguments import Parser, add_config, add_json, seconds
from agent.clock import Clock, SystemClock
from agent.config import Site, load
from agent.site_secrets import Secrets
from agent.store.reader import LogReader, Row, read_delivery

_STALE_S = 10.0
_RECORD_S = 15.0
_POLL_S = 0.2
_LOOKED_AT = 64
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Outcome:
    """How far the test event came.

    Attributes:
        ok: HQ has acknowledged it.
        hop: the last one reached, or the one that failed: ``watch``, ``uplink``, ``broker`` or ``hq``.
        detail: what happened there.
        remedy: what to do; empty when all is well.
        took_s: since it was asked for.
    """

    ok: bool
    hop: str
    detail: str
    remedy: str = ""
    took_s: float = 0.0


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "test-alert",
        description="Let the running box send a test event and follow it: recorded by watch, taken by uplink,"
        " acknowledged by HQ. Names the hop that failed. Exit code 0 once HQ has acknowledged it, else 1.",
        example="commune-agent test-alert site.toml --timeout 60",
    )
    add_config(parser)
    parser.add_argument("--timeout", type=seconds, default=60.0, metavar="S", help="longest wait for HQ (%(default)s)")
    add_json(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Send and follow."""
    site = load(arguments.config, Secrets.NONE)
    outcome = follow(site, SystemClock(), arguments.timeout, (lambda _line: None) if arguments.json else print)
    if arguments.json:
        print(json.dumps(asdict(outcome), ensure_ascii=False))
    elif outcome.ok:
        print(f"{outcome.hop}: {outcome.detail}; the whole way took {outcome.took_s:.1f} s")
    else:
        print(f"FAILED at {outcome.hop}: {outcome.detail}; {outcome.remedy}")
    return 0 if outcome.ok else 1


def follow(site: Site, clock: Clock, timeout_s: float, tell: Callable[[str], object]) -> Outcome:
    """Ask for a test event and follow it until HQ has it or a hop fails.

    Raises:
        StoreError: watch cannot be asked.
    """
    asked = clock.now()
    status = site.runtime_dir / "watch.json"
    if runtime.closed(status):
        return Outcome(False, "watch", *runtime.foreign(status))
    watch = runtime.read_watch(site.runtime_dir)
    if watch is None or asked.mono_us - watch.mono_us > _STALE_S * 1e6:
        return Outcome(False, "watch", "is not running", "start it: commune-agent run CONFIG, or the service")
    ask_dir = site.store.ask_dir("watch")
    ask = runtime.drop_ask(ask_dir, "test_alert", asked, valid_s=_RECORD_S, boot=watch.boot)
    log = LogReader(site.store.watch_db, "aw")
    try:
        row = _until(clock, _RECORD_S, lambda: _recorded(log, ask.id))
    finally:
        log.close()
        (ask_dir / f"{ask.id}.json").unlink(missing_ok=True)
    if row is None:
        watch = runtime.read_watch(site.runtime_dir)
        trouble = f": {watch.trouble}" if watch is not None and watch.trouble else ""
        return Outcome(False, "watch", f"did not record the event within {_RECORD_S:.0f} s{trouble}", "see its log")
    tell(f"watch: recorded as event {row.event_id}, number {row.seq} of stream {row.stream}")
    acknowledged = _until(clock, timeout_s, lambda: _acknowledged(site, row))
    took_s = (clock.now().mono_us - asked.mono_us) / 1e6
    if acknowledged:
        return Outcome(True, "hq", "acknowledged", took_s=took_s)
    return _blame(site, clock, took_s)


def _recorded(log: LogReader, ask: str) -> Row | None:
    return next((row for row in log.newest("a", _LOOKED_AT) if json.loads(row.body).get("re") == ask), None)


def _acknowledged(site: Site, row: Row) -> bool:
    return read_delivery(site.store.link_db).watermarks.get((row.stream, row.epoch), 0) >= row.seq


def _until(clock: Clock, limit_s: float, found: Callable[[], Answer]) -> Answer:
    """Ask ``found`` until it gives something or the limit has passed; give its last answer."""
    end_us = clock.now().mono_us + round(limit_s * 1e6)
    while not (answer := found()) and clock.now().mono_us < end_us:
        clock.sleep(_POLL_S)
    return answer


def _blame(site: Site, clock: Clock, took_s: float) -> Outcome:
    """Say which hop behind watch keeps the event."""
    uplink = runtime.read_uplink(site.runtime_dir)
    if uplink is None or clock.now().mono_us - uplink.mono_us > _STALE_S * 1e6:
        return Outcome(False, "uplink", "is not running", "start it: commune-agent run CONFIG, or the service", took_s)
    if uplink.state != "connected":
        remedy = "commune-agent check CONFIG tries the broker step by step"
        return Outcome(False, "broker", f"{uplink.state}: {uplink.reason or 'no reason given'}", remedy, took_s)
    if not uplink.hq_online:
        return Outcome(False, "hq", "its receiver is not connected to the broker", "start commune-hq there", took_s)
    remedy = "see the log of commune-hq there; the event stays queued and is sent again"
    return Outcome(False, "hq", f"has not acknowledged it within {took_s:.0f} s", remedy, took_s)
