"""Files that are there whole or not at all, whatever a power cut interrupts; folders one command changes at a time."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from agent.errors import ConfigError

PRIVATE = 0o600
PUBLIC = 0o644
_LIMIT_BYTES = 1 << 20  # the largest file read here is a revocation list: 10 000 entries have 500 kB in PEM


def write_whole(path: Path, content: bytes, mode: int = PUBLIC) -> bool:
    """Put ``content`` at ``path`` by rename, durable before this returns; a file that has it already is left alone.

    Args:
        path: where.
        content: all of it.
        mode: permissions of a new file, whatever the umask says.

    Returns:
        whether anything was written.

    Raises:
        ConfigError: it cannot be written.
    """
    if path.is_file() and _same(path, content):
        return False
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as out:
            out.write(content)
            os.fchmod(out.fileno(), mode)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
        sync(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise unwritable(path, error) from error
    return True


def read_bytes(path: Path, what: str, remedy: str, limit_bytes: int = _LIMIT_BYTES) -> bytes:
    """Read a small file.

    Raises:
        ConfigError: it cannot be read, or is far too large to be ``what``.
    """
    try:
        with path.open("rb") as source:
            content = source.read(limit_bytes + 1)
    except OSError as error:
        raise ConfigError(str(path), f"{what} cannot be read ({error.strerror}); {remedy}") from error
    if len(content) > limit_bytes:
        raise ConfigError(str(path), f"is larger than {limit_bytes} bytes, so it is not {what}; {remedy}")
    return content


def make_folder(folder: Path, mode: int) -> None:
    """Make a folder with exactly these permissions unless it is there.

    Raises:
        ConfigError: it cannot be made.
    """
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(mode)
        sync(folder.parent)
    except OSError as error:
        raise unwritable(folder, error) from error


def sync(path: Path) -> None:
    """Make a file's content, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep every other command that takes this lock out of ``folder``, waiting for its turn.

    Raises:
        ConfigError: the folder cannot be opened.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise ConfigError(str(folder), f"cannot be opened ({error.strerror}); name a folder you may use") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sweep(folder: Path, name: str = "*") -> None:
    """Remove what a power cut left of writing ``name``; only for whoever holds the folder's lock."""
    for part in folder.glob(f".{name}.*.part"):
        with contextlib.suppress(OSError):
            part.unlink()


def unwritable(path: Path, error: OSError) -> ConfigError:
    """Say that ``path`` cannot be written, and what to do."""
    denied = isinstance(error, PermissionError)
    remedy = "run this with sudo, or name a place you may write" if denied else "mend that, or name another place"
    return ConfigError(str(path), f"cannot be written ({error.strerror}); {remedy}")


def _same(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False
