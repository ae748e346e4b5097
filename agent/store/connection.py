"""Open a database file for its writer, with the settings its promises rest on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from agent.errors import StoreError, StoreVersion
from agent.store.faults import translate
from agent.store.schema import GENERATION, FileSchema

_PAGE_BYTES = 4096
_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL loses committed rows at a power cut
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA wal_autocheckpoint = 400",
    "PRAGMA journal_size_limit = 4194304",
)


def connect(path: Path, schema: FileSchema, quota: int) -> sqlite3.Connection:
    """Open a database file for its writer.

    Raises:
        StoreVersion: it is missing, of another generation, or older than this program.
        StoreDamaged, StoreError: it cannot be used.
    """
    if not path.exists():
        raise StoreVersion(f"{path} is missing; run: commune-agent migrate")
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=10, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise translate(error, path) from error
    try:
        check_version(connection, path, schema)
        for pragma in _PRAGMAS:
            connection.execute(pragma)
        connection.execute(f"PRAGMA max_page_count = {quota // _PAGE_BYTES}")
    except sqlite3.Error as error:
        connection.close()
        raise translate(error, path) from error
    except StoreError:
        connection.close()
        raise
    return connection


def check_version(connection: sqlite3.Connection, path: Path, schema: FileSchema) -> None:
    """Refuse a file of another generation or with fewer steps; more steps only added what this program ignores.

    Raises:
        StoreVersion: with the command that mends it.
    """
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version // 1000 != GENERATION:
        raise StoreVersion(
            f"{path} is of generation {version // 1000}, this program works with generation {GENERATION}; "
            "install the matching version, or run: commune-agent migrate"
        )
    if version < schema.version:
        raise StoreVersion(
            f"{path} is at step {version}, this program needs {schema.version}; run: commune-agent migrate"
        )
