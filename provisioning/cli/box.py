"""``commune-agent box``: identity of a machine, made on the machine itself; and the technician's record of a box."""

from __future__ import annotations

import argparse
from pathlib import Path

from agent.cli.arguments import Parser
from agent.clock import SystemClock
from provisioning.boxkey import make_identity
from provisioning.record import make_record

_PKI = Path("/etc/commune-agent/pki")


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command and its actions."""
    parser = commands.add_parser(
        "box",
        description="The identity of a machine: its keys, made where they stay, and the record of a box for whoever is"
        " to use it.",
        example="sudo commune-agent box key gate-01",
    )
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=Parser)
    key = actions.add_parser(
        "key",
        help="make this machine's keys and its certificate request",
        description="Make this machine's keys and the request (.csr) that the authority signs. Keys never leave the"
        " machine; what is there is kept. One line a file: made or kept.",
        example="sudo commune-agent box key hq.example.vn --tls-only --stem broker --dir /etc/commune-hq/pki",
    )
    key.add_argument("name", metavar="NAME", help="box id; with --tls-only also hq-AREA or the broker's host name")
    key.add_argument("--dir", type=Path, default=_PKI, metavar="DIR", help="where the keys lie (%(default)s)")
    key.add_argument("--tls-only", action="store_true", help="no signing keys: for HQ's receiver and the broker")
    key.add_argument("--stem", default="box", metavar="STEM", help="file name of the TLS key and request (%(default)s)")
    key.set_defaults(run=run_key)
    record = actions.add_parser(
        "record",
        help="draw the page's first password, on the technician's laptop",
        description="Draw the first password of a box's page, once: record.txt carries it for people, page.passwords"
        " its hash for the box. It is never printed. One line a file: made or kept.",
        example="commune-agent box record gate-01 --records records --fingerprint-of gate-01.pem",
    )
    record.add_argument("name", metavar="NAME", help="box id")
    record.add_argument("--records", type=Path, required=True, metavar="DIR", help="the technician's folder of records")
    record.add_argument("--fingerprint-of", type=Path, metavar="CERT", help="the box's certificate, to put on record")
    record.set_defaults(run=run_record)


def run_key(arguments: argparse.Namespace) -> int:
    """Make keys."""
    for one in make_identity(arguments.name, arguments.dir, stem=arguments.stem, tls_only=arguments.tls_only):
        _tell(one.path, one.made)
    return 0


def run_record(arguments: argparse.Namespace) -> int:
    """Make the record."""
    done = make_record(arguments.name, arguments.records, SystemClock(), arguments.fingerprint_of)
    if done.record_made or done.record.exists():
        _tell(done.record, done.record_made)
    _tell(done.passwords, done.passwords_made)
    return 0


def _tell(path: Path, made: bool) -> None:
    print(f"{'made' if made else 'kept'} {path}")
