"""The commands, and which module each lies in: only the one that is called is imported."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import Any, Protocol

from agent.cli.arguments import Parser, suggest

COMMANDS = {
    "init": "write a commented site.toml to start from",
    "check": "try everything a site.toml names: cameras, model, broker, store, clock",
    "run": "run the whole box on this machine: migrate, then watch, uplink and page",
    "demo": "run everything on a rendered street, with a local broker and HQ",
    "migrate": "make the store's files, or bring them to this version",
    "watch": "run the watch program: cameras in, events out",
    "uplink": "run the uplink program: events to HQ",
    "page": "run the page program: the box's web page",
    "still": "save one picture of a camera, with a grid, zones and masks",
    "recalibrate": "accept a camera's present view after it was moved",
    "model": "pull, add, list, verify or bake detector models; build and measure engines",
    "test-alert": "send a test event and follow it to HQ's acknowledgment",
    "events": "list, show or export what the box has recorded",
    "password": "set a user's password for the page",
    "register": "print what HQ's registry must know of this box",
    "ca": "certificates: make the authority, sign, revoke",
    "box": "identity of a machine: its keys, its record",
    "broker": "HQ's broker: configuration and access list",
    "site": "make the folder of a site from a survey sheet",
    "bundle": "make or verify the offline bundle",
    "notice": "print the public notice that the law asks for",
}
"""In the order of --help: from a fresh box to daily work, then what the office does."""

_OFFICE = ("ca", "box", "broker", "site", "bundle", "notice")
"""These lie in the package ``provisioning``, which nothing else of the agent knows."""


class Command(Protocol):
    """What the module of a command gives."""

    def add(self, commands: argparse._SubParsersAction[Parser]) -> None:
        """Declare the command, its arguments, and the function that ``run`` calls."""
        ...


class _Version(argparse.Action):
    """Looks the version up only when it is asked for: no other command shall depend on how this was installed."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from agent.config import version  # here, because the overall help loads no configuration

        print(version())
        parser.exit()


def build(command: str | None) -> Parser:
    """Make the parser, with the arguments of ``command`` alone; the others are only named."""
    parser = Parser(
        prog="commune-agent",
        description="The camera box: watches, judges, records, reports to HQ.",
        example="commune-agent init && commune-agent check site.toml && commune-agent run site.toml",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="show the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", dest="command", required=True, parser_class=Parser)
    for name, summary in COMMANDS.items():
        if name == command:
            package = "provisioning.cli" if name in _OFFICE else "agent.cli"
            module: Command = importlib.import_module(f"{package}.{name.replace('-', '_')}")
            module.add(commands)
        else:
            commands.add_parser(name, help=summary)
    return parser


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Read a command line; ends the program with exit code 2 and one clear line where it cannot be read."""
    command = next((word for word in words if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS:
        build(None).error(f"unknown command {command!r}; {suggest(command, COMMANDS)}")
    return build(command).parse_args(words)
