"""Make a database file, and bring one forward by the steps it lacks."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path

from agent.clock import SystemClock, new_epoch
from agent.store import statements as sql
from agent.store.schema import GENERATION, FileSchema


def create(path: Path, schema: FileSchema) -> sqlite3.Connection:
    """Make a new file with its tables and no epoch; the caller fills it, closes it and renames it into place."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path, isolation_level=None)
    path.chmod(0o600)
    connection.execute("PRAGMA page_size = 4096")
    connection.execute("PRAGMA synchronous = FULL")
    upgrade(connection, schema.steps)
    return connection


def add_epoch(connection: sqlite3.Connection, reason: str, first_seqs: Mapping[str, int]) -> None:
    """Start a new epoch for each stream at the number given."""
    epoch = new_epoch()
    now_us = SystemClock().now().utc_us
    for stream, first_seq in first_seqs.items():
        connection.execute(sql.ADD_EPOCH, (stream, epoch, first_seq, now_us, reason))


def upgrade(connection: sqlite3.Connection, steps: tuple[tuple[str, ...], ...]) -> int:
    """Do the steps that a file lacks, each in one transaction; gives how many were done."""
    done = int(connection.execute("PRAGMA user_version").fetchone()[0]) % 1000
    for number, statements in enumerate(steps[done:], start=done + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement in statements:
                connection.execute(statement)
            connection.execute(f"PRAGMA user_version = {GENERATION * 1000 + number}")
            connection.execute("COMMIT")
        except sqlite3.Error:
            connection.execute("ROLLBACK")
            raise
    return max(0, len(steps) - done)


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
