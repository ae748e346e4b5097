"""Space set aside for the moment the disk is full: then SQLite cannot even delete."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

BALLAST_BYTES = 2 * 1024 * 1024
_ROOM_TO_REFILL = 4


def ballast_path(state_dir: Path, process: str) -> Path:
    """Name the ballast of a writing process; each has its own, so one cannot spend another's."""
    return state_dir / f"ballast-{process}"


def fill(path: Path) -> bool:
    """Put the ballast in place unless it is there or space is too tight; True when it was written now."""
    if path.exists() or shutil.disk_usage(path.parent).free < _ROOM_TO_REFILL * BALLAST_BYTES:
        return False
    part = path.with_suffix(".part")
    with part.open("wb") as out:
        out.write(os.urandom(BALLAST_BYTES))  # random, because a compressing file system would store zeros in no space
        out.flush()
        os.fsync(out.fileno())
    part.replace(path)
    return True


def release(path: Path) -> bool:
    """Give the space back to the file system; False when it had been spent before."""
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True
