"""``commune-agent bundle``: make the offline bundle, sign it, verify it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.arguments import Parser
from agent.clock import monotonic_us
from agent.errors import ConfigError
from provisioning.bundle.targets import TARGETS

if TYPE_CHECKING:
    from agent.keys import Signer


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command and its actions."""
    parser = commands.add_parser(
        "bundle",
        description="The offline bundle: one folder with all that a machine without internet needs, for a stick.",
        example="commune-agent bundle build -o /media/stick --sign-key release.key",
    )
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=Parser)
    _add_build(actions)
    _add_verify(actions)
    _add_key(actions)


def _add_build(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser(
        "build",
        help="make a bundle, on a machine with internet",
        description="Make the folder commune-agent-VERSION-TARGET in DIR: our software, all that it needs, the Ansible"
        " roles and the units. Needs internet and a checkout of the project; for Debian 12 also a Debian 12. What was"
        " fetched is kept for the next build. The bundle appears whole or not at all.",
        example="commune-agent bundle build -o /media/stick --target jetpack6-aarch64",
    )
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="make the bundle's folder here")
    parser.add_argument(
        "--target", choices=sorted(TARGETS), default="debian12-x86_64", help="for which machines (%(default)s)"
    )
    parser.add_argument("--sign-key", type=Path, metavar="FILE", help="sign it with this key of: bundle key")
    parser.add_argument(
        "--model", type=Path, action="append", default=[], metavar="FILE", help="carry this model, which a card pins"
    )
    parser.add_argument(
        "--cache", type=Path, metavar="DIR", help="keep what was fetched here (~/.cache/commune-agent/bundle)"
    )
    parser.set_defaults(run=run_build)


def _add_verify(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser(
        "verify",
        help="check a bundle before you travel, and after a stick was in strange hands",
        description="Hold every file of a bundle against its sum, and with --key the sums against their signature."
        " Exit code 0 when the bundle is whole, 1 when it is not.",
        example="commune-agent bundle verify /media/stick/commune-agent-0.1.0-debian12-x86_64 --key release.pub",
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the bundle's folder")
    parser.add_argument("--key", type=Path, metavar="FILE", help="public key (.pub) that must have signed it")
    parser.set_defaults(run=run_verify)


def _add_key(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser(
        "key",
        help="make the key that signs bundles",
        description="Make the key that signs bundles, with its public half beside it (.pub). A key that is there is"
        " kept. Whoever has the key can make a bundle that passes for yours: keep it in the office, not on the stick.",
        example="commune-agent bundle key release.key",
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="the key's file, *.key")
    parser.set_defaults(run=run_key)


def run_build(arguments: argparse.Namespace) -> int:
    """Make a bundle and say how large it is and how long it took."""
    from provisioning.bundle.build import Order, build

    signer = None if arguments.sign_key is None else _signer(arguments.sign_key)
    order = Order(
        TARGETS[arguments.target], arguments.output, arguments.cache or _cache(), tuple(arguments.model), signer
    )
    begun_us = monotonic_us()
    folder = build(order, lambda line: print(line, flush=True))
    took_s = (monotonic_us() - begun_us) / 1e6
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 1e6:.0f} MB, {'signed' if signer else 'not signed'}, made in {took_s:.0f} s")
    print(f"check a copy of it with: commune-agent bundle verify {folder}")
    return 0


def run_verify(arguments: argparse.Namespace) -> int:
    """Verify a bundle and say what is wrong with it."""
    from provisioning.bundle.verify import verify

    verdict = verify(arguments.folder, None if arguments.key is None else _public(arguments.key))
    for fault in verdict.faults:
        print(fault)
    if verdict.faults:
        print(f"{arguments.folder} must not be used: {len(verdict.faults)} faults; copy it again, or build it anew")
        return 1
    print(f"{arguments.folder} is whole: {verdict.files} files, {verdict.signed.value}")
    return 0


def run_key(arguments: argparse.Namespace) -> int:
    """Make the signing key."""
    from agent.keys import make_key

    if arguments.file.suffix != ".key":
        raise ConfigError(str(arguments.file), "name it *.key; its public half will be the same name with .pub")
    try:
        make_key(arguments.file)
    except OSError as error:
        raise ConfigError(str(arguments.file), f"cannot be written: {error.strerror}") from error
    print(f"{arguments.file} signs bundles: bundle build --sign-key {arguments.file}; keep it in the office")
    print(f"{arguments.file.with_suffix('.pub')} proves them: bundle verify --key; give it to every technician")
    return 0


def _signer(path: Path) -> Signer:
    from agent.keys import load_signer

    try:
        return load_signer(path)
    except ConfigError as error:
        problem = f"{path} is no signing key; make one: commune-agent bundle key FILE"
        raise ConfigError("--sign-key", problem) from error


def _public(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError("--key", f"{path} is no public key ({error}); give the .pub file of: bundle key") from error
    if len(key) != 32:
        raise ConfigError("--key", f"{path} is no public key of 32 bytes; give the .pub file of: bundle key")
    return key


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "commune-agent" / "bundle"
