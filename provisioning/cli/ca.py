"""``commune-agent ca``: the authority that vouches for boxes, HQ and the broker."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from agent.cli.arguments import Parser, add_json
from agent.clock import SystemClock
from provisioning.authority import LIST_DAYS, Wish, held
from provisioning.certificates import read_request
from provisioning.files import read_bytes, write_whole
from provisioning.founding import found
from provisioning.names import ROLES
from provisioning.office import CERTIFICATE_DAYS, Entry, Inventory, refuse_newer_list, take_inventory


def add(commands: argparse._SubParsersAction[Parser]) -> None:
    """Declare the command and its actions."""
    parser = commands.add_parser(
        "ca",
        description="The certificate authority of one area, a folder on the technician's laptop: make it, sign"
        " machines, take certificates back. Keep that folder on an encrypted disk, with a copy under lock.",
        example="commune-agent ca sign records/authority gate-01.csr --name gate-01 --role box -o gate-01.pem",
    )
    actions = parser.add_subparsers(metavar="ACTION", dest="action", required=True, parser_class=Parser)
    _add_new(actions)
    _add_sign(actions)
    _add_revoke(actions)
    _add_crl(actions)
    _add_list(actions)
    _add_newest(actions)


def _add_new(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser(
        "new",
        help="make an authority",
        description="Make an authority in a new folder, readable by you alone, and in it the key of HQ's commands.",
        example='commune-agent ca new records/authority --area demo --name "CA xã Demo"',
    )
    _add_folder(parser, "folder to make")
    parser.add_argument("--area", required=True, metavar="AREA", help="the HQ it serves, as in the boxes' site.toml")
    parser.add_argument("--name", required=True, metavar="NAME", help="what people call it, at most 64 bytes")
    parser.set_defaults(run=run_new)


def _add_sign(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser(
        "sign",
        help="certify a machine's key",
        description="Certify the key of a machine, from the request that box key made there. The same again gives the"
        " same certificate, until the last third of its life; then it gives a new one.",
        example="commune-agent ca sign records/authority broker.csr --name hq.example.vn --role broker"
        " --address 10.0.0.5 -o broker.pem",
    )
    _add_folder(parser)
    parser.add_argument("request", type=Path, metavar="CSR", help="the machine's certificate request")
    parser.add_argument(
        "--name", required=True, metavar="NAME", help="box id, hq-AREA, or the broker's host name, as in the request"
    )
    parser.add_argument("--role", required=True, choices=ROLES, help="what the machine is")
    parser.add_argument(
        "--address", nargs="+", action="extend", default=[], metavar="NAME_OR_IP",
        help="further names and addresses by which boxes reach the broker",
    )  # fmt: skip
    parser.add_argument(
        "--days", type=int, default=CERTIFICATE_DAYS, metavar="N", help="life of a new certificate (%(default)s)"
    )
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help="write it here instead of printing it")
    parser.set_defaults(run=run_sign)


def _add_revoke(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser(
        "revoke",
        help="take the certificates of a name back",
        description="Take back every certificate of a name and write crl.pem anew. It counts once HQ's broker has it.",
        example="commune-agent ca revoke records/authority gate-01",
    )
    _add_folder(parser)
    parser.add_argument("name", metavar="NAME", help="box id, hq-AREA, or the broker's host name")
    parser.add_argument("--serial", default="", metavar="HEX", help="only the certificate of this serial number")
    parser.set_defaults(run=run_revoke)


def _add_crl(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser(
        "crl",
        help="write the revocation list anew",
        description="Write a fresh crl.pem. A broker whose list has ended refuses every box.",
        example="commune-agent ca crl records/authority",
    )
    _add_folder(parser)
    parser.add_argument("--days", type=int, default=LIST_DAYS, metavar="N", help="how long it counts (%(default)s)")
    parser.set_defaults(run=run_crl)


def _add_list(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser(
        "list",
        help="list what was signed, and what needs renewing",
        description="List every certificate and how it stands, and warn of what is in the last third of its life.",
        example="commune-agent ca list records/authority",
    )
    _add_folder(parser)
    add_json(parser)
    parser.set_defaults(run=run_list)


def _add_folder(parser: argparse.ArgumentParser, meaning: str = "the authority's folder") -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help=meaning)


def _add_newest(actions: argparse._SubParsersAction[Parser]) -> None:
    parser = actions.add_parser(
        "newest",
        help="refuse to undo what a newer copy of the authority has revoked",
        description="Read a revocation list from standard input, the one HQ has, and fail where it is newer than this"
        " authority's own, or revokes what this authority does not: another laptop has gone on, or this copy is old.",
        example="commune-agent ca newest records/authority < crl.pem",
    )
    _add_folder(parser)
    parser.set_defaults(run=run_newest)


def run_new(arguments: argparse.Namespace) -> int:
    """Make an authority and say what to do with it."""
    folder: Path = arguments.folder
    own = found(folder, arguments.area, arguments.name, SystemClock())
    print(f"made {folder}: authority of area {arguments.area}, valid until {own.until:%Y-%m-%d}")
    print(f"fingerprint (SHA-256) {own.fingerprint}")
    print(
        f"Whoever has {folder / 'ca.key'} can pass for any box. Keep the folder on an encrypted disk, and a copy of it"
    )
    print("under lock; without it no box can be added, and none taken back.")
    return 0


def run_sign(arguments: argparse.Namespace) -> int:
    """Sign, and print or write the certificate; what a person should know goes to standard error."""
    source = str(arguments.request)
    remedy = "make it on the machine: commune-agent box key NAME, and bring the .csr here"
    request = read_request(read_bytes(arguments.request, "the request", remedy), source)
    wish = Wish(arguments.name, arguments.role, tuple(arguments.address), arguments.days)
    with held(arguments.folder, SystemClock()) as authority:
        signature = authority.sign(request, wish)
    issued = signature.issued
    for remark in signature.remarks:
        print(f"note: {remark}", file=sys.stderr)
    if arguments.output is None:
        sys.stdout.write(issued.pem.decode("ascii"))
        word = "made" if signature.fresh else "kept"
        print(f"{word} {issued.name}, serial {issued.serial}, valid until {issued.until:%Y-%m-%d}", file=sys.stderr)
    else:
        word = "made" if write_whole(arguments.output, issued.pem) else "kept"
        print(f"{word} {arguments.output}: {issued.name}, valid until {issued.until:%Y-%m-%d}")
    return 0


def run_revoke(arguments: argparse.Namespace) -> int:
    """Revoke and say what must follow."""
    folder: Path = arguments.folder
    with held(folder, SystemClock()) as authority:
        taken = authority.revoke(arguments.name, arguments.serial)
    for issued in taken:
        print(f"revoked {issued.name}, serial {issued.serial}")
    if not taken:
        print(f"{arguments.name} was revoked before")
    print(f"made {folder / 'crl.pem'}: bring it to HQ and restart the broker, or a session that is open stays open")
    return 0


def run_crl(arguments: argparse.Namespace) -> int:
    """Write the list."""
    with held(arguments.folder, SystemClock()) as authority:
        listed = authority.write_list(arguments.days)
    revoked = len(listed.serials)
    print(f"made {arguments.folder / 'crl.pem'}: {revoked} revoked, counts until {listed.until:%Y-%m-%d}")
    return 0


def run_newest(arguments: argparse.Namespace) -> int:
    """Compare; says nothing where all is well."""
    refuse_newer_list(arguments.folder, sys.stdin.buffer.read())
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """List, with the warnings on standard error."""
    inventory = take_inventory(arguments.folder, SystemClock())
    if arguments.json:
        print(json.dumps(_fields(inventory), ensure_ascii=False))
        return 0
    print(f"area {inventory.area}: {inventory.name}, valid until {inventory.own.until:%Y-%m-%d}")
    if inventory.listed is not None:
        listed = inventory.listed
        print(f"crl.pem: number {listed.number}, {len(listed.serials)} revoked, counts until {listed.until:%Y-%m-%d}")
    for entry in inventory.entries:
        print(_row(entry))
    for warning in inventory.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return 0


def _row(entry: Entry) -> str:
    one = entry.issued
    state = "renewed" if entry.state == "renew" and entry.superseded else entry.state
    return f"{one.name:<32} {one.role:<6} {state:<8} {one.until:%Y-%m-%d} {entry.days_left:>5} days  {one.serial}"


def _fields(inventory: Inventory) -> dict[str, object]:
    listed = inventory.listed
    return {
        "area": inventory.area,
        "name": inventory.name,
        "fingerprint": inventory.own.fingerprint,
        "until": inventory.own.until.isoformat(),
        "crl": None
        if listed is None
        else {"number": listed.number, "until": listed.until.isoformat(), "serials": sorted(listed.serials)},
        "certificates": [
            {
                "name": entry.issued.name,
                "role": entry.issued.role,
                "addresses": entry.issued.addresses,
                "serial": entry.issued.serial,
                "fingerprint": entry.issued.fingerprint,
                "until": entry.issued.until.isoformat(),
                "days_left": entry.days_left,
                "state": entry.state,
                "superseded": entry.superseded,
            }
            for entry in inventory.entries
        ],
        "warnings": inventory.warnings,
    }
