"""A damaged database file, read as far as it goes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import StoreVersion
from agent.store.schema import GENERATION

_CHUNK_ROWS = 1000
_MAX_FAILURES = 100_000
_UNKNOWN_ROWS_PER_PAGE = 64


@dataclass(frozen=True)
class Columns:
    """Columns of a table as a statement needs them.

    Attributes:
        names: in the order of the table.
    """

    names: tuple[str, ...]

    @property
    def listed(self) -> str:
        """Names with commas."""
        return ", ".join(self.names)

    @property
    def marks(self) -> str:
        """One placeholder each."""
        return ", ".join("?" * len(self.names))


class Wreck:
    """The damaged file; never written.

    Attributes:
        columns: of every table, by its name; empty where not even the tables can be told.
        lost: rows that could not be read so far; an upper bound where numbers were never used.
    """

    def __init__(self, path: Path) -> None:
        self.lost = 0
        self._connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        self.columns = self._read_columns(path)

    def close(self) -> None:
        """Leave the file as it is."""
        self._connection.close()

    def last(self, table: str) -> int:
        """Highest rowid the table can hold."""
        ways = (
            f"SELECT seq FROM sqlite_sequence WHERE name = '{table}'",  # noqa: S608
            f"SELECT max(rowid) FROM {table}",  # noqa: S608
        )
        answers = [self._value(way) for way in ways]
        highest = max(answer or 0 for answer in answers)
        if highest == 0 and None in answers:
            return (self._value("PRAGMA page_count") or 0) * _UNKNOWN_ROWS_PER_PAGE
        return highest

    def rows(self, table: str, columns: Columns) -> Iterator[tuple[Any, ...]]:
        """Give the table's rows in order of rowid, halving every range that cannot be read."""
        statement = f"SELECT {columns.listed} FROM {table} WHERE rowid BETWEEN ? AND ? ORDER BY rowid"  # noqa: S608
        first, last = self._value(f"SELECT min(rowid) FROM {table}") or 1, self.last(table)  # noqa: S608
        stack = [(low, min(low + _CHUNK_ROWS - 1, last)) for low in range(first, last + 1, _CHUNK_ROWS)][::-1]
        failures = 0
        while stack and failures < _MAX_FAILURES:
            low, high = stack.pop()
            try:
                yield from self._connection.execute(statement, (low, high)).fetchall()
            except sqlite3.Error:
                failures += 1
                if low == high:
                    self.lost += 1
                else:
                    middle = (low + high) // 2
                    stack += [(middle + 1, high), (low, middle)]
        self.lost += sum(high - low + 1 for low, high in stack)

    def _value(self, statement: str) -> int | None:
        """Give the number a query answers, 0 where it answers nothing, None where it cannot be read."""
        try:
            row = self._connection.execute(statement).fetchone()
        except sqlite3.Error:
            return None
        return int(row[0] or 0) if row else 0

    def _read_columns(self, path: Path) -> dict[str, tuple[str, ...]]:
        import sqlite_utils  # here, because only a salvage should pay its 150 ms

        try:
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            database = sqlite_utils.Database(self._connection)
            columns = {name: tuple(database[name].columns_dict) for name in database.table_names()}
        except sqlite3.Error:
            return {}
        if columns and version // 1000 != GENERATION:
            self.close()
            raise StoreVersion(f"{path} is damaged and of generation {version // 1000}; salvage it with that version")
        return columns
