"""``commune-agent page``: PROCESS 3."""

from __future__ import annotations

import argparse
import threading

from agent.cli.arguments import Parser
from agent.cli.process import add_program_arguments
from agent.clock import Clock
from agent.config import Site
from agent.page import process
from agent.site_secrets import Secrets


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "page",
        description="Serve the box's web page. Stops on SIGTERM or Ctrl-C.",
        example="commune-agent page site.toml",
    )
    add_program_arguments(parser, run, Secrets.PAGE)


def run(site: Site, clock: Clock, stop: threading.Event) -> int:
    """Serve until ``stop``."""
    return process.run(site.page, site.store, site.runtime_dir, clock, stop)
