"""The bundle's own folder: it appears whole, and is on the disk when it does."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.errors import ConfigError
from provisioning.bundle.sums import SUMS


@contextmanager
def appearing(folder: Path) -> Iterator[Path]:
    """Give a folder to fill; at the end it takes the name ``folder``, on a fault it is gone.

    Raises:
        ConfigError: something that is no bundle has the name, or it cannot be written.
    """
    part = folder.with_name(f".{folder.name}.part")
    old = folder.with_name(f".{folder.name}.old")
    if folder.exists() and not (folder / SUMS).is_file():
        raise ConfigError(str(folder), "exists and is no bundle; name another folder or move it away")
    try:
        for left in (part, old):
            shutil.rmtree(left, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            yield part
            if folder.exists():
                folder.rename(old)
            part.rename(folder)
            with contextlib.suppress(OSError):  # not every file system of a stick can; the files themselves are there
                _sync(folder.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise ConfigError(str(error.filename or folder), f"cannot be written: {error.strerror}") from error


def write(path: Path, content: bytes, *, executable: bool = False) -> None:
    """Write a file and wait until the disk has it: a stick is pulled out as soon as the last line is printed.

    The mode is given when the file is made, not later: chmod fails on the FAT of a stick.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = 0o777 if executable else 0o666
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
