"""``commune-agent test-alert``: follow one test event through every hop to HQ and name the one that fails."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from agent import runtime
from agent.cli.arguments import Parser, add_config, add_json, seconds
from agent.cli.asking import STALE_S, Unanswered, ask_watch, until
from agent.clock import Clock, SystemClock
from agent.config import Site, load
from agent.site_secrets import Secrets
from agent.store.reader import Row, read_delivery


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
    row = ask_watch(site, clock, "test_alert")
    if isinstance(row, Unanswered):
        return Outcome(False, "watch", row.problem, row.remedy)
    tell(f"watch: recorded as event {row.event_id}, number {row.seq} of stream {row.stream}")
    acknowledged = until(clock, timeout_s, lambda: _acknowledged(site, row))
    took_s = (clock.now().mono_us - asked.mono_us) / 1e6
    if acknowledged:
        return Outcome(True, "hq", "acknowledged", took_s=took_s)
    return _blame(site, clock, took_s)


def _acknowledged(site: Site, row: Row) -> bool:
    return read_delivery(site.store.link_db).watermarks.get((row.stream, row.epoch), 0) >= row.seq


def _blame(site: Site, clock: Clock, took_s: float) -> Outcome:
    """Say which hop behind watch keeps the event."""
    uplink = runtime.read_uplink(site.runtime_dir)
    if uplink is None or clock.now().mono_us - uplink.mono_us > STALE_S * 1e6:
        return Outcome(False, "uplink", "is not running", "start it: commune-agent run CONFIG, or the service", took_s)
    if uplink.state != "connected":
        remedy = "commune-agent check CONFIG tries the broker step by step"
        return Outcome(False, "broker", f"{uplink.state}: {uplink.reason or 'no reason given'}", remedy, took_s)
    if not uplink.hq_online:
        return Outcome(False, "hq", "its receiver is not connected to the broker", "start commune-hq there", took_s)
    remedy = "see the log of commune-hq there; the event stays queued and is sent again"
    return Outcome(False, "hq", f"has not acknowledged it within {took_s:.0f} s", remedy, took_s)
