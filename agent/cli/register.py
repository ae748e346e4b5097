"""``commune-agent register``: what HQ's registry must know of this box."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from agent.cli.arguments import Parser, add_config
from agent.config import Site, load
from agent.errors import ConfigError, StoreVersion
from agent.store.settings import SIGNERS, StoreSettings


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "register",
        description="Print this box's entry for HQ's registry as JSON: names of the box, its cameras and zones, and the"
        " public keys that prove its events. Carry it to HQ by a way you trust, after every change of names.",
        example="commune-agent register site.toml -o gate-01.json",
    )
    add_config(parser)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it here instead of printing it")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print or write the entry."""
    text = json.dumps(entry(load(arguments.config)), indent=2, ensure_ascii=False)
    if arguments.output is None:
        print(text)
        return 0
    try:
        arguments.output.write_text(text + "\n", "utf-8")
    except OSError as error:
        raise ConfigError(str(arguments.output), f"cannot be written: {error.strerror}; name another file") from error
    return 0


def entry(site: Site) -> dict[str, Any]:
    """Give the registry's entry of a box.

    Raises:
        StoreVersion: its signing keys are not there yet.
    """
    return {
        "box": site.box,
        "area": site.area,
        "name": site.name,
        "config_hash": site.hash,
        "cameras": {camera.id: {"name": camera.name, "zones": camera.zones} for camera in site.page.cameras},
        "keys": {signer: _public_key(site.store, signer) for signer in SIGNERS},
    }


def _public_key(store: StoreSettings, signer: str) -> str:
    path = store.keys_dir / f"{signer}.pub"
    try:
        return path.read_text("ascii").strip()
    except OSError as error:
        raise StoreVersion(f"{path} cannot be read ({error.strerror}); {store.keys_remedy}") from error
