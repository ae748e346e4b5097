"""``commune-agent broker``: what HQ's Mosquitto is told."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from agent.cli.arguments import Parser
from provisioning.broker import access_list, broker_config
from provisioning.files import write_whole
from provisioning.names import check_area
from provisioning.registry import registered

_PKI = Path("/etc/commune-hq/pki")
_ACL = Path("/etc/commune-hq/acl")


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command and its actions."""
    parser = commands.add_parser(
        "broker",
        description="The configuration and access list of HQ's Mosquitto, written from the registry of boxes.",
        example="commune-agent broker acl --registry records/registry --area demo -o acl",
    )
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=Parser)
    acl = actions.add_parser(
        "acl",
        help="write the access list",
        description="Write the access list: every registered box has its own topics, and no other certificate has any."
        " Reload the broker after it.",
        example="commune-agent broker acl --registry /etc/commune-hq/registry --area demo -o /etc/commune-hq/acl",
    )
    acl.add_argument("--registry", type=Path, required=True, metavar="DIR", help="one JSON file a box")
    acl.set_defaults(run=run_acl)
    config = actions.add_parser(
        "config",
        help="write the broker's configuration",
        description="Write Mosquitto's configuration: TLS with client certificates, revocation list, access list.",
        example="commune-agent broker config --area demo -o /etc/mosquitto/conf.d/commune.conf",
    )
    config.add_argument(
        "--pki", type=Path, default=_PKI, metavar="DIR", help="folder of the certificates (%(default)s)"
    )
    config.add_argument("--acl", type=Path, default=_ACL, metavar="FILE", help="the access list (%(default)s)")
    config.add_argument("--address", default="0.0.0.0", metavar="IP", help="where it listens (%(default)s)")  # noqa: S104
    config.add_argument("--port", type=int, default=8883, metavar="N", help="its port (%(default)s)")
    config.set_defaults(run=run_config)
    for action in (acl, config):
        action.add_argument("--area", required=True, metavar="AREA", help="the unit this HQ is")
        action.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it here instead of printing it")


def run_acl(arguments: argparse.Namespace) -> int:
    """Write the access list."""
    boxes = [box.id for box in registered(arguments.registry, arguments.area)]
    if not boxes:
        print(f"note: {arguments.registry} has no box: nobody but HQ may do anything", file=sys.stderr)
    return _give(access_list(arguments.area, boxes), arguments.output)


def run_config(arguments: argparse.Namespace) -> int:
    """Write the configuration."""
    check_area(arguments.area)
    return _give(broker_config(arguments.pki, arguments.acl, arguments.address, arguments.port), arguments.output)


def _give(text: str, output: Path | None) -> int:
    if output is None:
        sys.stdout.write(text)
    else:
        print(f"{'made' if write_whole(output, text.encode()) else 'kept'} {output}")
    return 0
