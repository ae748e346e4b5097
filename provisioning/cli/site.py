"""``commune-agent site``: not written yet."""

from __future__ import annotations

import argparse

from agent.cli.arguments import Parser


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    commands.add_parser("site", description="Not written yet.", example="commune-agent site")
