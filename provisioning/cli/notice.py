"""``commune-agent notice``: not written yet."""

from __future__ import annotations

import argparse

from agent.cli.arguments import Parser


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    commands.add_parser("notice", description="Not written yet.", example="commune-agent notice")
