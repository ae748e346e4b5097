"""Pictures kept as files, named by what they contain; durable once ``keep`` answers."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from agent.errors import StoreError, StoreFull


def original_path(originals_dir: Path, sha256: str) -> Path:
    """Name the file of a picture; 256 folders keep each small."""
    return originals_dir / sha256[:2] / sha256


def keep(originals_dir: Path, sha256: str, content: bytes) -> int:
    """Write a picture unless it is there; the content, the name and the folder survive a power cut.

    Returns:
        bytes added to the folder.

    Raises:
        StoreFull: no space.
        StoreError: it cannot be written.
    """
    path = original_path(originals_dir, sha256)
    part = path.with_name(f".{sha256}.part")
    try:
        if path.exists() and path.stat().st_size == len(content):
            return 0
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with part.open("wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        part.replace(path)
        _sync_folder(path.parent)
        _sync_folder(originals_dir)
    except OSError as error:
        _remove(part)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull(f"{path}: no space left; free space on that disk") from error
        raise StoreError(f"{path}: {error.strerror}") from error
    return len(content)


def oldest_first(originals_dir: Path) -> list[tuple[Path, int]]:
    """List every picture with its size, the one written first in front."""
    found = []
    for path in _files(originals_dir):
        try:
            stat = path.stat()
        except OSError:
            continue
        found.append((stat.st_mtime_ns, path, stat.st_size))
    return [(path, size) for _, path, size in sorted(found)]


def _files(originals_dir: Path) -> Iterator[Path]:
    for folder in originals_dir.glob("??"):
        yield from (path for path in folder.iterdir() if not path.name.startswith("."))


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
