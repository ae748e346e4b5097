"""A machine's own keys, made on the machine and never leaving it; only public halves and a request are carried away.

``STEM.key`` is the TLS client (or server) key with its request ``STEM.csr``; ``watch``, ``page`` and ``uplink`` have a
signing key each, with the public half in ``.pub`` for HQ's registry.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.core.message.fields import ID
from agent.errors import ConfigError
from agent.keys import make_key
from provisioning.certificates import PrivateKey, key_pem, new_key, read_key, read_request, request_pem
from provisioning.files import PRIVATE, PUBLIC, locked, make_folder, read_bytes, sweep, sync, unwritable, write_whole
from provisioning.names import check_box, check_host, hq_name

SIGNERS = ("watch", "page", "uplink")
_FOLDER_MODE = 0o755
_STEM = re.compile(r"[a-z][a-z0-9-]{0,31}")


@dataclass(frozen=True)
class Kept:
    """One file of an identity.

    Attributes:
        path: the file.
        made: whether it was written now; otherwise it was there.
    """

    path: Path
    made: bool


def make_identity(name: str, folder: Path, *, stem: str = "box", tls_only: bool = False) -> list[Kept]:
    """Make what is missing of a machine's keys in ``folder``; a key that is there is kept.

    Args:
        name: of the machine: a box id, or with ``tls_only`` also ``hq-AREA`` or the broker's host name.
        folder: made where it is not there.
        stem: file name of the TLS key and its request.
        tls_only: make no signing keys.

    Raises:
        ConfigError: the name, the folder or a key in it cannot be used.
    """
    _check(name, stem, tls_only)
    for missing in reversed([folder, *folder.parents]):
        make_folder(missing, _FOLDER_MODE)
    with locked(folder):
        kept = list(_tls_key(name, folder / f"{stem}.key"))
        if not tls_only:
            kept += [one for signer in SIGNERS for one in _signing_key(folder / f"{signer}.key")]
    return kept


def _check(name: str, stem: str, tls_only: bool) -> None:
    if not tls_only:
        check_box(name)
    elif not (name.startswith(hq_name("")) and ID.fullmatch(name.removeprefix(hq_name("")))):
        check_host(name)
    if not _STEM.fullmatch(stem) or stem in SIGNERS:
        raise ConfigError("--stem", f"{stem!r} is no file name for a TLS key; use box, hq or broker")


def _tls_key(name: str, path: Path) -> Iterator[Kept]:
    made = _absent(path)
    if made:
        write_whole(path, key_pem(new_key()), PRIVATE)
    yield Kept(path, made)
    key = read_key(_private(path), str(path), _another(path))
    request = path.with_suffix(".csr")
    made = not _asks(request, name, key)
    if made:
        write_whole(request, request_pem(key, name))
    yield Kept(request, made)


def _signing_key(path: Path) -> Iterator[Kept]:
    made = _absent(path)
    public = path.with_suffix(".pub")
    if not made:
        _private(path)
    try:
        before = public.read_bytes() if public.exists() else b""
        signer = make_key(path)
        public.chmod(PUBLIC)
        sync(public)
        sync(path.parent)
    except ConfigError as error:
        raise ConfigError(str(path), f"holds no signing key; {_another(path)}") from error
    except OSError as error:
        raise unwritable(path, error) from error
    yield Kept(path, made)
    yield Kept(public, before != f"{signer.public.hex()}\n".encode())


def _absent(path: Path) -> bool:
    """Tell whether a key must be made; an empty file is what a power cut can leave of a key that was never used."""
    try:
        sweep(path.parent, path.name)
        if path.exists() and path.stat().st_size == 0:
            path.unlink()
        return not path.exists()
    except OSError as error:
        raise unwritable(path, error) from error


def _private(path: Path) -> bytes:
    content = read_bytes(path, "the key", "run this with sudo")
    if path.stat().st_mode & 0o007:
        raise ConfigError(str(path), f"others may read it, so it proves nothing; {_another(path)}")
    return content


def _another(path: Path) -> str:
    return f"move {path} away and run this again; the new key must be signed, and registered, anew"


def _asks(path: Path, name: str, key: PrivateKey) -> bool:
    """Tell whether the request at ``path`` is of this name and key."""
    try:
        request = read_request(read_bytes(path, "the request", ""), str(path))
    except ConfigError:
        return False
    return request.name == name and request.key == key.public_key()
