"""The authority of one area: a folder on the technician's laptop that vouches for boxes, HQ and the broker.

``ca.key`` (with it anybody can be a box), ``ca.pem``, ``crl.pem``, ``command.key`` and ``command.pub`` (HQ's commands),
``issued/NAME-SERIAL.pem``, ``authority.json``. Every change is written to the ledger first, so that what a power cut
interrupts is finished by the next command; one command at a time changes a folder.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from agent.cli.arguments import suggest
from agent.clock import Clock
from agent.errors import ConfigError
from provisioning import certificates, revocations
from provisioning.certificates import Grant, Issued, Request
from provisioning.files import locked, read_bytes, sweep, write_whole
from provisioning.ledger import Act, read_ledger, write_ledger
from provisioning.names import check_addresses, check_name
from provisioning.office import (
    CERTIFICATE_DAYS,
    RESTORE,
    begin_of,
    instant,
    last_third,
    read_issued,
    read_list,
    refuse_no_authority,
)
from provisioning.revocations import RevocationList

LIST_DAYS = 400
_DAYS_MAX = certificates.AUTHORITY_YEARS * 365


@dataclass(frozen=True)
class Wish:
    """What a certificate is to be.

    Attributes:
        name: common name.
        role: ``box``, ``hq`` or ``broker``.
        addresses: further host names and IP addresses; a broker's alone.
        days: how long a new one lasts.
    """

    name: str
    role: str
    addresses: tuple[str, ...] = ()
    days: int = CERTIFICATE_DAYS


@dataclass(frozen=True)
class Signature:
    """What came of a wish.

    Attributes:
        issued: the certificate.
        fresh: whether it is new; an older one that fits is given again.
        remarks: what a person should know about it.
    """

    issued: Issued
    fresh: bool
    remarks: tuple[str, ...] = ()


@contextlib.contextmanager
def held(folder: Path, clock: Clock) -> Iterator[Authority]:
    """Open the authority at ``folder`` and keep every other command out of it; its revocation list is right after it.

    Raises:
        ConfigError: the folder or the clock cannot be used.
    """
    now = instant(clock)
    refuse_no_authority(folder)
    with locked(folder):
        for place in (folder, folder / "issued"):
            sweep(place)
        authority = Authority(folder, now)
        yield authority
        authority.mend_list()


class Authority:
    """An authority's files as they are while its lock is held.

    Raises:
        ConfigError: they are not whole.
    """

    def __init__(self, folder: Path, now: datetime.datetime) -> None:
        self._folder = folder
        self._now = now
        self._key = certificates.read_key(_private(folder / "ca.key"), str(folder / "ca.key"), RESTORE)
        path = folder / "ca.pem"
        self._ca = certificates.load_certificate(read_bytes(path, "a certificate", RESTORE), str(path), RESTORE)
        if self._ca.public_key() != self._key.public_key():
            raise ConfigError(str(path), f"is not of the key beside it; {RESTORE}")
        self._ledger = read_ledger(folder / "authority.json")

    def sign(self, request: Request, wish: Wish) -> Signature:
        """Certify a machine; the same wish again gives the same certificate, until its last third begins.

        Raises:
            ConfigError: the request and the wish do not agree, or this key or name is not certified here.
        """
        grant = self._grant(request, wish)
        known = read_issued(self._folder)
        self._refuse_taken(grant, known)
        valid = [one for one in known if one.name == wish.name and self._valid(one)]
        for one in valid:
            if _fits(one, grant) and not self._due(one):
                return Signature(one, fresh=False)
        return Signature(self._issue(grant), fresh=True, remarks=tuple(self._remarks(grant, known, valid)))

    def revoke(self, name: str, serial: str = "") -> list[Issued]:
        """Take back every certificate of ``name``, or the one of ``serial``, and write a new list.

        Returns:
            those taken back now; none where all were before.

        Raises:
            ConfigError: it has signed no such certificate.
        """
        known = read_issued(self._folder)
        mine = [one for one in known if one.name == name]
        if not mine:
            names = sorted({one.name for one in known})
            advice = suggest(name, names) if names else "nothing was signed yet"
            raise ConfigError(name, f"has no certificate of this authority; {advice}")
        serial = serial.replace(":", "").lower().lstrip("0")  # as openssl writes it
        wanted = [one for one in mine if serial in ("", one.serial)]
        if not wanted:
            raise ConfigError(
                "--serial", f"{serial} is none of {name}; {suggest(serial, [one.serial for one in mine])}"
            )
        taken = [one for one in wanted if one.serial not in self._ledger.revoked]
        revoked = {**self._ledger.revoked, **{one.serial: Act(name, self._now) for one in taken}}
        self._ledger = replace(self._ledger, revoked=revoked)
        self.write_list(LIST_DAYS)
        return taken

    def write_list(self, days: int) -> RevocationList:
        """Write a fresh list of everything revoked; the ledger first.

        Raises:
            ConfigError: no list may last ``days``.
        """
        path = self._folder / "crl.pem"
        made = self._now - revocations.BACK_DATED
        listed = RevocationList(
            number=self._ledger.list_number + 1,
            made=made,
            until=self._now + _days(days),
            serials=frozenset(self._ledger.revoked),
        )
        revoked_at = {serial: act.at for serial, act in self._ledger.revoked.items()}
        pem = revocations.sign_list(self._key, self._ca, listed, revoked_at)
        self._ledger = replace(self._ledger, list_number=listed.number)
        write_ledger(self._folder / "authority.json", self._ledger)
        write_whole(path, pem)
        return listed

    def mend_list(self) -> None:
        """Write the list anew where a power cut kept it from following the ledger, or its last third has begun."""
        try:
            listed = read_list(self._folder)
        except ConfigError:
            self.write_list(LIST_DAYS)
            return
        behind = listed.serials != set(self._ledger.revoked) or listed.number != self._ledger.list_number
        if behind or last_third(listed.made, listed.until, self._now):
            self.write_list(LIST_DAYS)

    def _due(self, issued: Issued) -> bool:
        return last_third(begin_of(issued, self._ledger), issued.until, self._now)

    def _valid(self, issued: Issued) -> bool:
        return issued.serial not in self._ledger.revoked and issued.until > self._now

    def _grant(self, request: Request, wish: Wish) -> Grant:
        check_name(wish.name, wish.role, self._ledger.area)
        if request.name != wish.name:
            problem = f"the request is of {request.name!r}, not {wish.name!r}"
            raise ConfigError("--name", f"{problem}; give the request of {wish.name}, or make one there with box key")
        if wish.addresses and wish.role != "broker":
            raise ConfigError("--address", f"is for a broker; a certificate of role {wish.role} has its name alone")
        addresses = tuple(one for one in check_addresses(wish.addresses) if one != wish.name)
        until = self._now + _days(wish.days)
        if until > self._ca.not_valid_after_utc:
            left = (self._ca.not_valid_after_utc - self._now).days
            raise ConfigError("--days", f"{wish.days} is longer than the authority lives; give at most {left}")
        return Grant(wish.name, wish.role, addresses, request.key, until)

    def _refuse_taken(self, grant: Grant, known: list[Issued]) -> None:
        new_key = "make a new key on the machine: remove its .key and .csr, then run box key again"
        for one in known:
            if one.name == grant.name and one.role != grant.role:
                raise ConfigError(grant.name, f"is the name of a {one.role} already; give this {grant.role} another")
            if one.key_hash != certificates.key_hash(grant.key):
                continue
            if one.name != grant.name:
                problem = f"its key is that of {one.role} {one.name}: was a disk copied, or a machine renamed?"
                raise ConfigError(grant.name, f"{problem} {new_key}")
            if one.serial in self._ledger.revoked:
                day = self._ledger.revoked[one.serial].at
                raise ConfigError(
                    grant.name, f"its key was revoked on {day:%Y-%m-%d} and is never signed again; {new_key}"
                )

    def _issue(self, grant: Grant) -> Issued:
        issued = certificates.sign(self._key, self._ca, grant)
        signed = {**self._ledger.signed, issued.serial: Act(grant.name, self._now)}
        self._ledger = replace(self._ledger, signed=signed)
        write_ledger(self._folder / "authority.json", self._ledger)
        write_whole(self._folder / "issued" / f"{issued.name}-{issued.serial}.pem", issued.pem)
        return issued

    def _remarks(self, grant: Grant, known: list[Issued], valid: list[Issued]) -> Iterator[str]:
        taken = [self._ledger.revoked[one.serial].at for one in known
                 if one.name == grant.name and one.serial in self._ledger.revoked]  # fmt: skip
        if taken:
            yield f"{grant.name} was revoked on {max(taken):%Y-%m-%d}; this is another key, so it is signed"
        for one in valid:
            if one.key_hash != certificates.key_hash(grant.key):
                yield (
                    f"{grant.name} has another key that is valid until {one.until:%Y-%m-%d}; if that machine or disk is"
                    f" not in your hands: commune-agent ca revoke {self._folder} {grant.name} --serial {one.serial}"
                )


def _fits(issued: Issued, grant: Grant) -> bool:
    same_key = issued.key_hash == certificates.key_hash(grant.key)
    return same_key and issued.role == grant.role and issued.addresses == grant.addresses


def _days(days: int) -> datetime.timedelta:
    if not 1 <= days <= _DAYS_MAX:
        raise ConfigError("--days", f"must be 1 to {_DAYS_MAX}, got {days}")
    return datetime.timedelta(days=days)


def _private(path: Path) -> bytes:
    content = read_bytes(path, "the authority's key", "run this as the user who owns it")
    if path.stat().st_mode & 0o077:
        raise ConfigError(str(path), f"others may read it; run: chmod 600 {path}")
    return content
