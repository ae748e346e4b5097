"""Bring a card's model onto this machine: licence, file, digest, trust, and only then ``install.add_model``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import urlsplit

from agent.detect.card import Card
from agent.detect.catalogue import card_files, find_card, shipped_dir
from agent.detect.fetch.download import Progress, download
from agent.detect.fetch.lock import Pin, read_lock, write_pin
from agent.detect.fetch.part import Part
from agent.detect.fetch.stick import carried_card, find_model
from agent.detect.install import Added, add_model, today
from agent.detect.modelfile import sha256_of
from agent.detect.modelstore import receipt_path
from agent.errors import ModelError
from agent.owner import as_owner


class Person(Protocol):
    """Whoever runs the command."""

    def told(self, line: str) -> None:
        """Is told something."""
        ...

    def agrees(self, question: str) -> bool:
        """Is asked; only a plain yes counts."""
        ...


@dataclass(frozen=True)
class Wanted:
    """What shall be pulled.

    Attributes:
        card: id of a card.
        models_dir: where the box keeps its models.
        folder: to look in instead of the network, e.g. a USB stick; None for the card's address.
        digest: SHA-256 that the person has from elsewhere; empty without.
        renew: forget which file this folder trusted for the card until now.
    """

    card: str
    models_dir: Path
    folder: Path | None = None
    digest: str = ""
    renew: bool = False


@dataclass(frozen=True, slots=True)
class Pulled:
    """What came of it.

    Attributes:
        card: the card.
        path: where the model lies.
        sha256: of the file.
        fresh: whether it was fetched now; False where it was here already.
        shipped: whether it came with the software.
    """

    card: Card
    path: Path
    sha256: str
    fresh: bool
    shipped: bool = False


def pull(wanted: Wanted, person: Person, progress: Progress) -> Pulled:
    """Fetch, check, ask, install and pin; on any fault nothing is installed, and what was fetched is gone on with.

    Raises:
        ModelError: no such card, no such file, another file than the pinned one, no model, or the person says no.
        ConfigError: an option cannot be used.
    """
    card = _card(wanted)
    expected = _expected(card, wanted)
    here = _already(card, wanted, expected)
    if here is not None:
        return here
    source = _source(card, wanted)
    person.told(f"{card.title}: from {source}")
    person.told(f"licence: {card.licence}")
    if not card.verified:
        person.told("this very file was not run by the makers of this software; see its card")
    if not person.agrees(f"Take {card.id} under this licence?"):
        raise ModelError(card.id, "was not taken")
    file = _fetched(card, wanted, expected, progress)
    digest = sha256_of(file)
    _check_expected(card, file, digest, expected, wanted)
    if not expected:
        person.told(f"{file.stat().st_size} bytes, sha256 {digest}")
        person.told("nothing says yet which file this is; compare with what others got, e.g. at another place")
        if not person.agrees(f"Trust it as {card.id} from now on?"):
            _forget(file, wanted)
            raise ModelError(card.id, "was not trusted, and was not installed")
    added = add_model(file, card.id, wanted.models_dir)
    with as_owner(wanted.models_dir):
        write_pin(wanted.models_dir, card.id, Pin(digest, file.stat().st_size, source, today()))
    _forget(file, wanted)
    return _pulled(added)


def _card(wanted: Wanted) -> Card:
    if wanted.folder is not None and wanted.card not in card_files():
        carried = carried_card(wanted.folder, wanted.card)
        if carried is not None:
            return carried
    return find_card(wanted.card, wanted.models_dir)


def _expected(card: Card, wanted: Wanted) -> str:
    """Give the digest on which card, lock and person agree; empty where none of them knows one."""
    pin = None if wanted.renew else read_lock(wanted.models_dir).get(card.id)
    told = {"its card": card.sha256, "the lock of this folder": pin.sha256 if pin else "", "--sha256": wanted.digest}
    known = {who: digest for who, digest in told.items() if digest}
    if len(set(known.values())) > 1:
        who = "; ".join(f"{who} says {digest}" for who, digest in known.items())
        hint = "; --renew forgets what was trusted here" if pin is not None else ""
        raise ModelError(card.id, f"is pinned in two ways: {who}{hint}")
    return next(iter(known.values()), "")


def _already(card: Card, wanted: Wanted, expected: str) -> Pulled | None:
    """Give the model that is here, where it is the expected one: added whole, or shipped with the software.

    Whoever brings a shipped one on a stick is taken at his word: it is added.
    """
    added, shipped = wanted.models_dir / card.file, shipped_dir() / card.file
    if not expected:
        return None
    if added.exists() and receipt_path(added).exists() and sha256_of(added) == expected:
        return Pulled(card, added, expected, False)
    if wanted.folder is None and shipped.exists() and sha256_of(shipped) == expected:
        return Pulled(card, shipped, expected, False, shipped=True)
    return None


def _source(card: Card, wanted: Wanted) -> str:
    if wanted.folder is not None:
        return str(wanted.folder)
    if not card.url:
        how = "see its card for how to make the file, then: commune-agent model add, or pull --from DIR"
        raise ModelError(card.id, f"has no address to fetch from; {how}")
    return card.url


def _fetched(card: Card, wanted: Wanted, expected: str, progress: Progress) -> Path:
    if wanted.folder is not None:
        return find_model(wanted.folder, card, expected)
    name = PurePosixPath(urlsplit(card.url).path).name or card.file
    target = _download_dir(wanted) / f"{card.id}-{name}"
    with as_owner(wanted.models_dir):
        download(card.url, target, progress)
    return target


def _check_expected(card: Card, file: Path, digest: str, expected: str, wanted: Wanted) -> None:
    if expected in ("", digest):
        return
    _forget(file, wanted)
    raise ModelError(
        card.id,
        f"is not what came: sha256 {digest}, it must be {expected}; nothing was installed, and it was thrown away",
    )


def _forget(file: Path, wanted: Wanted) -> None:
    """Throw away what was downloaded; what lies on a stick stays there."""
    if wanted.folder is None:
        with as_owner(wanted.models_dir):
            Part(file, "").discard()
            with suppress(OSError):
                file.parent.rmdir()  # another download may lie in it


def _download_dir(wanted: Wanted) -> Path:
    return wanted.models_dir / ".download"


def _pulled(added: Added) -> Pulled:
    return Pulled(added.card, added.path, added.sha256, True)
