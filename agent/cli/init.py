"""``commune-agent init``: a site.toml to start from."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.cli.arguments import Parser
from agent.errors import ConfigError
from agent.runtime import make_private
from agent.site_reference import sample


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "init",
        description="Write a commented site.toml, with every key, its default, unit and reason, and a folder for the"
        " password files it names. Nothing that exists is changed.",
        example="commune-agent init my-box",
    )
    parser.add_argument("folder", type=Path, nargs="?", default=Path(), metavar="DIR", help="where (this folder)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the file and say what comes next."""
    path: Path = arguments.folder / "site.toml"
    try:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as out:
            out.write(sample())
        make_private(arguments.folder / "secrets")
    except FileExistsError as error:
        raise ConfigError(str(error.filename), "exists already; name another folder or move it away") from error
    except OSError as error:
        raise ConfigError(str(path), f"cannot be written: {error.strerror}; name a folder you may write") from error
    print(f"{path} is written. Next:")
    print(f"  1. put in the box's id, the broker and the cameras; passwords go into files in {path.parent / 'secrets'}")
    print(f"  2. get the model file (commune-agent model list --config {path} says where) and put it in place:")
    print(f"     commune-agent model add FILE --card yolox-nano --config {path}")
    print(f"  3. commune-agent still gate --config {path} -o still.jpg --grid   to read off zones")
    print(f"  4. commune-agent check {path}")
    print(f"  5. commune-agent run {path}")
    return 0
