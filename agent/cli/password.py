"""``commune-agent password``: accounts of the page."""

from __future__ import annotations

import argparse
import getpass
import sys

from agent.cli.arguments import Parser, add_config
from agent.cli.page_probe import running_page, told
from agent.config import load
from agent.errors import ConfigError
from agent.owner import as_owner
from agent.page.auth import write_password
from agent.site_secrets import Secrets


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "password",
        description="Set a user's password for the page, kept as an argon2id hash in page.password_file. A running page"
        " takes it at once; as a service it reads a copy made at its start, and takes it after systemctl restart"
        " commune-page.",
        example="commune-agent password site.toml lan",
    )
    add_config(parser)
    parser.add_argument("user", metavar="USER", help="who logs in")
    parser.add_argument("--stdin", action="store_true", help="read the password from standard input, one line")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask for the password and keep its hash."""
    site = load(arguments.config, Secrets.PAGE)
    path = site.page.password_file
    if path is None:
        raise ConfigError(
            "page.password_file", 'is not set; write for example password_file = "secrets/page.passwords"'
        )
    password = sys.stdin.readline().rstrip("\r\n") if arguments.stdin else _asked(arguments.user)
    try:
        with as_owner(path):
            write_password(path, arguments.user, password)
    except OSError as error:
        raise ConfigError(
            str(path), f"cannot be written: {error.strerror}; run it with sudo, or as the user that owns it"
        ) from error
    print(f"{path}: password of {arguments.user} set")
    read = told(site.runtime_dir, "accounts")
    if read not in (None, str(path)) and running_page(site.runtime_dir) is not None:
        print("the running page has a copy of the accounts, made at its start; next: systemctl restart commune-page")
    return 0


def _asked(user: str) -> str:
    first = getpass.getpass(f"Password for {user}: ")
    if first != getpass.getpass("The same again: "):
        raise ConfigError("password", "the two differ; nothing was changed, run this again")
    return first
