"""``commune-agent run``: the whole box under one small supervisor."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import threading
from collections.abc import Sequence

from agent import journal, runtime
from agent.cli.arguments import Parser, add_config, seconds
from agent.cli.process import prepare_runtime
from agent.clock import monotonic_us
from agent.config import Site, load
from agent.supervisor import Supervisor

log = logging.getLogger(__name__)

PROGRAMS = ("watch", "uplink", "page")
_FRESH_S = 2.0


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "run",
        description="Run the whole box on this machine: migrate, then watch, uplink and page. One that crashes is"
        " started again; SIGTERM or Ctrl-C stops all within 10 s. On a real box systemd does this.",
        example="commune-agent run site.toml --only watch,uplink",
    )
    add_config(parser)
    parser.add_argument(
        "--only", type=_names, default=",".join(PROGRAMS), metavar="NAMES", help="programs to run (%(default)s)"
    )
    parser.add_argument(
        "--until-ended",
        action="store_true",
        help="for cameras that are files: stop when all have been read and HQ has acknowledged everything",
    )
    parser.add_argument(
        "--limit", type=seconds, default=60.0, metavar="S", help="with --until-ended: longest wait for HQ (%(default)s)"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Supervise until stopped."""
    names: list[str] = arguments.only
    site = load(arguments.config)
    journal.start_logging()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    ending = Ending(site, arguments.limit) if arguments.until_ended else None
    prepare_runtime(site, "commune.target")
    (site.runtime_dir / "page.json").unlink(missing_ok=True)
    announcer = Announcer(site)

    def done(ended: Sequence[str]) -> bool:
        announcer.look()
        return len(ended) == len(names) or (
            ending is not None and "watch" in ended and ending.reached("uplink" in names)
        )

    code = Supervisor(arguments.config, names, sys.stderr).run(stop, done)
    return code or (1 if ending is not None and ending.gave_up else 0)


def _names(text: str) -> list[str]:
    words = text.split(",")
    unknown = [word for word in words if word not in PROGRAMS]
    if unknown:
        raise argparse.ArgumentTypeError(f"takes {', '.join(PROGRAMS)}, parted by commas; got {unknown[0]!r}")
    return [name for name in PROGRAMS if name in words]


class Announcer:
    """Prints the page's address once it is known."""

    def __init__(self, site: Site) -> None:
        self._file = site.runtime_dir / "page.json"
        self._told = ""

    def look(self) -> None:
        """Print the address if it is new."""
        try:
            url = str(json.loads(self._file.read_bytes())["url"])
        except (OSError, ValueError, KeyError):
            return
        if url != self._told:
            self._told = url
            print(f"page: {url}", flush=True)


class Ending:
    """Tells when a run over files is over: every camera at its end, and HQ has acknowledged all of it.

    Attributes:
        gave_up: the limit passed before HQ had everything.
    """

    def __init__(self, site: Site, limit_s: float) -> None:
        self._runtime_dir = site.runtime_dir
        self._limit_us = round(limit_s * 1e6)
        self._since_us = 0
        self.gave_up = False

    def reached(self, waits_for_hq: bool) -> bool:
        """Tell whether it is over; to be asked from the moment at which watch has ended."""
        now_us = monotonic_us()
        self._since_us = self._since_us or now_us
        if not waits_for_hq:
            return True
        status = runtime.read_uplink(self._runtime_dir)
        # An older status may have been written before the uplink saw the last events.
        fresh = status is not None and status.mono_us > self._since_us + _FRESH_S * 1e6
        if status is not None and fresh and not any(status.backlog.values()):
            return True
        if now_us - self._since_us > self._limit_us:
            waiting = status.backlog if status is not None else "unknown"
            log.error("HQ has not acknowledged everything in time; waiting: %s", waiting)
            self.gave_up = True
        return self.gave_up
