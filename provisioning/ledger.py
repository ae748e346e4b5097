"""What an authority has done, in ``authority.json``: its files and its revocation list follow from that."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agent.errors import ConfigError
from provisioning.files import PRIVATE, read_bytes, write_whole

VERSION = 1
_RESTORE = "restore this folder from its copy"


@dataclass(frozen=True)
class Act:
    """Something done to one certificate.

    Attributes:
        name: of the certificate.
        at: when, whole seconds.
    """

    name: str
    at: datetime.datetime


@dataclass(frozen=True)
class Ledger:
    """Everything an authority remembers beside its key and certificates.

    Attributes:
        area: the HQ it serves.
        name: what people call it.
        list_number: of the newest revocation list.
        signed: by serial (hex digits); an entry without a certificate was cut short and is worth nothing.
        revoked: by serial.
    """

    area: str
    name: str
    list_number: int = 0
    signed: Mapping[str, Act] = field(default_factory=dict)
    revoked: Mapping[str, Act] = field(default_factory=dict)


def write_ledger(path: Path, ledger: Ledger) -> None:
    """Put the ledger on disk, durable before this returns."""
    fields = {
        "version": VERSION,
        "area": ledger.area,
        "name": ledger.name,
        "list_number": ledger.list_number,
        "signed": _written(ledger.signed),
        "revoked": _written(ledger.revoked),
    }
    write_whole(path, (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode(), PRIVATE)


def read_ledger(path: Path) -> Ledger:
    """Read the ledger.

    Raises:
        ConfigError: it cannot be read, or was written by another version.
    """
    content = read_bytes(path, "the authority's ledger", _RESTORE)
    try:
        fields = json.loads(content)
        if fields["version"] != VERSION:
            newer = "was written by another version of this program; use that one"
            raise ConfigError(str(path), newer)
        return Ledger(
            area=str(fields["area"]),
            name=str(fields["name"]),
            list_number=int(fields["list_number"]),
            signed=_read(fields["signed"]),
            revoked=_read(fields["revoked"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(str(path), f"is no ledger of an authority; {_RESTORE}") from error


def _written(acts: Mapping[str, Act]) -> dict[str, Any]:
    return {serial: {"name": act.name, "at": act.at.isoformat()} for serial, act in acts.items()}


def _read(acts: Mapping[str, Any]) -> dict[str, Act]:
    return {f"{int(serial, 16):x}": Act(str(act["name"]), _instant(str(act["at"]))) for serial, act in acts.items()}


def _instant(text: str) -> datetime.datetime:
    at = datetime.datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} names no time zone")
    return at
