"""``commune-agent watch``: PROCESS 1."""

from __future__ import annotations

import argparse
import threading

from agent.cli.arguments import Parser
from agent.cli.process import add_program_arguments
from agent.clock import Clock
from agent.config import Site, prepare_decoder
from agent.site_secrets import Secrets
from agent.watch import process


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "watch",
        description="Watch the cameras, judge what happens, record events and pictures. Needs the store's files:"
        " commune-agent migrate makes them. Stops on SIGTERM or Ctrl-C.",
        example="commune-agent watch site.toml",
    )
    add_program_arguments(parser, run, Secrets.CAMERAS)


def run(site: Site, clock: Clock, stop: threading.Event) -> int:
    """Watch until ``stop``."""
    prepare_decoder()
    return process.run(site.watch, clock, stop)
