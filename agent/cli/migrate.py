"""``commune-agent migrate``: the only program that makes or changes the store's files."""

from __future__ import annotations

import argparse

from agent.cli.arguments import Parser, add_config
from agent.config import load
from agent.site_secrets import Secrets
from agent.store.migrations import migrate


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "migrate",
        description="Make the store's files, and the signing keys unless box.keys_dir is set; bring older files to this"
        " version, and salvage damaged ones. Doing it again changes nothing.",
        example="commune-agent migrate site.toml",
    )
    add_config(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Migrate, one line for each thing done or found."""
    for line in migrate(load(arguments.config, Secrets.NONE).store):
        print(line)
    return 0
