"""A sheet is read alike however a spreadsheet program has saved it, and what is no sheet is said to be none."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from support.sheets import BRIDGE, GATE, HEADER, SCHOOL, sheet_text

from agent.site_faults import ConfigErrors
from provisioning.sheet import read
from provisioning.survey import COLUMNS, Survey, id_from, read_survey, template

ROWS = (GATE, BRIDGE, SCHOOL)
PLAIN = sheet_text(ROWS)


def survey(path: Path, content: bytes) -> Survey:
    path.write_bytes(content)
    found, faults = read_survey(path)
    assert faults == []
    return found


def excel_short(text: str) -> str:
    """Excel leaves out the separators behind the last filled cell of a row."""
    return "".join(line.rstrip(",") + "\n" for line in text.splitlines())


WAYS = {
    "semicolons": sheet_text(ROWS, separator=";").encode(),
    "tabs": sheet_text(ROWS, separator="\t").encode(),
    "byte order mark": PLAIN.encode("utf-8-sig"),
    "Windows line ends": sheet_text(ROWS, end="\r\n").encode(),
    "Unicode text of Excel": sheet_text(ROWS, separator="\t", end="\r\n").encode("utf-16"),
    "UTF-16 of the other kind": b"\xfe\xff" + sheet_text(ROWS, separator="\t").encode("utf-16-be"),
    "Excel's line that names the separator": b"sep=;\r\n" + sheet_text(ROWS, separator=";", end="\r\n").encode(),
    "empty columns behind": "".join(f"{line},,,\n" for line in PLAIN.splitlines()).encode(),
    "empty rows behind": (PLAIN + ",,,,\n\n,,,,,,,,,,\n").encode(),
    "rows cut short": excel_short(PLAIN).encode(),
    "no-break spaces": PLAIN.replace("Chợ Gốm", "\u00a0Chợ\u00a0Gốm \u00a0").encode(),
    "marks apart from their letters": unicodedata.normalize("NFD", PLAIN).encode(),
    "blanks of width nought": PLAIN.replace("10.70.1.11", "\u200b10.70.1.11\ufeff").encode(),
    "other columns first": sheet_text(ROWS, reversed(HEADER)).encode(),
    "columns named as people write": PLAIN.replace("box_name", "Box Name").replace("hq_host", "HQ-host").encode(),
    "line ends of old Macs": b"sep=,\r" + sheet_text(ROWS, end="\r").encode(),
    "a host name in capitals": PLAIN.replace("hq.vung-mau", "HQ.Vung-Mau").encode(),  # certificates have small letters
    "a text that holds the separator": PLAIN.replace(
        "Cột điện trước cổng chợ", '"Cột điện\ntrước cổng chợ"'
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_saving_gives_the_same_survey(way: str, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    wanted = survey(path, PLAIN.encode())
    assert wanted.boxes[0].cameras[0].place == "Cột điện trước cổng chợ"
    assert survey(path, WAYS[way]) == wanted


def test_rows_go_by_their_number_in_the_spreadsheet(tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    told = (
        "\r\nsep=;\r\n".lstrip()
        + sheet_text([GATE], separator=";")
        + "\n\n"
        + sheet_text(ROWS, separator=";").split("\n", 2)[2]
    )
    path.write_text(told, "utf-8")
    assert [row.line for row in read(path, COLUMNS, []).rows] == [2, 5, 6]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n,,,\n", "is empty"),
        (b"PK\x03\x04...", "is a workbook"),
        (b"\xd0\xcf\x11\xe0...", "is a workbook"),
        (PLAIN.encode("cp1258", "replace"), "sheet.csv:2: is neither UTF-8 nor UTF-16"),
        (b"\xff\xfea", "is neither UTF-8 nor UTF-16"),
        (b"area\0box\n", "is no text"),
        (PLAIN.replace(",Cổng chợ,", ',"Cổng chợ,').encode(), "not closed"),
        (PLAIN.splitlines()[0].encode(), "has no row"),
    ],
)
def test_what_is_no_sheet_is_said_in_one_line(content: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "sheet.csv"
    path.write_bytes(content)
    with pytest.raises(ConfigErrors) as error:
        read_survey(path)
    (fault,) = error.value.faults
    assert words in str(fault)
    assert fault.remedy


def test_a_folder_and_nothing_are_no_sheet(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.csv"):
        with pytest.raises(ConfigErrors, match=str(path)):
            read_survey(path)


def test_the_template_is_a_sheet_that_can_be_used(tmp_path: Path) -> None:
    found = survey(tmp_path / "template.csv", template())
    (box,) = found.boxes
    assert (box.id, box.name, box.cameras[0].name) == ("cho-gom", "Chợ Gốm", "Cổng chợ")
    assert template().startswith(b"\xff\xfe")  # Excel takes it for Unicode under every language's settings


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("Cổng chợ", "cong-cho"),
        ("Đường số 7 (ngã ba)", "duong-so-7-nga-ba"),
        ("  ", ""),
        ("市场", ""),
        ("Nhà văn hóa thôn Đông Thượng Đoài Hạ", "nha-van-hoa-thon-dong-thuong-doa"),
    ],
)
def test_an_id_is_made_of_a_vietnamese_name(name: str, wanted: str) -> None:
    assert id_from(name) == wanted
