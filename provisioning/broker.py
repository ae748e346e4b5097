"""What HQ's Mosquitto is told: how it listens, and who may do what; plain functions from facts to text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from agent.core.message import HQ_BOX, ROOT, Topic
from agent.errors import ConfigError
from provisioning.names import check_host, hq_name, is_ip

MAX_PACKET_BYTES = 65_536
_WRITTEN = "# Written by commune-agent broker {}; change it there, not here."
_BOX_WRITES = ("e", "i", "s", "h", "hello")
_BOX_READS = ("ack", "cmd/#")
_HQ_WRITES = ("ack", "cmd/#")


def access_list(area: str, boxes: Iterable[str]) -> str:
    """Write the access list: a box has its own topics, HQ's receiver has HQ's part of all, and nobody else has any.

    Mosquitto compares the user name, which is the name in the client's certificate. Lines for every box, not one
    pattern for all: a certificate without its box in the registry opens nothing.

    Args:
        area: the HQ it is for.
        boxes: ids of its registered boxes.
    """
    lines = [_WRITTEN.format("acl"), ""]
    lines += [f"user {hq_name(area)}", f"topic read {ROOT}/{area}/#"]
    lines += [f"topic write {Topic(area, '+', leaf)}" for leaf in _HQ_WRITES]
    lines += [f"topic write {Topic(area, HQ_BOX, 's')}"]
    for box in boxes:
        lines += ["", *_box_lines(area, box)]
    return "\n".join(lines) + "\n"


def _box_lines(area: str, box: str) -> Iterator[str]:
    yield f"user {box}"
    yield from (f"topic write {Topic(area, box, leaf)}" for leaf in _BOX_WRITES)
    yield from (f"topic read {Topic(area, box, leaf)}" for leaf in _BOX_READS)
    yield f"topic read {Topic(area, HQ_BOX, 's')}"


def broker_config(pki: Path, acl: Path, address: str, port: int) -> str:
    """Write Mosquitto's configuration, a file for its ``conf.d``.

    Args:
        pki: folder with ca.pem, crl.pem, broker.pem and broker.key.
        acl: the access list.
        address: IP address or host name it listens at.
        port: TCP port.

    Raises:
        ConfigError: one of them cannot stand in that file.
    """
    for option, path in (("--pki", pki), ("--acl", acl)):
        if not path.is_absolute() or not str(path).isprintable():
            raise ConfigError(option, f"{str(path)!r} is no absolute path; the broker has a working folder of its own")
    if not is_ip(address):
        check_host(address)
    if not 1 <= port <= 65_535:
        raise ConfigError("--port", f"must be 1 to 65535, got {port}")
    return f"""\
{_WRITTEN.format("config")}

# Nothing is kept here: boxes keep what HQ has not acknowledged.
persistence false
max_packet_size {MAX_PACKET_BYTES}
max_inflight_messages 100
max_queued_messages 20000

# The name in the client's certificate is its user name and its client id, whatever it says itself.
listener {port} {address}
tls_version tlsv1.2
cafile {pki / "ca.pem"}
certfile {pki / "broker.pem"}
keyfile {pki / "broker.key"}
crlfile {pki / "crl.pem"}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
acl_file {acl}
"""
