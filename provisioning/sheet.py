"""A sheet as a spreadsheet program saves it -> its cells by column; which columns there are, the caller says."""

from __future__ import annotations

import csv
import io
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from agent.site_faults import ConfigErrors, Fault
from agent.site_values import choice, nearest

_SEPARATORS = ";,\t"
_TOLD_SEPARATOR = re.compile(r"sep=(.)\n", re.IGNORECASE)  # Excel's own first line; it hides it
_SECRET = re.compile(r"pass|pwd|secret|mat_khau")
_SAVE = 'save it again as "CSV UTF-8" or "Unicode Text"'
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods, .xls


@dataclass(frozen=True)
class Row:
    """One row that holds something.

    Attributes:
        line: its number in the spreadsheet, the header being 1.
        cells: by column, trimmed; every known column is there, empty where the sheet says nothing.
    """

    line: int
    cells: dict[str, str]


@dataclass(frozen=True)
class Sheet:
    """What could be read.

    Attributes:
        file: as the person named it.
        rows: in the order of the sheet.
        faults: what is wrong with columns and rows as such.
        columns: those of the known ones that the sheet has.
    """

    file: str
    rows: tuple[Row, ...]
    faults: tuple[Fault, ...]
    columns: frozenset[str]


def read(path: Path, known: Collection[str], needed: Collection[str]) -> Sheet:
    """Read a CSV file: UTF-8 or UTF-16, separated by ``;``, ``,`` or tabs, with what Excel does to one.

    Args:
        path: the file.
        known: every column there may be.
        needed: those that must be there.

    Raises:
        ConfigErrors: it is no such file at all.
    """
    text = _text(path)
    told = _TOLD_SEPARATOR.match(text)
    text = text[told.end() :] if told else text
    records = _records(path, text, told[1] if told else _separator(text))
    start = next((number for number, record in enumerate(records) if any(record)), None)
    if start is None:
        raise _unusable(path, "is empty", "make one with: commune-agent site new --template FILE")
    header = [_column(cell) for cell in records[start]]
    faults = [*_header_faults(str(path), start + 1, header, known, needed)]
    rows = []
    for line, record in enumerate(records[start + 1 :], start + 2):
        if any(record):
            faults.extend(_width_faults(str(path), line, header, record))
            written = dict(zip(header, record, strict=False))  # Excel leaves out separators behind the last filled cell
            rows.append(Row(line, {column: written.get(column, "") for column in known}))
    return Sheet(str(path), tuple(rows), tuple(faults), frozenset(header) & frozenset(known))


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise _unusable(path, "is not there", "make one with: commune-agent site new --template FILE") from None
    except OSError as error:
        raise _unusable(path, f"cannot be read ({error.strerror})", "name a CSV file") from error
    if content.startswith(_WORKBOOKS):
        raise _unusable(path, "is a workbook, not a CSV file", _SAVE)
    wide = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if wide else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = 0 if wide else content[: error.start].count(b"\n") + 1
        raise _unusable(path, "is neither UTF-8 nor UTF-16 text", _SAVE, line) from error
    if "\0" in text:
        raise _unusable(path, "is no text", _SAVE)
    return text.replace("\r\n", "\n").replace("\r", "\n")  # Excel's "CSV (Macintosh)" knows no line feed


def _separator(text: str) -> str:
    """Take the one that stands most often in the first line that holds something: names of columns have none."""
    first = next((line for line in text.splitlines() if line.strip(_SEPARATORS + ' "')), text)
    return max(_SEPARATORS, key=first.count)


def _records(path: Path, text: str, separator: str) -> list[list[str]]:
    records: list[list[str]] = []
    try:
        records.extend(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as error:
        problem = f"cannot be read from row {len(records) + 1} on ({error})"
        raise _unusable(path, problem, "look for a quotation mark that is not closed", len(records) + 1) from error
    return [[_cell(cell) for cell in record] for record in records]


def _cell(text: str) -> str:
    """Give a cell as people see it: no blanks around it, none of width nought, accents in one piece."""
    visible = "".join(letter for letter in text if letter.isprintable() or letter.isspace())
    return unicodedata.normalize("NFC", " ".join(visible.split()))


def plain(text: str) -> str:
    """Give ``text`` in small letters without Vietnamese marks."""
    letters = unicodedata.normalize("NFD", text.lower()).replace("đ", "d")
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _column(cell: str) -> str:
    return re.sub(r"[\s-]+", "_", plain(cell))


def _header_faults(
    file: str, line: int, header: list[str], known: Collection[str], needed: Collection[str]
) -> Iterator[Fault]:
    meant = set(header)
    for number, column in enumerate(header):
        if not column or column in known:
            if column and column in header[:number]:
                yield Fault(file, line, column, "the column stands twice", "", "remove one")
        elif _SECRET.search(column):
            remedy = "remove the column; site new makes a file for every password, on this machine alone"
            yield Fault(file, line, column, "passwords do not belong into a sheet that is passed on", "", remedy)
        else:
            meant.add(nearest(column, known) or "")
            yield Fault(file, line, column, "unknown column", "", choice(column, known))
    for column in needed:
        if column not in meant:
            remedy = "add it; commune-agent site new --template FILE shows all columns"
            yield Fault(file, line, column, "the column is missing", "", remedy)


def _width_faults(file: str, line: int, header: list[str], record: list[str]) -> Iterator[Fault]:
    for number, cell in enumerate(record):
        if cell and (number >= len(header) or not header[number]):
            problem = f"cell {_letters(number)} lies under no column (the header has {sum(map(bool, header))})"
            remedy = "put quotation marks around a text that holds the separator, or name the column"
            yield Fault(file, line, "", problem, "", remedy)
            return


def _letters(number: int) -> str:
    """Name a column as spreadsheets do: A for 0, AA for 26."""
    above, here = divmod(number, 26)
    return (_letters(above - 1) if above else "") + chr(ord("A") + here)


def _unusable(path: Path, problem: str, remedy: str, line: int = 0) -> ConfigErrors:
    return ConfigErrors((Fault(str(path), line, "", problem, "", remedy),))
