"""Run one of the three programs until it is asked to stop."""

from __future__ import annotations

import argparse
import logging
import signal
import threading
from collections.abc import Callable

from agent import journal, runtime
from agent.cli.arguments import add_config
from agent.clock import Clock, SystemClock
from agent.config import Site, load
from agent.errors import AgentError, ConfigError
from agent.owner import refuse_root
from agent.site_secrets import Secrets
from agent.supervisor import die_with_parent

log = logging.getLogger(__name__)

CRASHED = 70  # EX_SOFTWARE of sysexits.h: a fault of ours, not of the site

Program = Callable[[Site, Clock, threading.Event], int]
"""A program's entry, given its own part of the site."""


def add_program_arguments(parser: argparse.ArgumentParser, program: Program, secrets: Secrets) -> None:
    """Declare what the three programs take; ``program`` needs these ``secrets`` of the site and no others."""
    add_config(parser)
    parser.add_argument("--log-level", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR"), help="(INFO)")
    parser.add_argument("--supervised", type=int, metavar="PID", help=argparse.SUPPRESS)
    parser.set_defaults(run=lambda arguments: serve(arguments, program, secrets))


def serve(arguments: argparse.Namespace, program: Program, secrets: Secrets) -> int:
    """Run ``program`` until SIGTERM or SIGINT; an unexpected fault is logged and ends it with CRASHED."""
    if arguments.supervised is not None:
        die_with_parent(arguments.supervised)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    journal.start_logging(arguments.log_level, f"commune-{arguments.command}")
    site = load(arguments.config, secrets)
    for warning in site.warnings:
        log.warning("%s", warning)
    prepare_runtime(site, f"commune-{arguments.command}")
    try:
        return program(site, SystemClock(), stop)
    except AgentError:
        raise
    except Exception:
        log.exception("this program has a fault; please report what follows")
        return CRASHED


def prepare_runtime(site: Site, service: str) -> None:
    """Make the runtime directory; it is gone after every boot where it lies in memory.

    Raises:
        ConfigError: it cannot be made.
        StoreError: this is root, and the box another user's; ``service`` is what runs it there.
    """
    refuse_root(site.state_dir, service)
    try:
        runtime.make_private(site.runtime_dir)
    except OSError as error:
        problem = f"{site.runtime_dir} cannot be made ({error.strerror}); name a directory that this user may write"
        raise ConfigError("box.runtime_dir", problem) from error
