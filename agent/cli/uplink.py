"""``commune-agent uplink``: PROCESS 2."""

from __future__ import annotations

import argparse
import logging
import threading
from dataclasses import replace

from agent.cli.arguments import Parser
from agent.cli.process import add_program_arguments
from agent.clock import Clock
from agent.config import Site
from agent.detect.catalogue import find_card
from agent.detect.modelfile import sha256_of
from agent.detect.modelstore import resolve_model
from agent.errors import ModelError
from agent.site_secrets import Secrets
from agent.uplink import process

log = logging.getLogger(__name__)


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "uplink",
        description="Send what the box has recorded to HQ's broker, until HQ has acknowledged it. Stops on SIGTERM or"
        " Ctrl-C.",
        example="commune-agent uplink site.toml",
    )
    add_program_arguments(parser, run, Secrets.LINK)


def run(site: Site, clock: Clock, stop: threading.Event) -> int:
    """Send until ``stop``."""
    settings = replace(site.uplink, model_hash=_model_hash(site))
    return process.run(settings, site.store, site.runtime_dir, clock, stop)


def _model_hash(site: Site) -> str:
    """Name the model that watch uses; empty where there is none, which must not keep the rest from reaching HQ."""
    try:
        return sha256_of(resolve_model(site.detect, find_card(site.detect.card, site.detect.models_dir)))[:16]
    except ModelError as error:
        log.warning("HQ is told no model: %s", error)
        return ""
