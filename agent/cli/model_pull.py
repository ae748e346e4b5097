"""``commune-agent model pull``: fetch a card's model from its address or from a stick."""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from agent.cli.arguments import Parser
from agent.cli.model_place import models_dir
from agent.cli.progress import download_progress
from agent.detect.fetch.pull import Pulled, Wanted, pull
from agent.errors import ConfigError


def add(actions: argparse._SubParsersAction[Parser]) -> Parser:
    """Declare the action."""
    parser = actions.add_parser(
        "pull",
        help="fetch a card's model from its address or from a USB stick, check it and put it in place",
        description="Fetch a card's model from its address (https), or with --from out of a folder that was carried in;"
        " show its licence, check its SHA-256, and put it in place as model add does. A download that broke off goes on"
        " where it stopped. The first file that is trusted for a card is pinned in models.lock.json; later ones must be"
        " the same. On any fault nothing has changed.",
        example="commune-agent model pull yolox-s --from /media/stick --config site.toml",
    )
    parser.add_argument("card", metavar="ID", help="id of a model card; commune-agent model list shows them")
    parser.add_argument(
        "--from", dest="folder", type=Path, metavar="DIR", help="look in this folder, not in the network"
    )
    parser.add_argument(
        "--yes", action="store_true", help="agree to the licence, and trust a file that nothing pins yet"
    )
    parser.add_argument(
        "--sha256", type=_digest, metavar="HEX", help="what the file must be, as you know from elsewhere"
    )
    parser.add_argument(
        "--renew", action="store_true", help="forget which file was trusted here for this card until now"
    )
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> int:
    """Pull a model."""
    wanted = Wanted(
        arguments.card, models_dir(arguments), arguments.folder, arguments.sha256 or "", renew=arguments.renew
    )
    with download_progress(arguments.card) as progress:
        pulled = pull(wanted, Terminal(agreed=arguments.yes), progress)
    _print_json(pulled) if arguments.json else _print(pulled)
    return 0


class Terminal:
    """The person at the terminal; talks on the error output, the standard output is for the result."""

    def __init__(self, *, agreed: bool) -> None:
        self._agreed = agreed

    def told(self, line: str) -> None:
        """See ``agent.detect.fetch.pull.Person``."""
        print(line, file=sys.stderr)

    def agrees(self, question: str) -> bool:
        """See ``agent.detect.fetch.pull.Person``.

        Raises:
            ConfigError: nobody is here to be asked.
        """
        if self._agreed:
            return True
        if not sys.stdin.isatty():
            raise ConfigError("--yes", f"is needed where nobody can be asked: {question}")
        print(f"{question} [yes/no] ", end="", file=sys.stderr, flush=True)
        return sys.stdin.readline().strip().lower() in ("yes", "y", "có", "co")


def _print(pulled: Pulled) -> None:
    here = "" if pulled.fresh else " (it ships with the software)" if pulled.shipped else " (it was here already)"
    print(f"{pulled.path}: {pulled.card.title}, sha256 {pulled.sha256}{here}")
    print(f'use it with: [detector] card = "{pulled.card.id}"')


def _print_json(pulled: Pulled) -> None:
    fields = {"card": pulled.card.id, "path": str(pulled.path), "sha256": pulled.sha256, "fresh": pulled.fresh}
    print(json.dumps(fields))


def _digest(text: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no SHA-256; give its 64 hex digits")
    return text.lower()
