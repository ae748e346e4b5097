"""SQLite's errors in the few words an operator needs; nothing else in this room looks at them."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

from agent.errors import StoreDamaged, StoreError, StoreFull

_NO_SPACE_BYTES = 256 * 1024


def translate(error: sqlite3.Error, path: Path) -> StoreError:
    """Say what ``error`` on the database at ``path`` means for the person in charge.

    SQLite's fixed texts (sqlite3ErrStr) are compared because Python 3.10 gives no error code.
    """
    text = str(error)
    if "malformed" in text or "not a database" in text:
        return StoreDamaged(f"{path} is damaged ({text}); stop the programs and run: commune-agent migrate")
    if "is full" in text or (("I/O error" in text or "unable to open" in text) and _no_space(path)):
        return StoreFull(f"{path}: no space left ({text}); free space on that disk or raise its quota")
    return StoreError(f"{path}: {text}")


def _no_space(path: Path) -> bool:
    # Growing the shared-memory index on a full disk is reported as an I/O error, not as a full disk.
    try:
        return shutil.disk_usage(path.parent).free < _NO_SPACE_BYTES
    except OSError:
        return False
