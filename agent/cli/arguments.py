"""What the commands share on the command line."""

from __future__ import annotations

import argparse
import difflib
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """argparse with an example under every help, and one line where a command line cannot be read."""

    def __init__(self, *, example: str = "", **settings: Any) -> None:
        settings.setdefault("allow_abbrev", False)
        epilog = f"example: {example}" if example else None
        super().__init__(epilog=epilog, **settings)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where help is, then exit with code 2."""
        print(f"{self.prog}: {message}; see: {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def seconds(text: str) -> float:
    """Read a time of more than 0 s."""
    return _above_zero(float, text, "seconds")


def count(text: str) -> int:
    """Read a whole number from 1 on."""
    return int(_above_zero(int, text, "a whole number"))


def _above_zero(kind: type[int] | type[float], text: str, what: str) -> float:
    try:
        number = kind(text)
    except ValueError:
        number = kind(0)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"takes {what} above 0; got {text!r}")
    return number


def suggest(word: str, known: Iterable[str]) -> str:
    """Say what ``word`` was probably meant to be, or what there is."""
    words = list(known)
    near = difflib.get_close_matches(word, words, 1)
    return f"did you mean {near[0]}?" if near else f"there are: {', '.join(words)}"


def add_config(parser: argparse.ArgumentParser) -> None:
    """Take the site.toml as first argument."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="the box's site.toml")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Offer JSON for scripts."""
    parser.add_argument("--json", action="store_true", help="print JSON instead of text")
