"""The survey sheet: which columns it has, and from its rows to boxes with their cameras."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from agent.site_faults import ConfigErrors, Fault
from provisioning.sheet import Row, Sheet, plain, read


class Column(NamedTuple):
    """One column of the sheet.

    Attributes:
        meaning: for the guide.
        example: for the template.
        needed: whether a sheet without it is refused.
    """

    meaning: str
    example: str
    needed: bool = False


COLUMNS = {
    "area": Column("Id of the unit that HQ is; the same on the whole sheet.", "song-thu", needed=True),
    "hq_host": Column("Host name of HQ's broker, as its certificate has it.", "hq.song-thu.example", needed=True),
    "hq_port": Column("Its port; empty: 8883.", ""),
    "hq_address": Column("Address at which Ansible reaches HQ; empty: HQ is not in the inventory.", "10.20.0.5"),
    "box": Column("Id of the box: a-z, 0-9 and -.", "cho-gom", needed=True),
    "box_name": Column("What people call the box; empty: its id.", "Chợ Gốm"),
    "address": Column("Address at which Ansible and browsers reach the box.", "10.20.1.11", needed=True),
    "camera": Column("Id of the camera, unique on its box.", "cong-cho", needed=True),
    "camera_name": Column("What people call the camera; empty: its id.", "Cổng chợ"),
    "backend": Column("opencv, jetson or rendered; empty: opencv.", ""),
    "url": Column("Address of its sub-stream, without user and password.", "rtsp://192.168.1.64:554/sub", needed=True),
    "user": Column("User name at the camera; empty: it asks for none.", "viewer"),
    "place": Column("Where it hangs; a comment in site.toml.", "Cột điện trước cổng chợ, cao 5 m"),
    "note": Column("For yourself; stays in the sheet.", "Thang 4 m; gặp bác bảo vệ chợ"),
}
"""In the order of the template."""

_OF_SHEET = ("area", "hq_host", "hq_port")
"""One cell of these counts for every box that says nothing else."""

_OF_BOX = ("box_name", "address", *_OF_SHEET)
"""One cell of these counts for the whole box."""


@dataclass(frozen=True)
class Camera:
    """One row; ``line`` is its number in the spreadsheet."""

    line: int
    id: str
    name: str
    backend: str
    url: str
    user: str
    place: str


@dataclass(frozen=True)
class Box:
    """The rows of one box.

    Attributes:
        lines: which row says what, by column.
        hq_port: None where the sheet names none.
        cameras: in the order of the sheet.
    """

    lines: dict[str, int]
    id: str
    name: str
    area: str
    address: str
    hq_host: str
    hq_port: int | None
    cameras: tuple[Camera, ...]


@dataclass(frozen=True)
class Survey:
    """A sheet that was understood; what its cells say may still be refused (``survey_faults``).

    Attributes:
        file: as the person named it.
        boxes: in the order of their first rows.
        area: of all of them.
        hq_address: where Ansible reaches HQ; empty where the sheet does not say.
    """

    file: str
    boxes: tuple[Box, ...]
    area: str
    hq_address: str

    @property
    def hq_hosts(self) -> tuple[str, ...]:
        """Every name by which boxes reach the broker, in the order of the sheet."""
        return tuple(dict.fromkeys(box.hq_host for box in self.boxes))


def id_from(name: str) -> str:
    """Make an id of a name that people use: ``Cổng chợ`` -> ``cong-cho``; empty where nothing is left of it."""
    return re.sub(r"[^a-z0-9]+", "-", plain(name)).strip("-")[:32].rstrip("-")


def template() -> bytes:
    """Write a sheet with one example row: UTF-16 with tabs, which Excel opens alike under every language's settings."""
    rows = (COLUMNS, [column.example for column in COLUMNS.values()])
    return "".join("\t".join(row) + "\r\n" for row in rows).encode("utf-16")


def read_survey(path: Path) -> tuple[Survey, list[Fault]]:
    """Read a sheet.

    Returns:
        what it says, and what is wrong with columns, rows, and cells that are empty or contradict each other.

    Raises:
        ConfigErrors: there is nothing to read in it.
    """
    sheet = read(path, COLUMNS, [name for name, column in COLUMNS.items() if column.needed])
    if not sheet.rows:
        raise ConfigErrors((*sheet.faults, Fault(str(path), 0, "", "has no row", "", "write one row a camera")))
    reading = _Reading(sheet)
    boxes = tuple(reading.boxes())
    survey = Survey(str(path), boxes, reading.one("area"), reading.one("hq_address"))
    return survey, [*sheet.faults, *reading.faults]


class _Reading:
    """Puts rows together to boxes, and keeps what does not fit."""

    def __init__(self, sheet: Sheet) -> None:
        self.faults: list[Fault] = []
        self._sheet = sheet
        self._rows = sheet.rows

    def boxes(self) -> Iterator[Box]:
        rows_of: dict[str, list[Row]] = {}
        for row in self._rows:
            self._filled(row, ("box", "camera", "url"))
            if row.cells["box"]:
                rows_of.setdefault(row.cells["box"], []).append(row)
        for name, rows in rows_of.items():
            found = {column: self._told(column, rows) for column in _OF_BOX}
            told = {column: row.cells[column] if row else "" for column, row in found.items()}
            lines = {column: row.line for column, row in found.items() if row}
            yield Box(
                lines={"box": rows[0].line} | lines,
                id=name,
                name=told["box_name"] or name,
                area=told["area"],
                address=told["address"],
                hq_host=told["hq_host"].lower(),  # as certificates have it
                hq_port=self._port(told["hq_port"], found["hq_port"]),
                cameras=tuple(_camera(row) for row in rows),
            )

    def one(self, column: str) -> str:
        """Give what the whole sheet says in ``column``, where it may say but one thing."""
        first = self._first(column, self._rows)
        if first is None:
            return ""
        self._contradictions(column, self._rows, first, "the sheet names two")
        return first.cells[column]

    def _filled(self, row: Row, columns: Iterable[str]) -> None:
        for column in columns:
            if not row.cells[column]:
                self._empty(row, column)

    def _told(self, column: str, rows: list[Row]) -> Row | None:
        """Find the row that says what ``column`` is for a box."""
        first = self._first(column, rows)
        if first is not None:
            if column != "area":  # the whole sheet has one, and is told once
                self._contradictions(column, rows, first, f"box {rows[0].cells['box']} is described in two ways")
            return first
        if column in _OF_SHEET:
            said = list(dict.fromkeys(row.cells[column] for row in self._rows if row.cells[column]))
            if len(said) == 1:
                return self._first(column, self._rows)
            if said:
                self._add(rows[0], column, f"is empty, and the sheet names several ({', '.join(said)})", "write one")
        if COLUMNS[column].needed and (column not in _OF_SHEET or rows[0] is self._rows[0]):
            self._empty(rows[0], column)
        return None

    def _port(self, text: str, row: Row | None) -> int | None:
        if row is None or (text.isascii() and text.isdecimal()):
            return int(text) if text else None
        self._add(row, "hq_port", "is no port number", "write a number from 1 to 65535, or nothing for 8883", text)
        return None

    def _contradictions(self, column: str, rows: Iterable[Row], first: Row, problem: str) -> None:
        for row in rows:
            if row.cells[column] not in ("", first.cells[column]):
                other = f"{problem}: {first.cells[column]} on line {first.line}, {row.cells[column]} here"
                self._add(row, column, other, "keep one")
                return

    def _empty(self, row: Row, column: str) -> None:
        if column in self._sheet.columns:  # a column that is missing is told once
            self._add(row, column, "is empty", f"write for example {COLUMNS[column].example}")

    def _add(self, row: Row, column: str, problem: str, remedy: str, got: str = "") -> None:
        fault = Fault(self._sheet.file, row.line, column, problem, got, remedy)
        if fault not in self.faults:
            self.faults.append(fault)

    @staticmethod
    def _first(column: str, rows: Iterable[Row]) -> Row | None:
        return next((row for row in rows if row.cells[column]), None)


def _camera(row: Row) -> Camera:
    cells = row.cells
    return Camera(
        line=row.line,
        id=cells["camera"],
        name=cells["camera_name"] or cells["camera"],
        backend=cells["backend"] or "opencv",
        url=cells["url"],
        user=cells["user"],
        place=cells["place"],
    )
