"""Whose files: root may run our commands beside programs that run as a user of their own."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterator
from pathlib import Path

from agent.errors import StoreError


@contextlib.contextmanager
def as_owner(path: Path) -> Iterator[None]:
    """Do what root does at ``path`` as the user whose it is, or whose folder it will lie in; others act as they are.

    What is made is then that user's own, as if its programs had made it. It also keeps root out of traps: in a folder
    of another user any name may be a link to a file that only root may write.
    """
    owner = owner_of(path)
    if os.geteuid() != 0 or owner is None or owner.st_uid == 0:
        yield
        return
    group = os.getegid()
    os.setegid(owner.st_gid)
    try:
        os.seteuid(owner.st_uid)
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)


def refuse_root(directory: Path, service: str) -> None:
    """Keep root from running what belongs to another user: the files it makes would shut that user's programs out.

    Raises:
        StoreError: this is root, and ``directory`` is not its own; the error names ``service`` to start instead.
    """
    try:
        uid = directory.stat().st_uid
    except OSError:
        return  # not there: it will be root's own
    if os.geteuid() == 0 and uid != 0:
        user = user_name(uid)
        raise StoreError(
            f"{directory} belongs to {user}, and files that root makes there would shut {user} out; run: systemctl"
            f" start {service} (or, where systemd does not run the box, this command with sudo -u {user})"
        )


def owner_of(path: Path) -> os.stat_result | None:
    """Look at ``path``, or at the nearest folder above it that can be looked at."""
    for place in (path, *path.absolute().parents):
        with contextlib.suppress(OSError):
            return place.stat()
    return None


def user_name(uid: int) -> str:
    """Name a user of this machine; its number where it has no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
