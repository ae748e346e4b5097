"""What an authority has signed and taken back, and what of it needs a person soon; read only."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.clock import Clock
from agent.errors import ConfigError
from provisioning import certificates, revocations
from provisioning.certificates import Issued
from provisioning.files import read_bytes
from provisioning.ledger import Ledger, read_ledger
from provisioning.revocations import RevocationList

CERTIFICATE_DAYS = 800
RESTORE = "restore this folder from its copy"
_BUILT = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)


@dataclass(frozen=True)
class Entry:
    """One certificate and how it stands.

    Attributes:
        issued: the certificate.
        state: ``valid``, ``renew`` (valid, but in the last third of its life), ``expired`` or ``revoked``.
        days_left: whole days until it ends; negative after that.
        superseded: whether one that ends later, and is not revoked, does its work.
    """

    issued: Issued
    state: str
    days_left: int
    superseded: bool


@dataclass(frozen=True)
class Inventory:
    """Everything about an authority that is no secret.

    Attributes:
        area: the HQ it serves.
        name: what people call it.
        own: its own certificate.
        listed: its revocation list; None where there is none that can be read.
        entries: every certificate, by name and end.
        warnings: what a person must do soon, one line each.
    """

    area: str
    name: str
    own: Issued
    listed: RevocationList | None
    entries: tuple[Entry, ...]
    warnings: tuple[str, ...]


def instant(clock: Clock) -> datetime.datetime:
    """Read the wall clock, whole seconds UTC.

    Raises:
        ConfigError: it is before this software was written, so what is signed by it would end too early.
    """
    now = datetime.datetime.fromtimestamp(clock.now().utc_us // 1_000_000, datetime.timezone.utc)
    if now < _BUILT:
        raise ConfigError(
            "clock", f"this machine believes that it is {now:%Y-%m-%d}; set its clock, then run this again"
        )
    return now


def last_third(begin: datetime.datetime, until: datetime.datetime, now: datetime.datetime) -> bool:
    """Tell whether less than a third of a life is left: time to renew."""
    return until - now < (until - begin) / 3


def refuse_no_authority(folder: Path) -> None:
    """Raises ConfigError where ``folder`` holds no authority."""
    try:
        found = (folder / "ca.pem").exists()
    except OSError as error:
        raise ConfigError(
            str(folder), f"cannot be read ({error.strerror}); run this as the user who owns it"
        ) from error
    if not found:
        example = f"commune-agent ca new {folder} --area AREA --name NAME"
        raise ConfigError(str(folder), f"holds no certificate authority; name its folder, or make one: {example}")


def read_issued(folder: Path) -> list[Issued]:
    """Read every certificate that the authority at ``folder`` has signed, by name and end.

    Raises:
        ConfigError: one of the files is none.
    """
    found = [
        certificates.read_certificate(read_bytes(path, "a certificate", RESTORE), str(path), RESTORE)
        for path in (folder / "issued").glob("[!.]*.pem")
    ]
    return sorted(found, key=lambda one: (one.name, one.until, one.serial))


def read_list(folder: Path) -> RevocationList:
    """Read the revocation list of the authority at ``folder``; Raises ConfigError where it is none."""
    path = folder / "crl.pem"
    remedy = f"write it anew: commune-agent ca crl {folder}"
    return revocations.read_list(read_bytes(path, "the revocation list", remedy), str(path), remedy)


def refuse_newer_list(folder: Path, installed: bytes) -> None:
    """See that the list HQ has (PEM; empty where HQ has none yet) says nothing that this authority does not know.

    A list of another authority is none of its business: a new authority has been made in place of a stolen one.

    Raises:
        ConfigError: it is newer, or revokes more: this folder is an old copy, or another laptop has gone on.
    """
    if not installed.strip():
        return
    refuse_no_authority(folder)
    if not revocations.is_signed_by(installed, read_bytes(folder / "ca.pem", "the authority's certificate", RESTORE)):
        return  # of an authority that this one replaces
    own = read_list(folder)
    theirs = revocations.read_list(installed, "HQ's revocation list", "see what stands in crl.pem at HQ")
    if theirs.number > own.number or theirs.serials - own.serials:
        raise ConfigError(
            str(folder),
            f"is older than what HQ has (list {own.number}, HQ's {theirs.number}, revoking {len(own.serials)} and"
            f" {len(theirs.serials)} certificates): to install it would let revoked machines in again; take the whole"
            " folder records from the laptop that signed last",
        )


def begin_of(issued: Issued, ledger: Ledger) -> datetime.datetime:
    """Tell when a certificate was signed; it does not say so itself, because it is back-dated."""
    act = ledger.signed.get(issued.serial)
    return act.at if act else issued.until - datetime.timedelta(days=CERTIFICATE_DAYS)


def take_inventory(folder: Path, clock: Clock) -> Inventory:
    """Look at everything the authority at ``folder`` has signed; its private key is not needed.

    Raises:
        ConfigError: the folder holds no authority, or a file of it is damaged.
    """
    now = instant(clock)
    refuse_no_authority(folder)
    ledger = read_ledger(folder / "authority.json")
    path = folder / "ca.pem"
    own = certificates.read_certificate(read_bytes(path, "a certificate", RESTORE), str(path), RESTORE)
    issued = read_issued(folder)
    entries = tuple(_entry(one, issued, ledger, now) for one in issued)
    try:
        listed, fault = read_list(folder), ""
    except ConfigError as error:
        listed, fault = None, str(error)
    warnings = [fault] if listed is None else list(_list_warnings(folder, listed, ledger, now))
    warnings += _certificate_warnings(entries)
    return Inventory(ledger.area, ledger.name, own, listed, entries, tuple(warnings))


def _entry(one: Issued, issued: list[Issued], ledger: Ledger, now: datetime.datetime) -> Entry:
    newer = any(
        other.until > one.until and (other.name, other.role) == (one.name, one.role)
        and other.serial not in ledger.revoked
        for other in issued
    )  # fmt: skip
    if one.serial in ledger.revoked:
        state = "revoked"
    elif one.until <= now:
        state = "expired"
    else:
        state = "renew" if last_third(begin_of(one, ledger), one.until, now) else "valid"
    return Entry(one, state, (one.until - now).days, newer)


def _list_warnings(folder: Path, listed: RevocationList, ledger: Ledger, now: datetime.datetime) -> Iterator[str]:
    anew = f"write it anew: commune-agent ca crl {folder}, then bring crl.pem to HQ's broker and reload that"
    if listed.serials != set(ledger.revoked):
        yield f"crl.pem does not list what is revoked; {anew}"
    if listed.until <= now:
        yield f"crl.pem ended on {listed.until:%Y-%m-%d}: a broker that has it refuses every box; {anew}"
    elif last_third(listed.made, listed.until, now):
        yield f"crl.pem ends in {(listed.until - now).days} days, and then the broker refuses every box; {anew}"


def _certificate_warnings(entries: tuple[Entry, ...]) -> Iterator[str]:
    renew = "sign its request again and bring the certificate there"
    for entry in entries:
        one = f"{entry.issued.role} {entry.issued.name}"
        if entry.superseded:
            continue
        if entry.state == "expired":
            yield f"{one}: its certificate ended on {entry.issued.until:%Y-%m-%d}; {renew}"
        elif entry.state == "renew":
            yield f"{one}: its certificate ends in {entry.days_left} days; {renew}"
